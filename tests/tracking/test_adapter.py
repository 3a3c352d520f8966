import numpy as np
import pytest
from PIL import Image as PILImage

from dmtrack.errors import BoxError, DMTrackError
from dmtrack.tracking import Got10kTracker, as_tracker

FRAME = np.zeros((20, 30, 3), np.uint8)


class Still:
    """A tracker as the got10k toolkit wants it."""

    def init(self, image, box):
        assert isinstance(image, PILImage.Image)
        self.box = box

    def update(self, image):
        return self.box


def test_a_got10k_tracker_is_taken_as_it_is():
    tracker = as_tracker(Still())
    assert tracker.name == "Still"
    boxes, _ = tracker.track([FRAME] * 3, (1, 2, 3, 4))
    assert boxes.tolist() == [[1, 2, 3, 4]] * 3
    assert tracker.step(FRAME).present
    assert as_tracker(tracker) is tracker


def test_wrong_answers_and_objects_are_one_clear_error():
    tracker = Got10kTracker(Still(), "mine")
    with pytest.raises(BoxError):
        tracker.init(FRAME, (40, 2, 3, 4))
    tracker.init(FRAME, (1, 2, 3, 4))
    tracker.tracker.box = None
    with pytest.raises(DMTrackError, match="tracker mine: update"):
        tracker.step(FRAME)
    with pytest.raises(DMTrackError, match="is no tracker"):
        as_tracker(object())
