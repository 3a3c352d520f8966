"""Of `pipe_*.npz` what belongs to distillation: a student's map in a teacher's channels and size, and both losses."""

from __future__ import annotations

import torch

from dmtrack.config.top_level import Distillation
from dmtrack.training.distillation import distillation_loss, make_adapter, resized
from parity.golden import GoldenFile
from parity.mot_formulas import parameter_value

MAP_TOLERANCE, LOSS_TOLERANCE = 1e-4, 1e-5


def check_distillation(golden: GoldenFile) -> None:
    """The adapted map, and its mean squared difference and cosine distance to the teacher's."""
    seed = int(golden.name.removesuffix(".npz").rpartition("s")[2])
    own, theirs = (torch.from_numpy(golden.given(f"kd_{name}")).double() for name in ("student", "teacher"))
    adapter = make_adapter(own.shape[1], theirs.shape[1], "linear").double()
    with torch.no_grad():
        for name, parameter in adapter.named_parameters():
            parameter.copy_(parameter_value(f"channel_increase_conv.{name}", parameter.shape, seed))
        golden.close("kd_adapted", resized(adapter(own), theirs.shape[2:]), MAP_TOLERANCE)
        for name, settings in (("kd_mse", Distillation({}, loss="mse")), ("kd_cos", Distillation({}, loss="cosine"))):
            golden.close(name, distillation_loss(own, theirs, adapter, settings), LOSS_TOLERANCE)
