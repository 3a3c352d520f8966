"""`dmtrack data show`: a contact sheet of a data set, or of what a config trains on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmtrack.errors import ConfigError, DMTrackError

if TYPE_CHECKING:
    from dmtrack.data.doctor.pictures import Row

_IMAGE_SETS = ("coco", "image-folder")


def show(
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture that is written, .png or .jpg.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which data set, as in `dmtrack data check`.")
    ] = None,
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="Its folder.")] = None,
    config: Annotated[str | None, typer.Option(help="Show the training pairs of this config instead.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of the data set.")] = None,
    sequence: Annotated[list[str] | None, typer.Option(help="Show this sequence; repeatable.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Sequences, images or pairs on the sheet.")] = 8,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each sequence; images in a row.")] = 6,
    width: Annotated[int, typer.Option(min=64, max=4096, help="Width of a frame on the sheet in pixels.")] = 320,
    annotations: Annotated[Path | None, typer.Option(help="Annotation file of coco or image-folder.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images of coco.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a config value; repeatable.")
    ] = None,
    import_: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module of yours first; repeatable.")
    ] = None,
) -> None:
    """Draw frames with their boxes on one picture, of a data set or (--config) of a config's training pairs.

    Examples: `dmtrack data show lasot /data/LaSOT -o lasot.png`, `dmtrack data show --config mine.py -o pairs.png`.
    """
    if (config is None) == (name is None) or (name is None) != (path is None):
        raise ConfigError("say what to show: either NAME PATH of a data set, or --config FILE")

    from dmtrack.data.doctor.sheet import contact_sheet
    from dmtrack.media.images import write_image
    from dmtrack.registry import import_modules

    import_modules(import_ or ())
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
    from dmtrack.config import build, load_config
    from dmtrack.data.doctor.pictures import pair_rows
    from dmtrack.registry import MODELS

    loaded = load_config(config, overrides)
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
    from dmtrack.data.doctor.pictures import sequence_row, spaced

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
