"""A sweep on a real Ray cluster of several nodes on this machine, one of which is killed on the way."""

from __future__ import annotations

import functools
import sys

import pytest

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.results import ResultStore
from dmtrack.running.ray_engine import RayEngine
from dmtrack.running.runner import RunProgress, run

SLOW_ORACLE = """
import time
import evaluation_fakes as fakes
def many():
    return [fakes.make(f"s{index:02}", 12 + index, index) for index in range(10)]
class SlowOracle(fakes.Oracle):
    def step(self, image):
        time.sleep(0.05)
        return super().step(image)
"""


@pytest.fixture
def cluster(monkeypatch):
    """A head without processors, and two nodes with one each."""
    pytest.importorskip("ray", reason="Ray is not installed (extra `cluster`)")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_DISABLE_IMPORT_WARNING", "1")
    from ray.cluster_utils import Cluster

    common = {"node_ip_address": "127.0.0.1", "object_store_memory": 80_000_000, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **common})
    try:
        made.nodes = [made.add_node(num_cpus=1, **common) for _ in range(2)]
        yield made
    finally:
        made.shutdown()


class KillsANode(RunProgress):
    """Kills a node when three sequences are done."""

    def __init__(self, cluster):
        super().__init__()
        self.cluster, self.done = cluster, 0

    def ended(self, sequence, result=None, reason=None):
        self.done += reason is None
        if self.done == 3:
            self.cluster.remove_node(self.cluster.nodes[1], allow_graceful=False)


def test_a_node_that_dies_changes_nothing(cluster, tmp_path, fakes, monkeypatch):
    (tmp_path / "slow_oracle.py").write_text(SLOW_ORACLE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import slow_oracle

    build = functools.partial(slow_oracle.SlowOracle, error=1.25, breaks_at=20)
    stores = [ResultStore(tmp_path / name) for name in ("serial", "ray")]
    for store in stores:
        store.start({})
    serial = run(stores[0], build, slow_oracle.many)
    progress = KillsANode(cluster)
    on_ray = run(stores[1], build, slow_oracle.many, progress=progress, engine=RayEngine(cluster.address))
    sys.modules.pop("slow_oracle")
    assert on_ray == serial == {f"s{index:02}": "ValueError: no such luck" for index in (9,)}
    assert progress.done == 9
    written = [
        {path.relative_to(store.folder): path.read_bytes() for path in store.folder.glob("*/*.txt")} for store in stores
    ]
    assert written[0].keys() == written[1].keys() and len(written[0]) == 9 * 4 + 1
    for path, content in written[0].items():
        assert path.name.endswith(("_time.txt", "error.txt")) or content == written[1][path], path


def test_without_a_cluster_or_without_ray_it_says_so(tmp_path, fakes, monkeypatch):
    store = ResultStore(tmp_path / "r")
    store.start({})
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EvaluationError, match=r"pip install 'dmtrack\[cluster\]'"):
        run(store, fakes.Oracle, fakes.open_sequences, engine=RayEngine())
    monkeypatch.undo()
    pytest.importorskip("ray", reason="Ray is not installed (extra `cluster`)")
    with pytest.raises(EvaluationError, match=r"no usable Ray cluster at 127.0.0.1:1 .* --address"):
        run(store, fakes.Oracle, fakes.open_sequences, engine=RayEngine("127.0.0.1:1"))
