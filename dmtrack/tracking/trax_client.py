"""A tracker as a program that the VOT toolkit drives through the TraX protocol (https://trax.readthedocs.io).

The toolkit starts `python -m dmtrack.tracking.trax_client --config ... --weights ...`, sends the first frame with the
target's region, then frame after frame, and gets a region and a confidence for each. `docs/vot_toolkit.md` has the
whole recipe. The protocol's own words are turned round: what VOT calls the client of the protocol is the toolkit, and
the tracker is its server.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import abc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import Boxes
from dmtrack.errors import DMTrackError, MediaError
from dmtrack.media.images import Image, as_rgb, read_image
from dmtrack.tracking.base import Tracker

REGIONS = ("rectangle", "polygon")
IMAGES = ("path", "memory", "buffer")
"""The ways of handing over a frame that we take: a file, pixels, or an encoded JPEG or PNG."""


def serve(tracker: Tracker, region: str = "rectangle") -> int:
    """Answers a TraX client on standard input and output (or the socket in TRAX_SOCKET) until it says goodbye.

    Args:
        tracker: gets the target's box, or its polygon where it can start from one (`SiamRPNTracker`).
        region: "rectangle": the client turns other regions into upright boxes and gets boxes back; "polygon": regions
            come as polygons and go back as polygons of four corners.

    Returns:
        How many frames were tracked, first frames included.

    Raises:
        DMTrackError: the package `vot-trax` is missing, the client went away or sent what cannot be used, or the
            tracker failed; the client is told the reason.
    """
    trax = import_trax()
    server = trax.server.Server(
        [region], list(IMAGES), ["color"], tracker_name=tracker.name, tracker_description="dmtrack"
    )
    frames = 0
    while True:
        try:
            request = server.wait()
        except trax.TraxException as error:
            raise DMTrackError(f"the TraX client broke off after {frames} frames ({error})") from error
        if request.type == trax.TraxStatus.QUIT:
            return frames
        try:
            server.status([_answer(tracker, request, region, trax)])
        except Exception as error:
            kind = "" if isinstance(error, DMTrackError) else f"{type(error).__name__}: "
            with contextlib.suppress(trax.TraxException):  # the client may be gone, too
                server.quit(reason=f"frame {frames}: {kind}{error}")
            raise
        frames += 1


def import_trax() -> Any:
    """The package `trax` with its server and image classes.

    Raises:
        DMTrackError: it is not installed.
    """
    try:
        import trax  # type: ignore[import-untyped]
        import trax.image  # type: ignore[import-untyped]
        import trax.region  # type: ignore[import-untyped]
        import trax.server  # type: ignore[import-untyped]
    except ImportError as error:
        raise DMTrackError(
            f"the VOT client needs the package vot-trax ({error}); install it with pip install 'dmtrack[vot]'"
        ) from error
    return trax


def _answer(tracker: Tracker, request: Any, region: str, trax: Any) -> tuple[Any, dict[str, str]]:
    """The reply to one request: a region and its properties."""
    # The options of this program are read without PyTorch, so that a wrong one is refused at once.
    from dmtrack.tracking.siamrpn import SiamRPNTracker

    frame = frame_of(request.image["color"], trax)
    if request.type == trax.TraxStatus.INITIALIZE:
        given = request.objects[0][0]
        tracker.init(frame, box_of(given, isinstance(tracker, SiamRPNTracker), trax))
        return given, {"confidence": "1", "present": "1"}
    result = tracker.step(frame)
    # The toolkit's long-term analyses read the confidence; our decision on presence is for those who look.
    properties = {"confidence": f"{result.score:.6f}", "present": str(int(result.present))}
    return region_of(result.box_xywh, region, trax), properties


def frame_of(image: Any, trax: Any) -> Image:
    """The pixels of a TraX image as HxWx3 uint8 RGB.

    Raises:
        MediaError: a file that cannot be read, or an encoded image that cannot be decoded.
    """
    if isinstance(image, trax.image.FileImage):
        return read_image(Path(image.path()))
    if isinstance(image, trax.image.BufferImage):
        decoded = cv2.imdecode(np.frombuffer(image.buffer(), np.uint8), cv2.IMREAD_COLOR)
        if decoded is None:
            raise MediaError("the TraX client sent an encoded image that cannot be decoded; expected JPEG or PNG")
        return as_rgb(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))
    return as_rgb(image.array())


def box_of(region: Any, corners: bool, trax: Any) -> NDArray[np.float64]:
    """The box of a TraX region: left, top, width, height.

    Args:
        region: a rectangle or a polygon.
        corners: give those of a quadrilateral, x1, y1, ..., x4, y4, and not the smallest upright box around them.
        trax: the package.

    Raises:
        DMTrackError: another kind of region.
    """
    if isinstance(region, trax.region.Rectangle):
        return np.array(region.bounds(), dtype=np.float64)
    if not isinstance(region, trax.region.Polygon):
        raise DMTrackError(f"the TraX client sent a region of type {region.type}; expected a rectangle or a polygon")
    points = np.array(list(region), dtype=np.float64).reshape(-1, 2)
    if corners and len(points) == 4:
        return points.reshape(-1)
    return np.concatenate([points.min(axis=0), points.max(axis=0) - points.min(axis=0)])


def region_of(box_xywh: Boxes, region: str, trax: Any) -> Any:
    """A box as a TraX rectangle, or as a polygon that starts at the top left corner and runs clockwise."""
    x, y, width, height = (float(value) for value in box_xywh)
    if region == "rectangle":
        return trax.region.Rectangle.create(x, y, width, height)
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return trax.region.Polygon.create(corners)


def parser() -> argparse.ArgumentParser:
    """The options of the program."""
    made = argparse.ArgumentParser(
        prog="python -m dmtrack.tracking.trax_client",
        description="A tracker of dmtrack for the VOT toolkit, which starts this program itself.",
    )
    made.add_argument("--config", help="a config file or the name of one; without it, that of the weights")
    made.add_argument("--weights", type=Path, help="a weights file; without it, the one that ships with the config")
    made.add_argument("--tracker", metavar="MODULE:CLASS", help="a tracker class instead of config and weights")
    made.add_argument("--device", help="cpu, cuda, cuda:1; without it, a GPU if there is one")
    made.add_argument("--precision", help="fp32, bf16 or fp16")
    made.add_argument("--region", choices=REGIONS, default="rectangle", help="form of the regions to ask for and give")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a config value")
    made.add_argument("--import", action="append", default=[], dest="imports", metavar="MODULE", help="import first")
    return made


def main(arguments: abc.Sequence[str] | None = None) -> int:
    """Runs the program.

    Returns:
        0 after the client's goodbye, 2 after an error that a user can act on.
    """
    options = parser().parse_args(arguments)
    try:
        if options.tracker and (options.config or options.weights or options.set):
            raise DMTrackError("--tracker takes a class of its own, so --config, --weights and --set do not apply")
        from dmtrack import registry
        from dmtrack.tracking.loading import assemble_tracker

        registry.load_plugins(options.imports)
        # The tracker comes before the greeting: what is wrong with it then stands in the toolkit's log.
        loaded = assemble_tracker(
            options.tracker or options.config, options.weights, options.device, options.precision, options.set
        )
        serve(loaded.target_tracker, options.region)
    except DMTrackError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
