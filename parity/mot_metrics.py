"""`metrics_*.npz`: HOTA, CLEAR and identity scores, with and without preprocessing, and by FairMOT's evaluator."""

from __future__ import annotations

import numpy as np

from dmtrack.evaluation.measures.multi_object import counted_boxes, numbers, raw_scores
from dmtrack.evaluation.protocols import MultiObjectProtocol, get_protocol
from parity.golden import GoldenFile

TOLERANCE = 1e-9
CURVES = {"hota": "HOTA", "deta": "DetA", "assa": "AssA", "loca": "LocA"}
FAIRMOT_NAMES = {
    "fair_mota": "MOTA",
    "fair_idf1": "IDF1",
    "fair_num_switches": "IDSW",
    "fair_num_false_positives": "FP",
    "fair_num_misses": "FN",
}


def check_scores(golden: GoldenFile) -> None:
    """Scores of one sequence by three protocols."""
    truth, result = golden.given("gt"), np.ones((len(golden.given("trk")), 9))
    result[:, :6] = golden.given("trk")[:, :6]
    for prefix, protocol in (("pre", "mot17"), ("raw", "mot-no-preprocessing")):
        raw = raw_scores(counted_boxes(truth, result, get_protocol(protocol, MultiObjectProtocol)))
        for name, value in numbers(raw).items():
            golden.close(f"{prefix}_{name}", value, TOLERANCE)
        golden.close(f"{prefix}_HOTA0", raw["HOTA"]["HOTA(0)"], TOLERANCE)
        golden.close(f"{prefix}_TP", raw["CLEAR"]["CLR_TP"], TOLERANCE)
        golden.close(f"{prefix}_IDTP", raw["Identity"]["IDTP"], TOLERANCE)
        if prefix == "pre":
            for name, field in CURVES.items():
                golden.close(f"{name}_alpha", raw["HOTA"][field], TOLERANCE)
    found = numbers(raw_scores(counted_boxes(truth, result, get_protocol("mot-fairmot", MultiObjectProtocol))))
    for name, measure in FAIRMOT_NAMES.items():
        golden.close(name, found[measure], TOLERANCE)
    golden.close("fair_motp", 1.0 - found["MOTP"], TOLERANCE)
    golden.informative(["fair_num_fragmentations"], "py-motmetrics counts gaps of the truth differently from TrackEval")
