"""The one table of benchmarks: source, files, splits, protocols, writer, submission, experiment of each.

open_benchmark("lasot", "data/LaSOT")                       the test split, with images
open_benchmark("otb100", "data/annotations", images=False)  annotations alone: enough to score stored results

What is defined in rooms that stand below this one, or costs the import of an image library, is named
`module:name` and imported when it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dmtrack.data import sources
from dmtrack.data.sources import SequenceSource
from dmtrack.data.sources.places import VideoFiles
from dmtrack.errors import DataError
from dmtrack.registry import did_you_mean

_WRITERS = "dmtrack.data.writers"
_FORMATS = "dmtrack.evaluation.submission.formats"
_EXPERIMENTS = "dmtrack.running.experiments"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark in its official layout.

    Attributes:
        name: as users type it.
        title: as papers print it.
        summary: what it is, in a line of the documentation.
        source: class of its reader, called with the root, `images=`, `options` and, where there are several splits,
            `split=`.
        files: where its files lie.
        protocols: names of the rules that fit it, the benchmark's own first; those of restarts, confidences and
            presence are of other kinds than those of boxes alone; `dmtrack.evaluation.protocols` has all.
        writer: function that writes sequences in its layout; None where nothing writes it.
        splits: names of its parts, the one that trackers are compared on first.
        options: further arguments of the source.
        writer_options: further arguments of the writer.
        index_base: number of the first pixel in the benchmark's files, which toolkits follow in their results.
        submission: package for its evaluation server, where it has one.
        experiment: class in the contract of the got10k toolkit, where there is one.
        results_folder: name of the benchmark in the folders of results that the got10k toolkit writes.
        many_objects: its sequences are whole videos (`MultiObjectSequence`), for multi-object trackers.
    """

    name: str
    title: str
    summary: str
    source: Callable[..., SequenceSource]
    files: VideoFiles
    protocols: tuple[str, ...]
    writer: str | None
    splits: tuple[str, ...] = ("all",)
    options: Mapping[str, Any] = field(default_factory=dict)
    writer_options: Mapping[str, Any] = field(default_factory=dict)
    index_base: int = 0
    submission: str | None = None
    experiment: str | None = None
    results_folder: str = ""
    many_objects: bool = False

    @property
    def layout(self) -> str:
        """What its folder must look like, for errors and help."""
        return self.files.layout

    def load(self, part: str) -> Any:
        """What stands behind `writer`, `submission` or `experiment`; None where the benchmark has none."""
        place = getattr(self, part)
        if place is None:
            return None
        module, _, name = place.partition(":")
        return getattr(importlib.import_module(module), name)

    def open(self, root: str | Path, split: str | None = None, images: bool = True) -> SequenceSource:
        """As `open_benchmark`."""
        chosen = split or self.splits[0]
        if chosen not in self.splits:
            raise DataError(f"{self.title}: unknown split {chosen!r}{did_you_mean(chosen, self.splits)}")
        part = {"split": chosen} if len(self.splits) > 1 else {}
        return self.source(root, images=images, **part, **self.options)


_GENERAL = ("pytracking", "pysot", "mmtracking", "dmtrack-visible")
_OTB_LIKE = ("otb-official", "otb-toolkit", "got10k-toolkit", *_GENERAL)
_UAV_LIKE = ("uav123-official", "got10k-toolkit-uav123", "pytracking-uav123", *_GENERAL[1:])

_MOT_PROTOCOLS = ("mot-fairmot", "mot-no-preprocessing")


def _mot(
    name: str, title: str, summary: str, protocol: str = "mot17", splits: tuple[str, ...] = ("train", "test")
) -> Benchmark:
    """A benchmark of multi-object trackers. The first split is one whose truth is published."""
    return Benchmark(
        name,
        title,
        summary,
        sources.MOTSequences,
        sources.mot_challenge.FILES,
        (protocol, *_MOT_PROTOCOLS),
        writer=None,
        splits=splits,
        index_base=1,
        submission=f"{_FORMATS}:{title.upper()}",
        many_objects=True,
    )


