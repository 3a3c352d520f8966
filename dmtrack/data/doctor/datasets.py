"""The rules of every data set that the doctor knows."""

from __future__ import annotations

from dmtrack.data.doctor import image_sets, places
from dmtrack.data.doctor.oxuva import check_oxuva_annotations
from dmtrack.data.doctor.rules import FlagRule, ImageRules, ListRule, VideoRules
from dmtrack.data.sources import coco, folder, got10k, image_folder, lasot, otb, oxuva, tlp, trackingnet, vot
from dmtrack.data.sources.lasot_testing import published_test_names
from dmtrack.data.sources.otb_published import published_otb_names
from dmtrack.data.sources.uav_published import published_uav_parts

_VOT_FRAMES = ("color", ".")
_VOT_FLAGS = (FlagRule("*.tag", "1 where the attribute holds", may_be_short=True),)
_VOT_LISTS = (ListRule("list.txt", complete=True),)


def _otb(version: str) -> VideoRules:
    names = published_otb_names(version)
    return VideoRules(
        layout=otb.OTB_LAYOUT,
        locate=places.otb(otb.OTB_LAYOUT, version),
        first_number=None,
        counts={"": len(names)},
        published={"": names},
        bases=(".",) if version == "otb100" else (),
    )


def _uav(version: str) -> VideoRules:
    names = tuple(published_uav_parts(version))
    layout = otb.UAV_LAYOUT.replace("anno/UAV123", f"anno/{version}")
    return VideoRules(
        layout=layout,
        locate=places.uav(layout, version),
        counts={"": len(names)},
        published={"": names},
        bases=("data_seq/UAV123",) if version == "UAV123" else (),
        unlisted_severe=False,
    )


RULES: dict[str, VideoRules | ImageRules] = {
    "lasot": VideoRules(
        layout=lasot.LAYOUT,
        locate=places.lasot(lasot.LAYOUT),
        flags=(
            FlagRule("full_occlusion.txt", "1 where the target is fully occluded", required=True, instead="absent.txt"),
            FlagRule("out_of_view.txt", "1 where the target is out of view", required=True, instead="absent.txt"),
            FlagRule("absent.txt", "1 where the target is absent (the evaluation toolkit's form)"),
        ),
        lists=(ListRule("training_set.txt", "train"), ListRule("testing_set.txt", "test")),
        splits=("train", "test"),
        counts={"train": 1120, "test": 280},
        published={"test": tuple(published_test_names())},
        depth=2,
    ),
    "got10k": VideoRules(
        layout=got10k.LAYOUT,
        locate=places.got10k(got10k.LAYOUT),
        flags=(
            FlagRule("absence.label", "1 where the target is absent"),
            FlagRule("cover.label", "the visible share in eighths", values=(0, 8)),
            FlagRule("cut_by_image.label", "1 where the image cuts the target"),
        ),
        lists=(
            ListRule("train/list.txt", "train", complete=True),
            ListRule("val/list.txt", "val", complete=True),
            ListRule("test/list.txt", "test", complete=True),
        ),
        splits=("train", "val", "test"),
        counts={"train": 9335, "val": 180, "test": 180},
        bases=("train", "val", "test"),
    ),
    "trackingnet": VideoRules(
        layout=trackingnet.LAYOUT,
        locate=places.trackingnet(trackingnet.LAYOUT),
        first_number=0,
        splits=("train", "test", "TEST", *(f"TRAIN_{number}" for number in range(12))),
        counts={"TEST": 511, **{f"TRAIN_{number}": 2511 for number in range(12)}},
        bases=("TRAIN_*/frames", "TEST/frames"),
    ),
    "otb100": _otb("otb100"),
    "otb2013": _otb("otb2013"),
    "uav123": _uav("UAV123"),
    "uav20l": _uav("UAV20L"),
    "vot2018": VideoRules(
        layout=vot.LAYOUT,
        locate=places.beside(vot.LAYOUT, ("*/groundtruth.txt",), _VOT_FRAMES),
        columns=(4, 8),
        flags=_VOT_FLAGS,
        lists=_VOT_LISTS,
        counts={"": 60},
    ),
    "vot2018-lt": VideoRules(
        layout=vot.LAYOUT,
        locate=places.beside(vot.LAYOUT, ("*/groundtruth.txt",), _VOT_FRAMES),
        flags=_VOT_FLAGS,
        lists=_VOT_LISTS,
        counts={"": 35},
    ),
    "oxuva": VideoRules(
        layout=oxuva.LAYOUT,
        locate=places.oxuva(oxuva.LAYOUT),
        first_number=None,
        splits=("dev", "test"),
        counts={"dev": 200, "test": 166},
        bases=(),
        further=check_oxuva_annotations,
    ),
    "tlp": VideoRules(
        layout=tlp.LAYOUT,
        locate=places.beside(tlp.LAYOUT, ("*/groundtruth_rect.txt",), ("img",)),
        columns=(6,),
        box_start=1,
        counts={"": 50},
    ),
    "folder": VideoRules(
        layout=folder.LAYOUT,
        locate=places.beside(folder.LAYOUT, ("*/groundtruth.txt", "groundtruth.txt"), (".",)),
        first_number=None,
        gaps_allowed=True,
        flags=(FlagRule("absence.label", "1 where the target is absent"),),
    ),
    "coco": ImageRules(layout=coco.LAYOUT, read=image_sets.read_coco, splits=True),
    "image-folder": ImageRules(layout=image_folder.LAYOUT, read=image_sets.read_image_folder),
}
"""By the names of `dmtrack data check`."""
