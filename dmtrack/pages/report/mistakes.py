"""Mistakes with many objects: who was missed, what is on nobody, whose identity changed; on frames and over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmtrack.evaluation.measures.multi_object import FALSE, MISSED, NOBODY, SWITCHED, Pairing
from dmtrack.evaluation.reporting.figures.theme import COLOURS

if TYPE_CHECKING:
    from dmtrack.media.drawing import Colour

MOST_LANES = 12
"""People whose identities are shown over time: those whose identity changed most often, then those missed most."""

MOST_FRAMES = 5
SWITCH_WEIGHT = 3
"""A switch counts as so many missed boxes where the worst frames are looked for: it is rarer, and lasts."""

LEGEND: dict[str, tuple[Colour, bool]] = {
    "right": ((0, 158, 115), False),
    "missed": ((230, 159, 0), True),
    "on nobody": ((204, 121, 167), False),
    "identity switched (from > to)": ((213, 94, 0), False),
}
"""Colours of boxes on frames, and whether they are dashed, in the order of the kinds of `Pairing`."""


@dataclass(frozen=True)
class Lane:
    """One person over time.

    Attributes:
        person: true identity.
        spans: first frame, last frame and identity of the tracker, where the person was found without a break.
        switches: frames in which the identity is another one than before.
    """

    person: int
    spans: tuple[tuple[int, int, int], ...]
    switches: tuple[int, ...]


def lanes_of(pairing: Pairing, most: int = MOST_LANES) -> list[Lane]:
    """People with mistakes, the worst first; none where there was no mistake."""
    asked = pairing.kinds != FALSE
    people, where = np.unique(pairing.true_ids[asked], return_inverse=True)
    switches, missed = (np.bincount(where, pairing.kinds[asked] == kind, len(people)) for kind in (SWITCHED, MISSED))
    order = [place for place in np.lexsort((people, -missed, -switches)) if switches[place] or missed[place]]
    lanes = []
    for person in people[order[:most]].tolist():
        rows = np.flatnonzero((pairing.true_ids == person) & (pairing.kinds != MISSED))
        frames, identities = pairing.frames[rows], pairing.result_ids[rows]
        edges = np.flatnonzero((np.diff(frames, prepend=-2) > 1) | (np.diff(identities, prepend=NOBODY) != 0))
        parts = [part for part in np.split(np.arange(len(rows)), edges) if len(part)]
        spans = tuple((int(frames[part[0]]), int(frames[part[-1]]), int(identities[part[0]])) for part in parts)
        lanes.append(Lane(person, spans, tuple(frames[pairing.kinds[rows] == SWITCHED].tolist())))
    return lanes


def worst_frames(pairing: Pairing, most: int = MOST_FRAMES) -> list[tuple[int, str]]:
    """Frames with most mistakes, the worst first and none close to another, with captions."""
    counts = pairing.per_frame()
    badness = counts[:, MISSED] + counts[:, FALSE] + SWITCH_WEIGHT * counts[:, SWITCHED]
    apart = max(1, pairing.length // (4 * most))
    chosen: list[tuple[int, str]] = []
    for frame in np.argsort(-badness, kind="stable").tolist():
        if not badness[frame] or len(chosen) == most:
            break
        if all(abs(frame - other) >= apart for other, _ in chosen):
            chosen.append((frame, in_words(counts[frame])))
    return chosen


def in_words(counts: NDArray[np.int64]) -> str:
    """Mistakes of a frame or a sequence, of (4,) counts by kind."""
    switches = int(counts[SWITCHED])
    return f"{counts[MISSED]} missed, {counts[FALSE]} on nobody, {switches} switch{'es' * (switches != 1)}"


def draw_mistakes(image: NDArray[np.uint8], pairing: Pairing, frame: int, scale: float) -> None:
    """Draws all boxes of a frame into its scaled image, mistakes above right ones."""
    from dmtrack.media.drawing import draw_box, draw_label

    rows = np.flatnonzero(pairing.frames == frame)
    looks = list(LEGEND.values())
    for row in rows[np.argsort(pairing.kinds[rows], kind="stable")]:
        kind, box_xywh = pairing.kinds[row], pairing.boxes_xywh[row] * scale
        colour, dashed = looks[kind]
        draw_box(image, box_xywh, colour, dashed)
        if kind == SWITCHED:
            same = (pairing.true_ids == pairing.true_ids[row]) & (pairing.kinds != MISSED) & (pairing.frames < frame)
            before = pairing.result_ids[np.flatnonzero(same)[-1]]
            draw_label(image, f"{before} > {pairing.result_ids[row]}", (float(box_xywh[0]), float(box_xywh[1])), colour)


def lane_colours(lanes: list[Lane]) -> dict[int, str]:
    """A colour per identity of the tracker, as far as there are enough: those that follow each other differ."""
    identities = dict.fromkeys(identity for lane in lanes for _, _, identity in lane.spans if identity != NOBODY)
    return {identity: COLOURS[place % (len(COLOURS) - 1)] for place, identity in enumerate(identities)}
