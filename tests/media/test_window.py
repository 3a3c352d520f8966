import subprocess

import cv2
import numpy as np
import pytest

from dmtrack.errors import MediaError
from dmtrack.media import window

FRAME = np.zeros((1440, 2560, 3), np.uint8)  # shown at half its size


class FakeWindows:
    """Stands for OpenCV's windows: plays mouse events and keys."""

    def __init__(self, monkeypatch, drags, keys, visible=1.0):
        self.drags, self.keys, self.shown = list(drags), list(keys), []
        monkeypatch.setattr(window, "why_no_windows", lambda: None)
        monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
        monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
        monkeypatch.setattr(cv2, "imshow", lambda _, image: self.shown.append(image))
        monkeypatch.setattr(cv2, "setMouseCallback", lambda _, callback: setattr(self, "callback", callback))
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: visible)
        monkeypatch.setattr(cv2, "waitKey", self.wait_key)

    def wait_key(self, _):
        if self.drags:
            (x1, y1), (x2, y2) = self.drags.pop(0)
            self.callback(cv2.EVENT_LBUTTONDOWN, x1, y1, 0, None)
            self.callback(cv2.EVENT_MOUSEMOVE, (x1 + x2) // 2, y2, 0, None)
            self.callback(cv2.EVENT_LBUTTONUP, x2, y2, 0, None)
            self.callback(cv2.EVENT_MOUSEMOVE, 9999, 9999, 0, None)  # after the button is up: no part of the drag
            return -1
        return self.keys.pop(0)


def test_a_drag_in_any_direction_becomes_a_box_in_frame_pixels(monkeypatch):
    windows = FakeWindows(monkeypatch, [((200, 150), (100, 50))], [-1, 13])
    assert window.select_box(FRAME) == (200, 100, 200, 200)
    assert windows.shown[0].shape == (720, 1280, 3)


def test_enter_without_a_box_waits_and_the_last_drag_counts(monkeypatch):
    FakeWindows(monkeypatch, [((10, 10), (10, 40)), ((1270, 700), (1400, 800))], [13, 13])
    assert window.select_box(FRAME) == (2540, 1400, 20, 40)


def test_escape_and_closing_the_window_cancel(monkeypatch):
    FakeWindows(monkeypatch, [((10, 10), (50, 40))], [27])
    assert window.select_box(FRAME) is None
    FakeWindows(monkeypatch, [], [-1], visible=0.0)
    assert window.select_box(FRAME) is None


def test_the_preview_stops_on_q(monkeypatch):
    FakeWindows(monkeypatch, [], [-1, ord("q")])
    preview = window.PreviewWindow()
    assert preview.show(FRAME)
    assert not preview.show(FRAME)
    preview.close()


def test_without_a_display_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(MediaError, match=r"no box can be selected .* use --box x,y,w,h instead of --select"):
        window.select_box(FRAME)


def test_a_display_that_kills_the_process_is_found_out_in_another_process(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           QT5\n")
    monkeypatch.setenv("DISPLAY", ":9876")
    assert window.why_no_windows() == "the display cannot be opened"  # a real process that really fails
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           NONE\n")
    assert "headless" in window.why_no_windows()
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           QT5\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    assert window.why_no_windows() is None
