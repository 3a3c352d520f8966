"""What the server may read and write: videos inside one folder, uploads of a limited size, and the projects."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
from collections.abc import Collection
from pathlib import Path

from dmtrack.errors import DataError, DMTrackError, MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.image_files import image_names
from dmtrack.media.random_access import RandomFrames
from dmtrack.media.video import open_frames
from dmtrack.web.live import FIRST_FRAME, LiveFrames
from dmtrack.web.project import Project
from dmtrack.web.targets import NotFoundError
from dmtrack.web.viewing import VIEW, SequenceFrames, StoredResults

VIDEO_SUFFIXES = (
    ".mp4",
    ".mkv",
    ".avi",
    ".mov",
    ".webm",
    ".m4v",
    ".ts",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
    ".ogv",
    ".gif",
)
MOST_LISTED = 2000

LEFT_AFTER = 10.0
"""Seconds after which a live source that nobody looks at or tracks is closed; one that is loaded again comes sooner."""

_PASSWORD = re.compile(r"(?<=://)[^/@]*@")
"""User and password in an address; pages do not show them."""
_UPLOADS = "uploads"


class TooLargeError(DMTrackError):
    """An upload, a video or a frame is larger than the server takes."""


class Places:
    """Folders of the server, and the projects in them.

    Args:
        videos: the folder whose videos may be opened; nothing outside it is, however it is called.
        projects: where projects and uploads are written.
        most_upload_bytes: of one upload.
        most_pixels: of one frame.
        most_frames: of one video.
        results: stored results of trackers to look at.
        live: cameras and addresses of streams that may be opened; no others are, since an address may be any file.
        timeout: seconds that a live source may take to answer or to go on.
    """

    def __init__(
        self,
        videos: Path,
        projects: Path,
        most_upload_bytes: int = 4 << 30,
        most_pixels: int = 8192 * 8192,
        most_frames: int = 1_000_000,
        results: StoredResults | None = None,
        live: Collection[str] = (),
        timeout: float = 10.0,
    ) -> None:
        self.videos, self.folder = videos.resolve(), projects.resolve()
        self.most_upload_bytes, self.most_pixels, self.most_frames = most_upload_bytes, most_pixels, most_frames
        self._open: dict[str, Project] = {}
        self.results = results
        self._timeout = timeout
        self._live = {_PASSWORD.sub("", address): address for address in live}
        self._frames: dict[str, RandomFrames | SequenceFrames | LiveFrames] = {}
        self._turn = threading.RLock()

    def list_videos(self) -> list[dict[str, str]]:
        """Live sources, and names, relative to their folder, of the videos and folders of images that may be opened."""
        found = [{"place": "live", "name": name, "kind": "live"} for name in self._live]
        for place, root in (("videos", self.videos), ("uploads", self.folder / _UPLOADS)):
            for folder, inner, names in os.walk(root):
                inner[:] = sorted(name for name in inner if not name.startswith("."))
                relative = Path(folder).relative_to(root)
                if self.folder in (Path(folder), *Path(folder).parents) and place == "videos":
                    inner[:] = []
                    continue
                if image_names(folder):
                    found.append({"place": place, "name": relative.as_posix(), "kind": "images"})
                    inner[:] = []
                found += (
                    {"place": place, "name": (relative / name).as_posix(), "kind": "video"}
                    for name in sorted(names)
                    if name.lower().endswith(VIDEO_SUFFIXES) and not name.startswith(".")
                )
                if len(found) >= MOST_LISTED:
                    return found[:MOST_LISTED]
        return found

    def path_of(self, name: str, place: str = "videos") -> Path:
        """The file or folder of a name that `list_videos` gave.

        Raises:
            NotFoundError: there is none of that name, or it lies outside the folder (also behind a link).
        """
        root = self.folder / _UPLOADS if place == "uploads" else self.videos
        refused = NotFoundError(f"there is no video {name!r} in the folder of the server")
        if "\0" in name or Path(name).is_absolute():
            raise refused
        try:
            path = (root / name).resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise refused from error
        if not path.is_relative_to(root.resolve()):
            raise refused
        return path

    def place_of_upload(self, name: str) -> Path:
        """Where an upload goes: never over another file.

        Raises:
            DataError: its ending is not that of a video.
        """
        stem, ending = os.path.splitext(os.path.basename(name.replace("\\", "/")))  # noqa: PTH119, PTH122 it is no path
        if ending.lower() not in VIDEO_SUFFIXES:
            raise DataError(f"{name!r} does not end like a video; expected one of {', '.join(VIDEO_SUFFIXES)}")
        folder = self.folder / _UPLOADS
        folder.mkdir(parents=True, exist_ok=True)
        safe = re.sub(r"[^\w.-]+", "_", stem).strip("._")[:80] or "video"
        return folder / f"{safe}-{secrets.token_hex(3)}{ending.lower()}"

    def create(self, path: Path, config: str) -> Project:
        """A project on a video.

        Raises:
            MediaError: it does not decode, or has changed its size.
            TooLargeError: it has more or larger frames than the server takes.
        """
        frames = self._frames_of(path)
        project = Project(
            self._new_folder(path.stem), str(path), len(frames), frames.source.fps, frames.source.size_wh, config
        )
        project.save()
        self._open[project.id], self._frames[project.id] = project, frames
        return project

    def create_live(self, name: str, config: str) -> Project:
        """A project on one of the live sources; the one that is open on it, where something is drawn in that.

        Raises:
            NotFoundError: there is none of that name.
            MediaError: it does not open.
        """
        if name not in self._live:
            raise NotFoundError(
                f"there is no live source {name!r}; dmtrack serve --live names those that may be opened"
            )
        with self._turn:
            for project_id, frames in list(self._frames.items()):
                if isinstance(frames, LiveFrames) and self._open[project_id].name == name:
                    project = self._open[project_id]
                    if project.live and project.targets:
                        return project
                    self.close(project_id)
            return self.adopt(open_frames(self._live[name], timeout=self._timeout, drop_late=True), config)

    def adopt(self, source: FrameSource, config: str) -> Project:
        """A project on a live source that is open."""
        name = _PASSWORD.sub("", source.name)
        width, height = source.size_wh
        if width * height > self.most_pixels:
            source.close()
            raise TooLargeError(f"{name} has frames of {width}x{height} pixels; this server takes {self.most_pixels}")
        frames = LiveFrames(source, self._new_folder(name))
        project = Project(
            frames.path.parent, str(frames.path), 1, source.fps, source.size_wh, config, name=name, live=True
        )
        project.save()
        self._open[project.id], self._frames[project.id] = project, frames
        return project

    def _new_folder(self, name: str) -> Path:
        stem = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")[:40] or "video"
        folder = self.folder / f"{stem}-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        return folder

    def projects(self) -> list[Project]:
        """All projects, the newest first; damaged ones are left out."""
        found = []
        files = self.folder.glob("*/project.json")
        for file in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
            try:
                found.append(self.project(file.parent.name))
            except DMTrackError:
                continue
        return found

    def project(self, project_id: str) -> Project:
        """A project, read from disk where it is not open.

        Raises:
            NotFoundError: there is none of that name.
        """
        with self._turn:
            if project_id not in self._open and self.results is not None and project_id.startswith(VIEW):
                self._open[project_id], self._frames[project_id] = self.results.open(project_id)
            if project_id not in self._open:
                folder = self.folder / project_id
                if not re.fullmatch(r"[A-Za-z0-9-]{1,60}", project_id) or not (folder / "project.json").is_file():
                    raise NotFoundError(f"there is no project {project_id!r}")
                project = Project.load(folder)
                if project.live:  # the server was killed
                    self._end_live(project, "the server ended")
                self._open[project_id] = project
            return self._open[project_id]

    def watched(self, project: Project, more: int) -> None:
        """A page begins (1) or ends (-1) to look; a live source that nobody looks at any more is soon closed."""
        frames = self._frames.get(project.id)
        if isinstance(frames, LiveFrames):
            frames.watchers += more
            if not frames.watchers:
                timer = threading.Timer(LEFT_AFTER, self._leave, [project])
                timer.daemon = True
                timer.start()

    def _leave(self, project: Project) -> None:
        with self._turn:
            frames = self._frames.get(project.id)
            if not isinstance(frames, LiveFrames) or frames.watchers or not project.live or project.tracking:
                return
            self.close(project.id)
            if project.targets:
                self._end_live(project, "the page was left")
                self._open[project.id] = project
            else:
                shutil.rmtree(project.folder, ignore_errors=True)

    def _end_live(self, project: Project, reason: str) -> None:
        """From now on a project is one on what was recorded, or on the first frame, where nothing was."""
        try:
            with self._frames_of(Path(project.video)) as left:
                count = len(left)
        except MediaError:
            project.video, project.fps, count = str(project.folder / FIRST_FRAME), None, 1
        frames = "the first frame is" if count == 1 else f"{count} recorded frames are"
        said = f"{reason} while {project.name} was live; {frames} left, with all that was drawn in them"
        with project.lock:
            project.cut_off(count)
            project.live = False
            project.note = f"{said}; {project.note}" if project.note else said
            project.revision += 1
            project.save()

    def frames(self, project: Project) -> RandomFrames | SequenceFrames | LiveFrames:
        """The frames that pages look at; the video is opened again after a restart, and a recording when it is over.

        Raises:
            MediaError: the video is gone or another one.
        """
        with self._turn:
            frames = self._frames.get(project.id)
            if frames is None or (isinstance(frames, LiveFrames) and not project.live):
                self._frames[project.id] = frames = self.open_frames(project)
            return frames

    def open_frames(self, project: Project) -> RandomFrames:
        """Frames with a decoder of their own.

        Raises:
            MediaError: the video is gone or another one, is still live, or the project shows stored results.
        """
        if project.live:
            raise MediaError(f"{project.name} is live; stop it first, then its recording can be exported and corrected")
        if project.read_only:
            raise MediaError(f"{project.video} shows stored results; open the video itself to track or export it")
        frames = self._frames_of(Path(project.video))
        if len(frames) != project.count or frames.source.size_wh != project.size_wh:
            frames.close()
            raise MediaError(
                f"{project.video} is not the video of project {project.id}: it has {len(frames)} frames, expected "
                f"{project.count} of {project.size_wh[0]}x{project.size_wh[1]} pixels; put the video back"
            )
        return frames

    def close(self, project_id: str | None = None) -> None:
        """Forgets a project that is deleted, or all; connections end, and recordings are finished."""
        for one in [project_id] if project_id else list(self._frames):
            self._open.pop(one, None)
            frames = self._frames.pop(one, None)
            if frames is not None:
                frames.close()

    def _frames_of(self, path: Path) -> RandomFrames:
        source = open_frames(path)
        width, height = source.size_wh
        if width * height > self.most_pixels:
            raise TooLargeError(
                f"{path.name} has frames of {width}x{height} pixels; this server takes {self.most_pixels}"
            )
        frames = RandomFrames(source)
        if len(frames) > self.most_frames:
            raise TooLargeError(f"{path.name} has {len(frames)} frames; this server takes {self.most_frames}")
        return frames
