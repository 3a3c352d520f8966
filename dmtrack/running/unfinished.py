"""A run that was cut off: what its tracker knew and how many rows it had written, so that it goes on to the same boxes.

    unfinished.safetensors     arrays of the tracker's snapshot; in the metadata, as JSON, the rest of it and of the run

The file stands beside the rows until the last frame is done. Its size is that of what the tracker knows, whatever the
length of the video.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from dmtrack.errors import OutputError
from dmtrack.files import json_value, write_bytes

STATE_FILE = "unfinished.safetensors"

_METADATA = "dmtrack"


@dataclass(frozen=True)
class UnfinishedRun:
    """A run up to one of its frames.

    Attributes:
        run: where its boxes come from, as `boxes.json` has it, and the version of dmtrack.
        frames: that are done.
        table_bytes: size of the table of boxes after them.
        snapshot: of the tracker, see `dmtrack.tracking.snapshots`.
    """

    run: Mapping[str, Any]
    frames: int
    table_bytes: int
    snapshot: Any

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The one whose results lie in a folder; None where none does.

        Raises:
            OutputError: the file is damaged.
        """
        path = folder / STATE_FILE
        if not path.is_file():
            return None
        try:
            with safetensors.safe_open(path, framework="np") as opened:
                content = json.loads(opened.metadata()[_METADATA])
                arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no dict)
                return cls(**{**content, "snapshot": _joined(content["snapshot"], arrays)})
        except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{path} cannot be read ({error}); remove it, and track from the first frame") from error

    @property
    def boxes_xywh(self) -> list[list[float]] | None:
        """Of the targets in the first frame; None where the run follows everything in sight."""
        one = self.run.get("first_box_xywh")
        return self.run.get("first_boxes_xywh") if one is None else [one]

    def write(self, folder: Path) -> None:
        """Replaces what was known of an earlier frame.

        Raises:
            OutputError: the folder is read-only or the disk is full.
        """
        arrays: dict[str, NDArray[Any]] = {}
        content = {**vars(self), "run": json_value(self.run), "snapshot": _split(self.snapshot, arrays)}
        write_bytes(folder / STATE_FILE, safetensors.numpy.save(arrays, {_METADATA: json.dumps(content)}))

    def check(self, run: Mapping[str, Any], folder: Path) -> None:
        """Raises an OutputError where another run would go on here: nothing would be exact then."""
        now = json_value(run)
        for key in sorted({*self.run, *now}):
            if self.run.get(key) != now.get(key):
                words = key.replace("_sha256", " with SHA-256").replace("_", " ")
                raise OutputError(
                    f"the unfinished run in {folder} has {words} {self.run.get(key)}, and this one {now.get(key)}; "
                    "give the same options and files, or track from the first frame without --resume"
                )


def _split(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """The value as JSON, with numbers in place of its arrays, which are put into `arrays` by these."""
    if isinstance(value, np.ndarray):
        arrays[str(len(arrays))] = np.array(value, order="C")
        return {"array": len(arrays) - 1}
    if isinstance(value, dict):
        return {"items": {name: _split(item, arrays) for name, item in value.items()}}
    return [_split(item, arrays) for item in value] if isinstance(value, list) else value


def _joined(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """What `_split` was given."""
    if isinstance(value, list):
        return [_joined(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[str(value["array"])]
    return {name: _joined(item, arrays) for name, item in value["items"].items()}
