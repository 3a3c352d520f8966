"""ETHZ: people seen from a stroller in Zurich (https://data.vision.ee.ethz.ch/cvl/aess/dataset/)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np

from dmtrack.data.sources.base import find_root
from dmtrack.data.sources.frames import image_size_wh
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.errors import DataError
from dmtrack.files import read_text
from dmtrack.registry import DATASETS

_LINE = re.compile(r'\s*"([^"]+)"\s*(?::\s*(.*?))?\s*[;.]?\s*')
_BOX = re.compile(r"\(\s*([^()]*?)\s*\)(?::\s*-?[\d.]+)?")


@DATASETS.register
class ETHZ(LabelledSource):
    """Images of the left camera with people of unknown identity, from files in IDL.

    Corners stand in any order in these files.

    Args:
        root: folder with the sequences, or one of them.
        split: folder inside; None takes all.
    """

    layout: ClassVar[str] = (
        '<root>/<sequence>/<name>.idl with lines "left/image_00000000_0.png": (x1, y1, x2, y2), ...; and the images '
        "where these lines say, from the folder of the file"
    )
    of_images: ClassVar[bool] = True

    def __init__(self, root: str | Path, split: str | None = None) -> None:
        self.root = find_root(root, "ETHZ", self.layout)
        files = sorted((self.root / (split or "")).rglob("*.idl"))
        self.items = [
            (path, number, line)
            for path in files
            for number, line in enumerate(read_text(path, self.layout).split("\n"), start=1)
            if line.strip()
        ]
        if not self.items:
            raise DataError(f"{self.root / (split or '')} has no *.idl with a line; expected {self.layout}")

    def read(self, number: int) -> LabelledVideo:
        """The image of that line."""
        path, place, line = self.items[number]
        found = _LINE.fullmatch(line)
        try:
            if found is None:
                raise ValueError("no image in quotes")
            given = [[float(side) for side in box.split(",")] for box in _BOX.findall(found[2] or "")]
            corners = np.array(given, np.float64).reshape(len(given), 4)
        except ValueError as error:
            raise DataError(f"{path}:{place}: {line.strip()[:80]!r} ({error}); expected {self.layout}") from error
        low, high = (rule(corners[:, :2], corners[:, 2:]) for rule in (np.minimum, np.maximum))
        image = path.parent / found[1]
        return LabelledVideo(
            image.parent.relative_to(self.root).as_posix() if image.is_relative_to(self.root) else path.stem,
            (image,),
            image_size_wh(image),
            np.zeros(len(corners), np.int64),
            np.full(len(corners), -1),
            np.concatenate([low, high - low], axis=1),
            file=path,
            lines=np.full(len(corners), place),
        )
