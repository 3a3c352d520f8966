"""One file per sequence with all that a global search found in its frames, and for reading it without copying.

    8 bytes    magic "DMTDET01"
    records    one per frame: boxes (k, 4) float32 corners, scores (k,) float32, classes (k,) int32 where the model has
               several, embeddings (k, channels) float16 where it has them; padded to 4 bytes
    template   (channels,) float16: the embedding of the first frame's template
    counts     (frames,) uint32: the k of each frame
    header     JSON: identity, number of frames, channels and so on
    trailer    length of the header, CRC-32 of counts and header (uint32 each), magic

A frame of k candidates takes 4 + 20 k bytes, 4 k more with classes and 2 k channels more with embeddings: 2,004 bytes
for 100 candidates. Older files may have a column (k,) float32 before the embeddings, which the header calls
`centerness`; it is passed over. All numbers are little-endian. Records are written as they come, so that writing takes
the same memory for any length; the trailer comes last, and the file gets its name when it is complete.
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.association.detections import Detections
from dmtrack.errors import EvaluationError
from dmtrack.files import atomic_path

MAGIC = b"DMTDET01"
_TRAILER = struct.Struct("<II8s")


def write_detections(
    path: str | Path,
    header: Mapping[str, Any],
    frames: Iterable[Detections],
    template_embedding: ArrayLike = (),
) -> int:
    """Writes one sequence, all of it or nothing, and gives the size of the file in bytes.

    Args:
        path: of the file.
        header: JSON values that are kept with it: who found this, in which sequence.
        frames: of the whole sequence, the first frame included; consumed one by one.
        template_embedding: (channels,) of the first frame's template; empty where there is none.

    Raises:
        EvaluationError: frames differ in having classes, in channels or in the convention of boxes, or have masks,
            which this format does not hold.
        OutputError: the file cannot be written.
    """
    counts: list[int] = []
    layout: tuple[bool, int, bool] | None = None
    with atomic_path(path) as temporary:
        with open(temporary, "wb") as opened:
            opened.write(MAGIC)
            for found in frames:
                if found.masks is not None:
                    raise EvaluationError(f"{path}: frame {len(counts)} has masks, which no file holds; leave them out")
                channels = 0 if found.embeddings is None else found.embeddings.shape[1]
                own = (found.classes is not None, channels, found.inclusive)
                # A frame without candidates cannot say what its candidates would have had.
                layout = layout or (own if len(found) else None)
                if own != layout and len(found):
                    raise EvaluationError(
                        f"{path}: frame {len(counts)} has other fields than the frames before it; a detector must "
                        "give classes and embeddings in every frame or in none"
                    )
                counts.append(len(found))
                columns = (found.boxes_xyxy, found.scores, found.classes, found.embeddings)
                stored = zip(columns, ("<f4", "<f4", "<i4", "<f2"), strict=True)
                content = b"".join(np.asarray(one, kind).tobytes() for one, kind in stored if one is not None)
                opened.write(content + b"\0" * (-len(content) % 4))
            template = np.asarray(template_embedding, "<f2").reshape(-1)
            opened.write(template.tobytes())
            opened.write(b"\0" * (-2 * len(template) % 4))
            classes, channels, inclusive = layout or (False, 0, False)
            fields = {"classes": classes, "channels": channels, "inclusive": inclusive}
            facts = {**header, "frames": len(counts), **fields, "template_channels": len(template)}
            text = json.dumps(facts).encode()
            body = np.asarray(counts, "<u4").tobytes() + text
            opened.write(body + _TRAILER.pack(len(text), zlib.crc32(body), MAGIC))
        size = temporary.stat().st_size
    return size


class CachedDetections:
    """The stored detections of one sequence, as a list of its frames; nothing is copied, the file is mapped.

    Attributes:
        header: what was given to `write_detections`, with `frames`, `classes`, `channels` and `inclusive`.
        counts: (frames,) candidates in each frame.
        template_embedding: (channels,) float16, empty where there is none.

    Raises:
        EvaluationError: it is missing, cut off or of another kind.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        content = _map(self.path)
        self.header, body_start = _read_header(content, self.path)
        frames = int(self.header["frames"])
        self.counts = np.frombuffer(content, "<u4", frames, body_start)
        self._classes, self._unused = bool(self.header.get("classes")), bool(self.header.get("centerness"))
        self._channels, self._inclusive = int(self.header["channels"]), bool(self.header["inclusive"])
        per_candidate = 20 + 4 * (self._classes + self._unused) + 2 * self._channels
        sizes = (self.counts.astype(np.int64) * per_candidate + 3) // 4 * 4
        starts = len(MAGIC) + np.concatenate([[0], np.cumsum(sizes)])
        template = int(self.header["template_channels"])
        if int(starts[-1]) + (2 * template + 3) // 4 * 4 != body_start:
            raise EvaluationError(f"{self.path} is damaged: its records do not fill it; remove it and build it again")
        # Python's own numbers are indexed and added faster than NumPy's.
        self._starts, self._sizes = starts.tolist(), self.counts.tolist()
        self.template_embedding: NDArray[np.float16] = np.frombuffer(content, "<f2", template, self._starts[-1])
        self._content = content

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, index: int) -> Detections:
        """What was found in a frame; the arrays are views of the file and cannot be changed."""
        count, at, content = self._sizes[index], self._starts[range(len(self._sizes))[index]], self._content
        boxes = np.frombuffer(content, "<f4", 4 * count, at).reshape(count, 4)
        scores = np.frombuffer(content, "<f4", count, at + 16 * count)
        at += 20 * count
        classes = np.frombuffer(content, "<i4", count, at) if self._classes else None
        at += 4 * count * (self._classes + self._unused)
        embeddings = None
        if self._channels:
            embeddings = np.frombuffer(content, "<f2", count * self._channels, at).reshape(count, self._channels)
        return Detections(boxes, scores, classes, embeddings, inclusive=self._inclusive)

    def __iter__(self) -> Iterator[Detections]:
        return (self[index] for index in range(len(self)))


def _map(path: Path) -> mmap.mmap:
    try:
        with open(path, "rb") as opened:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        reason = getattr(error, "strerror", None) or "it is empty"
        raise EvaluationError(f"{path} cannot be read: {reason}; build it with `dmtrack cache build`") from error


def _read_header(content: mmap.mmap, path: Path) -> tuple[dict[str, Any], int]:
    """The header, and where the counts begin."""
    damaged = EvaluationError(
        f"{path} holds no complete set of detections (cut off, damaged or another kind of file); remove it and run "
        "`dmtrack cache build` again"
    )
    if len(content) < len(MAGIC) + _TRAILER.size or content[: len(MAGIC)] != MAGIC:
        raise damaged
    length, checksum, magic = _TRAILER.unpack(content[-_TRAILER.size :])
    header_start = len(content) - _TRAILER.size - length
    if magic != MAGIC or header_start < len(MAGIC):
        raise damaged
    text = content[header_start : header_start + length]
    try:
        header = json.loads(text)
        start = header_start - 4 * int(header["frames"])
        fields = [header[name] for name in ("channels", "inclusive", "template_channels")]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged from error
    if start < len(MAGIC) or None in fields or zlib.crc32(content[start : header_start + length]) != checksum:
        raise damaged
    return header, start
