"""The reference outputs of multi-object trackers."""

import pytest

from parity.golden import GoldenFile
from parity.mot_fairmot import check_core, check_fairmot


@pytest.mark.parametrize("name", ["dla34_s0", "dla34_s1", "hrnet18_s0", "yolov5s_s0"])
def test_fairmot_networks_give_the_reference_maps_and_boxes(name, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"fairmot_{name}.npz")
    check_fairmot(golden)
    checks = golden.finish()
    assert len(checks) >= 8
    assert [check for check in checks if not check.passed] == []


@pytest.mark.parametrize("seed", [10, 11])
def test_decoding_augmentation_targets_and_losses_are_the_reference(seed, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"core_s{seed}.npz")
    check_core(golden)
    assert len(golden.checks) >= 20
    assert [check for check in golden.checks if not check.passed] == []
