"""The `dmtrack` command. Each command lives in its own module; heavy imports happen inside the commands."""

from __future__ import annotations

import importlib
import importlib.abc
import io
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from dmtrack import __version__
from dmtrack.errors import DMTrackError
from dmtrack.files import ODD_NAMES

# What OpenCV and its FFmpeg print about a file or camera that cannot be read would hide our own sentence about it.
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


class _StoppedError(Exception):
    """Ctrl-C; Typer would end the program without a word."""


class _Commands(typer.core.TyperGroup):
    """Commands, whose name alone asks for their help, with Ctrl-C passed on to `run`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments."""
        return super().parse_args(ctx, args or ["--help"])

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that the user named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _StoppedError from error


app = typer.Typer(
    name="dmtrack",
    cls=_Commands,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"dmtrack {__version__}")
        raise typer.Exit


@app.callback()
def _dmtrack(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Global-search single-object tracking: train, track, evaluate."""


_COMMANDS = {
    "demo": "demo",
    "track": "track",
    "serve": "serve",
    "mot": "mot",
    "train": "train",
    "adapt": "adapt",
    "test": "testing",
    "eval": "eval",
    "cache": "cache",
    "replay": "replay",
    "report": "report",
    "search": "search",
    "submit": "submit",
    "config": "config",
    "weights": "weights",
    "data": "data",
    "crops": "crops",
    "vot": "vot",
}
"""Modules of `dmtrack.cli` by command, in the order of the help; each has a `group` or a function of that name."""

for _name, _module in _COMMANDS.items():
    _imported = importlib.import_module(f"dmtrack.cli.{_module}")
    if hasattr(_imported, "group"):
        app.add_typer(_imported.group, name=_name, cls=_Commands)
    else:
        app.command(_name)(getattr(_imported, _name))


def command_line() -> Any:
    """The whole command, without the word `<bool>` that Typer prints beside flags."""
    whole = typer.main.get_command(app)
    waiting: list[Any] = [whole]
    for command in waiting:
        waiting += getattr(command, "commands", {}).values()
        for parameter in command.get_params(typer.Context(command)):
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
    return whole


class _LoadingNotice(importlib.abc.MetaPathFinder):
    """Says that PyTorch is being loaded as soon as a command asks for it, because that takes seconds."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Finds nothing; the finders behind it do."""
        if name == "torch":
            sys.meta_path.remove(self)
            print("loading PyTorch ...", file=sys.stderr, flush=True)


def run(command: Callable[[], object]) -> int:
    """Runs a command, turning errors that a user can act on into one sentence.

    Returns:
        The exit code: 0, or 2 after a `DMTrackError`, or 130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file name that is no UTF-8 must not end a run that is done
            stream.reconfigure(errors=ODD_NAMES)
    try:
        command()
    except DMTrackError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, _StoppedError):
        print("stopped; what was finished is kept", file=sys.stderr)
        return 130
    return 0


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `dmtrack` command and of the scripts in `tools/`."""
    # Of the processes that train together, one speaks.
    if "torch" not in sys.modules and os.environ.get("LOCAL_RANK", "0") == "0":
        sys.meta_path.insert(0, _LoadingNotice())
    sys.exit(run(lambda: command_line()(args=arguments, prog_name="dmtrack")))


if __name__ == "__main__":
    main()
