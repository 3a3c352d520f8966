"""`dmtrack track`: one video, one box, and where the target is in every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmtrack.errors import BoxError, ConfigError


def register(app: typer.Typer) -> None:
    """Adds the command to the `dmtrack` command line."""
    app.command("track")(track)


def track(
    source: Annotated[str, typer.Argument(help="A video, a folder of images, a camera (0, camera:0) or an address.")],
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H", help="The target in the first frame: left, top, width, height; repeatable for several."
        ),
    ] = None,
    select: Annotated[bool, typer.Option("--select", help="Drag the first box in a window.")] = False,
    config: Annotated[
        str | None,
        typer.Option(help="A config file, or the name of one; without it, the weights' own, or dmtrackReID_tiny."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="A weights file; without it, the one that ships with the config's name.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1; without it, a GPU if there is one.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the results; without it, results/track/<name of the source>.")
    ] = None,
    tracker: Annotated[
        str | None, typer.Option(metavar="MODULE:CLASS", help="Your own tracker instead of a config.")
    ] = None,
    import_: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module of yours first; repeatable.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a config value; repeatable.")
    ] = None,
    video: Annotated[bool, typer.Option("--video/--no-video", help="Write annotated.mp4.")] = True,
    timeline: Annotated[
        bool,
        typer.Option("--timeline", help="Write timeline.png and timeline.html: every tracklet, and why it changed."),
    ] = False,
    show: Annotated[
        bool | None,
        typer.Option("--show/--no-show", help="Show the frames in a window, q stops; the default for cameras."),
    ] = None,
) -> None:
    """Finds the target of the first frame in every later frame; several --box are several targets.

    Writes boxes.csv, boxes.json and annotated.mp4 (H.264). A camera runs until q or Ctrl-C. Boxes so far are kept.
    """
    if bool(box) == select:
        raise BoxError("say where the target is in the first frame: either --box x,y,w,h or --select, not both")
    boxes_xywh = tuple(parse_box(text) for text in box or ())
    if tracker is not None and (config or weights or set_):
        raise ConfigError("--tracker takes your own class; --config, --weights and --set do not apply to it")

    from dmtrack.cli.track_run import TrackJob, run
    from dmtrack.registry import import_modules

    import_modules(import_ or [])
    run(
        TrackJob(
            source=source,
            boxes_xywh=boxes_xywh,
            config=tracker or config,
            weights=weights,
            device=device,
            precision=precision,
            overrides=tuple(set_ or ()),
            output=output,
            video=video,
            timeline=timeline,
            show=show,
        )
    )


def parse_box(text: str) -> tuple[float, float, float, float]:
    """`x,y,w,h` as four numbers.

    Raises:
        BoxError: it is something else.
    """
    try:
        x, y, w, h = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BoxError(f"--box {text}: expected four numbers x,y,w,h in pixels, such as --box 120,80,64,48") from error
    return x, y, w, h
