"""The `dmtrack` command. Each command lives in its own module; heavy imports happen inside the commands."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

import typer

from dmtrack.errors import DMTrackError

app = typer.Typer(
    name="dmtrack",
    help="Global-search single-object tracking: train, track, evaluate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_COMMAND_MODULES = ("demo", "track", "train", "test", "config", "weights", "data")
"""Modules of `dmtrack.cli` in the order of the help; each has `register(app)`."""

for _module in _COMMAND_MODULES:
    importlib.import_module(f"dmtrack.cli.{_module}").register(app)


def run(command: Callable[[], object]) -> int:
    """Runs a command, turning errors that a user can act on into one sentence.

    Returns:
        The exit code: 0, or 2 after a `DMTrackError`, or 130 after Ctrl-C.
    """
    try:
        command()
    except DMTrackError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped; what was finished is kept", file=sys.stderr)
        return 130
    return 0


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `dmtrack` command and of the scripts in `tools/`."""
    sys.exit(run(lambda: app(args=arguments, standalone_mode=True)))


if __name__ == "__main__":
    main()
