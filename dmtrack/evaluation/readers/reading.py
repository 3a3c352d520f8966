"""Results of any known tool, read in the terms of a benchmark."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dmtrack.data.headings import is_heading, split_cells
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.trajectory import Trajectory, number_of_values
from dmtrack.evaluation.readers import alignment, boxes
from dmtrack.evaluation.readers.boxes import (
    BOX_FORMATS,
    converted,
    format_refusal,
    formats_in_words,
    suspected_format,
)
from dmtrack.evaluation.readers.layouts import LAYOUTS, Candidate, Group, Layout, ResultFiles, find_groups
from dmtrack.evaluation.readers.names import Matching, is_of_benchmark, listed, match_names
from dmtrack.evaluation.readers.text import find_separator, read_text_result, read_vot_result
from dmtrack.evaluation.readers.toolkit_files import parse_predictions, read_json_result, read_mat_result
from dmtrack.evaluation.results import SequenceResult, TrackerResults
from dmtrack.registry import did_you_mean

_VOT_EXPERIMENTS = ("baseline", "unsupervised", "realtime", "longterm", "longterm-ext")


@dataclass
class _Read:
    """What has been read so far."""

    results: dict[str, SequenceResult] = field(default_factory=dict)
    frames: dict[str, range] = field(default_factory=dict)
    trajectories: dict[str, tuple[Trajectory, ...]] = field(default_factory=dict)
    bases: dict[str, int] = field(default_factory=dict)
    first_xy: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_results(
    path: str | Path,
    sequences: Iterable[Sequence],
    layout: str | None = None,
    *,
    align: str | Mapping[str, str] | None = None,
    index_base: int | None = None,
    bad_boxes: boxes.BadBoxes = "refuse",
    box_format: str | None = None,
    benchmark: str = "",
) -> TrackerResults:
    """Reads the results of one tracker.

    Args:
        path: a folder or a zip archive, of any layout in `LAYOUTS`.
        sequences: of the benchmark; no image is read.
        layout: name of the layout; found out where None, which `notes` then say.
        align: rule for results with another number of boxes than frames (see `ALIGNMENTS`), for all sequences or by
            name of the sequence; without one they are refused.
        index_base: number that the files give to the first pixel; None follows the layout: trackers of all toolkits
            but ours are started with the box as the benchmark's file has it and compared with it, so their results
            count as that file does.
        bad_boxes: "refuse" results with infinite numbers or negative sizes, or "keep" them for the protocol's rules.
        box_format: what the numbers of a box are, see `BOX_FORMATS`; without it they are left, top, width, height, and
            refused where the first frames speak against that.
        benchmark: name of the benchmark, which tells its results from those of others beside them.

    Returns:
        Boxes in 0-based pixels, NaN rows where the tool wrote NaN. Sequences without a result are named in `missing`.

    Raises:
        LengthError: results whose lengths do not fit, all of them.
        EvaluationError: nothing there, a malformed file, no result for any of the sequences, results of several
            trackers, or results whose box format does not fit.
    """
    files = ResultFiles(path)
    by_name = {sequence.name: sequence for sequence in sequences}
    rules = _rules(align, by_name)
    if box_format is not None and box_format not in BOX_FORMATS:
        raise EvaluationError(f"unknown box format {box_format!r}{did_you_mean(box_format, BOX_FORMATS)}")
    if layout and layout not in LAYOUTS:
        raise EvaluationError(f"unknown layout {layout!r}{did_you_mean(layout, LAYOUTS)}")
    given_layout = LAYOUTS[layout] if layout else None
    group, matching = _choose(files, list(by_name), given_layout, benchmark)
    chosen = given_layout or _detect(files, group, matching)
    read = _Read()
    suspicions: dict[str, str] = {}
    misfits: list[alignment.Misfit] = []
    formats: dict[str, str] = {}
    for name, label in matching.found.items():
        raw = _read_raw(files, group.candidates[label], chosen, bad_boxes, by_name[name])
        layout_base = by_name[name].annotation.index_base if chosen.first_pixel is None else chosen.first_pixel
        base = int(layout_base if index_base is None else index_base)
        given = by_name[name].boxes_xywh + np.array([base, base, 0, 0])
        if box_format in (None, "detected"):
            suspected = suspected_format(raw, given)
            if suspected:
                (formats if box_format else suspicions)[name] = suspected
        elif box_format is not None:
            formats[name] = box_format
        if name in formats:
            raw = converted(raw, given[0], formats[name], bad_boxes)
        misfit = _add(read, raw, by_name[name], base, rules.get(name))
        misfits += [misfit] if misfit else []
    if misfits:
        raise alignment.LengthError(misfits, len(matching.found))
    if suspicions:
        raise format_refusal(str(files.path), suspicions, len(matching.found))
    at = f" in {group.place}" if group.place else ""
    notes = [f"layout: {chosen.name} ({chosen.description}){at}" + ("" if layout else ", detected")]
    notes += matching.notes() + tuple(boxes.base_notes(read.bases, read.first_xy, by_name)) + tuple(read.notes)
    missing = tuple(name for name in by_name if name not in matching.found)
    notes += _other_notes(files, group, matching, missing)
    if formats:
        notes.append(f"box format: read {formats_in_words(formats)}")
    return TrackerResults(
        name=files.path.resolve().stem if files.is_archive else files.path.resolve().name,
        results=read.results,
        missing=missing,
        notes=tuple(notes),
        layout=chosen.name,
        frames=read.frames,
        trajectories=read.trajectories,
    )


def _rules(align: str | Mapping[str, str] | None, sequences: Iterable[str]) -> dict[str, str]:
    known = list(sequences)
    rules = dict.fromkeys(known, align) if isinstance(align, str) else dict(align or {})
    for name, rule in rules.items():
        if rule not in alignment.ALIGNMENTS:
            raise EvaluationError(f"unknown alignment {rule!r}{did_you_mean(rule, alignment.ALIGNMENTS)}")
        if name not in known:
            raise EvaluationError(f"the alignment {rule!r} is for sequence {name!r}, which the benchmark does not have")
    return rules


def _choose(files: ResultFiles, names: list[str], layout: Layout | None, benchmark: str) -> tuple[Group, Matching]:
    """The one place whose files have names of the benchmark's sequences."""
    groups = find_groups(files.names, layout)
    fitting = []
    for group in groups:
        where = str(files.path / group.place) if group.place else str(files.path)
        matching = match_names(group.candidates, names, where, benchmark)
        if matching.found:
            fitting.append((group, matching))
    if not fitting:
        labels = [label for group in groups for label in group.candidates]
        if not labels:
            wanted = layout.description if layout else "; ".join(item.description for item in LAYOUTS.values())
            raise EvaluationError(f"{files.path} holds no results; expected {wanted}")
        raise EvaluationError(
            f"{files.path} has no result for any of the {len(names)} sequences ({listed(names, 3)}): what is there is "
            f"called {listed(labels, 3)}, so it seems to belong to another benchmark; give the folder of one tracker"
        )
    ours = [item for item in fitting if item[0].family == "folders" and _is_ours(files, item[0])]
    if len(ours) == 1:
        return ours[0]
    of_benchmark = [
        item for item in fitting if any(is_of_benchmark(part, benchmark) for part in item[0].place.split("/"))
    ]
    if len(fitting) > 1 and len(of_benchmark) == 1:
        return of_benchmark[0]
    if len(fitting) > 1:
        places = [f"{group.place or '.'} ({group.family})" for group, _ in fitting]
        raise EvaluationError(
            f"{files.path} holds results in {len(fitting)} places: {listed(places)}; give the folder of one tracker "
            "and experiment, or the layout where one folder holds two kinds of files"
        )
    return fitting[0]


