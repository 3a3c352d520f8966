"""The JSON record inside our weights files: what they are for and how they came about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dmtrack.errors import WeightsError

METADATA_KEY = "dmtrack"
"""The single safetensors metadata key that holds the record."""

FORMAT = "dmtrack-weights-1"
ENTRIES = ("name", "config", "training", "dataset", "metrics", "normalisation", "format")


def to_json(metadata: Mapping[str, Any]) -> str:
    """The record as text.

    Raises:
        WeightsError: an unknown entry, or a value that JSON cannot hold.
    """
    unknown = [key for key in metadata if key not in ENTRIES]
    if unknown:
        raise WeightsError(f"weights metadata has no entry {unknown[0]!r}; the entries are {', '.join(ENTRIES)}")
    try:
        return json.dumps({**metadata, "format": FORMAT}, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"weights metadata must be plain values that JSON can hold: {error}") from error


def from_json(text: str | None, source: str) -> dict[str, Any]:
    """The record of a file, empty where it has none.

    Raises:
        WeightsError: it is no JSON object, or of a later format.
    """
    if text is None:
        return {}
    try:
        metadata = json.loads(text)
    except ValueError as error:
        raise WeightsError(f"{source}: its metadata is not valid JSON; the file is damaged") from error
    if not isinstance(metadata, dict):
        raise WeightsError(f"{source}: its metadata is no JSON object; the file is damaged")
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{source}: its metadata has the format {metadata.get('format')!r}, this dmtrack reads {FORMAT!r}; "
            "update dmtrack"
        )
    return metadata


def describe(metadata: Mapping[str, Any]) -> str:
    """What the weights are for, as errors say it: `dmtrackGS_tiny (DMTrackGSTiny)`; empty where unknown."""
    config = metadata.get("config")
    model = config.get("model") if isinstance(config, Mapping) else None
    kind = model.get("type") if isinstance(model, Mapping) else None
    backbone = model.get("backbone") if isinstance(model, Mapping) else None
    if kind and isinstance(backbone, Mapping) and "type" in backbone:
        kind = f"{kind} with {backbone['type']}"
    name = metadata.get("name")
    if name and kind:
        return f"{name} ({kind})"
    return str(name or kind or "")
