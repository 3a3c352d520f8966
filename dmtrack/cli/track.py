"""`dmtrack track`: one video, one box, and where the target is in every frame."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmtrack import __version__
from dmtrack.cli import options
from dmtrack.cli.options import OUTPUT, TRACKER, option
from dmtrack.errors import BoxError, ConfigError, DMTrackError, MediaError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from dmtrack.media.video import FrameSource
    from dmtrack.media.window import PreviewWindow

TARGET = "Target"
"""Panel of the options about the box."""


def track(
    source: Annotated[str, typer.Argument(help="A video, a folder of images, a camera (0, camera:0) or an address.")],
    box: Annotated[
        list[str] | None,
        option(
            TARGET,
            metavar="X,Y,W,H",
            help="The target in the first frame: left, top, width, height; repeatable for several.",
        ),
    ] = None,
    select: Annotated[
        bool,
        option(
            TARGET,
            "--select",
            help="Drag the first box in a window; without a display, in a page of the browser.",
        ),
    ] = False,
    config: Annotated[
        str | None,
        option(
            TRACKER,
            callback=options.CONFIG,
            help="A config file, or the name of one; without it, the weights' own, or dmtrackReID_tiny.",
        ),
    ] = None,
    weights: options.Weights = None,
    device: options.Device = None,
    precision: options.Precision = None,
    output: options.Output = None,
    tracker: options.TrackerClass = None,
    import_: options.Import = None,
    set_: options.ConfigSet = None,
    presence_threshold: Annotated[
        float | None,
        option(TRACKER, min=0.0, max=1.0, help="The score from which the target counts as present; as --set does."),
    ] = None,
    start_frame: options.StartFrame = 0,
    end_frame: options.EndFrame = None,
    skip_bad_frames: options.SkipBadFrames = False,
    timeout: options.Timeout = 10.0,
    overwrite: options.Overwrite = False,
    resume: options.Resume = False,
    video: options.Video = True,
    video_scale: options.VideoScale = None,
    timeline: Annotated[
        bool,
        option(OUTPUT, "--timeline", help="Write timeline.png and timeline.html: every tracklet, and why it changed."),
    ] = False,
    show: Annotated[
        bool | None,
        option(OUTPUT, "--show/--no-show", help="Show the frames in a window, q stops; the default for cameras."),
    ] = None,
) -> None:
    """Finds the target of the first frame in every later frame; several --box are several targets.

    Writes boxes.csv, boxes.json and annotated.mp4 (H.264). A camera runs until q or Ctrl-C. Boxes so far are kept.
    """
    if (bool(box) or resume) == select:
        raise BoxError("say where the target is in the first frame: either --box x,y,w,h or --select, not both")
    boxes_xywh = [parse_box(text) for text in box or ()]
    if tracker is not None and (config or weights or set_):
        raise ConfigError("--tracker takes your own class; --config, --weights and --set do not apply to it")
    options.add_modules(import_)

    from rich.console import Console

    from dmtrack.boxes import check_distinct_xywh, check_first_box_xywh
    from dmtrack.config.choices import DEFAULT_CONFIG, check_settings
    from dmtrack.files import check_writable_folder
    from dmtrack.running.box_log import RESULTS, choose_folder, find_unfinished
    from dmtrack.running.one_video import Targets, TrackingSession

    console = Console()
    overrides = [*(set_ or ())]
    if presence_threshold is not None:
        overrides.append(f"tracker.presence_threshold={presence_threshold}")
    check_settings(config, weights, set_ or ())
    frames = (start_frame, end_frame)
    with options.opened_source(source, output or RESULTS, frames, skip_bad_frames, timeout) as opened:
        preview = _preview(show, opened.live)
        if select and _may_open_page(console):
            own, shown = tracker or config, opened if opened.live else Path(source)
            return _on_page(shown, output, console, own, weights, device, precision, overrides)
        inside = [tuple(check_first_box_xywh(one, *opened.size_wh).tolist()) for one in boxes_xywh]
        folder, unfinished = find_unfinished(output, opened.origin(), inside) if resume else (None, None)
        if unfinished is not None:
            inside = [tuple(one) for one in unfinished.boxes_xywh or ()]
            console.print(f"going on in {folder} behind {unfinished.frames} frames", soft_wrap=True)
        elif resume and not inside:
            raise OutputError(f"no run on {source} was stopped that could go on; say with --box where the target is")
        if unfinished is not None and timeline:
            raise OutputError(
                f"--timeline needs all decisions, and those of the first {unfinished.frames} frames are gone; leave "
                "it out, or track from the first frame without --resume and with --overwrite"
            )
        if not inside:
            selected = _selected(opened, output or RESULTS, console)
            inside = [tuple(check_first_box_xywh(selected, *opened.size_wh).tolist())]
        check_distinct_xywh(inside)
        # Not before whatever is wrong with source and boxes has been said: this loads PyTorch.
        from dmtrack.tracking.loading import assemble_tracker

        print(f"preparing {tracker or config or weights or DEFAULT_CONFIG} ...", file=sys.stderr, flush=True)
        loaded = assemble_tracker(tracker or config, weights, device, precision, tuple(overrides))
        targets, timelines = Targets(loaded.target_tracker, inside), None
        if timeline:
            from dmtrack.pages.timeline.recording import TrackTimelines

            timelines = TrackTimelines(loaded.target_tracker, len(inside))
        version = {"dmtrack_version": __version__}
        run = {**opened.origin(), **targets.metadata(), **loaded.origin(), **version}
        folder = check_writable_folder(folder or choose_folder(output, run, opened.live, overwrite))
        session = TrackingSession(opened, targets, run, folder, video, preview, timelines, video_scale, unfinished)
        try:
            session.track(console)
        finally:
            session.report(console)


def _may_open_page(console: Console) -> bool:
    """Whether there is no window to drag a box in, somebody reads what is printed, and the page can be served."""
    from dmtrack.cli.serve import lacking_libraries
    from dmtrack.media.window import why_no_windows

    return console.is_terminal and why_no_windows() is not None and not lacking_libraries()


def _on_page(
    source: Path | FrameSource,
    output: Path | None,
    console: Console,
    config: str | None,
    weights: Path | None,
    device: str | None,
    precision: str | None,
    overrides: list[str],
) -> None:
    """Selecting, tracking and correcting in the browser, until Ctrl-C."""
    from dmtrack.config.choices import DEFAULT_CONFIG
    from dmtrack.web.serve import PROJECTS, select_and_track
    from dmtrack.web.tracking import Trackers

    # Weights alone say by themselves which config they belong to.
    name = config or (str(weights) if weights else DEFAULT_CONFIG)
    trackers = Trackers(device, precision, {name: (weights if config else None, tuple(overrides))})
    table = select_and_track(source, output or PROJECTS, console, name, trackers)
    console.print(f"  {table}" if table else "no box was drawn, nothing was tracked", soft_wrap=True)


def parse_box(text: str) -> tuple[float, ...]:
    """`x,y,w,h` as four numbers.

    Raises:
        BoxError: it is something else.
    """
    try:
        x, y, w, h = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BoxError(f"--box {text}: expected four numbers x,y,w,h in pixels, such as --box 120,80,64,48") from error
    return x, y, w, h


def _selected(source: FrameSource, folder: Path, console: Console) -> tuple[float, ...]:
    """The box that the user drags; it is printed, so that the same can be done again without the mouse.

    Raises:
        BoxError: none was dragged.
        MediaError: there is no window to drag it in; a picture in the folder helps to write it down instead.
    """
    from dmtrack.media.window import select_box

    try:
        dragged = select_box(source.first_frame, f"dmtrack: {source.name}")
    except MediaError as error:
        from dmtrack.media.first_frame import first_frame_picture, propose_boxes
        from dmtrack.media.images import write_image

        likely = propose_boxes(source.first_frame)
        path = folder / "first_frame.png"
        write_image(path, first_frame_picture(source.first_frame, likely))
        for number, box in enumerate(likely):
            console.print(f"{number + 1}: {_as_option(box)}", highlight=False)
        raise MediaError(
            f"{error}; {path} shows the first frame with its pixels and, by their numbers above, likely objects: track "
            f"with {_as_option(likely[0] if len(likely) else (120, 80, 64, 48))} or another one, edited to fit"
        ) from error
    if dragged is None:
        raise BoxError("no box was selected, nothing was tracked; drag one and press Enter, or use --box x,y,w,h")
    console.print(f"selected: {_as_option(dragged)}")
    return tuple(dragged)


def _as_option(box_xywh: Iterable[float]) -> str:
    return "--box " + ",".join(f"{value:g}" for value in box_xywh)


def _preview(show: bool | None, live: bool) -> PreviewWindow | None:
    """A window, where one is asked for, or usual and possible."""
    if show is False or (show is None and not live):
        return None
    from dmtrack.media.window import PreviewWindow, why_no_windows

    reason = why_no_windows()
    if reason is None:
        return PreviewWindow()
    if show:
        raise DMTrackError(f"--show cannot open a window because {reason}; leave --show out")
    return None
