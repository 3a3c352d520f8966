"""The benchmarks that are known by name: how each is opened, what its parts are called, whose rules it is scored by.

open_benchmark("lasot", "data/LaSOT")                       the test split, with images
open_benchmark("otb100", "data/annotations", images=False)  annotations alone: enough to score stored results
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dmtrack.data.sources import (
    OTB,
    TLP,
    UAV123,
    VOT,
    GOT10k,
    LaSOT,
    OxUvA,
    SequenceFolder,
    SequenceSource,
    TrackingNet,
    VOTLongTerm,
    folder,
    got10k,
    lasot,
    otb,
    oxuva,
    tlp,
    trackingnet,
    vot,
)
from dmtrack.errors import DataError
from dmtrack.registry import did_you_mean

OpenSource = Callable[[str | Path, str, bool], SequenceSource]
"""`open(root, split, images)`."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark in its official layout.

    Attributes:
        name: as users type it.
        title: as papers print it.
        splits: names of its parts, the one that trackers are compared on first.
        protocols: names of the rules that fit it, the benchmark's own first; those of restarts, confidences and
            presence are in `dmtrack.evaluation.vot`, the others in `dmtrack.evaluation.protocols`.
        open: `open(root, split, images)`.
        index_base: number of the first pixel in the benchmark's files, which toolkits follow in their results.
        layout: what its folder must look like, for errors and help.
    """

    name: str
    title: str
    splits: tuple[str, ...]
    protocols: tuple[str, ...]
    open: OpenSource
    index_base: int
    layout: str


_TRACKINGNET_CHUNKS = tuple(f"TRAIN_{number}" for number in range(12))
_GENERAL = ("pytracking", "pysot", "mmtracking", "dmtrack-visible")
_OTB_LIKE = ("otb-official", "otb-toolkit", "got10k-toolkit", *_GENERAL)

_ALL = (
    Benchmark(
        "lasot",
        "LaSOT",
        ("test", "train"),
        ("lasot-official", "got10k-toolkit", *_GENERAL, "dmtrack-paper"),
        lambda root, split, images: LaSOT(root, split, images=images),
        1,
        lasot.LAYOUT,
    ),
    Benchmark(
        "otb100",
        "OTB-100",
        ("all",),
        (*_OTB_LIKE, "dmtrack-paper-101"),
        lambda root, split, images: OTB(root, "otb100", images),
        1,
        otb.OTB_LAYOUT,
    ),
    Benchmark(
        "otb2013",
        "OTB-2013",
        ("all",),
        (*_OTB_LIKE, "dmtrack-paper"),
        lambda root, split, images: OTB(root, "otb2013", images),
        1,
        otb.OTB_LAYOUT,
    ),
    Benchmark(
        "uav123",
        "UAV123",
        ("all",),
        ("uav123-official", "got10k-toolkit-uav123", "pytracking-uav123", *_GENERAL[1:], "dmtrack-paper-101"),
        lambda root, split, images: UAV123(root, "UAV123", images),
        1,
        otb.UAV_LAYOUT,
    ),
    Benchmark(
        "uav20l",
        "UAV20L",
        ("all",),
        ("uav123-official", "got10k-toolkit-uav123", "pytracking-uav123", *_GENERAL[1:]),
        lambda root, split, images: UAV123(root, "UAV20L", images),
        1,
        otb.UAV_LAYOUT.replace("anno/UAV123", "anno/UAV20L"),
    ),
    Benchmark(
        "trackingnet",
        "TrackingNet",
        ("test", "train", *_TRACKINGNET_CHUNKS),
        ("trackingnet-official", *_GENERAL),
        lambda root, split, images: TrackingNet(root, split, images=images),
        0,
        trackingnet.LAYOUT,
    ),
    Benchmark(
        "got10k",
        "GOT-10k",
        ("val", "test", "train"),
        ("got10k", *_GENERAL),
        lambda root, split, images: GOT10k(root, split, images),
        0,
        got10k.LAYOUT,
    ),
    Benchmark(
        "vot2018",
        "VOT2018",
        ("all",),
        ("vot2018", "vot2018-mmtracking", "vot2018-unsupervised", "vot2018-realtime"),
        lambda root, split, images: VOT(root, images),
        0,
        vot.LAYOUT,
    ),
    Benchmark(
        "vot2018-lt",
        "VOT2018-LT",
        ("all",),
        ("vot-lt", "vot-lt-pysot"),
        lambda root, split, images: VOTLongTerm(root, images),
        0,
        vot.LAYOUT,
    ),
    Benchmark(
        "oxuva",
        "OxUvA",
        ("dev", "test"),
        ("oxuva",),
        lambda root, split, images: OxUvA(root, split, images),
        0,
        oxuva.LAYOUT,
    ),
    Benchmark(
        "tlp",
        "TLP",
        ("all",),
        ("tlp", *_GENERAL, "dmtrack-paper-101"),
        lambda root, split, images: TLP(root, images),
        0,
        tlp.LAYOUT,
    ),
    Benchmark(
        "folder",
        "folder of sequences",
        ("all",),
        ("dmtrack-visible", *_GENERAL[:-1], "dmtrack-paper", "dmtrack-paper-101"),
        lambda root, split, images: SequenceFolder(root, images=images),
        0,
        folder.LAYOUT,
    ),
)

BENCHMARKS: dict[str, Benchmark] = {benchmark.name: benchmark for benchmark in _ALL}


def get_benchmark(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        DataError: there is none; the message names the nearest one.
    """
    if name not in BENCHMARKS:
        raise DataError(f"unknown benchmark {name!r}{did_you_mean(name, BENCHMARKS)}")
    return BENCHMARKS[name]


def open_benchmark(name: str, root: str | Path, split: str | None = None, images: bool = True) -> SequenceSource:
    """The sequences of a benchmark; each is read when it is asked for.

    Args:
        name: a key of `BENCHMARKS`.
        root: its folder.
        split: one of its splits; None takes the first.
        images: False opens annotation files alone: sequences are as long as their annotations, and reading a frame
            raises `DataError`.

    Returns:
        A list-like of `dmtrack.data.sequences.Sequence`, with `names` and `missing`, those of the published list
        that are not there.

    Raises:
        DataError: unknown benchmark or split, or the folder does not have the layout.
    """
    benchmark = get_benchmark(name)
    chosen = split or benchmark.splits[0]
    if chosen not in benchmark.splits:
        raise DataError(f"{benchmark.title}: unknown split {chosen!r}{did_you_mean(chosen, benchmark.splits)}")
    return benchmark.open(root, chosen, images)
