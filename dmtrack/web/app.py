"""The server: projects, key frames, frames as JPEG, tracking and export over HTTP; `/api/openapi.json` describes it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from dmtrack import __version__
from dmtrack.errors import DataError, DMTrackError, OutputError
from dmtrack.files import atomic_path
from dmtrack.media.drawing import GROUND_TRUTH_RGB, TARGETS_RGB
from dmtrack.pages.shell import TEMPLATES
from dmtrack.web.export import FORMATS, export
from dmtrack.web.importing import import_tracks
from dmtrack.web.live import LiveFrames
from dmtrack.web.looking import looking_routes
from dmtrack.web.messages import (
    ALWAYS,
    REFUSALS,
    AddTarget,
    Change,
    NewProject,
    OfTarget,
    RemoveBox,
    RemoveTarget,
    Rename,
    SetBox,
    Tracking,
    Undo,
    UseTracker,
)
from dmtrack.web.places import Places, TooLargeError
from dmtrack.web.project import Project
from dmtrack.web.runs import WORKING
from dmtrack.web.security import OwnNamesOnly, token_check
from dmtrack.web.small_copies import SmallCopies
from dmtrack.web.targets import ConflictError, NotFoundError
from dmtrack.web.tracking import BusyError, TrackingThread

PAGE = Path(__file__).parent / "page"
MOST_IMPORT_BYTES = 256 << 20

_STATUS = {NotFoundError: 404, ConflictError: 409, TooLargeError: 413, BusyError: 503, OutputError: 507}


def make_app(
    places: Places, thread: TrackingThread, token: str, names: tuple[str, ...] = (), configs: tuple[str, ...] = ()
) -> FastAPI:
    """The application. Pages that watch are let go when its `state.ending` is set, before the server ends.

    Args:
        places: what it may read and write.
        thread: what tracks.
        token: that every request but those for the page must carry.
        names: host names beside those of this machine.
        configs: of the trackers to choose from, the default first.
    """
    copies = SmallCopies(places.folder, lambda: any(run.state in WORKING for run in list(thread.runs.values())))

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        for project in await asyncio.to_thread(places.projects):
            if project.tracking:
                with contextlib.suppress(DMTrackError):
                    thread.start(project, lambda project=project: places.open_frames(project))  # type: ignore[misc]
        yield
        await asyncio.to_thread(copies.stop)
        await asyncio.to_thread(thread.stop)
        await asyncio.to_thread(places.close)

    app = FastAPI(
        title="dmtrack",
        version=__version__,
        description="Sessions of tracking: a video, boxes that a person draws, and what a tracker makes of them.",
        docs_url=None,  # its page asks other servers for scripts
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=life,
    )
    app.state.ending = threading.Event()
    app.add_middleware(OwnNamesOnly, names=names)
    app.include_router(
        _routes(places, thread, copies, configs),
        prefix="/api",
        dependencies=[token_check(token)],
        responses={status: REFUSALS[status] for status in ALWAYS},
    )
    palette = TEMPLATES / "palette.css"
    app.get("/palette.css", include_in_schema=False)(lambda: FileResponse(palette))
    app.mount("/", StaticFiles(directory=PAGE, html=True))

    def say(_: Request, error: Exception) -> JSONResponse:
        """One sentence about whatever is wrong."""
        if isinstance(error, HTTPException):
            return JSONResponse({"error": error.detail}, error.status_code, dict(error.headers or {}))
        if isinstance(error, RequestValidationError):
            first = error.errors()[0]
            return JSONResponse({"error": f"{'.'.join(map(str, first['loc']))}: {first['msg']}"}, 422)
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
        return JSONResponse({"error": str(error)}, status)

    for kind in (DMTrackError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, say)
    return app


def _routes(places: Places, thread: TrackingThread, copies: SmallCopies, configs: tuple[str, ...]) -> APIRouter:
    routes = APIRouter()
    stored: dict[int | str, dict[str, Any]] = {status: REFUSALS[status] for status in (413, 507)}

    def described(project: Project) -> dict[str, Any]:
        run = thread.runs.get(project.id)
        return {**project.describe(), "run": None if run is None else run.describe()}

    def offered(config: str) -> str:
        """Only what the server offers: a config may name any file of the server."""
        if config not in configs:
            offers = ", ".join(configs)
            raise NotFoundError(f"this server does not offer the tracker {config!r}; it offers {offers}")
        return config

    @routes.get("/info")
    def info() -> dict[str, Any]:
        """Trackers to choose from, formats of export, colours of targets, and limits."""
        colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in (GROUND_TRUTH_RGB, *TARGETS_RGB)]
        return {
            "version": __version__,
            "configs": configs,
            "formats": {name: one.title for name, one in FORMATS.items()},
            "truth_colour": colours[0],
            "colours": colours[1:],
            "most_upload_bytes": places.most_upload_bytes,
            "most_frames": places.most_frames,
            "most_runs": thread.most_runs,
        }

    @routes.get("/videos")
    def videos() -> list[dict[str, str]]:
        """Videos and folders of images that the server may open."""
        return places.list_videos()

    @routes.put("/uploads/{name}", responses=stored)
    async def upload(name: str, request: Request) -> dict[str, str]:
        """Stores the body, a video, and says what it is called from now on."""
        place = places.place_of_upload(name)
        with atomic_path(place) as path:
            await _store(request, path, places.most_upload_bytes, name)
        return {"place": "uploads", "name": place.name}

    @routes.get("/projects")
    def projects() -> list[dict[str, Any]]:
        """All projects, the newest first."""
        return [project.head for project in places.projects()]

    @routes.get("/results")
    def results() -> list[dict[str, Any]]:
        """Sequences with stored results of trackers, the worst first; their ids are those of projects."""
        return [] if places.results is None else places.results.list_sequences()

    @routes.post("/projects", status_code=201, responses=stored)
    def create(new: NewProject) -> dict[str, Any]:
        """Opens a video, or a live source, whose first frame stands still until it is tracked."""
        config = offered(new.config or configs[0])
        if new.place == "live":
            return described(places.create_live(new.video, config))
        return described(places.create(places.path_of(new.video, new.place), config))

    @routes.get("/projects/{project_id}")
    def project(project_id: str) -> dict[str, Any]:
        """Targets, their key frames, and what the tracker does."""
        return described(places.project(project_id))

    @routes.delete("/projects/{project_id}", status_code=204)
    def delete(project_id: str) -> None:
        """Deletes a project; the video stays."""
        project = places.project(project_id)
        if project.read_only:
            raise DataError(f"{project.name} shows stored results, which are not deleted here")
        project.read_only = True  # what tracks it writes nothing more
        thread.set_state(project_id, "cancelled")
        copies.forget(project)
        places.close(project_id)
        shutil.rmtree(project.folder, ignore_errors=True)

    @routes.post("/projects/{project_id}/changes", responses={status: REFUSALS[status] for status in (409, 507)})
    def change(project_id: str, asked: Change) -> dict[str, Any]:
        """One change by a person; it is on disk when the answer comes."""
        project = places.project(project_id)
        with project.lock:
            if isinstance(asked, OfTarget) and asked.revision is not None:
                project.check_unchanged(asked.target, asked.revision)
            match asked:
                case AddTarget():
                    project.add_target(asked.frame, tuple(asked.box_xywh), asked.name)
                case SetBox():
                    project.set_key_frame(asked.target, asked.frame, tuple(asked.box_xywh))
                case RemoveBox():
                    project.remove_key_frame(asked.target, asked.frame)
                case Rename():
                    project.change_target(asked.target, asked.name)
                case RemoveTarget():
                    project.change_target(asked.target, None)
                case Undo():
                    project.undo()
                case UseTracker():
                    project.use(offered(asked.config))
        return described(project)

    @routes.post("/projects/{project_id}/tracking", responses={status: REFUSALS[status] for status in (503, 507)})
    def track(project_id: str, asked: Tracking) -> dict[str, Any]:
        """Tracks whatever is not tracked yet, pauses, goes on or cancels."""
        found = places.project(project_id)
        run = thread.runs.get(project_id)
        if asked.state == "tracking" and (run is None or run.state != "paused"):
            shown = places.frames(found)
            live = shown if isinstance(shown, LiveFrames) else None
            thread.start(found, lambda: places.open_frames(found), asked.backwards, live)
        else:
            thread.set_state(project_id, asked.state)
        return described(found)

    routes.include_router(looking_routes(places, thread, copies, described))

    @routes.put("/projects/{project_id}/import/{name}", responses=stored)
    async def take_in(project_id: str, name: str, request: Request) -> dict[str, Any]:
        """Adds the objects of a file of boxes, which is the body, to the project."""
        project = places.project(project_id)
        with tempfile.TemporaryDirectory(prefix="dmtrack-import-") as folder:
            path = Path(folder, Path(name.replace("\\", "/")).name or "boxes.txt")
            await _store(request, path, min(MOST_IMPORT_BYTES, places.most_upload_bytes), name)
            await asyncio.to_thread(import_tracks, project, path)
        return described(project)

    @routes.get("/projects/{project_id}/export/{kind}", response_class=FileResponse, responses={507: REFUSALS[507]})
    def download(project_id: str, kind: str) -> FileResponse:
        """The boxes, or frames with boxes, in the layout of another program."""
        project = places.project(project_id)
        folder = Path(tempfile.mkdtemp(prefix="dmtrack-export-"))
        try:
            with places.open_frames(project) as frames:
                path = export(kind, project, frames, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return FileResponse(path, filename=path.name, background=BackgroundTask(shutil.rmtree, folder, True))

    return routes


async def _store(request: Request, path: Path, most_bytes: int, name: str) -> None:
    """Writes the body of a request to a file.

    Raises:
        TooLargeError: it is larger than `most_bytes`.
    """
    size = 0
    with open(path, "wb") as file:
        async for part in request.stream():
            size += len(part)
            if size > most_bytes:
                raise TooLargeError(f"{name} is larger than {most_bytes} bytes, which this server takes")
            await asyncio.to_thread(file.write, part)
