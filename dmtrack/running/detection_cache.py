"""Stored detections of a global-search model on a benchmark, made once, from which trackers run without the network.

    <cache>/<benchmark>/k<k>-<hash>/manifest.json           what found them: hashes of config and weights, k
    <cache>/<benchmark>/k<k>-<hash>/<sequence>.detections   see `detection_file`

The hash is that of everything which decides what is found, so the detections of several models may lie side by side,
and a tracker can never run from those of another one.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.association.detections import Detections
from dmtrack.config import config_hash
from dmtrack.data.sequences import MultiObjectSequence, Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.results import software_versions
from dmtrack.files import check_writable_folder, read_json, write_json
from dmtrack.media.images import Image
from dmtrack.registry import TRACKERS
from dmtrack.running.detection_file import CachedDetections, write_detections
from dmtrack.running.one_sequence import attempt, first_box_of

SUFFIX = ".detections"
_DECIDING = ("precision", "max_candidates", "channels_last", "fast", "cuda_graph")
"""Settings of a tracker that change what is found; the others only change what is made of it."""
_WORDS = {"weights_sha256": "weights", "config_hash": "config", "k": "k", "sequences": "sequences"}


def detection_identity(config: Mapping[str, Any], weights_sha256: str | None) -> dict[str, Any]:
    """What decides the detections of a config with its weights: JSON values.

    The `tracker` section counts where it changes what the network computes or how many candidates are kept, not where
    it changes which of them is chosen.

    Args:
        config: with `model` and, if wanted, `tracker`.
        weights_sha256: of the weights file.

    Raises:
        ConfigError: the tracker's type is unknown.
        EvaluationError: trackers of that type do not search whole frames.
    """
    from dmtrack.tracking.loading import tracker_section  # loads PyTorch, which a wrong option should not wait for

    settings = tracker_section(config)
    kind = TRACKERS.get(settings["type"])
    if not (hasattr(kind, "detect_targets") or hasattr(kind, "detect")) or "model" not in config:
        raise EvaluationError(
            f"tracker {settings['type']} does not search whole frames, so there are no detections to store; use a "
            "config of a GlobalSearchTracker, or of a model that detects everything"
        )
    defaults = inspect.signature(kind).parameters
    deciding: dict[str, Any] = {
        name: settings.get(name, defaults[name].default if name in defaults else None) for name in sorted(_DECIDING)
    }
    if settings.get("recent_view") is not None:
        deciding["recent_view"] = dict(settings["recent_view"])
    k = deciding.pop("max_candidates")
    return {
        "config_hash": config_hash({"model": config["model"], **deciding}),
        "weights_sha256": weights_sha256,
        "k": "all" if k is None else int(k),
    }


@dataclass(frozen=True)
class DetectionCache:
    """The detections of one model on one benchmark.

    Attributes:
        benchmark_folder: `<cache>/<benchmark>`.
        identity: of the model, see `detection_identity`.
        sequences: JSON values that say which sequences these are.
    """

    benchmark_folder: Path
    identity: Mapping[str, Any]
    sequences: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Where this model's detections lie."""
        text = json.dumps(dict(self.identity), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return self.benchmark_folder / f"k{self.identity['k']}-{digest}"

    def path(self, name: str) -> Path:
        """The file of a sequence."""
        return self.folder / f"{name}{SUFFIX}"

    def start(self, details: Mapping[str, Any]) -> None:
        """Makes the folder with its manifest, or checks the one that is there.

        Args:
            details: JSON values that are kept besides: paths, device.

        Raises:
            EvaluationError: the folder holds detections on other sequences.
            OutputError: it cannot be written.
        """
        check_writable_folder(self.folder)
        manifest = self.folder / "manifest.json"
        if manifest.exists():
            self.require()
            return
        own = {"identity": {**self.identity, "sequences": dict(self.sequences)}, "details": dict(details)}
        write_json(manifest, {"format": 1, **own, "software": software_versions()})

    def require(self) -> None:
        """Checks that there are detections of this very model.

        Raises:
            EvaluationError: there are none; the message says what differs where there are those of another model.
        """
        if (self.folder / "manifest.json").exists():
            if self._changed(manifest := read_manifest(self.folder)):
                raise EvaluationError(
                    f"{self.folder} holds detections of another run ({self._difference(manifest)}); choose another "
                    "--cache folder"
                )
            return
        others = [read_manifest(path.parent) for path in sorted(self.benchmark_folder.glob("k*/manifest.json"))]
        build = "build it with `dmtrack cache build` and the same options"
        if not others:
            raise EvaluationError(f"{self.benchmark_folder} holds no detections; {build}")
        nearest = min(others, key=lambda manifest: len(self._changed(manifest)))
        if self._changed(nearest) == ["k"]:
            build += f", or replay with --set tracker.max_candidates={nearest['identity'].get('k')}"
        raise EvaluationError(
            f"{self.benchmark_folder} holds detections of another model or setting ({self._difference(nearest)}); "
            f"{build}"
        )

    def has(self, sequence: Sequence) -> bool:
        """Whether the sequence is stored.

        Raises:
            EvaluationError: the file is damaged or of another sequence or model.
        """
        return self.path(sequence.name).exists() and self.open(sequence) is not None

    def open(self, sequence: Sequence) -> CachedDetections:
        """The detections in a sequence.

        Raises:
            EvaluationError: there are none, or those of another sequence or model.
        """
        path = self.path(sequence.name)
        if not path.exists():
            raise EvaluationError(
                f"{self.folder} has no detections in {sequence.name!r}; run the same `dmtrack cache build` again"
            )
        stored = CachedDetections(path)
        same_model = stored.header.get("identity") == dict(self.identity)
        first_box = np.asarray(stored.header.get("first_box_xywh", []), np.float64)
        no_target = isinstance(sequence, MultiObjectSequence) or not len(sequence)
        own_box = np.zeros(0) if no_target else sequence.boxes_xywh[0]
        if not same_model or len(stored) != len(sequence) or not np.array_equal(first_box, own_box):
            what = "other frames or another first box" if same_model else "another model"
            raise EvaluationError(f"{path} is of {what}; remove it and run `dmtrack cache build` again")
        return stored

    def detect_and_store(self, tracker: Any, sequence: Sequence, on_frame: Callable[[], object]) -> str | None:
        """Searches all frames of a sequence and stores what was found: what a runner does with each sequence.

        The first frame is searched too, after its template was taken from it where there is a target.

        Args:
            tracker: a `GlobalSearchTracker`; a `TrackByDetection` for a `MultiObjectSequence`.
            sequence: whose first frame shows the target.
            on_frame: called after each frame.

        Returns:
            None, or the sentence that says why nothing is stored; the traceback then lies beside the detections.

        Raises:
            OutputError: the file cannot be written.
        """

        def found(first: Image) -> Iterator[Detections]:
            for index in range(len(sequence)):
                frame = sequence.read_frame(index) if index else first
                yield tracker.detect_targets(frame, first=index == 0)[0]
                on_frame()

        def everything() -> Iterator[Detections]:
            for frame in sequence.frames():
                yield tracker.detect(frame)
                on_frame()

        def detect() -> None:
            if isinstance(sequence, MultiObjectSequence):
                header = {"sequence": sequence.name, "identity": dict(self.identity)}
                write_detections(self.path(sequence.name), header, everything())
                return
            first_box, first = first_box_of(sequence), sequence.read_frame(0)
            tracker.init(first, first_box.copy())
            height, width = first.shape[:2]
            header = {
                "sequence": sequence.name,
                "identity": dict(self.identity),
                "first_box_xywh": first_box.tolist(),
                "frame_size_wh": [width, height],
            }
            write_detections(self.path(sequence.name), header, found(first), tracker.template_embeddings()[0])

        return attempt(detect, self.folder / f"{sequence.name}.error.txt")

    def _changed(self, manifest: Mapping[str, Any]) -> list[str]:
        was = manifest.get("identity", {})
        now = {**self.identity, "sequences": json.loads(json.dumps(dict(self.sequences)))}
        return [key for key in _WORDS if was.get(key) != now.get(key)]

    def _difference(self, manifest: Mapping[str, Any]) -> str:
        changed = self._changed(manifest)
        if not changed:
            return "nothing that its manifest tells"
        key = changed[0]
        was = manifest.get("identity", {}).get(key)
        now = {**self.identity, "sequences": dict(self.sequences)}[key]
        shown = (str(value)[:12] if key == "weights_sha256" else str(value) for value in (was, now))
        first, second = shown
        return f"{', '.join(_WORDS[item] for item in changed)} changed; {_WORDS[key]} was {first}, is {second}"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder of detections.

    Raises:
        EvaluationError: it cannot be read.
    """
    path, expected = folder / "manifest.json", "a manifest of detections; remove its folder and build it again"
    content = read_json(path, expected, EvaluationError)
    if not isinstance(content.get("identity"), dict):
        raise EvaluationError(f"{path} has no identity: expected {expected}")
    return content
