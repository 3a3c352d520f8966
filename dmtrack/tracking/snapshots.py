"""What a tracker knows between two frames, as plain numbers: a file of them can go on where a run was cut off.

A snapshot is put back into an object that was started in the same way (`Tracker.init` on the same first frame), so
whatever does not change afterwards (weights, templates, settings) needs no place in it, and nothing is unpickled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dmtrack.errors import DMTrackError


def snapshot_of(value: Any) -> Any:
    """All that a value knows: numbers, texts, arrays, None, and lists and dictionaries of them.

    Args:
        value: one of these, or an object of this package, or of a class that defines `__getstate__` and `__setstate__`;
            others may know things that their attributes do not show.

    Raises:
        DMTrackError: it is of another kind.
    """
    if isinstance(value, np.generic):  # keeps its width, in which further numbers are computed
        return np.asarray(value)
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray)):
        return value
    if isinstance(value, (list, tuple)):
        return [snapshot_of(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if not isinstance(value, dict):
        if not (type(value).__module__.startswith("dmtrack.") or hasattr(value, "__setstate__")):
            raise DMTrackError(f"{type(value).__name__} does not say what it knows between two frames")
        value = value.__getstate__()
    return {name: snapshot_of(item) for name, item in value.items()}


def restored(value: Any, snapshot: Any) -> Any:
    """The value with what the snapshot of one like it says; objects are changed in place.

    Raises:
        DMTrackError: the snapshot is of something else.
    """
    if isinstance(snapshot, list):
        if value and len(value) != len(snapshot):
            raise DMTrackError(f"the stored state has {len(snapshot)} parts where {len(value)} are expected")
        return type(value)(map(restored, value, snapshot) if value else snapshot)
    if isinstance(snapshot, np.ndarray) and not snapshot.ndim:
        return snapshot[()]
    if not isinstance(snapshot, dict):
        return snapshot
    known = value if isinstance(value, dict) else value.__getstate__()
    if not isinstance(known, dict) or known.keys() != snapshot.keys():
        raise DMTrackError(f"the stored state is not that of a {type(value).__name__}")
    known = {name: restored(known[name], item) for name, item in snapshot.items()}
    if isinstance(value, dict):
        return known
    if hasattr(value, "__setstate__"):
        value.__setstate__(known)
    else:
        vars(value).update(known)
    return value
