"""`dmtrack data`: check and show data sets, write synthetic ones in an official layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dmtrack.cli import options
from dmtrack.cli.options import MACHINE, OUTPUT, SEQUENCES, option
from dmtrack.errors import ConfigError, DMTrackError

if TYPE_CHECKING:
    from dmtrack.data.doctor.pictures import Row

CHECKS = "Checks"
"""Panel of the options of what is looked at."""

_LARGEST_SIDE = 8192
_IMAGE_SETS = ("coco", "image-folder")
CONVERTED = (
    "mot15, mot16, mot17, mot20, dancetrack, mot, motsynth, crowdhuman, citypersons, caltech, cuhk-sysu, prw, ethz, "
    "fairmot, cocovid"
)
"""Data sets of many objects; `mot` is one's own in the layout of MOTChallenge."""
FORMATS, HALVES = {"fairmot": "", "cocovid": "_cocovid", "reid-crops": "_reid"}, (None, "train", "val")
"""What names of the results end with, by format, so that one folder holds all of them; and halves of videos."""
REID_CROPS = "ReID crops"
"""Panel of the options of --to reid-crops."""
NAMES = (
    "lasot, got10k, trackingnet, otb100, otb2013, uav123, uav20l, vot2018, vot2018-lt, oxuva, tlp, folder, coco, "
    f"image-folder, {CONVERTED}"
)


group = typer.Typer(help="Check, show and make datasets.")


@group.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"Which data set: {NAMES}.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Its folder, or file.")],
    split: Annotated[str | None, option(SEQUENCES, help="One split alone; without it, all that lie there.")] = None,
    full: Annotated[bool, option(CHECKS, "--full", help="Decode every image instead of opening a few.")] = False,
    partial: Annotated[bool, option(CHECKS, "--partial", help="A part of the data set is meant to be there.")] = False,
    annotations_only: Annotated[bool, option(CHECKS, "--annotations-only", help="Do not look at the frames.")] = False,
    annotations: Annotated[
        Path | None, option(SEQUENCES, help="Annotation file of coco or image-folder, instead of the official place.")
    ] = None,
    images: Annotated[Path | None, option(SEQUENCES, help="Folder of the images of coco or image-folder.")] = None,
    threads: Annotated[int, option(MACHINE, min=1, help="Threads that decode images.")] = 4,
    limit: Annotated[int, option(OUTPUT, min=1, help="Findings that are printed; --json has all.")] = 100,
    json: Annotated[Path | None, option(OUTPUT, help="Also write the findings to this file.")] = None,
) -> None:
    """Check a data set on disk: layout, frames, counts, flags, lists; each finding with its file and the fix.

    Exits with 0 where nothing is wrong (notes may remain) and with 2 otherwise.
    """
    from dmtrack.data.doctor import Options, examine
    from dmtrack.progress import ProgressBar

    wanted = Options(split, full, partial, not annotations_only, threads, annotations, images)
    with ProgressBar("files", description="checking", transient=True) as bar:
        found = examine(name, path, wanted, lambda done, total: bar.update(done=done, total=total))
    for finding in (*found.problems, *found.notes)[:limit]:
        print(f"{'problem' if finding.severe else 'note'}: {finding.line()}")
    if len(found.findings) > limit:
        print(f"... and {len(found.findings) - limit} more; --limit or --json shows them")
    if json is not None:
        from dmtrack.files import write_json

        write_json(json, found.as_json())
    print(found.summary())
    if found.problems:
        raise typer.Exit(2)


