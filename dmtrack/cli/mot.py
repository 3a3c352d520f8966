"""`dmtrack mot`: everything in a video, with identities."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dmtrack import __version__
from dmtrack.cli import options, submit
from dmtrack.cli.options import OUTPUT, SCORES, TRACKER, option
from dmtrack.errors import ConfigError

group = typer.Typer(help="Many objects at once: tracking and its scores.", no_args_is_help=True)

group.add_typer(submit.group, name="submit")

RESULTS = Path("results", "mot")


@group.command("track")
def track(
    source: Annotated[
        str, typer.Argument(help="A video, a folder of images, a sequence of MOTChallenge, a camera or an address.")
    ],
    config: Annotated[
        str | None,
        option(
            TRACKER,
            callback=options.CONFIG,
            help="A config whose model detects, as configs/yolox/*; without it crowd_tiny (generated crowds).",
        ),
    ] = None,
    detections: Annotated[
        Path | None,
        option(
            TRACKER, callback=options.EXISTING, metavar="FILE", help="A det.txt of MOTChallenge instead of --config."
        ),
    ] = None,
    policy: Annotated[
        str | None,
        option(
            TRACKER,
            metavar="NAME",
            help="Association instead of the config's: ByteTrack, JDE, DeepSORT, OCSort, Sort, ...; its settings by "
            "--set policy.max_age=60.",
        ),
    ] = None,
    weights: options.Weights = None,
    device: options.Device = None,
    precision: options.Precision = None,
    set_: options.ConfigSet = None,
    import_: options.Import = None,
    start_frame: options.StartFrame = 0,
    end_frame: options.EndFrame = None,
    skip_bad_frames: options.SkipBadFrames = False,
    timeout: options.Timeout = 10.0,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    resume: options.Resume = False,
    video: options.Video = True,
    video_scale: options.VideoScale = None,
    trails: Annotated[
        int, option(OUTPUT, min=0, metavar="FRAMES", help="How far lines behind the tracks go back in annotated.mp4.")
    ] = 30,
) -> None:
    """Follows everything that the detector finds; writes tracks.txt (MOTChallenge), tracks.json and annotated.mp4."""
    if config is not None and detections is not None:
        raise ConfigError("say where detections come from: either --config of a model, or --detections det.txt")
    options.add_modules(import_)

    from rich.console import Console

    from dmtrack.config.choices import DEFAULT_MANY, check_settings
    from dmtrack.evaluation.readers.mot import read_mot_detections
    from dmtrack.files import output_folder, sha256
    from dmtrack.running.box_log import choose_folder, find_unfinished
    from dmtrack.running.many_targets import Everything
    from dmtrack.running.one_video import TrackingSession
    from dmtrack.tracking.multi_object import MultiObjectTracker, policy_of

    overrides = [one for one in set_ or () if not one.startswith("policy.")]
    if detections is not None and (weights or overrides):
        unused = f"--set {overrides[0]}" if overrides else f"--weights {weights}"
        raise ConfigError(
            f"{unused} is of a model, and --detections need none; settings of the association begin with policy, such "
            "as --set policy.max_age=60"
        )
    if detections is None and config is None:
        config = DEFAULT_MANY
        print(
            f"note: {config} has learnt from generated crowds only; for people on real video give --config and "
            "--weights of a published model, such as configs/fairmot/all_dla34.py"
        )
    if config is not None:
        check_settings(config, weights, overrides)
    of_policy = [one for one in set_ or () if one.startswith("policy.")]
    settings = policy_of(policy, of_policy) if policy else None
    console, inside = Console(), Path(source, "img1")
    path, frames = str(inside) if inside.is_dir() else source, (start_frame, end_frame)
    with options.opened_source(path, output or RESULTS, frames, skip_bad_frames, timeout, source) as opened:
        folder, unfinished = find_unfinished(output, opened.origin(), None, RESULTS) if resume else (None, None)
        if unfinished is not None:
            console.print(f"going on in {folder} behind {unfinished.frames} frames", soft_wrap=True)
        given, detector = None, None
        usual: Mapping[str, Any] = {"type": "ByteTrack"}
        origin: dict[str, Any] = {}
        if detections is not None:
            given = read_mot_detections(detections)
            origin = {"detections": str(detections), "detections_sha256": sha256(detections)}
        else:
            from dmtrack.tracking.loading import assemble_detector

            assert config is not None
            print(f"preparing {config} ...", file=sys.stderr, flush=True)
            detector, usual, origin = assemble_detector(config, weights, device, precision, overrides)
        settings = settings or policy_of(usual, of_policy)
        tracker = MultiObjectTracker(settings, detector)
        origin = {"tracker": tracker.name, "policy": dict(vars(settings)), **origin}
        run = {**opened.origin(), **origin, "dmtrack_version": __version__}
        followed = Everything(tracker, opened, given, origin.get("classes", ()), trails)
        folder = folder or choose_folder(output, run, opened.live, overwrite, RESULTS, "tracks.json")
        with output_folder(folder):
            session = TrackingSession(
                opened, followed, run, folder, video, video_scale=video_scale, unfinished=unfinished
            )
            try:
                session.track(console)
            finally:
                session.report(console)


@group.command("detect")
def detect(
    source: Annotated[
        str, typer.Argument(help="A video, a folder of images, a sequence of MOTChallenge, a camera or an address.")
    ],
    config: Annotated[
        str, option(TRACKER, callback=options.CONFIG, help="A config whose model detects, as configs/yolox/*.")
    ],
    output: Annotated[Path, option(OUTPUT, metavar="FILE", help="File to write, such as det.txt.")],
    weights: options.Weights = None,
    device: options.Device = None,
    precision: options.Precision = None,
    set_: options.ConfigSet = None,
    import_: options.Import = None,
    start_frame: options.StartFrame = 0,
    end_frame: options.EndFrame = None,
    skip_bad_frames: options.SkipBadFrames = False,
    timeout: options.Timeout = 10.0,
) -> None:
    """Writes what the detector finds, without identities, for `mot track --detections` and `mot eval --protocol coco`.

    A line is `frame,-1,left,top,width,height,score,class,-1,-1`, all from 1; class -1 where there is one.
    """
    options.add_modules(import_)

    from rich.console import Console

    from dmtrack.config.choices import check_settings
    from dmtrack.data.sources.mot_challenge import mot_lines
    from dmtrack.progress import ProgressBar
    from dmtrack.running.box_log import RowLog
    from dmtrack.running.many_targets import FIRST_FRAME
    from dmtrack.running.one_sequence import track_rows

    check_settings(config, weights, set_ or ())
    inside, count = Path(source, "img1"), 0
    path, frames = str(inside) if inside.is_dir() else source, (start_frame, end_frame)
    with options.opened_source(path, output.parent, frames, skip_bad_frames, timeout, source) as opened:
        from dmtrack.tracking.loading import assemble_detector

        find, _, _ = assemble_detector(config, weights, device, precision, set_ or ())
        log = RowLog(output)
        with ProgressBar("frames", opened.frame_count, console=Console(), description="detecting") as bar:
            for image in opened:
                rows = track_rows(opened.number + FIRST_FRAME, find(image))
                for line in mot_lines(rows).splitlines():
                    log.write(line.split(","))
                count += len(rows)
                bar.advance()
        log.finish()
    typer.echo(f"wrote {output}: {count} boxes")


@group.command("interpolate")
def interpolate(
    result: Annotated[
        Path, typer.Argument(callback=options.EXISTING, help="Tracks of mot track, or any result of MOTChallenge.")
    ],
    output: Annotated[Path, option(OUTPUT, help="File to write.")],
    least_score: Annotated[
        float | None, option(SCORES, help="First leaves out rows of lower score, as for pseudo labels (0.7).")
    ] = None,
    least_rows: Annotated[int, option(SCORES, min=0, help="Tracks with no more rows stay as they are.")] = 5,
    longest_gap: Annotated[
        int, option(SCORES, min=0, help="Frames between two rows of a track, below which it fills.")
    ] = 20,
) -> None:
    """Fill the frames in which a track was out of sight along straight lines, as ByteTrack does it."""
    import numpy as np

    from dmtrack.data.sources.mot_challenge import mot_lines
    from dmtrack.errors import EvaluationError
    from dmtrack.evaluation.readers.mot import fill_gaps, read_mot_rows
    from dmtrack.files import write_text

    rows = read_mot_rows(result)
    if not len(rows):
        raise EvaluationError(f"{result} has no rows; give tracks of MOTChallenge: frame,id,left,top,width,height,...")
    chosen = rows if least_score is None else rows[rows[:, 6] >= least_score]
    if not len(chosen):
        best = rows[:, 6].max()
        raise EvaluationError(
            f"{result}: no row reaches --least-score {least_score} (the best score is {best:g}); lower it"
        )
    filled = fill_gaps(chosen, least_rows, longest_gap)
    write_text(output, mot_lines(filled))
    kept, identities = f"{len(chosen)} of {len(rows)} rows", len(np.unique(filled[:, 1]))
    typer.echo(f"wrote {output}: {kept}, {len(filled) - len(chosen)} filled, {identities} identities")


@group.command("eval")
def evaluate(
    truth: Annotated[
        Path,
        typer.Argument(
            callback=options.EXISTING, help="A gt.txt, a sequence of MOTChallenge, or a folder of such sequences."
        ),
    ],
    results: Annotated[
        list[str],
        typer.Argument(help="One per tracker: a text file, or a folder or zip of <sequence>.txt or tracks.txt."),
    ],
    protocol: Annotated[
        str,
        option(
            SCORES,
            metavar="mot15|mot17|mot20|mot-no-preprocessing|mot-fairmot|coco",
            help="What counts; coco: the AP of detections (det.txt).",
        ),
    ] = "mot17",
    class_: Annotated[
        list[int] | None,
        option(SCORES, "--class", min=1, metavar="NUMBER", help="Score this class alone, from 1; repeatable."),
    ] = None,
    rounds: options.Rounds = 1000,
    seed: options.BootstrapSeed = 0,
    json: options.ScoresJson = None,
    csv: options.ScoresCsv = None,
    latex: options.Latex = None,
    out: options.ReportFolder = None,
    worst: options.Worst = 6,
    images: options.Images = True,
) -> None:
    """Score identities: HOTA, MOTA, IDF1 and what they are made of, of each sequence and of all together.

    `dmtrack report mot17` does the same for benchmarks by their names; here numbers are printed as papers have them.
    """
    from rich.console import Console

    from dmtrack.cli.report import open_scored, read_trackers, write_files
    from dmtrack.data.benchmarks import get_benchmark
    from dmtrack.errors import EvaluationError
    from dmtrack.evaluation.measures.measure import SHARE
    from dmtrack.evaluation.protocols import MultiObjectProtocol, get_protocol
    from dmtrack.evaluation.reporting.study import make_study, print_differences, print_remarks
    from dmtrack.files import output_folder
    from dmtrack.progress import plain_table, print_table

    rules = get_protocol(protocol, MultiObjectProtocol)
    protocols = [rules.of_class(number) for number in dict.fromkeys(class_ or ())] or [rules]
    console = Console()
    with output_folder(out) if out else contextlib.nullcontext():
        opened = open_scored(get_benchmark("mot17"), truth, None, 1, [rules], images and out is not None)
        sequences = list(opened)
        trackers = read_trackers(results, sequences, console, rows=rules.rows)
        for tracker in trackers:
            if tracker.missing:
                raise EvaluationError(
                    f"{tracker.name} has no result of {', '.join(tracker.missing)}; expected <sequence>.txt or "
                    "<sequence>/tracks.txt of each"
                )
        study = make_study(truth.resolve().name, protocols, sequences, trackers, rounds=rounds, seed=seed)
        measures = rules.reported()
        titles = [measure.title for measure in measures]
        for report, significance in zip(study.reports, study.significances, strict=True):
            title = f"protocol {report.protocol.name}"
            table = plain_table(("tracker", "sequence"), titles, title=title, title_justify="left")
            for score in report.scores:
                rows = [*((item.name, item.scores) for item in score.sequences), ("all", score.scores)]
                for place, numbers in rows:
                    cells = (measure.printed(numbers[measure.key]) for measure in measures)
                    table.add_row(score.tracker, place, *cells)
            print_table(table, console)
            for name, intervals in significance.intervals.items():
                shares = [one for one in measures if one.unit == SHARE and intervals[one.key].is_known]
                ends = (
                    f"{one.title} {one.printed(intervals[one.key].low)} to {one.printed(intervals[one.key].high)}"
                    for one in shares
                )
                if shares:
                    console.print(f"95 % intervals of {name}: {', '.join(ends)}", highlight=False, markup=False)
            print_differences(report, significance, console)
        print_remarks(study, console)
        write_files(study, console, json, csv, latex, out, worst, images)
