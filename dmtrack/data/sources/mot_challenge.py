"""MOTChallenge (MOT15 to MOT20, DanceTrack, SportsMOT) in its official layout (https://motchallenge.net).

`MOTChallenge` has its objects one by one, as training and trackers of one target want them; `MOTSequences` has whole
videos, as multi-object trackers are run and scored on them.
"""

from __future__ import annotations

import configparser
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Annotation, Image, MultiObjectSequence, Track, TrackId, Video
from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.base import SequenceSource, VideoSource, find_root
from dmtrack.data.sources.frames import NoFrames, list_frames
from dmtrack.data.sources.places import VideoFiles, beside
from dmtrack.errors import DataError, DMTrackError
from dmtrack.files import at_home, read_text
from dmtrack.registry import DATASETS

Rows = NDArray[np.float64]
Kind = Literal["truth", "result", "detections"]
"""What a file of MOTChallenge holds."""

LAYOUT = (
    "<root>/<sequence>/{seqinfo.ini, img1/000001.jpg, gt/gt.txt with lines frame,id,left,top,width,height,counted"
    "[,class,visible share]}"
)
VIDEOS_LAYOUT = f"{LAYOUT}, also below a folder train, val or test; test sets have det/det.txt instead of gt/gt.txt"
FIRST_PIXEL = 1.0
"""MOTChallenge calls the first pixel 1; boxes are continuous here, and the left border of the first pixel is 0."""

FIRST_PIXEL_XYWH = np.array([FIRST_PIXEL, FIRST_PIXEL, 0.0, 0.0])
"""What a box of MOTChallenge's files has more than one of ours."""

LAST_FRAME = 10_000_000
"""No video is longer (110 hours at 25 frames/s); a number above it is no frame's, and would take all memory."""

ROW = "lines frame,id,left,top,width,height,... of MOTChallenge"
CATEGORIES = ("", "pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle",
              "static person", "distractor", "occluder", "occluder on the ground", "occluder full", "reflection",
              "crowd")  # fmt: skip
"""By number in the files."""


FILES = VideoFiles(VIDEOS_LAYOUT, beside("*/gt/gt.txt", "*/*/gt/gt.txt"), columns=(7, 8, 9, 10))


@DATASETS.register
class MOTChallenge(VideoSource):
    """Videos in the layout of MOTChallenge, with the objects that count; files count frames and pixels from 1.

    Args:
        root: folder of the videos, or one video.
        all_classes: takes objects whose rows do not count in the evaluation, too.
    """

    def __init__(self, root: str | Path, all_classes: bool = False) -> None:
        self.root = find_root(root, "MOTChallenge", LAYOUT)
        self.all_classes = all_classes
        folders = [self.root] if (self.root / "seqinfo.ini").is_file() else sorted(self.root.glob("*/"))
        self._folders = [folder for folder in folders if (folder / "gt" / "gt.txt").is_file()]
        if not self._folders:
            raise DataError(f"MOTChallenge: no gt/gt.txt in {self.root}; expected {LAYOUT}")
        line = "lines frame,id,left,top,width,height,counted[,class,visible share]"
        tables = [read_rows(folder / "gt" / "gt.txt", line, (7, 8, 9, 10)) for folder in self._folders]
        self._rows = [rows if self.all_classes else rows[rows[:, 6] != 0] for rows in tables]
        ids = [np.unique(rows[:, 1]).astype(int).tolist() for rows in self._rows]
        self._ids = ids
        self.names = [f"{folder.name}/{one}" for folder, own in zip(self._folders, ids, strict=True) for one in own]
        self.video_starts = np.cumsum([0, *map(len, ids)]).astype(np.int64)

    def read_video(self, number: int) -> Video:
        """The video of that number with its objects."""
        folder, rows = self._folders[number], self._rows[number]
        length, images, size_wh = read_info(folder / "seqinfo.ini")
        frames = list_frames(folder / images, LAYOUT)
        if rows[:, 0].max(initial=0) > length or len(frames) < length:
            raise DataError(
                f"{folder}: seqinfo.ini says {length} frames, {images} has {len(frames)} and gt.txt goes to frame "
                f"{rows[:, 0].max(initial=0):.0f}; complete the download"
            )
        tracks: dict[TrackId, Track] = {}
        for one in self._ids[number]:
            own = rows[rows[:, 1] == one]
            places = own[:, 0].astype(int) - 1
            boxes_xywh, visibility = np.full((length, 4), np.nan), np.zeros(length)
            boxes_xywh[places] = own[:, 2:6] - FIRST_PIXEL_XYWH
            visibility[places] = own[:, 8] if own.shape[1] > 8 else 1
            category = CATEGORIES[int(own[0, 7])] if own.shape[1] > 7 and 0 < own[0, 7] < len(CATEGORIES) else ""
            tracks[one] = Track(boxes_xywh, np.isfinite(boxes_xywh).all(axis=1), category, visibility)
        return Video(folder.name, length, frames, tracks, size_wh)


