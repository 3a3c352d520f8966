"""`pipe_*.npz`: labels of data sets; and of domain adaptation filled gaps, pseudo labels by score, and the mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dmtrack.data.sources import LabelledVideo
from dmtrack.data.sources.mot_labels import people
from dmtrack.data.writers.tracking_labels import label_rows, numbered
from dmtrack.evaluation.readers.mot import fill_gaps
from dmtrack.running.adaptation.pseudo_labels import KEPT, reasons_of
from dmtrack.running.adaptation.recipe import Selection
from dmtrack.weights import average_state_dicts
from parity.golden import Array, GoldenFile

PSEUDO_LABEL_SCORE = 0.7

LABEL_TOLERANCE = 1.5e-6
"""Labels have six decimals; numbers that lie between two of them may be rounded either way."""


def check_labels(golden: GoldenFile) -> None:
    """FairMOT's labels of MOT15 and of MOT16 and later: rows, identities, shares of the image."""
    for kind in ("lab15", "lab16"):
        golden.close(f"{kind}_out", _labels(golden, kind), LABEL_TOLERANCE)
    rows = golden.given("dti_in").astype(np.float64)
    filled = fill_gaps(rows, *golden.given("dti_params").astype(int).tolist())
    # The reference forgets the scores.
    golden.close("dti_out_sorted", np.concatenate([filled[:, :6], np.full((len(filled), 4), -1.0)], axis=1), 1e-2)
    rules = Selection(least_score=PSEUDO_LABEL_SCORE)
    sure = reasons_of(rows, rules) == KEPT
    chosen = rows[sure]
    # The reference counts identities of unsorted rows, so that nearly every row begins another one.
    identities = 1 + np.cumsum(np.diff(chosen[:, 1], prepend=chosen[0, 1]) != 0)
    ones, areas = np.ones(len(chosen)), chosen[:, 4] * chosen[:, 5]
    columns = (1 + np.flatnonzero(sure), chosen[:, 0], identities, ones, *chosen[:, 2:7].T, areas)
    golden.relative("pu_fixed07", np.stack(columns, axis=1), 1e-5)
    # The published rule compares whole numbers, and finds -1 where gaps were filled.
    forgotten = filled.copy()
    forgotten[:, 6] = -1.0
    published = [np.count_nonzero(reasons_of(one, rules, published=True) == KEPT) for one in (rows, forgotten)]
    counts = zip((len(rows), len(filled), len(rows)), (*published, len(chosen)), strict=True)
    golden.exact("pu_counts", list(counts))
    pair = [{"weight": torch.from_numpy(golden.given(name))} for name in ("soup_a", "soup_b")]
    golden.close("soup_out", average_state_dicts(pair, ("a", "b"), (0.6, 0.4))["weight"], 1e-6)
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
