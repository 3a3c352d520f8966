"""VOT challenges up to 2019: polygons that are turned into upright boxes, and the long-term challenge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import polygons_to_xywh
from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.base import SequenceSource, find_names, find_root, make_sequence
from dmtrack.data.sources.frames import list_frames
from dmtrack.data.sources.places import FlagFile, ListFile, VideoFiles, beside
from dmtrack.errors import DataError
from dmtrack.files import read_text
from dmtrack.registry import DATASETS

LAYOUT = (
    "<root>/list.txt and <root>/<sequence>/{groundtruth.txt, color/00000001.jpg} (or the frames beside groundtruth.txt)"
)


@DATASETS.register
class VOT(SequenceSource):
    """VOT2013 to VOT2019 as the toolkits download them; regions count pixels from 0.

    Lines have 4 numbers (left, top, width, height) or 8 (the corners of a polygon). The annotation keeps the
    polygons; the boxes are the smallest upright boxes around them. Its `frame_tags` has the attributes that are
    annotated by frame (`occlusion.tag`, ...).
    """

    absent_is_nan = False

    def __init__(self, root: str | Path, images: bool = True) -> None:
        self.root = find_root(root, "VOT", LAYOUT)
        self.images = images
        self.names = find_names(self.root, "VOT", LAYOUT)

    def read_sequence(self, name: str) -> Sequence:
        """The sequence of that name."""
        folder = self.root / name
        annotation = folder / "groundtruth.txt"
        rows = read_rows(annotation, "a rectangle (4 numbers) or polygon (8 numbers) per frame", columns=(4, 8))
        frames = (
            list_frames(folder / "color" if (folder / "color").is_dir() else folder, LAYOUT) if self.images else None
        )
        return make_sequence(
            name,
            frames,
            rows if rows.shape[1] == 4 else polygons_to_xywh(rows),
            annotation,
            present=np.atleast_1d(np.isfinite(rows).all(axis=1)) if self.absent_is_nan else None,
            polygons=rows if rows.shape[1] == 8 else None,
            frame_tags={path.stem: _read_tag(path, len(rows)) for path in sorted(folder.glob("*.tag"))},
        )


@DATASETS.register
class VOTLongTerm(VOT):
    """The long-term challenge of VOT2018 and later: rectangles, `nan,nan,nan,nan` where the target is absent."""

    absent_is_nan = True


def _read_tag(path: Path, frames: int) -> NDArray[np.bool_]:
    """Flags of frames; the toolkit leaves out zeros at the end."""
    words = read_text(path, "0 or 1 per frame").replace(",", " ").split()
    try:
        flags = np.array([float(word) != 0 for word in words], dtype=bool)
    except ValueError as error:
        raise DataError(f"{path}: expected 0 or 1 per frame ({error}); download the annotations again") from error
    if len(flags) > frames:
        raise DataError(
            f"{path} has {len(flags)} flags but the sequence has {frames} annotated frames; expected one each"
        )
    return np.concatenate([flags, np.zeros(frames - len(flags), dtype=bool)])


def boxes_of_same_area_xywh(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rectangles as they are, or upright boxes around the centres of polygons, of their area and one pixel longer.

    The sides have the ratio of the smallest box around the polygon. The got10k toolkit and PySOT start trackers with
    these, the VOT toolkit with `polygons_to_xywh`.

    Args:
        rows: (frames, 4) left, top, width, height; or (frames, 8) x1,y1,...,x4,y4, in order around a rectangle.

    Returns:
        (frames, 4); NaN where the polygon has no extent.
    """
    if rows.shape[1] == 4:
        return rows
    points = rows.reshape(-1, 4, 2)
    center = points.mean(axis=1)
    extent = points.max(axis=1) - points.min(axis=1)
    sides = np.linalg.norm(points[:, 0] - points[:, 1], axis=1) * np.linalg.norm(points[:, 1] - points[:, 2], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.sqrt(sides / extent.prod(axis=1))[:, None] * extent + 1
    return np.concatenate([center - size / 2, size], axis=1)


FILES = VideoFiles(
    layout=LAYOUT,
    locate=beside("*/groundtruth.txt", frames=("color", ".")),
    columns=(4, 8),
    flags=(FlagFile("*.tag", "1 where the attribute holds", may_be_short=True),),
    lists=(ListFile("list.txt", complete=True),),
    counts={"": 60},
)
LONG_TERM_FILES = replace(FILES, columns=(4,), counts={"": 35})
