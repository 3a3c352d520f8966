"""`dmtrack data`: check and show data sets, write synthetic ones in an official layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmtrack.cli.data_check import check
from dmtrack.cli.data_show import show

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST_SIDE = 8192


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    group = typer.Typer(help="Check, show and make datasets.", no_args_is_help=True)
    group.command()(check)
    group.command()(show)
    group.command()(synthesize)
    app.add_typer(group, name="data")


def synthesize(
    output: Annotated[Path, typer.Option(help="Folder of the dataset; sequences are added to what is there.")],
    layout: Annotated[
        str, typer.Option(help="Layout: folder, coco, or a benchmark, such as got10k, lasot, oxuva, vot2018-lt.")
    ] = "got10k",
    count: Annotated[int, typer.Option(min=1, help="Number of sequences.")] = 8,
    frames: Annotated[int, typer.Option(min=1, help="Frames per sequence.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same sequences.")] = 1,
    distractors: Annotated[int, typer.Option(min=0, help="Look-alikes of the target per sequence.")] = 2,
    size: Annotated[str, typer.Option(help="Width x height of the frames in pixels.")] = "448x256",
    split: Annotated[str | None, typer.Option(help="Name of the split, for layouts that have splits.")] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of the JPEG frames.")] = 95,
) -> None:
    """Write synthetic sequences with look-alikes, occlusion and absence in a dataset's official layout."""
    size_wh = _parse_size(size)
    options = _options(layout, split)

    from dmtrack.data.writers import WRITERS
    from dmtrack.files import check_writable_folder
    from dmtrack.registry import DATASETS

    check_writable_folder(output)
    sequences: Any = DATASETS.get("SyntheticSequences")(
        count=count, frames=frames, seed=seed, size_wh=size_wh, distractors=distractors
    )
    names = _with_progress(
        count * frames,
        lambda advance: WRITERS[layout](
            (sequences[index] for index in range(count)), output, quality=quality, progress=advance, **options
        ),
    )
    what = "images" if layout == "coco" else "sequences"
    print(f"wrote {len(names)} {what} in the layout of {layout} to {output}")


def _parse_size(size: str) -> tuple[int, int]:
    from dmtrack.errors import ConfigError

    width, _, height = size.lower().partition("x")
    if not all(side.isdecimal() and 32 <= int(side) <= _LARGEST_SIDE for side in (width, height)):
        raise ConfigError(
            f"--size {size}: expected <width>x<height> in pixels, both from 32 to {_LARGEST_SIDE}, e.g. 448x256"
        )
    return int(width), int(height)


def _options(layout: str, split: str | None) -> dict[str, str]:
    """What the writer of a layout is told: the split, unless it is the writer's usual one."""
    import inspect

    from dmtrack.data.benchmarks import BENCHMARKS
    from dmtrack.data.writers import WRITERS
    from dmtrack.errors import ConfigError
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


def _with_progress(total: int, work: Callable[[Callable[[], object]], list[str]]) -> list[str]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("frames  {task.fields[rate]}  left"))
    with Progress(*columns, TimeRemainingColumn()) as progress:
        task = progress.add_task("writing", total=total, rate="-/s")

        def advance() -> None:
            progress.advance(task)
            speed = progress.tasks[0].speed
            progress.update(task, rate="-/s" if speed is None else f"{speed:.0f}/s")

        return work(advance)
