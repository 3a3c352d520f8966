"""`dmtrack config`: what a config file comes to, and whether it is right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from dmtrack.cli import options
from dmtrack.cli.options import OUTPUT, option

if TYPE_CHECKING:
    from dmtrack.config import Config

group = typer.Typer(help="Show or check a config file.")

_File = Annotated[str, typer.Argument(metavar="FILE", help="A .py or .yaml config, or a name such as dmtrackGS_tiny.")]


@group.command("show")
def show(
    file: _File,
    overrides: options.ConfigSet = None,
    modules: options.Import = None,
    as_json: Annotated[bool, option(OUTPUT, "--json", help="Print JSON instead of the .py style.")] = False,
) -> None:
    """Print FILE merged with its bases and overrides, after checking it."""
    config = _load(file, overrides, modules)
    from dmtrack.config import dump_config

    typer.echo(json.dumps(config, indent=2) if as_json else dump_config(config), nl=as_json)


@group.command("check")
def check(file: _File, overrides: options.ConfigSet = None, modules: options.Import = None) -> None:
    """Check every key of FILE against the classes that it names."""
    config = _load(file, overrides, modules)
    from dmtrack.config import config_hash

    typer.echo(f"{config.source}: every key is known and of the right type (hash {config_hash(config)})")


@group.command("list")
def list_() -> None:
    """Print every config that can be named without a path, and its file."""
    from dmtrack.config.loading import available_configs

    for name, file in sorted(available_configs().items()):
        typer.echo(f"{name:<36} {file}")


def _load(file: str, overrides: list[str] | None, modules: list[str] | None) -> Config:
    from dmtrack.config import load_config

    options.add_modules(modules)
    return load_config(file, overrides or ())