_ALL = (
    Benchmark(
        "lasot",
        "LaSOT",
        "280 test sequences of 2,450 frames on average, 1,120 for training",
        sources.LaSOT,
        sources.lasot.FILES,
        ("lasot-official", "got10k-toolkit", *_GENERAL, "dmtrack-paper"),
        f"{_WRITERS}.sequences:write_lasot",
        splits=("test", "train"),
        index_base=1,
        experiment=f"{_EXPERIMENTS}:ExperimentLaSOT",
        results_folder="LaSOT",
    ),
    Benchmark(
        "otb100",
        "OTB-100",
        "100 targets in 98 short videos (TPAMI 2015)",
        sources.OTB,
        sources.otb.OTB100_FILES,
        (*_OTB_LIKE, "dmtrack-paper-101"),
        f"{_WRITERS}.sequences:write_otb",
        options={"version": "otb100"},
        index_base=1,
        experiment=f"{_EXPERIMENTS}:ExperimentOTB",
        results_folder="OTB2015",
    ),
    Benchmark(
        "otb2013",
        "OTB-2013",
        "51 targets in 50 short videos (CVPR 2013)",
        sources.OTB,
        sources.otb.OTB2013_FILES,
        (*_OTB_LIKE, "dmtrack-paper"),
        f"{_WRITERS}.sequences:write_otb",
        options={"version": "otb2013"},
        index_base=1,
        experiment=f"{_EXPERIMENTS}:ExperimentOTB",
        results_folder="OTB2013",
    ),
    Benchmark(
        "uav123",
        "UAV123",
        "123 sequences from drones",
        sources.UAV123,
        sources.otb.UAV123_FILES,
        (*_UAV_LIKE, "dmtrack-paper-101"),
        f"{_WRITERS}.sequences:write_uav123",
        options={"version": "UAV123"},
        index_base=1,
        experiment=f"{_EXPERIMENTS}:ExperimentUAV123",
        results_folder="UAV123",
    ),
    Benchmark(
        "uav20l",
        "UAV20L",
        "20 long videos from drones",
        sources.UAV123,
        sources.otb.UAV20L_FILES,
        _UAV_LIKE,
        f"{_WRITERS}.sequences:write_uav123",
        options={"version": "UAV20L"},
        writer_options={"version": "UAV20L"},
        index_base=1,
        experiment=f"{_EXPERIMENTS}:ExperimentUAV123",
        results_folder="UAV20L",
    ),
    Benchmark(
        "trackingnet",
        "TrackingNet",
        "511 test sequences with hidden truth, 30,132 for training in 12 chunks",
        sources.TrackingNet,
        sources.trackingnet.FILES,
        ("trackingnet-official", *_GENERAL),
        f"{_WRITERS}.sequences:write_trackingnet",
        splits=("test", "train", *sources.trackingnet.CHUNKS),
        submission=f"{_FORMATS}:TRACKINGNET",
        experiment=f"{_EXPERIMENTS}:ExperimentTrackingNet",
        results_folder="TrackingNet",
    ),
    Benchmark(
        "got10k",
        "GOT-10k",
        "180 sequences for validation, 180 test sequences with hidden truth, 9,335 for training",
        sources.GOT10k,
        sources.got10k.FILES,
        ("got10k", *_GENERAL),
        f"{_WRITERS}.sequences:write_got10k",
        splits=("val", "test", "train"),
        submission=f"{_FORMATS}:GOT10K",
        experiment=f"{_EXPERIMENTS}:ExperimentGOT10k",
        results_folder="GOT-10k",
    ),
    Benchmark(
        "vot2018",
        "VOT2018",
        "60 short sequences; trackers are restarted after failures",
        sources.VOT,
        sources.vot.FILES,
        ("vot2018", "vot2018-mmtracking", "vot2018-unsupervised", "vot2018-realtime"),
        f"{_WRITERS}.sequences:write_vot",
        experiment=f"{_EXPERIMENTS}:ExperimentVOT",
        results_folder="VOT2018",
    ),
    Benchmark(
        "vot2018-lt",
        "VOT2018-LT",
        "35 long sequences in which targets leave; trackers say how sure they are",
        sources.VOTLongTerm,
        sources.vot.LONG_TERM_FILES,
        ("vot-lt", "vot-lt-pysot"),
        f"{_WRITERS}.long_term:write_vot_lt",
        experiment=f"{_EXPERIMENTS}:ExperimentVOTLT",
        results_folder="VOT-LT2018",
    ),
    Benchmark(
        "oxuva",
        "OxUvA",
        "200 and 166 targets in long videos, annotated once a second as present or absent",
        sources.OxUvA,
        sources.oxuva.FILES,
        ("oxuva",),
        f"{_WRITERS}.long_term:write_oxuva",
        splits=("dev", "test"),
        experiment=f"{_EXPERIMENTS}:ExperimentOxUvA",
        results_folder="OxUvA",
    ),
    Benchmark(
        "tlp",
        "TLP",
        "50 videos of 8 minutes on average",
        sources.TLP,
        sources.tlp.FILES,
        ("tlp", *_GENERAL, "dmtrack-paper-101"),
        f"{_WRITERS}.long_term:write_tlp",
        experiment=f"{_EXPERIMENTS}:ExperimentTLP",
        results_folder="TLP",
    ),
    _mot("mot15", "MOT15", "11 videos of people for training, 11 for test with hidden truth", "mot15"),
    _mot("mot16", "MOT16", "7 videos of people for training, 7 for test with hidden truth"),
    _mot("mot17", "MOT17", "MOT16's videos with better truth, each with the detections of DPM, FRCNN and SDP"),
    _mot("mot20", "MOT20", "4 crowded videos for training, 4 for test with hidden truth", "mot20"),
    _mot(
        "dancetrack",
        "DanceTrack",
        "100 videos of dancers who look alike: 40 for training, 25 for validation, 35 for test with hidden truth",
        splits=("val", "train", "test"),
    ),
    Benchmark(
        "folder",
        "folder of sequences",
        "sequences of one's own",
        sources.SequenceFolder,
        sources.folder.FILES,
        ("dmtrack-visible", *_GENERAL[:-1], "dmtrack-paper", "dmtrack-paper-101"),
        f"{_WRITERS}.sequences:write_folder",
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


def find_benchmark(name: str | Path, root: str | Path | None = None) -> tuple[Benchmark, Path | None, str]:
    """A benchmark and its folder, from a name or the folder of one's own sequences.

    Args:
        name: a key of `BENCHMARKS`, which is meant whatever lies in the working directory; or a folder of sequences
            (`./lasot` is one).
        root: folder of a benchmark that is given by its name.

    Returns:
        The benchmark ("folder" for a folder of sequences), where it lies (None where that is not known), and what
        tables call it.

    Raises:
        DataError: neither a benchmark nor a folder.
    """
    if isinstance(name, Path) or (name not in BENCHMARKS and Path(name).is_dir()):
        return BENCHMARKS["folder"], Path(name), Path(name).resolve().name
    return get_benchmark(name), None if root is None else Path(root), name


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
    return get_benchmark(name).open(root, split, images)
