"""The source as the training reads it."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from rich.console import Console

from dmtrack.errors import DataError
from dmtrack.running.adaptation.data import write_source
from dmtrack.running.adaptation.recipe import Videos


def test_a_source_without_boxes_is_refused(tmp_path):
    video = tmp_path / "set" / "one"
    (video / "img1").mkdir(parents=True)
    (video / "gt").mkdir()
    cv2.imwrite(str(video / "img1" / "000001.jpg"), np.zeros((24, 32, 3), np.uint8))
    (video / "seqinfo.ini").write_text("[Sequence]\nseqLength=1\nimDir=img1\nimWidth=32\nimHeight=24\n")
    (video / "gt" / "gt.txt").write_text("1,1,3,4,10,12,1,1,0.2\n")
    source = Videos(layout="mot17", root=tmp_path / "set")
    (written,) = write_source(source, tmp_path / "stage", Console(quiet=True))
    assert json.loads(written.read_text())["annotations"][0]["bbox"] == [2, 3, 10, 12]  # from pixel 0 on
    with pytest.raises(DataError, match="has no box to learn from"):
        write_source(replace(source, least_visibility=0.5), tmp_path / "stage", Console(quiet=True))