class MOTSequences(SequenceSource):
    """Whole videos with everything in them, in the layout of MOTChallenge.

    Args:
        root: folder of the benchmark with `train` and `test`, a folder of videos, one video, or its `gt.txt`.
        split: name of the folder inside; a root that has no such folder is the split itself.
        images: the frames are needed.
        truth: False leaves it unread, as if it were not published.
    """

    def __init__(self, root: str | Path, split: str | None = None, images: bool = True, truth: bool = True) -> None:
        path = at_home(root)
        self.images = images
        if path.is_file():
            inside = path.parent.name == "gt"
            folder = path.parent.parent if inside else path.parent
            self.root, self._folders = folder, {folder.name if path.name == "gt.txt" else path.stem: folder}
            self._truths = dict.fromkeys(self._folders, path)
        else:
            self.root = find_root(path, "MOTChallenge", VIDEOS_LAYOUT)
            if split is not None and (self.root / split).is_dir():
                self.root = self.root / split
            marks = ("gt.txt", "gt/gt.txt", "seqinfo.ini")
            alone = any((self.root / mark).is_file() for mark in marks)
            below = {path.parents[mark.count("/")] for mark in marks for path in self.root.glob(f"*/{mark}")}
            self._folders = {folder.resolve().name: folder for folder in ([self.root] if alone else sorted(below))}
            places = ((name, folder / mark) for mark in marks[:2] for name, folder in self._folders.items())
            self._truths = {name: path for name, path in places if path.is_file()}
        if not truth:
            self._truths = {}
        if not self._folders:
            raise DataError(f"{self.root} has no gt/gt.txt and no <sequence>/gt/gt.txt; expected {VIDEOS_LAYOUT}")
        self.names = list(self._folders)

    def read_sequence(self, name: str) -> MultiObjectSequence:
        """The video of that name with everything in it."""
        folder, file = self._folders[name], self._truths.get(name)
        truth = None
        if file is not None:
            empty = not read_text(file, ROW).strip()
            truth = np.zeros((0, 9)) if empty else mot_rows(read_rows(file, ROW, (6, 7, 8, 9, 10)), str(file), "truth")
        info = next((path for path in (folder / "seqinfo.ini", folder / "gt" / "seqinfo.ini") if path.is_file()), None)
        length, place, size_wh = 0, "img1", None
        if info is not None:
            length, place, size_wh = read_info(info)
        last = 0 if truth is None else int(truth[:, 0].max(initial=0))
        read_frame: Callable[[int], Image] = NoFrames(name, file or folder)
        if self.images:
            read_frame = list_frames(folder / place, VIDEOS_LAYOUT)
            length = length or len(read_frame)
            if len(read_frame) < length:
                raise DataError(
                    f"{folder}: seqinfo.ini says {length} frames, {place} has {len(read_frame)}; complete the download"
                )
        if length and last > length:
            raise DataError(f"{file} goes to frame {last} of a sequence of {length}; give the truth of this sequence")
        known, length = bool(length), length or last
        detections = folder / "det" / "det.txt"
        return MultiObjectSequence(
            name,
            np.full((length, 4), np.nan),
            np.zeros(length, bool),
            read_frame,
            size_wh,
            annotation=Annotation(index_base=1),
            truth=truth,
            length_known=known,
            detections=detections if detections.is_file() else None,
        )