def _detect(files: ResultFiles, group: Group, matching: Matching) -> Layout:
    if group.family == "mat":
        return LAYOUTS["otb-mat"]
    if group.family == "csv":
        return LAYOUTS["oxuva"]
    if group.family == "json":
        return LAYOUTS["otb-json"]
    found = [group.candidates[label] for label in matching.found.values()]
    if group.family == "flat":
        separators = {find_separator(files.text(item.boxes).split("\n", 1)[0]) for item in found}
        return LAYOUTS[
            {",": "pysot", "\t": "pytracking"}.get(separators.pop() or "", "text") if len(separators) == 1 else "text"
        ]
    if _is_ours(files, group):
        return LAYOUTS["dmtrack"]
    if group.place.rpartition("/")[2] in _VOT_EXPERIMENTS or any(
        item.companions.get("score", "").endswith(".value") for item in found
    ):
        return LAYOUTS["vot"]
    first = files.text(found[0].boxes).split("\n", 1)[0]
    numbers = len(first.replace("\t", ",").replace(";", ",").strip().split(","))
    coded = not find_separator(first) or numbers > 4
    return LAYOUTS["vot" if coded and first.strip() and not is_heading(split_cells(first)) else "got10k"]


def _is_ours(files: ResultFiles, group: Group) -> bool:
    name = f"{group.place}/manifest.json" if group.place else "manifest.json"
    if name not in files.names:
        return False
    try:
        content = json.loads(files.text(name))
    except ValueError:
        return False
    return isinstance(content, dict) and "identity" in content


