"""Which tracker is run, and what identifies its results: config, weights, or the code of a class that a user wrote."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmtrack import registry
from dmtrack.files import sha256

if TYPE_CHECKING:
    from dmtrack.tracking.loading import LoadedTracker


@dataclass(frozen=True)
class TrackerChoice:
    """Which tracker; can be sent to other processes.

    Attributes:
        config: a config file or the name of one, `module:Class`, or the name of a baseline (`static`, `opencv:MIL`);
            None is the default config.
        weights: a weights file; None is the one that ships with the config's name.
        device: 'cpu', 'cuda', 'cuda:1'; None is a GPU if there is one.
        precision: 'auto', 'fp32', 'bf16' or 'fp16'.
        overrides: `key=value` of the config.
        imports: modules of the user's to import first.
    """

    config: str | None = None
    weights: Path | None = None
    device: str | None = None
    precision: str | None = None
    overrides: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()

    def load(self) -> LoadedTracker:
        """Builds the tracker.

        Raises:
            ConfigError: the config, a key, the device or the precision is unknown.
            WeightsError: there are no weights, or they do not fit the model.
        """
        registry.load_plugins(self.imports)
        from dmtrack.tracking.loading import assemble_tracker

        return assemble_tracker(self.config, self.weights, self.device, self.precision, self.overrides)

    def build(self) -> Any:
        """The tracker alone."""
        return self.load().tracker


DECISIVE = ("tracker", "config_hash", "weights_sha256", "precision")
"""What of a tracker's origin decides its boxes; the rest (paths, device) may differ when a run is resumed."""


def identity_of(loaded: LoadedTracker) -> tuple[dict[str, Any], dict[str, Any]]:
    """What decides the boxes of a tracker, and what else is worth keeping, both as JSON values."""
    origin = loaded.origin()
    identity = {key: origin.get(key) for key in DECISIVE}
    if loaded.config is None:
        inner = getattr(loaded.tracker, "tracker", loaded.tracker)
        identity["code_sha256"] = code_hash(inner)
        # A tracker that is made of another one says what that is.
        identity |= dict(getattr(loaded.tracker, "identity", {}))
    return identity, {key: value for key, value in origin.items() if key not in DECISIVE}


def code_hash(tracker: Any) -> str | None:
    """SHA-256 of the file in which an object's class is written; None where it has no source file."""
    try:
        source = inspect.getsourcefile(type(tracker))
    except (TypeError, OSError):
        return None
    return sha256(source) if source and Path(source).is_file() else None
