"""Readers of datasets in their official layouts, one file per layout; boxes come out 0-based and continuous."""

from dmtrack.data.sources.base import SequenceSource
from dmtrack.data.sources.caltech import Caltech
from dmtrack.data.sources.citypersons import CityPersons
from dmtrack.data.sources.coco import Coco
from dmtrack.data.sources.coco_vid import CocoVID
from dmtrack.data.sources.crop511 import Crop511
from dmtrack.data.sources.crowdhuman import CrowdHuman
from dmtrack.data.sources.davis import Davis
from dmtrack.data.sources.ethz import ETHZ
from dmtrack.data.sources.folder import SequenceFolder
from dmtrack.data.sources.got10k import GOT10k
from dmtrack.data.sources.image_folder import ImageFolder
from dmtrack.data.sources.imagenet import ImageNetDET, ImageNetVID
from dmtrack.data.sources.images import AnnotatedImage, ImageSource
from dmtrack.data.sources.jde_labels import FairMOTLabels, JDELabels
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.data.sources.lasot import LaSOT
from dmtrack.data.sources.mot_challenge import MOTChallenge, MOTSequences
from dmtrack.data.sources.mot_labels import MOTLabels
from dmtrack.data.sources.motsynth import MOTSynth
from dmtrack.data.sources.otb import OTB, UAV123
from dmtrack.data.sources.oxuva import OxUvA
from dmtrack.data.sources.person_search import CUHKSYSU, PRW
from dmtrack.data.sources.tlp import TLP
from dmtrack.data.sources.trackingnet import TrackingNet
from dmtrack.data.sources.vot import VOT, VOTLongTerm
from dmtrack.data.sources.youtube_bb import YouTubeBB

__all__ = [
    "CUHKSYSU",
    "ETHZ",
    "OTB",
    "PRW",
    "TLP",
    "UAV123",
    "VOT",
    "AnnotatedImage",
    "Caltech",
    "CityPersons",
    "Coco",
    "CocoVID",
    "Crop511",
    "CrowdHuman",
    "Davis",
    "FairMOTLabels",
    "GOT10k",
    "ImageFolder",
    "ImageNetDET",
    "ImageNetVID",
    "ImageSource",
    "JDELabels",
    "LaSOT",
    "LabelledSource",
    "LabelledVideo",
    "MOTChallenge",
    "MOTLabels",
    "MOTSequences",
    "MOTSynth",
    "OxUvA",
    "SequenceFolder",
    "SequenceSource",
    "TrackingNet",
    "VOTLongTerm",
    "YouTubeBB",
]