def _read_raw(
    files: ResultFiles, candidate: Candidate, layout: Layout, bad_boxes: boxes.BadBoxes, sequence: Sequence
) -> boxes.RawResult:
    if layout.name == "oxuva":
        where = files.where(candidate.boxes)
        rows, present, scores = parse_predictions(files.text(candidate.boxes), where, sequence)
        return boxes.RawResult(where, rows, scores=scores, present=present)
    if sequence.annotation.relative:
        raise EvaluationError(
            f"{files.where(candidate.boxes)} has boxes in pixels of every frame, but without its images OxUvA has only "
            "shares of width and height in annotated frames; give the benchmark with its images, or results in its own "
            "format (<video>_<object>.csv)"
        )
    if layout.name == "otb-mat":
        return read_mat_result(files, candidate, bad_boxes)
    if layout.name == "otb-json":
        return read_json_result(files, candidate, bad_boxes)
    if layout.name == "vot":
        return read_vot_result(files, candidate, bad_boxes)
    return read_text_result(files, candidate, layout, bad_boxes)


def _add(read: _Read, raw: boxes.RawResult, sequence: Sequence, base: int, rule: str | None) -> alignment.Misfit | None:
    """Converts, aligns and keeps one result; gives it back where its length does not fit."""
    name, frames = sequence.name, len(sequence)
    result = raw.boxes_xywh - np.array([base, base, 0, 0])
    if raw.starts_with_truth:
        result[0] = sequence.boxes_xywh[0]
    read.bases[name] = base
    read.notes += raw.notes
    if np.isfinite(raw.boxes_xywh[0]).all():
        read.first_xy[name] = raw.boxes_xywh[0, :2]
    shifted = []
    for trajectory in raw.trajectories:
        regions, counts = trajectory.regions.copy(), number_of_values(trajectory.regions)
        regions[counts == 4, :2] -= base
        regions[counts > 4] -= base
        shifted.append(Trajectory(regions))
    if len(result) == frames:
        read.results[name] = SequenceResult(result, raw.seconds, raw.scores, raw.present)
        if shifted:
            read.trajectories[name] = tuple(shifted)
        return None
    aligned = alignment.align(len(result), frames, rule) if rule else None
    if aligned is None:
        return alignment.Misfit(raw.where, name, result, sequence.boxes_xywh, rule)
    read.results[name] = alignment.aligned_result(
        SequenceResult(result, raw.seconds, raw.scores, raw.present), aligned, sequence.boxes_xywh[0]
    )
    if len(aligned.frames) < frames:
        read.frames[name] = aligned.frames
    read.notes.append(
        f"{raw.where}: {len(result)} boxes for {frames} frames of {name!r}, aligned by rule {rule!r} "
        f"({alignment.ALIGNMENTS[rule or '']})"
    )
    if shifted:
        read.notes.append(f"{raw.where}: no trajectory for protocols of VOT, which need one row per frame")
    return None


def _other_notes(files: ResultFiles, group: Group, matching: Matching, missing: tuple[str, ...]) -> list[str]:
    """What is missing, what failed, and what was not read."""
    notes = []
    if missing:
        notes.append(f"missing: {len(missing)} sequences have no result and are in no score: {listed(missing)}")
    chosen = [group.candidates[label] for label in matching.found.values()]
    used = {name for item in chosen for name in (item.boxes, *item.companions.values(), *item.repetitions)}
    failures = [name for name in files.names if name.rpartition("/")[2] == "error.txt"]
    for name in failures[:6]:
        reason = files.text(name).strip().split("\n")[-1][:200]
        notes.append(f"failed: {files.where(name)} says: {reason}")
    manifest = {name for name in files.names if name.rpartition("/")[2] == "manifest.json"}
    unread = [name for name in files.names if name not in used and name not in manifest and name not in failures]
    if unread:
        notes.append(f"not read: {len(unread)} files that belong to none of the sequences: {listed(unread)}")
    return notes
