"""The one table of data sets of many objects: their readers, by the names of `dmtrack data convert` and `check`.

LABELLED_SETS["mot17"]("data/MOT17")       its training videos, with everything in them
"""

from __future__ import annotations

from collections.abc import Callable
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

LABELLED_SETS: dict[str, Callable[..., LabelledSource]] = {
    "mot15": MOTLabels,
    "mot16": MOTLabels,
    "mot17": MOTLabels,
    "mot20": MOTLabels,
    "dancetrack": MOTLabels,
    "mot": partial(MOTLabels, all_classes=True),
    "motsynth": MOTSynth,
    "crowdhuman": CrowdHuman,
    "citypersons": CityPersons,
    "caltech": Caltech,
    "cuhk-sysu": CUHKSYSU,
    "prw": PRW,
    "ethz": ETHZ,
    "fairmot": FairMOTLabels,
    "cocovid": CocoVID,
}
"""Called with the folder or file, and `split=`."""
