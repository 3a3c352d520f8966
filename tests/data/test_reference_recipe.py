from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from dmtrack.data.batches import ClipEncoder
from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.recipes import build_recipe
from dmtrack.data.samples import Clip
from dmtrack.data.transforms import InclusiveBoxes


def _formulas(folder: Path):
    spec = importlib.util.spec_from_file_location("goldlib", folder / "goldlib.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [91, 92])
def test_repeats_the_published_code_draw_by_draw(seed, shared_folder):
    """The same generator, the same draws: boxes, sizes and pixels of what the published code gave for two seeds."""
    golden = np.load(shared_folder / f"golden/dmtrack/dev/aug_{seed}.npz")
    formulas = _formulas(shared_folder / "golden/dmtrack")
    size = int(golden["H"]), int(golden["W"])
    pair = Clip.pair(
        formulas.make_image(seed, *size),
        formulas.make_image(seed + 1, *size),
        golden["in_bboxes_z"].astype(np.float64),
        golden["in_bboxes_x"].astype(np.float64),
    )
    steps = build_recipe("reference", Preprocessing(inclusive_boxes=True))
    assert isinstance(steps[0], InclusiveBoxes)  # the golden boxes are inclusive already
    rng = np.random.RandomState(seed)
    for step in steps[1:]:
        pair = step(pair, rng)
    assert rng.rand() == golden["next_rand"], "as many draws as the published code"
    batch = ClipEncoder(Preprocessing()).collate([pair])
    for side, images, boxes in (
        ("z", batch.query.images, batch.query.boxes_xyxy),
        ("x", batch.search.images, batch.search.boxes_xyxy),
    ):
        np.testing.assert_allclose(boxes, golden[f"bboxes_{side}"], atol=1e-4)
        image = images[0].numpy()
        assert image.shape == tuple(golden[f"img_{side}_shape"])
        # Another build of OpenCV may round interpolated values differently.
        np.testing.assert_allclose(image[:, ::97, ::101], golden[f"img_{side}_sample"], atol=2e-2)
