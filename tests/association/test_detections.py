from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dmtrack.association.detections import Detections, Tracks
from dmtrack.errors import DMTrackError


@dataclass
class Supervision:
    """The fields of `supervision.Detections`."""

    xyxy: np.ndarray
    mask: np.ndarray | None = None
    confidence: np.ndarray | None = None
    class_id: np.ndarray | None = None
    tracker_id: np.ndarray | None = None
    data: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def several() -> Detections:
    boxes = np.array([[0, 0, 10, 20], [5, 5, 6, 8], [1, 2, 3, 4]], np.float32)
    masks = np.arange(3 * 4 * 5).reshape(3, 4, 5) % 2 == 0
    scores, classes = np.array([0.9, 0.5, 0.1], np.float32), np.array([3, 1, 2])
    return Detections(boxes, scores, classes, np.eye(3, 8, dtype=np.float16), masks)


def test_some_and_all_of_them(several: Detections) -> None:
    some = several.select(np.array([2, 0]))
    assert some.classes is not None and some.classes.tolist() == [2, 3] and some.scores.dtype == np.float32
    assert len(several.select(several.scores > 0.2)) == 2 and len(several.select(slice(1, 1))) == 0
    both = Detections.concatenate([some, Detections.nothing(), several.select(slice(1, 2))])
    assert both.classes is not None and both.classes.tolist() == [2, 3, 1]
    assert both.masks is not None and both.embeddings is not None and several.masks is not None
    np.testing.assert_array_equal(both.masks[2], several.masks[1])
    assert both.embeddings.dtype == np.float16
    assert len(Detections.concatenate([])) == 0
    with pytest.raises(DMTrackError, match=r"scores, classes, .* cannot be joined with those with boxes_xyxy, scores;"):
        Detections.concatenate([several, Detections(several.boxes_xyxy, several.scores)])


def test_corners_of_the_last_pixel_keep_every_digit() -> None:
    corners = np.array([[0.1, 0.2, 1e3 + 0.3, 77.7]], np.float32)
    wide = Detections(corners, np.ones(1, np.float32), inclusive=True).boxes_xywh
    exact = corners.astype(np.float64)
    np.testing.assert_array_equal(
        wide, [[exact[0, 0], exact[0, 1], exact[0, 2] - exact[0, 0] + 1, exact[0, 3] - exact[0, 1] + 1]]
    )
    plain = Detections(corners, np.ones(1, np.float32)).boxes_xywh
    np.testing.assert_array_equal(plain[:, 2:], [exact[0, 2:] - exact[0, :2]])
    with pytest.raises(DMTrackError, match=r"boxes_xyxy has shape \(1, 3\)"):
        Detections(corners[:, :3], np.ones(1))
    with pytest.raises(DMTrackError, match="scores has 2 rows for 1 boxes"):
        Detections(corners, np.ones(2))


def test_to_and_from_supervision(several: Detections, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("supervision")
    module.Detections = Supervision  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "supervision", module)
    given = several.to_supervision()
    again = Detections.from_supervision(given)
    for name in ("boxes_xyxy", "scores", "classes", "embeddings", "masks"):
        np.testing.assert_array_equal(getattr(again, name), getattr(several, name))
    tracks = Tracks(several.boxes_xyxy, several.scores, ids=np.array([7, 8, 9]))
    assert tracks.to_supervision().tracker_id.tolist() == [7, 8, 9]
    assert Tracks.from_supervision(tracks.to_supervision()).ids.tolist() == [7, 8, 9]
    bare = Detections.from_supervision(Supervision(np.array([[0.0, 0, 2, 2]])))
    assert bare.scores.tolist() == [1.0] and bare.classes is None
    inclusive = Detections(several.boxes_xyxy, several.scores, inclusive=True).to_supervision()
    np.testing.assert_array_equal(inclusive.xyxy, several.boxes_xyxy + np.array([0, 0, 1, 1]))


def test_without_supervision_one_sentence_says_so(several: Detections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(DMTrackError, match=r"supervision is not installed, .* run `pip install supervision`"):
        several.to_supervision()
