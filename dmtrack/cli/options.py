"""Options that commands share, and the panels of their help."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dmtrack.media.video import FrameSource

SEQUENCES, SOURCE, TRACKER, SCORES, MACHINE, OUTPUT = (
    "Sequences",
    "Source",
    "Tracker",
    "Scores",
    "Machine",
    "Output",
)
"""Panels of `--help`, by what an option is about."""


def option(panel: str, *names: str, **settings: Any) -> Any:
    """An option in a panel of the help; further arguments are those of `typer.Option`."""
    return typer.Option(*names, rich_help_panel=panel, **settings)


def refusing(module: str, check: str) -> Callable[[Any], Any]:
    """A callback of options and arguments: their value, or each of several, is checked as soon as it is read.

    That is before a command imports anything, so that what cannot be right costs no time.

    Args:
        module: where the check is; imported when there is a value.
        check: name of a function that raises a `DMTrackError` at what it refuses, and needs no torch.
    """

    def callback(value: Any) -> Any:
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                getattr(importlib.import_module(module), check)(one)
        return value

    return callback


EXISTING = refusing("dmtrack.files", "check_exists")
CONFIG = refusing("dmtrack.config.choices", "check_config")
TRACKER_CLASS = refusing("dmtrack.config.choices", "check_tracker")
WEIGHTS = refusing("dmtrack.config.choices", "check_weights")
PRECISION = refusing("dmtrack.config.choices", "check_precision")
DEVICE = refusing("dmtrack.config.choices", "check_device_name")
OUTPUT_FOLDER = refusing("dmtrack.files", "check_place_of_folder")
"""Callbacks of what several commands take."""

# What is tracked; `sweep_options.settings_of` reads these.
Experiment = Annotated[
    Path | None, option(SEQUENCES, callback=EXISTING, help="YAML file of benchmarks and trackers, see experiments/.")
]
Data = Annotated[Path | None, option(SEQUENCES, help="Folder of sequences, or root of a benchmark.")]
Layout = Annotated[
    str | None,
    option(
        SEQUENCES,
        help="folder: <sequence>/{images, groundtruth.txt}; or a benchmark: got10k, lasot, otb100, ...",
        show_default="folder",
    ),
]
Split = Annotated[
    str | None, option(SEQUENCES, help="Split of the benchmark.", show_default="the one that is usually reported")
]
Stride = Annotated[int, option(SEQUENCES, min=1, help="Track and score every so many frames.")]
Synthetic = Annotated[
    str | None,
    option(SEQUENCES, metavar="plain|look-alikes|distractors|crowds", help="Generated sequences instead of --data."),
]
Seed = Annotated[int, option(SEQUENCES, min=0, help="Seed of --synthetic.")]
Count = Annotated[int, option(SEQUENCES, min=1, help="Sequences of --synthetic.")]
Frames = Annotated[int, option(SEQUENCES, min=2, help="Frames per sequence of --synthetic.")]
Benchmark = Annotated[str | None, option(SEQUENCES, help="Label of the sequences; without it, the folder's name.")]

# One video, and what is written of it.
StartFrame = Annotated[
    int, option(SOURCE, min=0, help="The first frame that is tracked (where --box is), counted from 0.")
]
EndFrame = Annotated[int | None, option(SOURCE, min=0, help="The last frame; without it, the last of all.")]
Timeout = Annotated[
    float, option(SOURCE, min=0.1, metavar="SECONDS", help="How long an address may take to answer or to go on.")
]
SkipBadFrames = Annotated[
    bool, option(SOURCE, "--skip-bad-frames", help="Go on behind frames that do not decode, instead of stopping.")
]
Output = Annotated[
    Path | None,
    option(
        OUTPUT,
        callback=OUTPUT_FOLDER,
        help="Folder of the results; without it, one in results that is named after the source.",
    ),
]
Overwrite = Annotated[bool, option(OUTPUT, "--overwrite", help="Replace the results of another run in the folder.")]
Resume = Annotated[
    bool,
    option(OUTPUT, "--resume", help="Go on where a run was stopped or killed, to the boxes that it would have had."),
]
Video = Annotated[bool, option(OUTPUT, "--video/--no-video", help="Write annotated.mp4.")]
VideoScale = Annotated[
    float | None,
    option(
        OUTPUT, min=0.05, max=1.0, help="Size of annotated.mp4 over that of the frames; at most 1920 pixels if unset."
    ),
]

# Which tracker.
Config = Annotated[
    str | None,
    option(TRACKER, callback=CONFIG, help="A config file, or the name of one; without it, dmtrackReID_tiny."),
]
ConfigFile = Annotated[str, option(TRACKER, callback=CONFIG, help="A config file, or the name of one.")]
TrackerClass = Annotated[
    str | None,
    option(
        TRACKER,
        metavar="MODULE:CLASS",
        callback=TRACKER_CLASS,
        help="Instead of a config: your own class with got10k's init and update; or a baseline: static, oracle (where "
        "there is truth), opencv:MIL (opencv:CSRT, opencv:KCF, ... where the installed OpenCV has them).",
    ),
]
Weights = Annotated[
    Path | None,
    option(TRACKER, callback=WEIGHTS, help="A weights file; without it, the one that ships with the config's name."),
]
Name = Annotated[str | None, option(TRACKER, help="Label of the tracker in folders, tables and plots.")]
Device = Annotated[
    str | None, option(MACHINE, callback=DEVICE, help="cpu, cuda, cuda:1; without it, a GPU if there is one.")
]
Precision = Annotated[
    str | None,
    option(
        MACHINE,
        callback=PRECISION,
        help="auto (the fastest here), fp32, bf16 or fp16; without it the config's, where trackers say fp32.",
    ),
]
Import = Annotated[
    list[str] | None,
    option(TRACKER, "--import", metavar="MODULE", help="Import a module of yours first; repeatable."),
]
ConfigSet = Annotated[
    list[str] | None, option(TRACKER, "--set", metavar="KEY=VALUE", help="Change a config value; repeatable.")
]
SweepSet = Annotated[
    list[str] | None,
    option(
        TRACKER,
        "--set",
        metavar="KEY=VALUE",
        help="Change a value of the experiment (benchmark.seed=7) or of the configs (model.x=1); repeatable.",
    ),
]
BoxFormat = Annotated[
    str | None,
    option(
        TRACKER,
        metavar="FORMAT",
        help="What the numbers of a box are, where not x,y,w,h: xyxy, inclusive-xyxy, cxcywh, yxyx, yxhw, xxyy, "
        "inclusive-xxyy, yyxx, given-first, or detected (each file as its first frames say).",
    ),
]
Align = Annotated[
    list[str] | None,
    option(
        TRACKER,
        metavar="[SEQUENCE=]RULE",
        help="What to do where boxes and frames differ in number: common-prefix, drop-first, add-first, repeat-last, "
        "pad-misses; repeatable.",
    ),
]

# How it is run, and what is made of it.
Processes = Annotated[int, option(MACHINE, min=1, help="Sequences tracked at once, one process and thread each.")]
Gpus = Annotated[int, option(MACHINE, min=0, help="Deal out so many GPUs, to at least one process each.")]
Json = Annotated[Path | None, option(OUTPUT, metavar="FILE", help="Also write all of it to this file.")]

Rounds = Annotated[int, option(SCORES, min=1, help="Bootstrap rounds.")]
BootstrapSeed = Annotated[int, option(SCORES, min=0, help="Of the bootstrap.")]
ScoresJson = Annotated[Path | None, option(OUTPUT, metavar="FILE", help="Write all numbers to this file.")]
ScoresCsv = Annotated[Path | None, option(OUTPUT, metavar="FILE", help="Write a line per tracker and sequence.")]
Latex = Annotated[Path | None, option(OUTPUT, metavar="FILE", help="Write a table for a paper.")]
ReportFolder = Annotated[
    Path | None,
    option(OUTPUT, metavar="FOLDER", help="Write report.html, all tables, and plots as PDF, SVG, PNG."),
]
Worst = Annotated[int, option(OUTPUT, min=0, help="How many of the worst sequences the page shows.")]
Images = Annotated[bool, option(OUTPUT, "--images/--no-images", help="Show frames of failures.")]


def add_modules(modules: list[str] | None) -> None:
    """Imports installed plug-ins and modules of the user's own, whose classes register themselves.

    Raises:
        ConfigError: a module cannot be imported.
    """
    from dmtrack.registry import load_plugins

    load_plugins(modules or ())


@contextlib.contextmanager
def opened_source(
    path: str,
    folder: Path,
    frames: tuple[int, int | None],
    skip_bad_frames: bool,
    timeout: float,
    name: str | None = None,
) -> Iterator[FrameSource]:
    """The frames of a run, of live sources the newest only; says so where an address may keep it waiting.

    Args:
        path: of the source, as `open_frames` takes it.
        folder: of the results, which must be writable.
        frames: the first one, and the last one; None is the last of the source.
        skip_bad_frames: as in `open_frames`.
        timeout: as in `open_frames`.
        name: of the source, where it is not its path.
    """
    from dmtrack.files import check_writable_folder
    from dmtrack.media.video import is_address, open_frames

    if is_address(path):
        typer.echo(f"waiting for {path}, {timeout:g} s at most")
    with open_frames(path, skip_bad_frames=skip_bad_frames, timeout=timeout, drop_late=True) as opened:
        opened.name = name or opened.name
        opened.take(*frames)
        check_writable_folder(folder)
        yield opened


def alignment_rules(given: list[str] | None) -> str | dict[str, str] | None:
    """What `--align` says: `RULE` for all sequences, or `SEQUENCE=RULE` for some.

    Raises:
        EvaluationError: a rule for all sequences beside others.
    """
    from dmtrack.errors import EvaluationError

    by_name = dict(item.split("=", 1) for item in given or () if "=" in item)
    for_all = [item for item in given or () if "=" not in item]
    if len(for_all) > 1 or (for_all and by_name):
        raise EvaluationError(
            f"--align {for_all[0]} is meant for all sequences; give it alone, or write SEQUENCE=RULE for each"
        )
    return for_all[0] if for_all else by_name or None
