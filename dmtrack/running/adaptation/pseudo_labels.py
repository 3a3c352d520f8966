"""Pseudo labels: which rows of the tracks of an unlabelled video are trusted, why the others are not, and the data set.

The published scripts of the winner (arXiv 2205.15609) compare `int(score) >= 0.5`, so that of raw tracks only scores
printed as 1.00 survive and of interpolated ones (score -1) none; here scores are compared as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.data.doctor.sheet import Tile, contact_sheet
from dmtrack.data.sequences import Sequence as Video
from dmtrack.data.sources.labelled import LabelledVideo
from dmtrack.data.sources.mot_challenge import FIRST_PIXEL_XYWH, Rows
from dmtrack.errors import DataError
from dmtrack.media.images import write_image
from dmtrack.running.adaptation.recipe import Selection

KEPT, LOW_SCORE, SHORT_TRACK, HIDDEN = range(4)
REASONS = ("kept", "low score", "short track", "hidden")
"""Why a row is no pseudo label, by number."""

SAME_OBJECT = 0.5
"""IoU from which on a detection is the one that a row of a track comes from."""

PRINTED_AS_ONE = 0.995
"""Scores from here on are 1.00 in the files that the published rule reads."""


def visible_shares(rows: Rows) -> NDArray[np.float64]:
    """(n,) estimated share of each box that is seen: what the largest cover by one nearer box leaves of it.

    Of two boxes in a frame, the one that reaches further down is the nearer one, because people stand on the ground.

    Args:
        rows: (n, 6 or more) of tracks: frame, identity, left, top, width, height.
    """
    shares = np.ones(len(rows))
    for frame in np.unique(rows[:, 0]):
        own = np.flatnonzero(rows[:, 0] == frame)
        boxes_xyxy = xywh_to_xyxy(rows[own, 2:6])
        low = np.maximum(boxes_xyxy[:, None, :2], boxes_xyxy[None, :, :2])
        high = np.minimum(boxes_xyxy[:, None, 2:], boxes_xyxy[None, :, 2:])
        cover = (high - low).clip(min=0).prod(axis=2) / np.maximum(rows[own, 4:6].prod(axis=1), 1e-9)[:, None]
        nearer = boxes_xyxy[None, :, 3] > boxes_xyxy[:, None, 3]
        shares[own] = 1 - np.where(nearer, cover, 0.0).max(axis=1, initial=0.0)
    return shares


def reasons_of(rows: Rows, rules: Selection, published: bool = False) -> NDArray[np.int64]:
    """(n,) why each row is a pseudo label or not, a number of `REASONS`: the first rule that it breaks.

    Args:
        rows: (n, 7 or more) of the tracks of one video: frame, identity, left, top, width, height, score.
        rules: the thresholds.
        published: the score alone counts, and is compared as the published script does.
    """
    if published:
        return np.where(rows[:, 6] >= PRINTED_AS_ONE, KEPT, LOW_SCORE)
    _, places, lengths = np.unique(rows[:, 1], return_inverse=True, return_counts=True)
    broken = [
        rows[:, 6] < rules.least_score,
        lengths[places] < rules.least_rows,
        visible_shares(rows) < rules.least_visibility,
    ]
    return np.select(broken, [LOW_SCORE, SHORT_TRACK, HIDDEN], KEPT)


def uncertain_rows(rows: Rows, reasons: NDArray[np.int64], detections: Rows, least_score: float) -> Rows:
    """What may be an object, but is no pseudo label: rows that are dropped, and detections that belong to no row.

    Returns them without identities, as detections are.

    Args:
        rows: (n, 7 or more) of the tracks of one video.
        reasons: (n,) of each, from `reasons_of`.
        detections: (m, 7 or more) of the same video.
        least_score: of what is returned.
    """
    alone = np.ones(len(detections), bool)
    for frame in np.unique(detections[:, 0]):
        own, tracked = np.flatnonzero(detections[:, 0] == frame), rows[rows[:, 0] == frame]
        overlaps = pairwise_iou_xyxy(xywh_to_xyxy(detections[own, 2:6]), xywh_to_xyxy(tracked[:, 2:6]))
        alone[own] = overlaps.max(axis=1, initial=0.0) < SAME_OBJECT
    joined = np.concatenate([rows[reasons != KEPT, :9], detections[alone, :9]])
    joined[:, 1] = -1
    return np.asarray(joined[joined[:, 6] >= least_score])


def check_survivors(counts: NDArray[np.int64], best: float, rules: Selection, where: Path) -> None:
    """Refuses tracks of which nothing is left.

    Args:
        counts: (4,) rows by reason.
        best: score of all rows.
        rules: the thresholds.
        where: the tracks, for the error.

    Raises:
        DataError: no row is kept; says which threshold took how many.
    """
    if not counts.sum():
        raise DataError(
            f"{where} holds no track at all: the detector finds nothing in the target; lower tracking.least_score or "
            "the track_score of tracking.policy, or train longer on the source"
        )
    if counts[KEPT]:
        return
    rule = {
        LOW_SCORE: f"selection.least_score {rules.least_score:g} (the best score is {best:g})",
        SHORT_TRACK: f"selection.least_rows {rules.least_rows}",
        HIDDEN: f"selection.least_visibility {rules.least_visibility:g}",
    }
    taken = ", ".join(f"{rule[reason]} took {counts[reason]}" for reason in rule if counts[reason])
    raise DataError(f"{where}: no pseudo label survives of {counts.sum()} rows: {taken}; lower that")


def pseudo_labelled(
    name: str, images: Sequence[Path], size_wh: tuple[int, int], rows: Rows, uncertain: Rows | None = None
) -> LabelledVideo:
    """A video with pseudo labels as objects; boxes count pixels from 0.

    Args:
        name: of the video.
        images: of all its frames.
        size_wh: of the frames.
        rows: (n, 8) or more, of tracks.
        uncertain: (m, 8) or more, regions that are ignored.
    """
    labels = len(rows)
    visibility = visible_shares(rows)
    if uncertain is not None:
        rows = np.concatenate([rows, uncertain])
    ignored = np.arange(len(rows)) >= labels
    return LabelledVideo(
        name,
        tuple(images),
        size_wh,
        rows[:, 0].astype(np.int64) - 1,
        np.where(ignored, -1, rows[:, 1].astype(np.int64)),
        rows[:, 2:6] - FIRST_PIXEL_XYWH,
        # Counted from 1, and -1 where the detector has one class.
        np.maximum(rows[:, 7].astype(np.int64) - 1, 0),
        visibility=np.concatenate([visibility, np.ones(len(rows) - labels)]),
        ignored=ignored,
    )


def draw_pseudo_labels(
    path: Path, videos: Mapping[str, Video], tracks: Mapping[str, Rows], reasons: Mapping[str, NDArray[np.int64]]
) -> None:
    """Writes a sheet: per video a frame with all rows, coloured and named by what became of them, and what is left.

    Args:
        path: of the picture.
        videos: with images, by name.
        tracks: rows by video.
        reasons: of each row.
    """
    sheet = []
    for name, video in videos.items():
        rows, why = tracks[name], reasons[name]
        dropped = np.bincount(rows[why != KEPT, 0].astype(int), minlength=len(video) + 1)
        frame = int(dropped[1 : len(video) + 1].argmax()) + 1  # the one that says most about the rules
        here = rows[:, 0] == frame
        kept = here & (why == KEPT)
        boxes_xywh = rows[:, 2:6] - FIRST_PIXEL_XYWH
        image = video.read_frame(frame - 1)
        whys, left = tuple(why[here].tolist()), int(kept.sum())
        names = tuple("" if one == KEPT else REASONS[one] for one in whys)
        before = Tile(image, boxes_xywh[here], f"frame {frame}: {len(whys)} boxes", ids=whys, names=names)
        after = Tile(image, boxes_xywh[kept], f"{left} kept", ids=(KEPT,) * left, names=("",) * left)
        sheet.append((name, [before, after]))
    write_image(path, contact_sheet(sheet, 640))
