"""The one table of data sets of many objects, by the names of `dmtrack data convert`, with their readers.

LABELLED_SETS["mot17"].source("data/MOT17", split=None)       its training videos, with everything in them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from dmtrack.data.sources import (
    CUHKSYSU,
    ETHZ,
    PRW,
    Caltech,
    CityPersons,
    CocoVID,
    CrowdHuman,
    FairMOTLabels,
    MOTLabels,
    MOTSynth,
)
from dmtrack.data.sources.labelled import LabelledSource


@dataclass(frozen=True)
class LabelledSet:
    """A data set of many objects.

    Attributes:
        name: as users type it.
        download: what to get, for the documentation.
        source: its reader, called with the root and `split=`.
    """

    name: str
    download: str
    source: Callable[..., LabelledSource]


_MOT, _OWN = MOTLabels, partial(MOTLabels, all_classes=True)
_ALL = (
    LabelledSet("mot15", "2DMOT2015.zip of motchallenge.net", _MOT),
    LabelledSet("mot16", "MOT16.zip of motchallenge.net", _MOT),
    LabelledSet("mot17", "MOT17.zip of motchallenge.net; the videos that end with -SDP are taken", _MOT),
    LabelledSet("mot20", "MOT20.zip of motchallenge.net", _MOT),
    LabelledSet("dancetrack", "train and val of dancetrack.github.io", _MOT),
    LabelledSet("mot", "one's own videos, as CVAT exports them (MOT 1.1), of any classes", _OWN),
    LabelledSet("crowdhuman", "images and annotations of crowdhuman.org", CrowdHuman),
    LabelledSet("motsynth", "COCO annotations or comb_annotations of motchallenge.net, and extracted frames", MOTSynth),
    LabelledSet("citypersons", "gtBbox_cityPersons_trainval and leftImg8bit of cityscapes-dataset.com", CityPersons),
    LabelledSet("caltech", "annotations and set00 to set10 of data.caltech.edu, frames extracted", Caltech),
    LabelledSet("cuhk-sysu", "CUHK-SYSU, by request to its authors", CUHKSYSU),
    LabelledSet("prw", "PRW-v16.04.20.zip of github.com/liangzheng06/PRW-baseline", PRW),
    LabelledSet("ethz", "sequences with their .idl of data.vision.ee.ethz.ch/cvl/aess", ETHZ),
    LabelledSet("fairmot", "labels of FairMOT: what `--to fairmot` writes, or JDE's data zoo", FairMOTLabels),
    LabelledSet("cocovid", "what `--to cocovid` writes, or MMTracking's converters", CocoVID),
)

LABELLED_SETS: dict[str, LabelledSet] = {one.name: one for one in _ALL}
