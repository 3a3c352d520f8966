"""A rendered video: its state in every frame is known in advance, and any frame is drawn without the others."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Image
from dmtrack.data.synthetic.camera import Camera, SizeWH
from dmtrack.data.synthetic.compose import Canvas
from dmtrack.data.synthetic.effects import add_noise, light_table
from dmtrack.data.synthetic.motion import Curve, MovingPatch

TARGET = 1
"""Number of the target in a canvas's `owner`."""

PRESENT_FROM = 0.2
"""Share of the target's area that has to show for it to count as present."""


@dataclass(frozen=True)
class Weather:
    """Light, focus and sensor of a video.

    Attributes:
        gains: (frames,) contrast.
        gammas: (frames,) exponents.
        casts: (frames, 3) factors of red, green and blue.
        defocus: (frames,) sigma of Gaussian blur in pixels, 0 where sharp.
        noise: standard deviation in grey levels.
        noise_seed: (words) entropy of the noise; every frame has its own.
    """

    gains: Curve
    gammas: Curve
    casts: NDArray[np.float64]
    defocus: Curve
    noise: float
    noise_seed: tuple[int, ...]

    def apply(self, image: Image, frame: int) -> Image:
        """The view as the sensor gives it."""
        table = light_table(float(self.gains[frame]), 0.0, float(self.gammas[frame]), self.casts[frame])
        image = np.asarray(cv2.LUT(image, table))
        if self.defocus[frame] > 0.3:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(self.defocus[frame])))
        if self.noise > 0:
            image = add_noise(np.random.default_rng([*self.noise_seed, frame]), image, self.noise)
        return image


@dataclass(frozen=True)
class RenderedVideo:
    """A background, a camera and things on their tracks.

    Attributes:
        background: HxWx3 RGB.
        cameras: one per frame.
        target: the annotated thing.
        below: things drawn before the target.
        above: things drawn after it, occluders among them.
        weather: light, focus and sensor.
        size_wh: (width, height) of the frames.
    """

    background: Image
    cameras: tuple[Camera, ...]
    target: MovingPatch
    below: tuple[MovingPatch, ...]
    above: tuple[MovingPatch, ...]
    weather: Weather
    size_wh: SizeWH

    def __len__(self) -> int:
        return len(self.cameras)

    def canvas(self, frame: int, image: Image | None = None) -> Canvas:
        """All things of a frame, drawn on an image or only counted; the target has the number `TARGET`."""
        canvas = Canvas(image, self.size_wh)
        for number, track in enumerate(self.below, start=TARGET + 1):
            canvas.draw(track.patch, track.placement(frame), number)
        canvas.draw(self.target.patch, self.target.placement(frame), TARGET)
        for number, track in enumerate(self.above, start=TARGET + 1 + len(self.below)):
            canvas.draw(track.patch, track.placement(frame), number)
        return canvas

    def read_frame(self, frame: int) -> Image:
        """Renders one frame as HxWx3 uint8 RGB.

        Raises:
            IndexError: there is no such frame.
        """
        if not 0 <= frame < len(self):
            raise IndexError(f"frame {frame} of a video of {len(self)} frames")
        canvas = self.canvas(frame, self.cameras[frame].render(self.background, self.size_wh))
        assert canvas.image is not None
        return np.ascontiguousarray(self.weather.apply(canvas.image, frame))

    def annotation(self, frame: int) -> tuple[float, tuple[int, int, int, int] | None]:
        """Visible share of the target in [0, 1] and the box (left, top, right, bottom) of what shows, or None."""
        pixels, box = self.canvas(frame).visible(TARGET)
        full = self.target.patch.area * self.target.placement(frame).scale ** 2
        return min(1.0, pixels / max(full, 1.0)), box
