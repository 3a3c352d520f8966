"""Writes clips as seen from afar: at half their size (`--smaller`), each in a photograph of 1280x720, with boxes.

    python tools/clips_from_afar.py CLIPS --names dog,camel --photographs data/detection/coco_sample/images --output far
    dmtrack test --data far --config dmtrackGS_tiny

The seed alone decides on photographs and places; a clip and its photograph keep their place in all frames.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from dmtrack.cli.main import run
from dmtrack.data.sequences import Image, Sequence
from dmtrack.data.sources import SequenceFolder
from dmtrack.data.writers.sequences import write_folder
from dmtrack.errors import DataError
from dmtrack.media.image_files import list_images
from dmtrack.media.images import read_image

SIZE_WH = (1280, 720)


def from_afar(rng: np.random.Generator, clip: Sequence, photograph: Image, smaller: float = 2.0) -> Sequence:
    """The clip, so many times smaller, somewhere in a photograph.

    Raises:
        DataError: it does not fit in.
    """
    shape_hw = clip.read_frame(0).shape[:2]
    height, width = (max(int(side / smaller), 1) for side in shape_hw)
    if width > SIZE_WH[0] or height > SIZE_WH[1]:
        raise DataError(
            f"{clip.name}: {smaller:g} times smaller it has {width}x{height} pixels and does not fit in "
            f"{SIZE_WH[0]}x{SIZE_WH[1]}; give --smaller a higher number"
        )
    left, top = (int(rng.integers(outer - inner + 1)) for outer, inner in zip(SIZE_WH, (width, height), strict=True))
    around = cv2.resize(photograph, SIZE_WH, interpolation=cv2.INTER_LINEAR)

    def read(index: int) -> Image:
        frame = around.copy()
        small = cv2.resize(clip.read_frame(index), (width, height), interpolation=cv2.INTER_AREA)
        frame[top : top + height, left : left + width] = small
        return frame

    shrink = np.tile([width / shape_hw[1], height / shape_hw[0]], 2)
    boxes_xywh = clip.boxes_xywh * shrink + (left, top, 0, 0)
    return replace(clip, boxes_xywh=boxes_xywh, read_frame=read, frame_size_wh=SIZE_WH)


def main() -> None:
    """Reads, places, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", help="folder of clips with groundtruth.txt")
    parser.add_argument("--names", help="of the clips, with commas; by default all")
    parser.add_argument("--photographs", required=True, help="folder of images")
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--smaller", type=float, default=2.0, help="so many times, 2 by default: half the size")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not 0.1 <= options.smaller <= 100:
        raise DataError(f"--smaller {options.smaller:g}: expected a number from 0.1 to 100")
    names = tuple(options.names.split(",")) if options.names else None
    photographs = list_images(options.photographs)
    rng = np.random.default_rng(options.seed)
    for clip in SequenceFolder(options.clips, names=names):
        chosen = read_image(photographs[int(rng.integers(len(photographs)))])
        write_folder([from_afar(rng, clip, chosen, options.smaller)], options.output)
        print(f"wrote {options.output / clip.name}")


if __name__ == "__main__":
    sys.exit(run(main))
