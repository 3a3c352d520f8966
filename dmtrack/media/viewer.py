"""A window in which a tracker is watched while it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dmtrack.errors import MediaError
from dmtrack.media.drawing import draw_box
from dmtrack.media.images import as_rgb
from dmtrack.media.window import PreviewWindow, why_no_windows


class Viewer:
    """A window with frames and boxes; once it is closed (or `q` pressed), tracking goes on unseen.

    Raises:
        MediaError: no window can be shown here.
    """

    def __init__(self, title: str = "dmtrack") -> None:
        reason = why_no_windows()
        if reason is not None:
            raise MediaError(f"nothing can be visualised here because {reason}; leave visualize=True out")
        self._window = PreviewWindow(title)
        self._wanted = True

    def show(self, image: Any, box_xywh: ArrayLike) -> None:
        """Shows an image with a box of 0-based pixels."""
        box = np.asarray(box_xywh, dtype=np.float64).reshape(-1)
        if not self._wanted:
            return
        picture = np.ascontiguousarray(as_rgb(image)).copy()
        if len(box) >= 4 and np.isfinite(box[:4]).all():
            draw_box(picture, box[:4])
        self._wanted = self._window.show(picture)

    def close(self) -> None:
        """Closes the window."""
        self._window.close()
