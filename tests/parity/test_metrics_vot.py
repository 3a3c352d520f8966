"""Parity with the reference scores, where they are at hand, and what becomes of files that are not theirs."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from dmtrack.errors import DataError
from parity.metrics_vot import verify_vot


@pytest.fixture
def reference(shared_folder, tmp_path):
    source = shared_folder / "golden" / "siamrpn" / "dev"
    for name in ("metrics.json", "metrics_inputs.npz"):
        shutil.copy(source / name, tmp_path / name)
        (tmp_path / name).chmod(0o644)
    return tmp_path


def test_every_reference_score_is_reproduced(reference):
    checks = verify_vot(reference)
    assert [check.quantity for check in checks if not check.passed] == []
    names = {check.quantity.split(".")[0] for check in checks}
    assert names == {
        "overlap_pairs_pysot",
        "overlap_pairs_vottoolkit",
        "overlap_pairs_shapely",
        "vot_lens",
        "vot_failures",
        "pysot_vot",
        "mm_vot",
        "pysot_f1",
    }


def test_a_score_that_differs_fails(reference):
    scores = json.loads((reference / "metrics.json").read_text())
    scores["pysot_vot"]["eao"] += 2e-6
    scores["mm_vot"]["unheard_of"] = 1.0
    scores["overlap_pairs_unheard_of"] = [0.0]
    (reference / "metrics.json").write_text(json.dumps(scores))
    failed = {check.quantity for check in verify_vot(reference) if not check.passed}
    assert failed == {"pysot_vot.eao", "mm_vot.unheard_of", "overlap_pairs_unheard_of"}


def test_files_that_do_not_belong_together(reference):
    with np.load(reference / "metrics_inputs.npz") as stored:
        arrays = {name: stored[name] for name in stored.files if name != "vot0_quad"}
    np.savez(reference / "metrics_inputs.npz", **arrays)
    with pytest.raises(DataError, match="do not fit together"):
        verify_vot(reference)
    (reference / "metrics_inputs.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="truncated"):
        verify_vot(reference)
    (reference / "metrics.json").write_text("[")
    with pytest.raises(DataError, match="no JSON"):
        verify_vot(reference)
    (reference / "metrics.json").unlink()
    with pytest.raises(DataError, match="missing"):
        verify_vot(reference)
