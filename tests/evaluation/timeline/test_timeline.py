from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dmtrack.evaluation.timeline.page import write_timeline
from dmtrack.evaluation.timeline.record import Timeline
from dmtrack.media.images import read_image
from dmtrack.tracking.association.observations import Observation
from dmtrack.tracking.association.policy import DistractorAwarePolicy


@pytest.fixture
def timeline() -> Timeline:
    """The target moves right, is out of sight in frames 10 to 19, and comes back elsewhere; a look-alike stays."""
    policy, decisions, truth = DistractorAwarePolicy(), [], []
    for frame in range(30):
        target = [frame * 1.0, 20, 16, 16] if frame < 10 else [150.0 + frame, 60, 16, 16]
        away = 10 <= frame < 20
        things = [[100.0, 20, 16, 16]] if away else [target, [100.0, 20, 16, 16]]
        observation = Observation.of(np.array(things), np.array([0.3] if away else [0.9, 0.3]))
        truth.append([np.nan] * 4 if away else target)
        decisions.append(policy.start(target, None, observation) if frame == 0 else policy.step(observation))
    return Timeline("out <and> back", decisions, np.array(truth))


def test_what_can_be_read_from_it(timeline: Timeline) -> None:
    assert timeline.truth_iou[5] == pytest.approx(1.0)
    assert np.isnan(timeline.truth_iou[10:20]).all()
    assert timeline.truth_iou[29] == pytest.approx(1.0)
    assert not timeline.present[12:20].any()
    target, look_alike, back = timeline.lanes()
    assert (target.truth_share, look_alike.truth_share, back.truth_share) == (1.0, 0.0, 1.0)
    assert target.frames.tolist() == list(range(10))
    assert [frame for frame, text in timeline.events if "out of sight" in text] == [20]


def test_picture_and_page_are_written(timeline: Timeline, tmp_path: Path) -> None:
    frame = np.full((120, 220, 3), 90, np.uint8)
    picture, page = write_timeline(timeline, tmp_path, lambda _: frame)
    assert read_image(picture).shape[1] > 1000
    text = page.read_text(encoding="utf-8")
    assert "out &lt;and&gt; back" in text
    assert "the target is" in text
    assert text.count("data:image/jpeg") == 2 * len(timeline.events)
    assert "http://" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
