"""The public functions of dmtrack: `load_tracker`, `track` and `evaluate`."""

from __future__ import annotations

from collections import abc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dmtrack.boxes import Boxes, check_first_box_xywh
from dmtrack.data.benchmarks import find_benchmark
from dmtrack.data.sequences import SequenceList
from dmtrack.errors import DataError, EvaluationError, MediaError
from dmtrack.evaluation.protocols import Protocol, get_protocol
from dmtrack.evaluation.report import Report
from dmtrack.media.images import Image, as_rgb
from dmtrack.media.video import FrameSource, open_frames
from dmtrack.tracking.adapter import as_tracker
from dmtrack.tracking.base import Tracker, TrackResult
from dmtrack.tracking.loading import assemble_tracker

__all__ = ["evaluate", "load_tracker", "track"]


def load_tracker(
    config: str | Path | None = None,
    weights: str | Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    overrides: abc.Sequence[str] = (),
) -> Tracker:
    """Builds a tracker that is ready for `init`.

    >>> tracker = dmtrack.load_tracker()                            # doctest: +SKIP
    >>> tracker.init(first_frame, (x, y, w, h))                     # doctest: +SKIP
    >>> result = tracker.step(frame)                                # doctest: +SKIP

    Args:
        config: the name of a config (`dmtrackGS_tiny`), a config file, a weights file that carries its config
            (`mine.safetensors`), or a class of one's own (`my_module:MyTracker`). Without it, the config of `weights`,
            or else `dmtrackReID_tiny`.
        weights: a weights file; without it, the one that ships under the config's name.
        device: 'cpu', 'cuda', 'cuda:1'; None takes a GPU if there is one.
        precision: 'auto', 'fp32', 'bf16' or 'fp16'; None leaves it to the config.
        overrides: `a.b.0.c=value`, applied to the config.

    Raises:
        ConfigError: the config, a key, the device or the precision is unknown.
        WeightsError: there are no weights, or they do not fit the model.
    """
    return assemble_tracker(config, weights, device, precision, overrides).target_tracker


def track(
    source: str | int | Path | Iterable[Any],
    box_xywh: ArrayLike,
    tracker: Tracker | str | Path | None = None,
    weights: str | Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    allow_size_changes: bool = False,
) -> Iterator[tuple[Image, TrackResult]]:
    """Tracks through a video, one frame at a time.

    >>> for frame, result in dmtrack.track("my.mp4", box_xywh=(x, y, w, h)):      # doctest: +SKIP
    ...     print(result.box_xywh, result.score, result.present)

    Args:
        source: a video file, a folder of images, a camera number or address; or any iterable of images.
        box_xywh: the target in the first frame: left, top, width, height in pixels.
        tracker: a `Tracker`, an object with got10k's `init` and `update`, or what `load_tracker` takes as `config`.
        weights: as in `load_tracker`.
        device: as in `load_tracker`.
        precision: as in `load_tracker`.
        allow_size_changes: go on where the frames of a file or folder change their size.

    Returns:
        An iterator of (HxWx3 uint8 RGB frame, result). The first result is the given box with score 1.

    Raises:
        MediaError: the source cannot be opened (at once), or a later frame cannot be read (when it is reached).
        BoxError: the box is NaN, empty or outside the first frame.
        ConfigError: see `load_tracker`.
        WeightsError: see `load_tracker`.
    """
    given = isinstance(source, Iterable) and not isinstance(source, str)
    frames: Iterable[Any] = source if given else open_frames(source, allow_size_changes)  # type: ignore[assignment, arg-type]
    if isinstance(frames, FrameSource):
        box_xywh = check_first_box_xywh(box_xywh, *frames.size_wh)
    if tracker is None or isinstance(tracker, (str, Path)):
        chosen = load_tracker(tracker, weights, device, precision)
    else:
        chosen = as_tracker(tracker)
    return _track(frames, np.asarray(box_xywh, dtype=np.float64), chosen)


def evaluate(
    benchmark: str | Path | SequenceList,
    results: str | Path | abc.Sequence[str | Path],
    protocol: str | Protocol | None = None,
    root: str | Path | None = None,
    split: str | None = None,
    **reading: Any,
) -> Report:
    """Scores stored results of any toolkit.

    >>> report = dmtrack.evaluate("lasot", ["results/mine", "results/theirs.zip"], root="data/LaSOT")  # doctest: +SKIP
    >>> report.scores[0].scores["success"]                                                             # doctest: +SKIP

    Args:
        benchmark: a name (`lasot`, `otb100`, ...), a folder of sequences, or the sequences. A name means the benchmark
            whatever lies in the working directory; a folder that is called so is given as `./lasot`.
        results: folders or zip files, see `dmtrack.evaluation.readers`; one per tracker.
        protocol: its name, or one's own `Protocol`; the benchmark's own by default.
        root: folder of a benchmark that is given by its name; annotations alone are enough.
        split: part of the benchmark; the one that trackers are compared on by default.
        reading: how results are read, where it is not found out: `layout`, `align`, `index_base`, `bad_boxes` and
            `box_format`, as `dmtrack.evaluation.readers.read_results` takes them.

    Raises:
        DataError: the benchmark is unknown, or does not lie there.
        EvaluationError: unknown protocol, malformed results, or trackers with different sequences.
    """
    from dmtrack.evaluation.reporting.loading import build_report, load_results

    given = [results] if isinstance(results, (str, Path)) else list(results)
    if not given:
        raise EvaluationError("no results to score; give at least one folder <results>/<tracker>")
    if isinstance(benchmark, (str, Path)):
        known, folder, label = find_benchmark(benchmark, root)
        if folder is None:
            raise DataError(f"where does {known.name} lie? Give its folder as root=...")
        protocol, split = protocol or known.protocols[0], split or known.splits[0]
        sequences = list(known.open(folder, split, images=False))
        reading = {"benchmark": "" if known.name == "folder" else known.name, **reading}
    else:
        label, sequences = "sequences", list(benchmark)
    rules = protocol if isinstance(protocol, Protocol) else get_protocol(protocol or "dmtrack-visible", Protocol)
    trackers = load_results(map(str, given), sequences, **reading)
    return build_report(label, rules, sequences, trackers, split=split or "all")


def _track(frames: Iterable[Any], box_xywh: Boxes, tracker: Tracker) -> Iterator[tuple[Image, TrackResult]]:
    started = False
    try:
        for given in frames:
            frame = as_rgb(given)
            if started:
                yield frame, tracker.step(frame)
            else:
                tracker.init(frame, box_xywh)
                started = True
                yield frame, TrackResult(box_xywh.copy(), 1.0, True)
    finally:
        if isinstance(frames, FrameSource):
            frames.close()
    if not started:
        raise MediaError("the given frames are empty; expected at least one image")
