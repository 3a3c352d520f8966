import json

import numpy as np
import pytest
from rich.console import Console

pytest.importorskip("trackeval", reason="scores of many objects are an extra: pip install 'dmtrack[mot]'")

from dmtrack.association.detections import Detections
from dmtrack.data.synthetic.crowds import SyntheticCrowds
from dmtrack.pages import demo_crowds


def test_the_page_shows_all_policies_on_both_kinds_of_crowds(tmp_path, monkeypatch) -> None:
    # A detector that knows the truth: what is scored is the association alone.
    truths = {}
    for domain in demo_crowds.TEXTS:
        video = SyntheticCrowds(1, 8, 4, domain=domain)[0]
        for frame in range(8):
            boxes = np.array([track.boxes_xywh[frame] for track in video.tracks.values() if track.present[frame]])
            truths[video.read_frame(frame).tobytes()] = boxes

    def detect(image):
        boxes_xywh = truths[image.tobytes()]
        identity = np.eye(128)[np.arange(len(boxes_xywh)) % 128]
        return Detections.from_xywh(boxes_xywh, np.full(len(boxes_xywh), 0.9), embeddings=identity)

    monkeypatch.setattr(demo_crowds, "assemble_detector", lambda *_: (detect, "JDE", {"config": "truth"}))
    console = Console(file=open(tmp_path / "log.txt", "w"))  # noqa: SIM115
    sets = demo_crowds.run_crowd_demo("truth", None, tmp_path, 1, 8, 4, console)
    page = (tmp_path / "index.html").read_text()
    assert [one.name for one in sets] == ["street", "station"]
    for one in sets:
        assert {score.tracker for score in one.study.report.scores} == set(demo_crowds.POLICIES)
        best = max(score.scores["HOTA"] for score in one.study.report.scores)
        assert best > 0.5  # eight frames, of which policies take some to believe in a track
        for link in (one.video, one.poster, one.report):
            assert link in page
            assert (tmp_path / link).stat().st_size > 1000
    assert all(policy in page for policy in demo_crowds.POLICIES)
    assert set(json.loads((tmp_path / "demo.json").read_text())["sets"]) == {"street", "station"}
