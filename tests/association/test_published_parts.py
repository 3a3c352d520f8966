"""The parts against what the published MOT trackers compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmtrack.association import kalman
from dmtrack.association.matching import appearance_costs, assign, iou_costs, motion_gated_costs

Golden = dict[str, Any]


@pytest.fixture(params=["core_s10.npz", "core_s11.npz"])
def golden(shared_folder: Path, request: pytest.FixtureRequest) -> Golden:
    with np.load(shared_folder / "golden" / "mot" / "dev" / request.param) as arrays:
        return dict(arrays)


def test_filter(golden: Golden) -> None:
    states = kalman.start(golden["kf_meas0"])
    np.testing.assert_allclose(states.means, golden["kf_init_mean"])
    np.testing.assert_allclose(states.covariances, golden["kf_init_cov"])
    for step in range(5):
        states = kalman.predict(states)
        np.testing.assert_allclose(states.means, golden["kf_pred_mean"][step])
        np.testing.assert_allclose(states.covariances, golden["kf_pred_cov"][step], rtol=1e-6, atol=1e-9)
        states = kalman.update(states, golden["kf_meas"][step])
        np.testing.assert_allclose(states.means, golden["kf_upd_mean"][step], atol=1e-9)
        np.testing.assert_allclose(states.covariances, golden["kf_upd_cov"][step], rtol=1e-6, atol=1e-9)
    first = states.select(slice(0, 1))
    mean, covariance = kalman.project(first)
    np.testing.assert_allclose(mean[0], golden["kf_proj_mean"])
    np.testing.assert_allclose(covariance[0], golden["kf_proj_cov"], atol=1e-12)
    np.testing.assert_allclose(kalman.gating_distances(first, golden["kf_gate_meas"])[0], golden["kf_gate4"])
    np.testing.assert_allclose(kalman.gating_distances(first, golden["kf_gate_meas"], True)[0], golden["kf_gate2"])


def test_assignment_with_a_limit(golden: Golden) -> None:
    for case in range(4):
        found = assign(golden[f"lap{case}_cost"], float(golden[f"lap{case}_thresh"]))
        for name, got in zip(("matches", "ua", "ub"), found, strict=True):
            np.testing.assert_array_equal(got, golden[f"lap{case}_{name}"], err_msg=f"{case} {name}")


def test_costs(golden: Golden) -> None:
    tracks, detections = golden["fm_trk_tlwh"], golden["fm_det_tlwh"]
    states = kalman.predict(kalman.start(kalman.xywh_to_xyah(tracks)))
    features = [values / np.linalg.norm(values, axis=1, keepdims=True) for values in
                (golden["fm_trk_feat"], golden["fm_det_feat"])]  # fmt: skip
    appearance = appearance_costs(*features)
    np.testing.assert_allclose(appearance, golden["fm_emb_dist"], atol=1e-6)
    np.testing.assert_allclose(motion_gated_costs(appearance, states, detections), golden["fm_fused"], atol=1e-6)
    np.testing.assert_allclose(
        iou_costs(states.boxes_xywh, detections, inclusive=True), golden["fm_iou_dist"], atol=1e-7
    )


def test_a_gallery_counts_by_its_nearest_view() -> None:
    gallery = np.array([[[1.0, 0], [0.6, 0.8]], [[0, 1], [0.6, 0.8]]])
    np.testing.assert_allclose(appearance_costs(gallery, np.array([[0.0, 1], [1, 0]])), [[0, 0], [0.2, 0.4]])


def test_nothing_to_assign() -> None:
    for shape in ((0, 3), (2, 0), (0, 0)):
        found = assign(np.zeros(shape), 0.5)
        assert (len(found.matches), len(found.rows), len(found.columns)) == (0, *shape)
    assert kalman.gating_distances(kalman.start(np.zeros((0, 4))), np.zeros((3, 4))).shape == (0, 3)