@group.command()
def show(
    output: Annotated[Path, option(OUTPUT, "--output", "-o", help="The picture that is written, .png or .jpg.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which data set, as in `dmtrack data check`.")
    ] = None,
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="Its folder.")] = None,
    config: Annotated[
        str | None, option(SEQUENCES, callback=options.CONFIG, help="Show the training pairs of this config instead.")
    ] = None,
    split: Annotated[str | None, option(SEQUENCES, help="Split of the data set.")] = None,
    sequence: Annotated[list[str] | None, option(SEQUENCES, help="Show this sequence; repeatable.")] = None,
    count: Annotated[int, option(OUTPUT, min=1, help="Sequences, images or pairs on the sheet.")] = 8,
    frames: Annotated[int, option(OUTPUT, min=1, help="Frames of each sequence; images in a row.")] = 6,
    width: Annotated[int, option(OUTPUT, min=64, max=4096, help="Width of a frame on the sheet in pixels.")] = 320,
    annotations: Annotated[Path | None, option(SEQUENCES, help="Annotation file of coco or image-folder.")] = None,
    images: Annotated[Path | None, option(SEQUENCES, help="Folder of the images of coco.")] = None,
    set_: options.ConfigSet = None,
    import_: options.Import = None,
) -> None:
    """Draw frames with their boxes on one picture, of a data set or (--config) of a config's training pairs.

    Examples: `dmtrack data show lasot /data/LaSOT -o lasot.png`, `dmtrack data show --config mine.py -o pairs.png`.
    """
    if (config is None) == (name is None) or (name is None) != (path is None):
        raise ConfigError("say what to show: either NAME PATH of a data set, or --config FILE")

    from dmtrack.data.doctor.sheet import contact_sheet
    from dmtrack.media.images import write_image

    options.add_modules(import_)
    skipped: list[str] = []
    if config is not None:
        rows = _rows_of_config(config, set_ or [], count)
    elif name in _IMAGE_SETS:
        rows = _rows_of_images(str(name), Path(str(path)), split, annotations, images, count, frames)
    else:
        rows, skipped = _rows_of_sequences(str(name), Path(str(path)), split, sequence or [], count, frames)
    for reason in skipped:
        print(f"left out: {reason}")
    if not rows:
        raise DMTrackError(f"{path}: nothing to show; `dmtrack data check {name} {path}` says what is wrong")
    sheet = contact_sheet(rows, width)
    write_image(output, sheet)
    print(f"wrote {output}: {sheet.shape[1]}x{sheet.shape[0]} pixels, {sum(len(tiles) for _, tiles in rows)} frames")


def _rows_of_config(config: str, overrides: list[str], count: int) -> list[Row]:
    from dmtrack.config import build, load_config, require
    from dmtrack.data.doctor.pictures import pair_rows
    from dmtrack.registry import MODELS

    loaded = load_config(config, overrides)
    require(loaded, "model", purpose="showing training data")
    model: Any = build(loaded["model"], MODELS)
    return pair_rows(loaded.get("data") or {}, model.preprocessing, int(loaded.get("seed") or 0), count)


def _rows_of_images(
    name: str,
    path: Path,
    split: str | None,
    annotations: Path | None,
    images: Path | None,
    count: int,
    columns: int,
) -> list[Row]:
    from dmtrack.data.doctor.pictures import image_rows
    from dmtrack.data.sources import Coco, ImageFolder

    if name == "coco":
        return image_rows(Coco(path, split or "train2017", annotations, images), count, columns)
    return image_rows(ImageFolder(path, annotations), count, columns)


def _rows_of_sequences(
    name: str, path: Path, split: str | None, wanted: list[str], count: int, frames: int
) -> tuple[list[Row], list[str]]:
    """The rows, and why sequences have none."""
    from dmtrack.data.benchmarks import open_benchmark
    from dmtrack.data.doctor.pictures import labelled_rows, sequence_row
    from dmtrack.data.labelled_sets import LABELLED_SETS
    from dmtrack.data.sources.frames import spaced

    if name in LABELLED_SETS:
        source = LABELLED_SETS[name](path, split=split)
        numbers = spaced(len(source), count)
        if wanted:
            numbers = [number for number, video in enumerate(source) if video.name in wanted]
        return labelled_rows(source, numbers, frames), []
    sequences = open_benchmark(name, path, split)
    keys: list[Any] = list(wanted) or spaced(len(sequences), count)
    rows, skipped = [], []
    for key in keys:
        try:
            rows.append(sequence_row(sequences[key], frames))
        except DMTrackError as error:
            if wanted:
                raise
            skipped.append(str(error))
    return rows, skipped


