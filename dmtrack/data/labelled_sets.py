"""The one table of data sets of many objects: their readers, by the names of `dmtrack data convert` and `check`.

LABELLED_SETS["mot17"]("data/MOT17")       its training videos, with everything in them
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dmtrack.data import sources
from dmtrack.data.sources.labelled import LabelledSource

LABELLED_SETS: dict[str, Callable[..., LabelledSource]] = {
    "mot15": sources.MOTLabels,
    "mot16": sources.MOTLabels,
    "mot17": sources.MOTLabels,
    "mot20": sources.MOTLabels,
    "dancetrack": sources.MOTLabels,
    "mot": partial(sources.MOTLabels, all_classes=True),
    "motsynth": sources.MOTSynth,
    "crowdhuman": sources.CrowdHuman,
    "citypersons": sources.CityPersons,
    "caltech": sources.Caltech,
    "cuhk-sysu": sources.CUHKSYSU,
    "prw": sources.PRW,
    "ethz": sources.ETHZ,
    "fairmot": sources.FairMOTLabels,
    "cocovid": sources.CocoVID,
}
"""Called with the folder or file, and `split=`."""
