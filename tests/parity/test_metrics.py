"""`tools/verify_reference.py metrics`: reference scores pass, changed ones fail, broken files are refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from dmtrack.errors import DataError
from parity.command import verify
from parity.metrics_ope import verify_ope


def reference(shared_folder):
    folder = shared_folder / "golden" / "siamrpn" / "dev"
    return json.loads((folder / "metrics.json").read_text()), folder / "metrics_inputs.npz"


def test_one_pass_scores_of_three_toolkits_are_reproduced(shared_folder):
    checks = verify_ope(*reference(shared_folder))
    assert len(checks) > 100 and {check.quantity.split(".")[0] for check in checks} == {
        "mm_ope_all",
        "mm_ope_visible",
        "mm_ope_per_seq",
        "pysot_no_absent",
        "pysot_absent",
        "got10k",
    }
    assert max(check.error for check in checks) < 1e-9


def test_a_changed_or_unknown_score_fails(shared_folder):
    scores, inputs = reference(shared_folder)
    scores["pysot_absent"]["precision20"] += 1e-5
    scores["got10k"]["s1"]["median_overlap"] = 0.5
    failed = [check.quantity for check in verify_ope(scores, inputs) if not check.passed]
    assert failed == ["pysot_absent.precision20", "got10k.s1.median_overlap"]


def test_the_command_checks_scores_and_evaluator_files(shared_folder, tmp_path):
    pytest.importorskip("parity.metrics_vot")
    for name in ("siamrpn/dev/metrics.json", "siamrpn/dev/metrics_inputs.npz", "dmtrack/dev/eval_41.npz"):
        target = tmp_path / name.rsplit("/", 1)[1]
        shutil.copyfile(shared_folder / "golden" / name, target)
    assert verify(["metrics", str(tmp_path), "--json", str(tmp_path / "report.json")]) == 0
    rows = json.loads((tmp_path / "report.json").read_text())["checks"]
    assert {row["file"] for row in rows} == {"metrics.json", "eval_41.npz"}
    scores = json.loads((tmp_path / "metrics.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps({**scores, "something_new": 1}))
    assert verify(["metrics", str(tmp_path), "--only-failures"]) == 1


@pytest.mark.parametrize(
    ("scores", "arrays", "message"),
    [
        ({"kinds": {"0": ["normal", 3]}}, {"seq0_gt": np.ones((3, 4))}, "no array seq0_pred"),
        ({"kinds": {}}, {"seq0_gt": np.ones((3, 4))}, "names no sequence"),
        ({"kinds": {"0": ["normal", 3]}}, None, "is missing beside metrics.json"),
        ({"kinds": {"0": ["normal", 3]}}, b"PK\x03\x04 cut", "truncated or no .npz"),
    ],
)
def test_broken_inputs_are_refused(tmp_path, scores, arrays, message):
    inputs = tmp_path / "metrics_inputs.npz"
    if isinstance(arrays, bytes):
        inputs.write_bytes(arrays)
    elif arrays is not None:
        np.savez(inputs, **arrays)
    with pytest.raises(DataError, match=message):
        verify_ope(scores, inputs)


def test_a_folder_without_reference_scores_is_refused(tmp_path):
    pytest.importorskip("parity.metrics_vot")
    with pytest.raises(DataError, match="holds no reference scores"):
        verify(["metrics", str(tmp_path)])
    with pytest.raises(DataError, match="is no folder"):
        verify(["metrics", str(tmp_path / "nowhere")])
    (tmp_path / "metrics.json").write_text("{not json")
    with pytest.raises(DataError, match=r"metrics.json is no JSON file"):
        verify(["metrics", str(tmp_path)])
