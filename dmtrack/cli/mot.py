"""`dmtrack mot`: everything in a video, with identities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmtrack.cli import options
from dmtrack.cli.options import OUTPUT, SCORES, TRACKER, option
from dmtrack.errors import ConfigError

group = typer.Typer(help="Many objects at once: tracking and its scores.", no_args_is_help=True)

RESULTS = Path("results", "mot")


@group.command("track")
def track(
    source: Annotated[
        str, typer.Argument(help="A video, a folder of images, a sequence of MOTChallenge, a camera or an address.")
    ],
    config: Annotated[
        str | None, option(TRACKER, callback=options.CONFIG, help="A config whose model detects, as configs/fairmot/*.")
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
            help="Association: ByteTrack, JDE, DeepSORT, OCSort, Sort, ...; its settings by --set policy.max_age=60.",
        ),
    ] = None,
    weights: options.Weights = None,
    device: options.Device = None,
    precision: options.Precision = None,
    set_: options.ConfigSet = None,
    import_: options.Import = None,
    skip_bad_frames: options.SkipBadFrames = False,
    output: Annotated[
        Path | None, option(OUTPUT, help="Folder of the results; without it, results/mot/<name of the source>.")
    ] = None,
    overwrite: options.Overwrite = False,
    video: options.Video = True,
    video_scale: options.VideoScale = None,
) -> None:
    """Follows everything that the detector finds; writes tracks.txt (MOTChallenge), tracks.json and annotated.mp4."""
    if (config is None) == (detections is None):
        raise ConfigError("say where detections come from: either --config of a model, or --detections det.txt")
    options.add_modules(import_)

    from rich.console import Console

    from dmtrack.evaluation.readers.mot import read_mot_detections
    from dmtrack.files import check_writable_folder
    from dmtrack.media.video import open_frames
    from dmtrack.running.box_log import choose_folder
    from dmtrack.running.many_targets import ManyTargetsSession
    from dmtrack.tracking.multi_object import MultiObjectTracker, policy_of

    overrides = [one for one in set_ or () if not one.startswith("policy.")]
    chosen = policy or ("JDE" if detections is None else "ByteTrack")
    settings = policy_of(chosen, [one for one in set_ or () if one.startswith("policy.")])
    console, frames = Console(), Path(source, "img1")
    with open_frames(str(frames) if frames.is_dir() else source, skip_bad_frames=skip_bad_frames) as opened:
        opened.name = source  # also where the frames stand in a folder inside
        check_writable_folder(output or RESULTS)
        given = detector = None
        origin: dict[str, object] = {"detections": str(detections)}
        if detections is not None:
            given = read_mot_detections(detections)
        else:
            from dmtrack.tracking.loading import assemble_detector

            assert config is not None
            detector, origin = assemble_detector(config, weights, device, precision, overrides)
        tracker = MultiObjectTracker(settings, detector)
        origin = {"tracker": tracker.name, "policy": dict(vars(settings)), **origin}
        run = {**opened.origin(), **origin}
        folder = check_writable_folder(choose_folder(output, run, opened.live, overwrite, RESULTS, "tracks.json"))
        session = ManyTargetsSession(opened, tracker, folder, origin, given, video, video_scale)
        try:
            session.track(console)
        finally:
            session.report(console)


@group.command("eval")
def evaluate(
    truth: Annotated[
        Path,
        typer.Argument(
            callback=options.EXISTING, help="A gt.txt, a sequence of MOTChallenge, or a folder of such sequences."
        ),
    ],
    results: Annotated[
        list[Path],
        typer.Argument(
            callback=options.EXISTING, help="One per tracker: a text file, or a folder of <sequence>.txt or tracks.txt."
        ),
    ],
    protocol: Annotated[
        str, option(SCORES, metavar="mot15|mot17|mot20|no-preprocessing|fairmot", help="What counts.")
    ] = "mot17",
    json: Annotated[Path | None, option(OUTPUT, help="Also write all numbers to this file.")] = None,
    csv: Annotated[Path | None, option(OUTPUT, help="Also write the table to this file.")] = None,
) -> None:
    """Score identities: HOTA, MOTA, IDF1 and what they are made of, of each sequence and of all together."""
    from rich.console import Console

    from dmtrack.evaluation import multi_object as scoring
    from dmtrack.evaluation.readers.mot import find_truths, length_of, pair, read_mot_rows
    from dmtrack.files import write_json, write_text
    from dmtrack.progress import plain_table

    rules = scoring.mot_protocol(protocol)
    sequences = find_truths(truth)
    truths = {name: read_mot_rows(file, truth=True) for name, file in sequences.items()}
    table: list[tuple[str, str, dict[str, float]]] = []
    curves: dict[str, dict[str, list[float]]] = {}
    for result in results:
        raw = {
            name: scoring.score_sequence(truths[name], read_mot_rows(own), rules, length_of(file))
            for name, file, own in pair(sequences, result)
        }
        whole = scoring.combine(raw)
        tracker = result.stem
        table += [(tracker, name, scoring.numbers(one)) for name, one in raw.items()]
        table.append((tracker, "all", scoring.numbers(whole)))
        curves[tracker] = {name: whole["HOTA"][name].tolist() for name in ("HOTA", "DetA", "AssA", "LocA")}
    shown = plain_table(("tracker", "sequence"), scoring.MEASURES, title=f"protocol {protocol}", title_justify="left")
    for tracker, name, numbers in table:
        shown.add_row(tracker, name, *(scoring.written(key, value) for key, value in numbers.items()))
    console = Console()
    # A narrow terminal wraps lines; it must not cut numbers.
    width = console.measure(shown, options=console.options.update(max_width=1000)).maximum
    Console(width=max(width, console.width)).print(shown)
    if json is not None:
        scores = [{"tracker": tracker, "sequence": name, **numbers} for tracker, name, numbers in table]
        write_json(json, {"protocol": protocol, "scores": scores, "curves_over_overlap": curves})
    if csv is not None:
        lines = [",".join(("tracker", "sequence", *scoring.MEASURES))]
        lines += [",".join((tracker, name, *map(repr, numbers.values()))) for tracker, name, numbers in table]
        write_text(csv, "\n".join(lines) + "\n")
