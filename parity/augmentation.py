"""`aug_*.npz`: a pair augmented by the published pipeline, draw by draw.

These files inform and never fail: the pixels depend on the build of OpenCV that resized them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dmtrack.data.batches import ClipEncoder
from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.recipes import build_recipe
from dmtrack.data.samples import Clip
from dmtrack.data.transforms import InclusiveBoxes
from parity.formulas import make_image, summary
from parity.golden import GoldenFile, largest_difference, to_numpy

ROW_STEP, COLUMN_STEP = 97, 101
KIND = "largest difference, informative"


def check_augmentation(golden: GoldenFile) -> None:
    """The `reference` recipe with the seed of the file: boxes, pixels, and that as many numbers were drawn."""
    seed = int(golden.given("seed"))
    size = int(golden.given("H")), int(golden.given("W"))
    clip = Clip.pair(
        make_image(seed, *size),
        make_image(seed + 1, *size),
        golden.given("in_bboxes_z").astype(np.float64),
        golden.given("in_bboxes_x").astype(np.float64),
    )
    preprocessing = Preprocessing(inclusive_boxes=True)
    random: Any = np.random.RandomState(seed)  # transforms take either kind of generator
    for transform in build_recipe("reference", preprocessing):
        if not isinstance(transform, InclusiveBoxes):  # the boxes of the file are inclusive already
            clip = transform(clip, random)
    _inform(golden, "next_rand", random.rand())
    batch = ClipEncoder(preprocessing).collate([clip])
    for side, images, boxes in (
        ("z", batch.query.images, batch.query.boxes_xyxy),
        ("x", batch.search.images, batch.search.boxes_xyxy),
    ):
        image = to_numpy(images[0])
        _inform(golden, f"bboxes_{side}", boxes)
        _inform(golden, f"img_{side}_shape", image.shape)
        _inform(golden, f"img_{side}_stat", summary(image) / np.array([image.size, image.size, 1, 1]), image.size)
        _inform(golden, f"img_{side}_sample", image[:, ::ROW_STEP, ::COLUMN_STEP])
    golden.informative(golden.names(""), "not kept by this pipeline; boxes and pixels show it")


def _inform(golden: GoldenFile, name: str, actual: object, size: int | None = None) -> None:
    if name in golden:
        expected = golden.given(name)
        if size is not None:
            expected = expected / np.array([size, size, 1, 1])
        golden.add(name, largest_difference(to_numpy(actual), expected), None, KIND)