def mot_rows(given: Rows, where: str, kind: Kind = "result", error: type[DMTrackError] = DataError) -> Rows:
    """Boxes as MOTChallenge writes them, checked, completed and sorted.

    Args:
        given: (n, 6 to 10) lines of a file: frame, identity, left, top, width, height, and what follows.
        where: the file, for errors.
        kind: in a `gt.txt` ("truth") a mark, a class and the visible share follow; the identity of detections means
            nothing.
        error: what is raised.

    Returns:
        (n, 9) frame, identity, left, top, width, height, mark, class, visible share, with frames and pixels from 1;
        sorted by frame and identity. The mark of a tracker's result and of a detection is its score, and 1 stands for
        a score, class or share that the file does not have.

    Raises:
        DMTrackError: a line is no such row; an identity stands twice in a frame; a detection has no area.
    """
    detections = kind == "detections"
    frames, sides = given[:, 0], given[:, 4:6]
    for wrong, what in (
        (~np.isfinite(given[:, :8]).all(axis=1), "holds something that is no finite number"),
        (
            (frames < 1) | (frames > LAST_FRAME) | (frames % 1 != 0),
            f"begins with no frame number; expected whole numbers from 1 to {LAST_FRAME:,}",
        ),
        ((given[:, 1] % 1 != 0) | (np.abs(given[:, 1]) > 2**53), "has an identity that is no whole number"),
        ((sides < 0).any(axis=1), "has a negative width or height"),
        (detections & (sides == 0).any(axis=1), "has a box without area; expected a width and a height above 0"),
    ):
        if wrong.any():
            raise error(f"{where}, line {int(wrong.argmax()) + 1} {what}")
    rows = np.ones((len(given), 9))
    own = 7 if kind == "truth" else 8
    rows[:, : min(own, given.shape[1])] = given[:, :own]
    if kind == "truth":
        known = min(given.shape[1], 9) if given.shape[1] < 10 else 7  # the last three of MOT15 mean nothing
        rows[:, 6:known] = given[:, 6:known]
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    rows = rows[order]
    same = (np.diff(rows[:, :2], axis=0) == 0).all(axis=1)
    if same.any() and not detections:
        frame, identity = rows[int(same.argmax()), :2].astype(int).tolist()
        raise error(f"{where}: identity {identity} stands twice in frame {frame}; expected one box each")
    return rows


def truth_rows(video: Video) -> Rows:
    """(n, 9) all objects of a video by frame and identity, as a `gt.txt` has them (see `mot_rows`); all of them count.

    Those of unknown categories are pedestrians.
    """
    rows = []
    for identity, track in video.tracks.items():
        frames = np.flatnonzero(track.present)
        own = np.ones((len(frames), 9))
        own[:, 0], own[:, 1] = frames + 1, identity
        own[:, 2:6] = track.boxes_xywh[frames] + FIRST_PIXEL_XYWH
        own[:, 7] = CATEGORIES.index(track.category) if track.category in CATEGORIES else 1
        own[:, 8] = 1.0 if track.visibility is None else track.visibility[frames]
        rows.append(own)
    together = np.concatenate([np.zeros((0, 9)), *rows])
    return together[np.lexsort((together[:, 1], together[:, 0]))]


def everything_in(video: Video) -> MultiObjectSequence:
    """The video as multi-object trackers are run and scored on it."""
    length, nowhere = len(video), np.full((len(video), 4), np.nan)
    absent = np.zeros(length, bool)
    return MultiObjectSequence(
        video.name, nowhere, absent, video.read_frame, video.frame_size_wh, truth=truth_rows(video)
    )


def mot_lines(rows: Rows) -> str:
    """Lines `frame,id,left,top,width,height,score,class,-1,-1`, as trackers' results are handed in.

    Args:
        rows: as `mot_rows` gives them.
    """
    return "".join(
        f"{frame:.0f},{one:.0f},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},{kind:.0f},-1,-1\n"
        for frame, one, left, top, width, height, score, kind, _ in rows.tolist()
    )


def read_info(path: Path) -> tuple[int, str, tuple[int, int] | None]:
    """Number of frames, folder of the images, and their width and height if it says them, of a `seqinfo.ini`.

    Raises:
        DataError: the file is missing or of another format.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path, "the section [Sequence] of MOTChallenge with seqLength, imWidth, imHeight"))
        section = parser["Sequence"]
        width, height = int(section.get("imWidth", "0")), int(section.get("imHeight", "0"))
        size_wh = (width, height) if width > 0 and height > 0 else None
        return int(section["seqLength"]), section.get("imDir", "img1"), size_wh
    except (configparser.Error, KeyError, ValueError) as error:
        raise DataError(f"{path}: expected the section [Sequence] of MOTChallenge ({error})") from error
