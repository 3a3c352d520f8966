"""The `dmtrack` command. Each command lives in its own module; heavy imports happen inside the commands."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
import typer.core

from dmtrack import __version__
from dmtrack.errors import DMTrackError
from dmtrack.files import ODD_NAMES

# What OpenCV and its FFmpeg print about a file or camera that cannot be read would hide our own sentence about it.
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


class _StoppedError(Exception):
    """Ctrl-C; Typer would end the program without a word."""


class _Commands(typer.core.TyperGroup):
    """The commands, with Ctrl-C passed on to `run`."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that the user named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _StoppedError from error


app = typer.Typer(
    name="dmtrack",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
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
    "train": "train",
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
        app.add_typer(_imported.group, name=_name)
    else:
        app.command(_name)(getattr(_imported, _name))


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
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, _StoppedError):
        print("stopped; what was finished is kept", file=sys.stderr)
        return 130
    return 0


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `dmtrack` command and of the scripts in `tools/`."""
    sys.exit(run(lambda: app(args=arguments, standalone_mode=True)))


if __name__ == "__main__":
    main()
