"""`pipe_*.npz`: label files of data sets; the recipe of domain adaptation in these files is not built here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmtrack.data.writers.tracking_labels import LabelledVideo, label_rows, pedestrians
from parity.golden import Array, GoldenFile

LABEL_TOLERANCE = 1.5e-6
"""Labels have six decimals; numbers that lie between two of them may be rounded either way."""


def check_labels(golden: GoldenFile) -> None:
    """FairMOT's labels of MOT15 and of MOT16 and later: rows, identities, shares of the image."""
    for kind in ("lab15", "lab16"):
        golden.close(f"{kind}_out", _labels(golden, kind), LABEL_TOLERANCE)
    golden.informative(golden.names(""), "not covered yet: nothing here computes this")


def _labels(golden: GoldenFile, kind: str) -> Array:
    """(n, 8) sequence, frame, and the six values of a label, sorted as the reference."""
    rows, identity = [], 1
    for number in range(sum(name.endswith("_gt") for name in golden.names(f"{kind}_"))):
        kept, identities = pedestrians(golden.given(f"{kind}_{number}_gt"), identity)
        identity += len(np.unique(identities))
        width, height = golden.given(f"{kind}_{number}_wh").tolist()
        frames = kept[:, 0].astype(np.int64)
        nothing: tuple[Path, ...] = ()
        video = LabelledVideo("", nothing, (width, height), frames, identities, kept[:, 2:6])
        for frame, lines in label_rows(video).items():
            rows += [(number, frame, *map(float, line.split())) for line in lines]
    found, expected = np.array(rows).reshape(-1, 8), golden.given(f"{kind}_out")
    order, wanted = (np.lexsort((values[:, 3], values[:, 1], values[:, 0])) for values in (found, expected))
    # The reference lists sequence by sequence, but within them in an order of its own.
    arranged = np.empty_like(found)
    arranged[wanted] = found[order]
    return arranged
