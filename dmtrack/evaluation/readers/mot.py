"""Files of MOTChallenge: the `det.txt` of a sequence, its truth, and results of trackers."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection
from pathlib import Path

import numpy as np

from dmtrack.association.detections import Detections
from dmtrack.data.sources.mot_challenge import FIRST_PIXEL_XYWH, ROW, Kind, Rows, mot_rows
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers.layouts import ResultFiles
from dmtrack.evaluation.readers.names import listed
from dmtrack.evaluation.readers.text import parse_table
from dmtrack.evaluation.results import SequenceResult, TrackerResults
from dmtrack.files import read_text


def read_mot_detections(path: str | Path, frames: int | None = None) -> list[Detections]:
    """The detections of every frame of a sequence, best first.

    A line is `frame,id,left,top,width,height,score` with frames from 1, perhaps with three numbers behind. The first of
    these is the class where a file has several classes, from 1 on; the others mean nothing for detections. The id is
    -1; it is not looked at.

    Args:
        path: of the `det.txt`.
        frames: length of the sequence, whose last frames may be without detections; by default the last frame that has
            some is the last one. An empty file has none at all.

    Returns:
        One item per frame: float64 corners in pixels from 0, scores as they stand in the file, which are in [0, 1] for
        some detectors and not for others.

    Raises:
        EvaluationError: the file cannot be read, or a line has no whole frame number from 1 on, a box without area, or
            something that is no finite number; the message names the line.
    """
    rows = read_mot_rows(path, "detections")
    number = rows[:, 0]
    last = int(number.max(initial=0))
    if frames is not None and last > frames:
        raise EvaluationError(f"{path} has detections in frame {last} of a sequence of {frames}")
    order = np.lexsort((-rows[:, 6], number))
    boxes_xywh = rows[order, 2:6] - FIRST_PIXEL_XYWH
    kinds = rows[order, 7]
    several = len(np.unique(kinds)) > 1 and kinds.min() >= 1 and not (kinds % 1).any()
    classes = kinds.astype(np.int64) - 1 if several else None
    found = Detections.from_xywh(boxes_xywh, rows[order, 6], classes=classes)
    ends = np.searchsorted(number[order], np.arange(0, (frames or last) + 1), side="right")
    return [found.select(slice(first, end)) for first, end in itertools.pairwise(ends)]


def read_mot_rows(path: str | Path, kind: Kind = "result", text: str | None = None) -> Rows:
    """Boxes of a `gt.txt`, of a tracker's result, or of a `det.txt`, see `mot_rows`; none in an empty file.

    Args:
        path: of the file.
        kind: what it holds.
        text: what stands in it, where that has been read already.

    Raises:
        EvaluationError: the file cannot be read, or a line is not as expected; names the line.
    """
    content = read_text(Path(path), ROW, EvaluationError) if text is None else text
    if not content.strip():
        return np.zeros((0, 9))
    columns = (7, 10) if kind == "detections" else (6, 7, 8, 9, 10)
    table = parse_table(content, str(path), columns)
    unlike = table.counts != table.counts[0]
    if unlike.any():
        line = int(unlike.argmax())
        raise EvaluationError(
            f"{path}, line {line + 1} has {table.counts[line]} numbers and line 1 has {table.counts[0]}; expected as "
            "many on every line"
        )
    return mot_rows(table.rows, str(path), kind, EvaluationError)


def read_mot_results(path: str | Path, names: Collection[str], kind: Kind = "result") -> TrackerResults:
    """The results of one multi-object tracker, or of its detector.

    Args:
        path: a folder or zip archive of `<sequence>.txt` or `<sequence>/tracks.txt`, also below other folders; for a
            single sequence also a text file, or a folder with `tracks.txt`. Detections are in `det.txt`, or in
            `det/det.txt`.
        names: of the sequences.
        kind: tracks, or detections.

    Raises:
        EvaluationError: there is nothing, a file is malformed, or two files could be the result of one sequence.
    """
    where = Path(path)
    if where.is_file() and where.suffix != ".zip":
        if len(names) != 1:
            raise EvaluationError(f"{where} is one file for {len(names)} sequences; give a folder of <sequence>.txt")
        alone = SequenceResult(np.zeros((0, 4)), tracks=read_mot_rows(where, kind))
        return TrackerResults(where.stem, {next(iter(names)): alone}, layout="mot")
    results = {}
    with contextlib.closing(ResultFiles(where)) as files:
        for name in names:
            files_of = ("tracks.txt",) if kind == "result" else ("det.txt", "det/det.txt")
            endings = [f"/{name}.txt", *(f"/{name}/{file}" for file in files_of)]
            endings += [f"/{file}" for file in files_of if len(names) == 1]
            groups = ([file for file in files.names if f"/{file}".endswith(ending)] for ending in endings)
            found = next((group for group in groups if group), [])
            if len(found) > 1:
                raise EvaluationError(
                    f"{where} has several results of {name} ({listed(found, 3)}); give the folder of one tracker"
                )
            for file in found:
                place = file.rpartition("/")[0]
                times = f"{place}/times/{name}_time.txt".lstrip("/")
                seconds = None
                if times in files.names:
                    seconds = parse_table(files.text(times), files.where(times), columns=(1,)).rows[:, 0]
                tracks = read_mot_rows(files.where(file), kind, files.text(file))
                results[name] = SequenceResult(np.zeros((0, 4)), seconds, tracks=tracks)
    missing = tuple(name for name in names if name not in results)
    if not results:
        raise EvaluationError(
            f"{where} has no result of {listed(missing, 5)}; expected <sequence>.txt or "
            f"<sequence>/{'tracks.txt' if kind == 'result' else 'det.txt'} of each"
        )
    label = where.resolve().stem if files.is_archive else where.resolve().name
    return TrackerResults(label, results, missing, layout="mot")


def fill_gaps(rows: Rows, least_rows: int = 5, longest_gap: int = 20) -> Rows:
    """Tracks with the frames in which they were out of sight filled along straight lines, as ByteTrack does it.

    ByteTrack's script forgets the scores; here a filled row has the lower one of the two around it, so that rows can
    still be chosen by score.

    Args:
        rows: (n, 7 or more) frame, identity, left, top, width, height, score, ...
        least_rows: a track with no more rows than this stays as it is.
        longest_gap: from one frame to the next one with the track, below which the frames between are filled.

    Returns:
        All rows, sorted by frame and identity.
    """
    filled = [rows]
    for identity in np.unique(rows[:, 1]):
        track = rows[rows[:, 1] == identity]
        track = track[np.argsort(track[:, 0], kind="stable")]
        if len(track) <= least_rows:
            continue
        for before, after in itertools.pairwise(track):
            steps = int(after[0] - before[0])
            if 1 < steps < longest_gap:
                between = before + np.arange(1, steps)[:, None] / steps * (after - before)
                between[:, 6:] = np.minimum(before[6:], after[6:])
                filled.append(between)
    joined = np.concatenate(filled)
    return np.asarray(joined[np.lexsort((joined[:, 1], joined[:, 0]))])


def smooth_tracks(rows: Rows, tau: float = 10.0, noise: float = 0.1) -> Rows:
    """Tracks along Gaussian processes of time (StrongSORT, Du et al., 2022, section 3.4, GSI).

    Left, top, width and height of a track of l rows are each regressed with a kernel of squared differences of frames
    whose length is tau ln(tau^3 / l), at least 1 / tau and at most tau^2 (the published bounds): long tracks are
    trusted more. The published code regresses the pixels themselves around 0; here they are first divided into mean and
    standard deviation, so that a track is not pulled towards the corner of the image.

    Args:
        rows: (n, 7 or more) frame, identity, left, top, width, height, score, ...
        tau: smoothness.
        noise: variance of what is measured over that of the track.

    Returns:
        The same rows with other boxes, sorted by frame and identity.
    """
    smooth = rows[np.lexsort((rows[:, 1], rows[:, 0]))].astype(np.float64)
    for identity in np.unique(smooth[:, 1]):
        own = np.flatnonzero(smooth[:, 1] == identity)
        if len(own) < 3:
            continue
        length = min(max(tau * np.log(tau**3 / len(own)), 1 / tau), tau**2)
        times = smooth[own, 0]
        kernel = np.exp(-0.5 * ((times[:, None] - times) / length) ** 2)
        boxes = smooth[own, 2:6]
        middle, spread = boxes.mean(axis=0), np.maximum(boxes.std(axis=0), 1e-9)
        weights = np.linalg.solve(kernel + noise * np.eye(len(own)), (boxes - middle) / spread)
        smooth[own, 2:6] = middle + spread * (kernel @ weights)
    return smooth