@group.command()
def synthesize(
    output: Annotated[Path, option(OUTPUT, help="Folder of the dataset; sequences are added to what is there.")],
    layout: Annotated[
        str, option(OUTPUT, help="Layout: folder, coco, a benchmark such as got10k or lasot, or mot: crowds.")
    ] = "got10k",
    count: Annotated[int, option(SEQUENCES, min=1, help="Number of sequences.")] = 8,
    frames: Annotated[int, option(SEQUENCES, min=1, help="Frames per sequence.")] = 60,
    seed: Annotated[int, option(SEQUENCES, min=0, help="The same seed gives the same sequences.")] = 1,
    distractors: Annotated[int, option(SEQUENCES, min=0, help="Look-alikes of the target per sequence.")] = 2,
    domain: Annotated[
        str | None,
        option(SEQUENCES, help="Of crowds: street (by day), dusk or station (dense, at night)."),
    ] = None,
    size: Annotated[
        str | None,
        option(SEQUENCES, help="Width x height of the frames in pixels.", show_default="448x256, crowds 576x320"),
    ] = None,
    split: Annotated[str | None, option(OUTPUT, help="Name of the split, for layouts that have splits.")] = None,
    quality: Annotated[int, option(OUTPUT, min=1, max=100, help="Quality of the JPEG frames.")] = 95,
) -> None:
    """Write synthetic sequences with look-alikes, occlusion and absence in a dataset's official layout.

    --layout mot writes crowds of walking figures with identities, for trackers of many objects.
    """
    from rich.console import Console

    crowds = layout == "mot"
    if domain is not None and not crowds:
        raise ConfigError(f"--domain {domain} is about crowds, which --layout mot writes; leave it out, or add that")
    size_wh = _parse_size(size or ("576x320" if crowds else "448x256"))
    options_of_writer = _writer_options(layout, split)

    from dmtrack.data.writers import WRITERS
    from dmtrack.files import check_writable_folder
    from dmtrack.progress import ProgressBar
    from dmtrack.registry import DATASETS

    check_writable_folder(output)
    sequences: Any
    if crowds:
        from dmtrack.data.synthetic.crowds import SyntheticCrowds

        sequences = SyntheticCrowds(count, frames, seed, size_wh, domain or "street")
    else:
        sequences = DATASETS.get("SyntheticSequences")(count, frames, seed, size_wh, distractors)
    with ProgressBar("frames", count * frames, console=Console()) as bar:
        made = (sequences[index] for index in range(count))
        names = WRITERS[layout](made, output, quality=quality, progress=bar.advance, **options_of_writer)
    what = "images" if layout == "coco" else "sequences"
    print(f"wrote {len(names)} {what} in the layout of {layout} to {output}")


