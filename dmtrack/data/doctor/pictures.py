"""What goes on a contact sheet: frames of sequences, annotated images, and training pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dmtrack.boxes import xyxy_to_xywh
from dmtrack.config import build
from dmtrack.data.doctor.sheet import Tile
from dmtrack.data.loader import TrainingClips, parse_stages
from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.recipes import build_recipe
from dmtrack.data.samples import Clip
from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.frames import spaced
from dmtrack.data.sources.images import ImageSource
from dmtrack.data.sources.labelled import LabelledSource
from dmtrack.errors import ConfigError
from dmtrack.media.images import read_image
from dmtrack.registry import DATASETS

Row = tuple[str, list[Tile]]


def sequence_row(sequence: Sequence, frames: int) -> Row:
    """Some frames of a sequence, evenly spaced, with their boxes.

    Raises:
        DMTrackError: a frame cannot be read.
    """
    tiles = []
    for index in spaced(len(sequence), frames):
        present = bool(sequence.present[index])
        boxes = sequence.boxes_xywh[index : index + 1] if present else np.zeros((0, 4))
        tiles.append(Tile(sequence.read_frame(index), boxes, f"{index}" if present else f"{index} absent", not present))
    width, height = (tiles[0].image.shape[1], tiles[0].image.shape[0]) if tiles else (0, 0)
    absent = int((~sequence.present).sum())
    gone = f", {absent} without target" if absent else ""
    return f"{sequence.name}: {len(sequence)} frames, {width}x{height}{gone}", tiles


def image_rows(source: ImageSource, count: int, columns: int) -> list[Row]:
    """Some images of a data set, evenly spaced, with the boxes of their objects, at most `columns` in a row.

    Raises:
        MediaError: an image cannot be read.
    """
    tiles = []
    for record in (source[place] for place in spaced(len(source), count)):
        labels = ", ".join(dict.fromkeys(label for label in record.labels if label))
        text = f"{record.path.name}: {len(record.boxes_xywh)} {labels}".encode("ascii", "replace").decode()
        tiles.append(Tile(record.read(), record.boxes_xywh, text if len(text) <= 56 else f"{text[:53]}..."))
    rows_needed = max(1, math.ceil(len(tiles) / columns))
    columns = max(1, math.ceil(len(tiles) / rows_needed))  # rows of nearly equal length
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    return [(f"{len(source)} images" if number == 0 else "", row) for number, row in enumerate(rows)]


def labelled_rows(source: LabelledSource, numbers: Iterable[int], columns: int) -> list[Row]:
    """Frames of some videos, a row for each, or images in rows, with all objects, their identities and classes.

    What nobody should learn from is marked with x.

    Args:
        source: of the data set.
        numbers: of its videos or images.
        columns: frames of a video, or images in a row.

    Raises:
        DMTrackError: a file cannot be read.
    """
    rows: list[Row] = []
    images: list[Tile] = []
    for video in map(source.read, numbers):
        tiles = []
        of_one_class = len(source.class_names) < 2 and not video.classes.any()
        for frame in spaced(len(video.images), columns):
            shown = video.select((video.frames == frame) & np.isfinite(video.boxes_xywh).all(axis=1))
            names = []
            for identity, kind, ignored in zip(shown.identities, shown.classes, shown.ignored, strict=True):
                called = source.class_names[kind] if kind < len(source.class_names) else f"class {kind}"
                words = ("x" if ignored else "", str(identity) if identity >= 0 else "")
                names.append(" ".join(filter(None, (*words, "" if of_one_class else called))))
            place = video.images[frame].name if source.of_images else f"{video.first + frame}"
            ids = np.where(shown.identities < 0, np.arange(len(names)), shown.identities)
            boxes = shown.boxes_xywh - (source.first_pixel, source.first_pixel, 0, 0)
            text = f"{place}: {len(names)}".encode("ascii", "replace").decode()
            tiles.append(Tile(read_image(video.images[frame]), boxes, text, False, tuple(ids.tolist()), tuple(names)))
        images += tiles
        width, height = video.size_wh
        title = (
            f"{video.name}: {len(video.images)} frames, {width}x{height}, {len(np.unique(video.identities))} objects"
        )
        rows.append((title.encode("ascii", "replace").decode(), tiles))
    if not source.of_images:
        return rows
    grid = [images[start : start + columns] for start in range(0, len(images), columns)]
    return [(f"{len(source)} images" if number == 0 else "", row) for number, row in enumerate(grid)]


def pair_rows(
    data: Mapping[str, Any], preprocessing: Preprocessing, seed: int, count: int, pairs_per_row: int = 2
) -> list[Row]:
    """The first pairs of a run as the model will see them, before normalisation.

    Args:
        data: the section `data` of a config.
        preprocessing: of the model.
        seed: of the run.
        count: how many pairs.
        pairs_per_row: a pair takes two frames.

    Raises:
        ConfigError: the config has no sampler of pairs.
        DataError: a data set that is not there or not as expected.
    """
    if not data.get("train"):
        raise ConfigError("data.train is missing: name the data set to train on, e.g. dict(type='SyntheticPairs')")
    sampler = build(data["train"], DATASETS)
    if not hasattr(sampler, "sample"):
        raise ConfigError(f"data.train: {type(sampler).__name__} gives no pairs; expected a sampler of pairs")
    pairs = TrainingClips(sampler, build_recipe(data.get("recipe", "fixed"), preprocessing), seed)
    size_wh = parse_stages(data.get("stages"))[0].image_size_wh
    rows = []
    for start in range(0, count, pairs_per_row):
        numbers = range(start, min(count, start + pairs_per_row))
        tiles = [tile for number in numbers for tile in _clip_tiles(pairs[number, size_wh], number, preprocessing)]
        rows.append((f"pairs {numbers[0]} to {numbers[-1]}, seed {seed}", tiles))
    return rows


def _clip_tiles(clip: Clip, number: int, preprocessing: Preprocessing) -> list[Tile]:
    names = ["query", *["search"] * (len(clip.samples) - 1)]
    inclusive = getattr(preprocessing, "inclusive_boxes", False)  # not every method leaves that open
    return [
        Tile(
            sample.image,
            xyxy_to_xywh(sample.boxes_xyxy, inclusive),
            f"{number} {name} {sample.size_wh[0]}x{sample.size_wh[1]}, {len(sample.boxes_xyxy)} boxes",
        )
        for name, sample in zip(names, clip.samples, strict=True)
    ]
