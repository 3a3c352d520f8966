"""The reference outputs of multi-object trackers."""

import numpy as np
import pytest

from parity.golden import GoldenFile
from parity.mot_association import check_parts, check_streams
from parity.mot_distillation import check_distillation
from parity.mot_fairmot import check_core, check_fairmot
from parity.mot_yolox import check_yolox


@pytest.mark.parametrize("name", ["dla34_s0", "dla34_s1", "hrnet18_s0", "yolov5s_s0"])
def test_fairmot_networks_give_the_reference_maps_and_boxes(name, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"fairmot_{name}.npz")
    check_fairmot(golden)
    checks = golden.finish()
    assert len(checks) >= 8
    assert [check for check in checks if not check.passed] == []


@pytest.mark.parametrize("name", ["nano_s0", "s_s1"])
def test_yolox_networks_give_the_reference_boxes_and_losses(name, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"yolox_{name}.npz")
    check_yolox(golden)
    checks = golden.finish()
    assert len(checks) == 15
    assert [check for check in checks if not check.passed] == []


@pytest.mark.parametrize("seed", [10, 11])
def test_decoding_augmentation_targets_and_losses_are_the_reference(seed, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"core_s{seed}.npz")
    check_core(golden)
    assert len(golden.checks) >= 20
    assert [check for check in golden.checks if not check.passed] == []


@pytest.mark.parametrize("seed", [20, 21])
def test_the_adapter_and_the_losses_of_distillation_are_the_reference(seed, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"pipe_s{seed}.npz")
    check_distillation(golden)
    assert [check.quantity for check in golden.checks if check.passed] == ["kd_adapted", "kd_mse", "kd_cos"]


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_trackers_on_streams_give_the_reference_identities_boxes_and_states(stream, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"assoc_s{stream}.npz")
    check_streams(golden)
    checks = golden.finish()
    assert len(checks) >= 29
    assert [check for check in checks if not check.passed] == []


@pytest.mark.parametrize("seed", [10, 11])
def test_filters_gating_costs_and_assignment_are_the_reference(seed, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"core_s{seed}.npz")
    check_parts(golden)
    assert len(golden.checks) >= 31
    assert [check for check in golden.checks if not check.passed] == []


@pytest.mark.parametrize("array", ["jde", "byte_state", "sort", "deepsort_off"])
def test_a_changed_identity_or_count_fails(array, shared_folder, tmp_path):
    with np.load(shared_folder / "golden" / "mot" / "dev" / "assoc_s0.npz") as stored:
        arrays = dict(stored)
    arrays[array] = arrays[array].copy()
    arrays[array][100 if arrays[array].ndim == 2 and len(arrays[array]) > 100 else 30] += 1
    np.savez(tmp_path / "assoc_s0.npz", **arrays)
    golden = GoldenFile(tmp_path / "assoc_s0.npz")
    check_streams(golden)
    assert any(check.quantity == array and not check.passed for check in golden.checks)
