"""Multi-object trackers in sweeps, caches, replays and searches: the machinery of trackers of one target."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dmtrack.config import build, load_config
from dmtrack.data.benchmarks import open_benchmark
from dmtrack.data.sequences import OnDemand
from dmtrack.data.sources.mot_challenge import mot_lines
from dmtrack.data.synthetic.crowds import SyntheticCrowds
from dmtrack.errors import ConfigError, EvaluationError
from dmtrack.evaluation.results import MOT_FILES, ResultStore
from dmtrack.media.images import write_image
from dmtrack.pages.replays import run_replays
from dmtrack.registry import MODELS
from dmtrack.running.cached_tracker import build_cached
from dmtrack.running.caching import build_caches
from dmtrack.running.one_sequence import track_sequence
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice, Generated
from dmtrack.running.sweeps.running import run_sweep
from dmtrack.running.sweeps.settings import NamedTracker, SweepSettings
from dmtrack.running.trackers import TrackerChoice
from dmtrack.search.settings import SearchSettings, prepare
from dmtrack.search.space import Space, parse_range
from dmtrack.search.splits import check_split
from dmtrack.search.tracks import FullRuns, origin_of
from dmtrack.search.work import Scoring, evaluate
from dmtrack.tracking.loading import assemble_tracker
from dmtrack.weights import save_weights

FRAMES = 12
GIVEN = 'tracker = dict(type="TrackByDetection", name="given", policy=dict(type="ByteTrack"))\n'
SMALL = """
model = dict(
    type="FairMOT", backbone=dict(type="YOLOv5s"), embedding_channels=8, head_channels=16, activation="silu",
    test_cfg=dict(most=5, least_score=0.0), preprocessing=dict(size_wh=(128, 64)),
)
tracker = dict(type="TrackByDetection", policy=dict(type="JDE", min_score=0.0))
"""


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """Two videos of three squares each with their detections, in the layout of MOT17; no truth in `test`."""
    monkeypatch.chdir(tmp_path)
    for name, top in (("A", 2), ("B", 12)):
        folder = tmp_path / "MOT17" / "train" / name
        truth = []
        for frame in range(1, FRAMES + 1):
            image = np.full((64, 128, 3), 40, np.uint8)
            for one in range(3):
                left, up = 4 + 3 * frame + 25 * one, top + 14 * one
                image[up : up + 12, left : left + 10] = 200
                truth.append((frame, one + 1, left + 1, up + 1, 10, 12, 1, 1, 1))
            write_image(folder / "img1" / f"{frame:06d}.png", image)
        for place, rows in (("gt/gt.txt", truth), ("det/det.txt", [(r[0], -1, *r[2:6], 0.9) for r in truth])):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            np.savetxt(folder / place, rows, fmt="%g", delimiter=",")
        (folder / "seqinfo.ini").write_text(f"[Sequence]\nseqLength={FRAMES}\nimWidth=128\nimHeight=64\n")
    hidden = tmp_path / "MOT17" / "test" / "C"
    hidden.mkdir(parents=True)
    (hidden / "seqinfo.ini").write_text("[Sequence]\nseqLength=5\nimWidth=128\nimHeight=64\n")
    (tmp_path / "given.py").write_text(GIVEN)
    (tmp_path / "small.py").write_text(SMALL)
    save_weights("small.safetensors", build(load_config("small.py")["model"], MODELS))
    return BenchmarkChoice("mot17", tmp_path / "MOT17")


def settings(benchmark, *trackers, **more):
    return SweepSettings((benchmark,), tuple(NamedTracker(one) for one in trackers), **more)


def test_a_sweep_stores_identities_and_resumes(benchmark, capsys, monkeypatch):
    monkeypatch.setattr("dmtrack.running.sweeps.running.save_plots", lambda *given: [])
    tracker = TrackerChoice("given.py")
    (report,) = run_sweep(settings(benchmark, tracker), Console())
    assert report.protocol.name == "mot17" and report.scores[0].scores["MOTA"] == 1
    store = ResultStore("results/mot17/given", MOT_FILES)
    rows = store.read("A").tracks
    assert (len(rows), sorted({*rows[:, 1]})) == (3 * FRAMES, [1, 2, 3])
    assert (store.folder / "A.txt").read_text().startswith("1,1,8.00,3.00,10.00,12.00,0.9000,-1,-1,-1\n")
    (store.folder / "B.txt").unlink()
    capsys.readouterr()
    run_sweep(settings(benchmark, tracker), Console())
    assert "1 of 2 sequences are stored already" in capsys.readouterr().out
    with pytest.raises(EvaluationError, match="scores one target; expected one of many objects: mot15"):
        run_sweep(settings(benchmark, tracker, protocol="dmtrack-visible"), Console())


def test_sequences_without_published_truth_are_tracked_for_the_server(benchmark, capsys):
    hidden = Path("MOT17/test/C")
    (hidden / "det").mkdir()
    (hidden / "det" / "det.txt").write_text("".join(f"{frame},-1,{frame},5,10,12,0.9\n" for frame in range(1, 6)))
    for frame in range(1, 6):
        write_image(hidden / "img1" / f"{frame:06d}.png", np.zeros((64, 128, 3), np.uint8))
    (report,) = run_sweep(settings(replace(benchmark, split="test"), TrackerChoice("given.py")), Console(width=200))
    assert np.isnan(report.scores[0].scores["HOTA"]) and report.scores[0].uncounted == ("C",)
    folder = Path("results/mot17-test/given")
    assert len((folder / "C.txt").read_text().splitlines()) == 5
    printed = capsys.readouterr().out
    assert "counts no frame of C" in printed and f"dmtrack submit build mot17 {folder} --out given.zip" in printed


def test_generated_crowds_stand_in_experiments_as_sequences_of_one_target_do(benchmark):
    tracker = TrackerChoice("small.py", weights="small.safetensors", device="cpu")
    crowds = Generated("crowds", seed=3, count=2, frames=4, size_wh=(128, 96), domain="station")
    (report,) = run_sweep(settings(BenchmarkChoice("synthetic", generated=crowds), tracker), Console())
    assert report.protocol.name == "mot-no-preprocessing" and len(report.scores[0].sequences) == 2
    assert (report.benchmark, crowds.facts()) == (
        "synthetic-crowds-seed3-2x4-size128-96-domainstation",
        {"kind": "crowds", "seed": 3, "frames": 4, "size_wh": (128, 96), "domain": "station"},
    )
    first = crowds.open()[0]
    video = SyntheticCrowds(2, 4, 3, (128, 96), "station")[0]
    assert len(first.truth) == sum(int(track.present.sum()) for track in video.tracks.values()) > 0
    for wrong in (Generated("crowds", absence=1.0), Generated("plain", domain="street")):
        with pytest.raises(EvaluationError, match="does not apply to generated sequences of kind"):
            wrong.open()


def test_a_policy_on_stored_detections_gives_the_tracks_of_the_live_run(benchmark):
    tracker = TrackerChoice("small.py", weights="small.safetensors", device="cpu")
    benchmark = replace(benchmark, sequences=("A",))
    stored = settings(benchmark, tracker, cache=Path("cache"))
    (cache,) = build_caches(stored, None, Console())
    run_replays(stored, Path("replay"))
    live = tracker.build()
    (sequence,) = benchmark.opener()()
    tracks = track_sequence(live, sequence).tracks
    assert len(tracks) > 5
    np.testing.assert_array_equal(track_sequence(build_cached(tracker, cache), sequence).tracks, tracks)
    assert Path("replay/mot17/small/A.txt").read_text() == mot_lines(tracks)
    with pytest.raises(ConfigError, match=r"unknown key 'tracker\.max_candidates' of TrackByDetection"):
        build_caches(stored, 5, Console())


def test_trials_of_a_search_score_policies_by_the_protocol_of_identities(benchmark):
    scoring, origin = Scoring(benchmark.protocol(), "IDF1"), origin_of(TrackerChoice("given.py"))
    tracks = FullRuns(TrackerChoice("given.py"), origin.settings)
    assert origin.default_space().names[0] == "policy.track_score" and origin.way == "full"
    sequences = list(benchmark.opener()())
    values = [
        scoring.value(evaluate(tracks.track, sequences, scoring, {"policy.track_score": score}))
        for score in (0.5, 0.95)
    ]
    assert values == [1.0, 0.0] and tracks.facts["network_passes"] == 0
    with pytest.raises(EvaluationError, match="FP is the better the lower"):
        Scoring(benchmark.protocol(), "FP")
    assert not check_split(benchmark, False)
    with pytest.raises(EvaluationError, match="tune on --split train"):
        check_split(replace(benchmark, split="test"), False)


def test_a_tracker_of_one_target_is_refused_before_anything_is_generated(benchmark, monkeypatch):
    crowds = BenchmarkChoice("synthetic", generated=Generated("crowds", count=1, frames=4))
    plain = BenchmarkChoice("synthetic", generated=Generated("plain", count=1, frames=4))
    monkeypatch.setattr(OnDemand, "__iter__", lambda self: pytest.fail("sequences were asked for"))
    one = (
        "tracker dmtrackReID_tiny follows one target, and benchmark synthetic-crowds-.* has no target; give the config"
    )
    for choice, where, says in (
        (TrackerChoice("dmtrackReID_tiny"), crowds, one),
        (TrackerChoice("crowd_tiny"), plain, "crowd_tiny follows everything, and benchmark synthetic-plain-.* has one"),
    ):
        Path("cache").mkdir(exist_ok=True)
        stored = settings(where, choice, cache=Path("cache"))
        space = Space((parse_range("--range", "policy.max_age", "2,9", True),))
        searched = SearchSettings(where, choice, space, "study.db", Path("search"))
        for work in (
            partial(run_sweep, settings(where, choice), Console()),
            partial(run_sweep, stored, Console()),
            partial(build_caches, stored, None, Console()),
            partial(run_replays, stored, Path("replay")),
            partial(prepare, searched),
        ):
            with pytest.raises(EvaluationError, match=says):
                work()
    assert not list(Path("cache").iterdir())


def test_trackers_and_sequences_that_do_not_fit_are_one_sentence(benchmark):
    everything = assemble_tracker("given.py")
    (hidden,) = open_benchmark("mot17", benchmark.root, "test", images=False)
    with pytest.raises(EvaluationError, match="'C' comes without detections"):
        track_sequence(everything.tracker, hidden)
    with pytest.raises(ConfigError, match="follows everything in sight, and no given target"):
        _ = everything.target_tracker
    with pytest.raises(EvaluationError, match="follows one target, and sequence 'C' has no target"):
        track_sequence(type("Mine", (), {"name": "mine"})(), hidden)
