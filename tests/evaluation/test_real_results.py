"""Raw results of published trackers get exactly the scores that their papers' tools give."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.scoring import combine, score_sequence


def read(path):
    rows = [re.split(r"[,\s]+", line.strip()) for line in path.read_text().splitlines() if line.strip()]
    return np.array(rows, dtype=np.float64)


@pytest.mark.parametrize("protocol", ["otb-official", "pysot", "mmtracking", "got10k-toolkit"])
@pytest.mark.parametrize("tracker", ["otb100_SiamTri", "otb100_mccth"])
def test_otb_scores_of_published_trackers(shared_folder, tracker, protocol):
    folder = shared_folder / "data" / "results"
    expected = json.loads((folder / "expected.json").read_text())["scores"][tracker]
    scored = []
    for annotation in sorted((folder / "otb_anno").glob("*.txt")):
        truth, results = read(annotation), read(folder / tracker / annotation.name)
        truth[:, :2] -= 1
        results[:, :2] -= 1
        # Tiger1 of SiamTri starts at frame 6: both end together.
        truth = truth[len(truth) - len(results) :]
        present = np.ones(len(truth), bool)
        scored.append(score_sequence(get_protocol(protocol), annotation.stem, truth, present, results, first_pixel=1))
    total = combine(get_protocol(protocol), tracker, "otb100", scored)
    assert len(scored) == expected["sequences"]
    assert round(total.scores["success"], 4) == expected["auc_21_strict"]
    assert round(total.scores["precision"], 4) == expected["precision_20px"]
    assert round(total.scores["success_rate"], 4) == expected["op50"]
