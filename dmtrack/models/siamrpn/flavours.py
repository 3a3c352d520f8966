"""What distinguishes the two published implementations: it belongs to a checkpoint as its weights do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dmtrack.config import Amount, Count, CountOrZero, Positive, check_fields
from dmtrack.errors import ConfigError

FlavourName = Literal["pysot", "mmtracking"]


@dataclass(frozen=True)
class Flavour:
    """The conventions of one implementation about anchors, crops and decoded boxes.

    Attributes:
        name: of the implementation.
        delta_limit: largest |dw| and |dh| of a decoded box; None for no limit. MMTracking's is |ln(16 / 1000)|.
        anchor_major: order of the flat list of anchors: (anchor, y, x), or else (y, x, anchor). It decides ties.
        polygon_margin: what is added to width and height of a box made from a polygon, in pixels.
    """

    name: FlavourName
    delta_limit: float | None
    anchor_major: bool
    polygon_margin: float


FLAVOURS: dict[str, Flavour] = {
    "pysot": Flavour("pysot", None, True, 1.0),
    "mmtracking": Flavour("mmtracking", 4.135166556742356, False, 0.0),
}
"""By name."""


@dataclass(frozen=True)
class SiamesePreprocessing:
    """How the images of a checkpoint are cut out and what its outputs refer to; it travels in the weights' metadata.

    Attributes:
        flavour: whose anchor sizes, crop rule and limit of the decoded sizes.
        exemplar_size: side of the template image in pixels.
        search_size: side of the search image in pixels.
        base_size: cells that padding adds to the score map beyond (search_size - exemplar_size) / stride + 1.
        context_amount: share of width + height that is added to both sides of the box.
        stride: pixels between neighbouring cells.
        ratios: height / width of the anchors.
        scales: of the anchors, in strides.
        channel_order: of the network's input, values 0 to 255 without normalisation.
    """

    flavour: FlavourName = "mmtracking"
    exemplar_size: Count = 127
    search_size: Count = 255
    base_size: CountOrZero = 8
    context_amount: Amount = 0.5
    stride: Count = 8
    ratios: tuple[Positive, ...] = (0.33, 0.5, 1, 2, 3)
    scales: tuple[Positive, ...] = (8,)
    channel_order: Literal["bgr"] = "bgr"

    def __post_init__(self) -> None:
        check_fields(self, "model.preprocessing")
        if self.search_size < self.exemplar_size:
            raise ConfigError(
                f"model.preprocessing.search_size is {self.search_size}: expected at least exemplar_size, "
                f"{self.exemplar_size}"
            )
        if min((*self.ratios, *self.scales), default=0) <= 0:
            raise ConfigError("model.preprocessing: ratios and scales must be numbers above 0, at least one of each")

    @property
    def anchors_per_cell(self) -> int:
        """Number of anchor shapes."""
        return len(self.ratios) * len(self.scales)

    @property
    def conventions(self) -> Flavour:
        """Of the flavour."""
        return FLAVOURS[self.flavour]

    def score_size(self, search_size: int | None = None) -> int:
        """Cells per side of the score map of a search image (by default one of `search_size`)."""
        return ((search_size or self.search_size) - self.exemplar_size) // self.stride + 1 + self.base_size