@group.command()
def convert(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"Which data set: {CONVERTED}.")],
    source: Annotated[Path, typer.Argument(callback=options.EXISTING, help="Its folder or file.")],
    output: Annotated[Path, typer.Argument(help="Folder that is written to; images become links.")],
    to: Annotated[
        str, option(OUTPUT, metavar="fairmot|cocovid|reid-crops", help="Labels, JSON, or pictures of people.")
    ] = "fairmot",
    half: Annotated[
        str | None, option(SEQUENCES, metavar="train|val", help="First or second half of the frames of every video.")
    ] = None,
    every: Annotated[int, option(SEQUENCES, min=1, help="One frame of so many; MOTSynth's baselines take 10.")] = 1,
    split: Annotated[
        str | None, option(SEQUENCES, help="Split of the data set.", show_default="the one to train on")
    ] = None,
    min_visibility: Annotated[float, option(REID_CROPS, min=0, max=1, help="Least visible share of a person.")] = 0.3,
    min_side: Annotated[int, option(REID_CROPS, min=1, help="Least width and height of a crop in pixels.")] = 1,
    min_crops: Annotated[int, option(REID_CROPS, min=1, help="Identities with fewer crops are not listed.")] = 8,
    max_crops: Annotated[int, option(REID_CROPS, min=1, help="Crops of an identity that are listed.")] = 1000,
    val_share: Annotated[float, option(REID_CROPS, min=0, max=1, help="Share of identities that validate.")] = 0.2,
) -> None:
    """Write a data set of many objects as trackers train on it: FairMOT's labels, CocoVID's JSON, or crops for ReID.

    Crops go on where they were when the command is repeated.
    """
    for what, given, known in (
        ("data set", name, CONVERTED.split(", ")),
        ("--to", to, FORMATS),
        ("--half", half, HALVES),
    ):
        if given not in known:
            raise ConfigError(f"unknown {what} {given!r}; use one of {', '.join(str(one) for one in known if one)}")

    from rich.console import Console

    from dmtrack.data.labelled_sets import LABELLED_SETS
    from dmtrack.data.writers.reid_crops import CropRules, write_reid_crops
    from dmtrack.data.writers.tracking_labels import Half, numbered, part_of, write_coco_vid, write_fairmot
    from dmtrack.files import check_writable_folder
    from dmtrack.progress import ProgressBar

    opened = LABELLED_SETS[name](source, split=split)
    if opened.of_images and (half is not None or every > 1):
        raise ConfigError(f"{name} has no videos, only images: leave --half and --every out")
    check_writable_folder(output)
    label = "_".join([name, *([split] if split else []), *([f"{half}_half"] if half else [])]) + FORMATS[to]
    wanted = cast("Half", half)
    videos = numbered(
        (part_of(video, wanted, every, middle_in_train=to == "cocovid") for video in opened),
        opened.shared_identities,
        with_ignored=to == "cocovid",
    )
    with ProgressBar("images" if opened.of_images else "videos", len(opened), console=Console()) as bar:
        if to == "cocovid":
            images, identities = write_coco_vid(videos, opened, output, label, bar.advance)
        elif to == "reid-crops":
            rules = CropRules(min_visibility, min_side, min_crops, max_crops, val_share)
            made_of = {"name": name, "root": str(source.resolve()), "split": split, "half": half, "every": every}
            crops, identities = write_reid_crops(
                videos, output / label, made_of, rules, opened.first_pixel, bar.advance
            )
        else:
            images, identities = write_fairmot(videos, output, label, bar.advance)
    if to == "reid-crops":
        print(f"{crops} crops of {identities} identities are listed in {output / label / 'meta'}")
        return
    counted = f"{identities} identities" if identities > 0 else "no known identities"
    print(f"wrote {images} images with {counted} to {output / label}.json")


def _parse_size(size: str) -> tuple[int, int]:
    width, _, height = size.lower().partition("x")
    if not all(side.isdecimal() and 32 <= int(side) <= _LARGEST_SIDE for side in (width, height)):
        raise ConfigError(
            f"--size {size}: expected <width>x<height> in pixels, both from 32 to {_LARGEST_SIDE}, e.g. 448x256"
        )
    return int(width), int(height)


def _writer_options(layout: str, split: str | None) -> dict[str, str]:
    """What the writer of a layout is told: the split, unless it is the writer's usual one."""
    import inspect

    from dmtrack.data.benchmarks import BENCHMARKS
    from dmtrack.data.writers import WRITERS
    from dmtrack.registry import did_you_mean

    if layout not in WRITERS:
        raise ConfigError(f"--layout {layout}: unknown layout{did_you_mean(layout, WRITERS)}")
    if split is None:
        return {}
    if "split" not in inspect.signature(WRITERS[layout]).parameters:
        raise ConfigError(f"--split {split}: the layout of {layout} has no splits; leave --split out")
    if layout in BENCHMARKS and split not in BENCHMARKS[layout].splits:
        known = BENCHMARKS[layout].splits
        raise ConfigError(f"--split {split}: {layout} has no such split{did_you_mean(split, known)}")
    return {"split": split}
