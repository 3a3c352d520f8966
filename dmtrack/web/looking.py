"""What pages look at: frames as JPEG, boxes frame by frame, where to look first, and what changes while they watch."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from dmtrack.files import json_value
from dmtrack.media.images import encode_jpeg
from dmtrack.media.random_access import RandomFrames
from dmtrack.web.places import Places
from dmtrack.web.project import Project
from dmtrack.web.small_copies import SmallCopies
from dmtrack.web.tracking import TrackingThread

TICK = 0.1
"""Seconds between looks at what a page that watches has not yet been told."""

NEAR, FAR = 4, 40
"""Frames to decode from which a page that scrubs is first shown the small copy, and where there is none the key frame.
"""

Described = Callable[[Project], dict[str, Any]]
"""What pages are told of a project."""


def looking_routes(places: Places, thread: TrackingThread, copies: SmallCopies, described: Described) -> APIRouter:
    """The routes of one who looks at a project and changes nothing.

    Args:
        places: where projects are.
        thread: what tracks.
        copies: small copies of videos whose frames are far to decode.
        described: what pages are told of a project.
    """
    routes = APIRouter()

    @routes.get("/projects/{project_id}/frames/{frame}", response_class=Response)
    async def frame(
        project_id: str,
        request: Request,
        frame: int,
        width: Annotated[int, Query(ge=16, le=8192)] = 1280,
        quick: bool = False,
    ) -> Response:
        """A frame as JPEG, at most `width` pixels wide.

        With `quick`, of one that is far to decode, its small copy (`X-Small: true`), or the key frame where that is not
        made yet. Of a live source the frame that is still held and nearest. Decoding ends where nobody waits any more.

        The header `X-Frame` says which frame it is.
        """
        gone = threading.Event()

        def decode_and_encode() -> Response:
            found = places.project(project_id)
            frames = places.frames(found)
            far = found.live
            if isinstance(frames, RandomFrames):
                copy, way = copies.of(found, frames, frame), frames.way(frame) if quick else 0
                small = copy.read(frame) if copy is not None and way > NEAR else None
                if small is not None:
                    headers = {"X-Frame": str(frame), "X-Small": "true"}
                    return Response(small, media_type="image/jpeg", headers=headers)
                far = way > FAR
            number = frames.key_frame(frame) if far else frame
            image = frames.read(number, lambda: gone.is_set() or request.app.state.ending.is_set())
            jpeg = encode_jpeg(image, scale=width / image.shape[1])
            return Response(jpeg, media_type="image/jpeg", headers={"X-Frame": str(number)})

        async def notice_who_leaves() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            gone.set()

        leaving = asyncio.create_task(notice_who_leaves())
        try:
            return await run_in_threadpool(decode_and_encode)
        finally:
            leaving.cancel()

    @routes.get("/projects/{project_id}/targets/{number}/rows", response_class=Response)
    def rows(project_id: str, number: int) -> Response:
        """(frames, 7) float32, little-endian: x, y, w, h, score, presence, score of the strongest look-alike."""
        table = places.project(project_id).target(number).rows
        return Response(table.astype("<f4").tobytes(), media_type="application/octet-stream")

    @routes.get("/projects/{project_id}/targets/{number}/lanes")
    def lanes(project_id: str, number: int) -> list[dict[str, Any]]:
        """Tracklets of a target and its look-alikes, where the tracker keeps them: stretches of frames in lanes."""
        return places.project(project_id).target(number).lanes()

    @routes.get("/projects/{project_id}/weak")
    def weak(project_id: str, threshold: Annotated[float, Query(ge=0, le=1)] = 0.5) -> list[dict[str, Any]]:
        """Where to look first: runs of frames whose score is low, the weakest first."""
        targets = list(places.project(project_id).targets.values())
        found = [one for target in targets for one in target.weak_stretches(threshold)]
        return sorted(found, key=lambda one: one["score"])[:100]

    @routes.get("/projects/{project_id}/events", response_class=StreamingResponse)
    async def events(project_id: str, request: Request) -> StreamingResponse:
        """What changes, as server-sent events: `project`, `run`, `frames` and `rows` [target, frame, 7 values]."""
        project = places.project(project_id)
        return StreamingResponse(
            _watch(project, places, thread, copies, request, described), media_type="text/event-stream"
        )

    return routes


async def _watch(
    project: Project,
    places: Places,
    thread: TrackingThread,
    copies: SmallCopies,
    request: Request,
    described: Described,
) -> AsyncIterator[str]:
    places.watched(project, 1)
    copies.watched(project, 1)
    told: dict[str, Any] = {}
    watched, serial = None, 0
    try:
        while not request.app.state.ending.is_set() and not await request.is_disconnected():
            message: dict[str, Any] = {}
            run = thread.runs.get(project.id)
            if run is not watched:
                watched, serial = run, 0 if run is None else run.serial  # the page reads what there is
                message["reload"] = True
            if run is not None:
                rows = run.after(serial)
                if rows is None:
                    message["reload"], serial = True, run.serial
                elif rows:
                    serial = rows[-1][0]
                    message["rows"] = [[target, frame, *values] for _, target, frame, values in rows]
                state = run.describe()
                if rows or state["state"] != told.get("state"):
                    told["state"], message["run"] = state["state"], state
            if project.count != told.setdefault("frames", project.count):
                told["frames"] = message["frames"] = project.count
            if project.revision != told.get("revision") or ("run" in message and message["run"]["state"] == "done"):
                told["revision"], message["project"] = project.revision, described(project)
            if message:
                yield f"data: {json.dumps(json_value(message), separators=(',', ':'))}\n\n"
            await asyncio.sleep(TICK)
    finally:
        places.watched(project, -1)
        copies.watched(project, -1)
