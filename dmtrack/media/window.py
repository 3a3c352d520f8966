"""OpenCV windows: choosing a box with the mouse, and looking at a live camera."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass

import cv2
import numpy as np

from dmtrack.errors import MediaError
from dmtrack.media.drawing import draw_box, draw_label
from dmtrack.media.images import Image

_ENTER_KEYS = (10, 13, 32)
_ESCAPE_KEYS = (27, ord("c"), ord("q"))
_LARGEST_WH = (1280, 720)
_HELP = "drag a box around the target; Enter: start, Esc: cancel"


def why_no_windows() -> str | None:
    """The reason why windows cannot be shown here, or None where they can.

    A window toolkit that finds no display ends the whole process instead of raising, so the last test opens a window
    in a process of its own.
    """
    gui = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    if gui is not None and gui.group(1).upper() == "NONE":
        return "this OpenCV is built without windows (opencv-python-headless)"
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display (DISPLAY is not set)"
    probe = "import cv2; cv2.namedWindow('dmtrack'); cv2.waitKey(1); cv2.destroyAllWindows()"
    try:
        done = subprocess.run([sys.executable, "-c", probe], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "the display does not answer"
    return None if done.returncode == 0 else "the display cannot be opened"


@dataclass
class BoxDrag:
    """A box that is being dragged with the left mouse button, in window pixels.

    Attributes:
        scale: window pixels per frame pixel.
        size_wh: width and height of the frame; the box is kept inside.
    """

    scale: float
    size_wh: tuple[int, int]
    start: tuple[int, int] | None = None
    end: tuple[int, int] | None = None
    pressed: bool = False

    def on_mouse(self, event: int, x: int, y: int, *_: object) -> None:
        """OpenCV's mouse callback."""
        if event == cv2.EVENT_LBUTTONDOWN:
            self.start = self.end = (x, y)
            self.pressed = True
        elif event == cv2.EVENT_MOUSEMOVE and self.pressed:
            self.end = (x, y)
        elif event == cv2.EVENT_LBUTTONUP and self.pressed:
            self.end = (x, y)
            self.pressed = False

    @property
    def box_xywh(self) -> tuple[float, float, float, float] | None:
        """The box in frame pixels, whichever corner the drag began at; None before there is one with an area."""
        if self.start is None or self.end is None:
            return None
        corners = np.array([self.start, self.end], dtype=np.float64) / self.scale
        corners = np.clip(np.rint(corners), 0, self.size_wh)
        (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return (x1, y1, x2 - x1, y2 - y1) if x2 > x1 and y2 > y1 else None


def select_box(frame: Image, title: str = "dmtrack") -> tuple[float, float, float, float] | None:
    """Lets the user drag the first box. Enter or space confirms; Esc, `c`, `q` or closing the window cancels.

    Args:
        frame: HxWx3 uint8 RGB; shown smaller where it is larger than 1280x720.
        title: of the window.

    Returns:
        left, top, width, height in whole frame pixels, or None after a cancel.

    Raises:
        MediaError: there is no window system.
    """
    reason = why_no_windows()
    if reason is not None:
        raise MediaError(f"no box can be selected here because {reason}; use --box x,y,w,h instead of --select")
    height, width = frame.shape[:2]
    scale = min(1.0, _LARGEST_WH[0] / width, _LARGEST_WH[1] / height)
    shown = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    drag = BoxDrag(scale, (width, height))
    cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
    cv2.setMouseCallback(title, drag.on_mouse)
    try:
        while True:
            cv2.imshow(title, cv2.cvtColor(_with_box(shown, drag), cv2.COLOR_RGB2BGR))
            key = cv2.waitKey(20) & 0xFF
            if key in _ENTER_KEYS and drag.box_xywh is not None:
                return drag.box_xywh
            if key in _ESCAPE_KEYS or cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
                return None
    finally:
        cv2.destroyAllWindows()


def _with_box(shown: Image, drag: BoxDrag) -> Image:
    picture = np.ascontiguousarray(shown).copy()
    box = drag.box_xywh
    if box is not None:
        draw_box(picture, np.array(box) * drag.scale)
    draw_label(picture, _HELP, (0, 0))
    return picture


class PreviewWindow:
    """Shows frames while they are tracked; `q`, Esc or closing the window asks to stop."""

    def __init__(self, title: str = "dmtrack") -> None:
        self.title = title
        self._open = False

    def show(self, frame: Image) -> bool:
        """Shows one HxWx3 uint8 RGB frame; False once the user wants to stop."""
        if self._open and cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) < 1:
            return False
        cv2.imshow(self.title, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self._open = True
        return cv2.waitKey(1) & 0xFF not in (ord("q"), 27)

    def close(self) -> None:
        """Closes the window if there is one."""
        if self._open:
            self._open = False
            cv2.destroyAllWindows()
