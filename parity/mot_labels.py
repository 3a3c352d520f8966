"""`pipe_*.npz`: label files of data sets; the recipe of domain adaptation in these files is not built here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmtrack.data.sources import LabelledVideo
from dmtrack.data.sources.mot_labels import people
from dmtrack.data.writers.tracking_labels import label_rows, numbered
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
    videos = []
    for number in range(sum(name.endswith("_gt") for name in golden.names(f"{kind}_"))):
        truth = golden.given(f"{kind}_{number}_gt")
        width, height = golden.given(f"{kind}_{number}_wh").tolist()
        frames, identities = truth[:, :2].astype(np.int64).T
        nowhere = (Path(),) * (int(frames.max()) + 1)
        video = LabelledVideo("", nowhere, (width, height), frames, identities, truth[:, 2:6], ignored=people(truth)[1])
        videos.append(video)
    rows = [
        (number, frame, *map(float, line.split()))
        for number, video in enumerate(numbered(videos))
        for frame, lines in label_rows(video).items()
        for line in lines
    ]
    found, expected = np.array(rows).reshape(-1, 8), golden.given(f"{kind}_out")
    order, wanted = (np.lexsort((values[:, 3], values[:, 1], values[:, 0])) for values in (found, expected))
    # The reference lists sequence by sequence, but within them in an order of its own.
    arranged = np.empty_like(found)
    arranged[wanted] = found[order]
    return arranged
