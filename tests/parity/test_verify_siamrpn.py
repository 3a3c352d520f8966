"""`tools/verify_reference.py siamrpn`: the quick files pass, a changed one fails."""

import json
import shutil

import numpy as np
import pytest

from parity.command import verify
from parity.siamrpn_formulas import frame_bgr, parameter_value, target_box_xywh

QUICK = ("crops.npz", "decode.npz", "train.npz", "modules.npz")


@pytest.fixture
def golden_folder(shared_folder):
    return shared_folder / "golden" / "siamrpn" / "dev"


def test_crops_decoding_and_training_pass(golden_folder, tmp_path):
    for name in QUICK:
        shutil.copy(golden_folder / name, tmp_path / name)
    assert verify(["siamrpn", str(tmp_path), "--json", str(tmp_path / "report.json")]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["counts"]["FAIL"] == 0
    assert report["counts"]["pass"] >= 189
    assert {row["verdict"] for row in report["checks"] if row["file"] == "modules.npz"} == {"info"}


@pytest.mark.parametrize("array", ["s1_pairs", "s2_chain_1", "s3_pysot_cls", "s4_loss_cls_bbox"])
def test_a_changed_value_fails(golden_folder, tmp_path, array, capsys):
    with np.load(golden_folder / "train.npz") as stored:
        arrays = dict(stored)
    arrays[array] = arrays[array] + np.asarray(1, dtype=arrays[array].dtype)
    np.savez(tmp_path / "train.npz", **arrays)
    assert verify(["siamrpn", str(tmp_path), "--only-failures"]) == 1
    assert array in capsys.readouterr().out


def test_the_formulas_do_not_change():
    assert target_box_xywh(3, 240, 320, 1) == (114, 90, 56, 51)
    assert frame_bgr(0, 240, 320, 1)[100, 130].tolist() == [238, 159, 190]
    assert parameter_value("head.cls_weight", (3,)).tolist() == pytest.approx(
        parameter_value("head.cls_weight", (3,)).tolist()
    )
    assert (parameter_value("a.weight", (3,)) != parameter_value("a.weight", (3,), "holdout/")).all()
