"""Sequences and trackers that spawned processes can import, as a module of a user would be."""

import functools

import numpy as np

from dmtrack.data.sequences import Sequence
from dmtrack.tracking.base import Tracker, TrackResult


def read_frame(index, boxes):
    """A black frame whose first pixels hold the true box and the length."""
    frame = np.zeros((80, 100, 3), np.uint8)
    frame[0, :4, 0] = np.nan_to_num(boxes[index])
    frame[1, 0, 0] = len(boxes)
    return frame


def make(name, frames, seed):
    random = np.random.default_rng(seed)
    boxes = np.concatenate([random.integers(5, 50, (frames, 2)), random.integers(10, 30, (frames, 2))], 1).astype(float)
    present = np.ones(frames, bool)
    present[2:4] = frames <= 4
    boxes[~present] = np.nan
    return Sequence(name, boxes, present, functools.partial(read_frame, boxes=boxes), (100, 80))


def open_sequences():
    return [make(f"s{index}", 6 + index, index) for index in range(4)]


class Oracle(Tracker):
    """Knows the truth, shifted by `error` pixels; breaks on the sequence of `breaks_on` frames."""

    def __init__(self, name="oracle", error=0.0, breaks_at=None):
        super().__init__(name)
        self.error, self.breaks_at = error, breaks_at

    def init(self, image, box):
        self.box, self.frame = np.asarray(box, float), 0

    def step(self, image):
        self.frame += 1
        if self.frame == self.breaks_at:
            raise ValueError("no such luck")
        truth = image[0, :4, 0].astype(float)
        present = bool(truth.any())
        if present:
            self.box = truth + np.array([self.error, 0, 0, 0])
        return TrackResult(self.box, 0.75 if present else 0.25, present)


class Foreign:
    """A got10k tracker that knows nothing of ours."""

    name, is_deterministic = "foreign", True

    def init(self, image, box):
        assert image.size == (100, 80) and image.mode == "RGB"
        self.box = box

    def update(self, image):
        assert image.size == (100, 80)
        return self.box


class Slow(Oracle):
    """Never ends its second sequence."""

    started = 0

    def init(self, image, box):
        super().init(image, box)
        self.started += 1
        if self.started == 2:
            import time

            time.sleep(600)


class Killed(Oracle):
    """Is killed in the sequences of 8 and of 9 frames, in that of 8 only once; notes which GPU it sees."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def init(self, image, box):
        import os

        super().init(image, box)
        with (self.folder / "gpus").open("a") as opened:
            opened.write(os.environ["CUDA_VISIBLE_DEVICES"] + "\n")

    def step(self, image):
        import os
        import signal

        result = super().step(image)
        once = self.folder / "killed"
        if self.frame == 8 or (self.frame == 7 and image[1, 0, 0] == 8 and not once.exists()):
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return result


class Dying(Oracle):
    def step(self, image):
        import os

        os._exit(1)
