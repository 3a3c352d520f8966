"""`assoc_*.npz` and the association of `core_*.npz`: trackers on streams, Kalman filters, gating, costs, assignment."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from dmtrack.association import area_filter, kalman
from dmtrack.association.detections import Detections
from dmtrack.association.matching import appearance_costs, assign, iou_costs, motion_gated_costs
from dmtrack.association.policies import JDE, ByteTrack, DeepSORT, Sort
from dmtrack.association.policy import MultiObjectAssociation
from dmtrack.association.track_table import unit_looks
from dmtrack.boxes import xyxy_to_xywh
from parity.golden import Array, GoldenFile

BOX_TOLERANCE, STATE_TOLERANCE, COST_TOLERANCE = 1e-3, 1e-6, 1e-6

TRACKERS: dict[str, tuple[MultiObjectAssociation, float]] = {
    "jde": (JDE(compat=True), 0.0),
    "jde_b10": (JDE(min_score=0.3, track_buffer=10, compat=True), 0.0),
    "byte": (ByteTrack(compat=True), 0.0),
    "byte_mot20": (ByteTrack(fuse_scores=False, compat=True), 0.0),
    "byte_t5m8": (ByteTrack(track_score=0.5, match_limit=0.8, compat=True), 0.0),
    "sort": (Sort(), 0.4),
    "sort_a30": (Sort(max_age=30), 0.4),
    "deepsort": (DeepSORT(min_score=0.0, compat=True), 0.3),
}
"""Settings of each tracker of a stream, and the score above which it was given detections."""


def check_streams(golden: GoldenFile) -> None:
    """Every tracker on the stream of a file: identities, their order, boxes, and how many are in each list."""
    found, looks, offsets = golden.given("det"), golden.given("emb"), golden.given("det_off")
    golden.informative(["gt", "gt_off"], "truth of the stream, which trackers do not see")
    for name, (settings, above) in TRACKERS.items():
        if name not in golden:
            continue
        policy: Any = settings.multi_object_policy()
        rows, ends, counts = [np.zeros((0, golden.given(name).shape[1]))], [0], []
        for first, end in itertools.pairwise(offsets):
            some = slice(first, end)
            frame = Detections(found[some, :4], found[some, 4], embeddings=looks[some])
            tracks = policy.step(frame.select(frame.scores > above))
            boxes = tracks.boxes_xyxy if name.startswith("sort") else tracks.boxes_xywh
            row = np.column_stack([tracks.ids, boxes, tracks.scores])[:, : rows[0].shape[1]]
            rows.append(row)
            ends.append(ends[-1] + len(row))
            if f"{name}_state" in golden:
                counts.append([policy.in_sight, len(policy.tracks) - policy.in_sight, policy.removed])
        golden.exact(f"{name}_off", ends)
        own, wanted = np.concatenate(rows), golden.given(name)
        if name.startswith("sort"):
            # Several assignments of detections that overlap nothing are equally good: new tracks that begin in one
            # frame may be numbered otherwise, and stand in another order.
            own, wanted = _relabelled(own, np.array(ends), wanted)
        golden.add(name, _difference(own[:, :1], wanted[:, :1]), 0.0, "identities and their order")
        golden.add(name, _difference(own[:, 1:], wanted[:, 1:]), BOX_TOLERANCE, "largest difference [pixels]")
        if counts:
            golden.exact(f"{name}_state", counts)


def _difference(own: Array, wanted: Array) -> float:
    return float(np.abs(own - wanted).max(initial=0.0)) if own.shape == wanted.shape else float("inf")


def _relabelled(own: Array, ends: Array, wanted: Array) -> tuple[Array, Array]:
    """Rows of each frame ordered by box, and the own identities named as those of the same boxes.

    A wrong identity stays one: the first name counts, and none is given twice.
    """
    if own.shape != wanted.shape:
        return own, wanted
    frames = np.searchsorted(ends, np.arange(len(own)), side="right")
    ordered = [rows[np.lexsort((*np.round(rows[:, 1:], 1).T, frames))] for rows in (own, wanted)]
    names: dict[float, float] = {}
    for mine, theirs in zip(ordered[0][:, 0].tolist(), ordered[1][:, 0].tolist(), strict=True):
        if mine not in names and theirs not in names.values():
            names[mine] = theirs
    ordered[0][:, 0] = [names.get(mine, -1.0) for mine in ordered[0][:, 0].tolist()]
    return ordered[0], ordered[1]


def check_parts(golden: GoldenFile) -> None:
    """Filters, gating, costs and assignment of a `core_*.npz`."""
    _check_filter(golden)
    _check_area_filter(golden)
    golden.close(
        "iou_plus1",
        1 - iou_costs(xyxy_to_xywh(golden.given("iou_a")), xyxy_to_xywh(golden.given("iou_b")), inclusive=True),
        COST_TOLERANCE,
    )
    for case in range(len([name for name in golden.names("lap") if name.endswith("_cost")])):
        given = assign(golden.given(f"lap{case}_cost"), float(golden.given(f"lap{case}_thresh")))
        for name, got in zip(("matches", "ua", "ub"), given, strict=True):
            golden.exact(f"lap{case}_{name}", got)
    tracks, found = (_seen(golden, f"fm_{name}_tlwh", f"fm_{name}_feat") for name in ("trk", "det"))
    states = kalman.predict(kalman.start(kalman.xywh_to_xyah(tracks.boxes_xywh)))
    looks = [unit_looks(one, "JDE") for one in (tracks, found)]
    costs = appearance_costs(*looks)
    golden.close("fm_emb_dist", costs, COST_TOLERANCE)
    golden.close("fm_fused", motion_gated_costs(costs, states, found.boxes_xywh), COST_TOLERANCE)
    golden.close("fm_gated", motion_gated_costs(costs, states, found.boxes_xywh, weight=0.0), COST_TOLERANCE)
    golden.close("fm_iou_dist", iou_costs(states.boxes_xywh, found.boxes_xywh, inclusive=True), COST_TOLERANCE)
    # One track that is seen as every detection, one after the other: the moving average of what it looks like.
    policy: Any = JDE(compat=True).multi_object_policy()
    policy.step(tracks.select(slice(0, 1)))
    averages = []
    for number in range(len(found)):
        one = replace(found.select(slice(number, number + 1)), embeddings=looks[1][[number]])
        policy._see(np.array([0]), np.array([0]), one, np.zeros(0, np.int64))
        averages.append(policy.tracks.looks[0].copy())
    golden.close("ema_feat", averages, COST_TOLERANCE)


def _seen(golden: GoldenFile, boxes: str, looks: str) -> Detections:
    given = golden.given(boxes)
    return Detections.from_xywh(given, np.ones(len(given)), embeddings=golden.given(looks))


def _check_filter(golden: GoldenFile) -> None:
    states = kalman.start(golden.given("kf_meas0"))
    golden.close("kf_init_mean", states.means, STATE_TOLERANCE)
    golden.close("kf_init_cov", states.covariances, STATE_TOLERANCE)
    steps: dict[str, list[Array]] = {name: [] for name in ("pred_mean", "pred_cov", "upd_mean", "upd_cov")}
    for measured in golden.given("kf_meas"):
        states = kalman.predict(states)
        steps["pred_mean"].append(states.means)
        steps["pred_cov"].append(states.covariances)
        states = kalman.update(states, measured)
        steps["upd_mean"].append(states.means)
        steps["upd_cov"].append(states.covariances)
    for name, values in steps.items():
        golden.relative(f"kf_{name}", values, STATE_TOLERANCE, scale=1.0)
    first = states.select(slice(0, 1))
    mean, covariance = kalman.project(first)
    golden.close("kf_proj_mean", mean[0], STATE_TOLERANCE)
    golden.close("kf_proj_cov", covariance[0], STATE_TOLERANCE)
    measured = golden.given("kf_gate_meas")
    golden.relative("kf_gate4", kalman.gating_distances(first, measured)[0], STATE_TOLERANCE)
    golden.relative("kf_gate2", kalman.gating_distances(first, measured, position_only=True)[0], STATE_TOLERANCE)
    golden.relative("kf_gate_gauss", ((measured - mean) ** 2).sum(axis=1), STATE_TOLERANCE)


def _check_area_filter(golden: GoldenFile) -> None:
    boxes = np.stack([golden.given("sortkf_box0"), *golden.given("sortkf_boxes")])
    measured = area_filter.xywh_to_uvsr(xyxy_to_xywh(boxes))
    states = area_filter.start(measured[:1])
    means, covariances = [], []
    for step in range(len(measured) - 1):
        predicted = area_filter.predict(states)
        # The fourth frame is one without a sighting.
        states = predicted if step == 3 else area_filter.update(predicted, measured[step + 1 : step + 2])
        means += [predicted.means[0], states.means[0]]
        covariances += [predicted.covariances[0], states.covariances[0]]
    golden.relative("sortkf_x", means, STATE_TOLERANCE)
    golden.relative("sortkf_P", covariances, STATE_TOLERANCE, scale=1.0)
