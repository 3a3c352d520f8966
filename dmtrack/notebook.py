"""The page of `dmtrack serve` in a cell of a notebook: `selection = dmtrack.notebook.select("my.mp4")`."""

from __future__ import annotations

import contextlib
import importlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from dmtrack.config.choices import DEFAULT_CONFIG
from dmtrack.web.places import Places
from dmtrack.web.project import Project
from dmtrack.web.serve import PROJECTS, Server, running
from dmtrack.web.tracking import Trackers

COLAB_PORT = 8765
"""The proxy of Colab is asked for the name of a port before the server listens there."""


@dataclass
class Selection:
    """A page that stays open while the cell is on the screen, and what is drawn in it so far.

    Attributes:
        project: what the page shows.
        server: that serves it, until `close`.
        height: of the frame in the cell, in pixels.
        proxy: as `select` takes it.
    """

    project: Project
    server: Server
    height: int = 900
    proxy: str | None = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)

    @property
    def first_boxes_xywh(self) -> dict[str, tuple[int, tuple[float, ...]]]:
        """The first drawn box of every target by its name: frame, and left, top, width, height."""
        drawn = {target.name: sorted(target.key_frames.items())[0] for target in self.project.targets.values()}
        return {name: (frame, key.box_xywh) for name, (frame, key) in drawn.items()}

    @property
    def tracks(self) -> dict[str, NDArray[np.float32]]:
        """(frames, 7) by target: x, y, w, h, score, presence, score of the strongest look-alike; NaN where unknown."""
        return {target.name: target.rows.copy() for target in self.project.targets.values()}

    def close(self) -> None:
        """Ends the server; the project stays on disk."""
        self._stack.close()

    def _repr_html_(self) -> str:
        address = self.server.url(self.project)
        key = "#" + address.partition("#")[2]
        if (colab := _colab()) is not None:
            colab.serve_kernel_port_as_iframe(self.server.port, path="/" + key, height=str(self.height))
            return ""
        if self.proxy is not None:
            address = self.proxy.replace("{port}", str(self.server.port)).rstrip("/") + "/" + key
        return f'<iframe src="{address}" width="100%" height="{self.height}" style="border: 0"></iframe>'


def _colab() -> Any:
    """Colab's module for what a cell shows; None elsewhere. Its browser reaches the kernel through a proxy only."""
    if "google.colab" not in sys.modules:
        return None
    return importlib.import_module("google.colab.output")


def select(
    video: str | Path,
    config: str | None = None,
    projects: str | Path = PROJECTS,
    height: int = 900,
    device: str | None = None,
    precision: str | None = None,
    proxy: str | None = None,
) -> Selection:
    """Shows the page on one video below a cell: draw boxes, track, correct; later cells read the result.

    >>> selection = dmtrack.notebook.select("my.mp4")                # doctest: +SKIP
    >>> selection.first_boxes_xywh                                   # doctest: +SKIP

    Args:
        video: a file or a folder of images on the machine of the notebook.
        config: of the tracker; dmtrackReID_tiny by default.
        projects: folder of the project.
        height: of the page in pixels.
        device: as `load_tracker` takes it.
        precision: likewise.
        proxy: address at which a proxy brings ports of this machine to the browser, `{port}` in place of theirs, such
            as `https://hub.org/user/me/proxy/{port}/` with jupyter-server-proxy. Colab's needs not be named.

    Raises:
        MediaError: the video does not decode.
    """
    path, stack = Path(video).resolve(), contextlib.ExitStack()
    places, trackers = Places(path.parent, Path(projects)), Trackers(device, precision)
    colab = _colab()
    if colab is not None:
        proxy = colab.eval_js(f"google.colab.kernel.proxyPort({COLAB_PORT})")
    names = () if proxy is None else (str(urlsplit(proxy).hostname),)
    port = 0 if colab is None else COLAB_PORT
    server = stack.enter_context(running(places, port=port, names=names, config=config, trackers=trackers))
    try:
        project = places.create(path, config or DEFAULT_CONFIG)
    except BaseException:
        stack.close()
        raise
    return Selection(project, server, height, None if colab else proxy, stack)
