from __future__ import annotations

import re
from html.parser import HTMLParser

import av
import numpy as np
import pytest
from PIL import Image

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import DMTRACK_VISIBLE
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.scoring import combine, score_result
from dmtrack.pages.demo import DemoSet, demo_page
from dmtrack.pages.result_video import write_result_video
from dmtrack.running.baselines import StaticBox
from dmtrack.running.one_sequence import track_sequence

VOID = {"meta", "img", "source", "br"}


class Page(HTMLParser):
    """Checks that tags are closed in order, and gathers links and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.words = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.links += [value for key, value in attrs if key in ("src", "href", "poster", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_page_holds_scores_links_and_what_was_run(fakes):
    sequences = fakes.open_sequences()
    scored = [score_result(DMTRACK_VISIBLE, one, track_sequence(fakes.Oracle(), one)) for one in sequences]
    score = combine(DMTRACK_VISIBLE, "<mine>", "set", scored, missing=["s9"])
    report = Report("set", DMTRACK_VISIBLE, (score,))
    item = DemoSet("Plain", "Text & more", report, "<mine>", "plain/v.mp4", "plain/v.jpg", ["plain/success.png"])
    text = demo_page("Demo", "Summary", [item], {"command": "dmtrack demo --seed 1"})
    page = Page(text)
    assert not page.open
    assert set(page.links) == {"plain/v.mp4", "plain/v.jpg", "plain/success.png", "plain/success_dark.png"}
    words = " ".join(page.words)
    for expected in ("0.952", "dmtrack-visible", "s3", "<mine>", "Text & more", "dmtrack demo --seed 1", "s9"):
        assert expected in words
    assert not re.search(r"https?://|<script", text)


def test_video_shows_every_frame_and_has_a_poster(tmp_path, fakes):
    sequences = [fakes.make("a", 6, 0), fakes.make("b", 7, 1)]
    items = [(sequence, track_sequence(StaticBox(), sequence)) for sequence in sequences]
    poster = write_result_video(tmp_path / "v.mp4", items)
    with av.open(str(tmp_path / "v.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 13 and frames[0].shape == (960, 1200, 3)
    assert np.asarray(Image.open(poster)).shape == (960, 1200, 3)
    assert sorted(path.name for path in tmp_path.glob("v.*")) == ["v.jpg", "v.mp4"]
    with pytest.raises(EvaluationError, match="no sequence to draw"):
        write_result_video(tmp_path / "none.mp4", [])
