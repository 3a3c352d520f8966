"""Starting the server, and saying how to reach it from another machine."""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from rich.console import Console

from dmtrack.config import load_config
from dmtrack.config.choices import DEFAULT_CONFIG, shipped_weights
from dmtrack.errors import ConfigError, DMTrackError, OutputError
from dmtrack.files import check_writable_folder
from dmtrack.media.frame_source import FrameSource
from dmtrack.pages.shell import VIEWER_PORT
from dmtrack.web.app import make_app
from dmtrack.web.export import export
from dmtrack.web.places import Places
from dmtrack.web.project import Project
from dmtrack.web.tracking import Trackers, TrackingThread

PROJECTS = Path("results", "serve")
LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass
class Server:
    """A server that listens.

    Attributes:
        places: its folders.
        host: the address that it listens at.
        port: the port.
        token: that requests must carry.
    """

    places: Places
    host: str
    port: int
    token: str = field(repr=False)

    def url(self, project: Project | None = None) -> str:
        """What to open in a browser; the token stands behind the #, which browsers do not send along."""
        host = "localhost" if self.host in (*LOCAL, "0.0.0.0", "::") else self.host
        return f"http://{host}:{self.port}/#token={self.token}" + (f"&project={project.id}" if project else "")


@contextlib.contextmanager
def running(
    places: Places,
    host: str = "127.0.0.1",
    port: int = VIEWER_PORT,
    names: tuple[str, ...] = (),
    config: str | None = None,
    trackers: Trackers | None = None,
    most_runs: int = 8,
) -> Iterator[Server]:
    """A server in a thread of its own while the block runs.

    Args:
        places: what it may read and write.
        host: address to listen at; only this machine by default.
        port: 0 takes any that is free.
        names: host names beside those of this machine.
        config: of the tracker that is offered first.
        trackers: what tracks; None takes those that ship.
        most_runs: videos that may be tracked at once.

    Raises:
        OutputError: the port is taken, or the folder of the projects cannot be written.
    """
    check_writable_folder(places.folder)
    listening = _listen(host, port)
    token = secrets.token_urlsafe(24)
    trackers = trackers or Trackers()
    thread = TrackingThread(trackers, most_runs)
    names = (*names, *(() if host in (*LOCAL, "0.0.0.0", "::") else (host,)))
    app = make_app(places, thread, token, names, offered(config))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=2))
    worker = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="server", daemon=True)
    worker.start()
    while not server.started and worker.is_alive():
        time.sleep(0.02)
    # The page is there at once; PyTorch and the model come while the first box is drawn.
    threading.Thread(target=_load, args=(trackers, offered(config)[0]), name="loading", daemon=True).start()
    try:
        yield Server(places, host, listening.getsockname()[1], token)
    finally:
        app.state.ending.set()
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # requests that are cut off now are no faults
        server.should_exit = True
        worker.join()
        listening.close()


def offered(config: str | None) -> tuple[str, ...]:
    """Configs of trackers that a box is given, whose weights come with dmtrack; the given one or the default first."""
    names = [config or DEFAULT_CONFIG, DEFAULT_CONFIG]
    for name in shipped_weights():
        with contextlib.suppress(ConfigError):  # weights of something else than a tracker
            if "tracker" in load_config(name, check=False):
                names.append(name)
    return tuple(dict.fromkeys(names))


def print_how_to_reach(server: Server, console: Console, project: Project | None = None) -> None:
    """The address, and the line that brings it to one's own machine."""
    console.print(f"open [bold]{server.url(project)}[/bold]", soft_wrap=True, highlight=False)
    if server.host in LOCAL:
        machine = socket.gethostname()
        console.print(
            f"from another machine, first: ssh -N -L {server.port}:localhost:{server.port} {machine}",
            soft_wrap=True,
            highlight=False,
        )
    console.print(f"projects are in {server.places.folder}; Ctrl-C ends the server", soft_wrap=True, highlight=False)


def wait_for_ctrl_c() -> None:
    """Returns when Ctrl-C is pressed."""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _load(trackers: Trackers, config: str) -> None:
    with contextlib.suppress(DMTrackError):  # said when something is to be tracked
        trackers.fresh(config)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        raise OutputError(
            f"cannot listen at {host}:{port} ({error.strerror or error}); another server may be there, choose another "
            "--port"
        ) from error
    listening.listen(128)
    return listening


def select_and_track(
    source: Path | FrameSource,
    folder: Path,
    console: Console,
    config: str | None,
    trackers: Trackers,
    port: int = VIEWER_PORT,
) -> Path | None:
    """The page on one video until Ctrl-C is pressed.

    Args:
        source: a video, a folder of images, or a live source that is open.
        folder: of the project.
        console: says where the page is.
        config: of the tracker that is offered first.
        trackers: what tracks.
        port: another one is taken where it is not free.

    Returns:
        The table of boxes; None where none was drawn.

    Raises:
        MediaError: the video does not decode.
    """
    if isinstance(source, Path):
        places = Places(source.resolve().parent, folder)
    else:
        places = Places(folder, folder, live=[source.name])  # it can be opened again when it was left
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(running(places, port=port, config=config, trackers=trackers))
        except OutputError:
            server = stack.enter_context(running(places, port=0, config=config, trackers=trackers))
        first = offered(config)[0]
        project = places.create(source.resolve(), first) if isinstance(source, Path) else places.adopt(source, first)
        print_how_to_reach(server, console, project)
        wait_for_ctrl_c()
    if not project.targets or project.live:
        return None
    with places.open_frames(project) as frames:
        return export("csv", project, frames, project.folder)
