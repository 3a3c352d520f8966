"""Writers of sequences in the official layouts of the datasets, so that readers are tested without the datasets."""

from collections.abc import Callable
from functools import partial

from dmtrack.data.writers.coco import write_coco
from dmtrack.data.writers.long_term import write_oxuva, write_tlp, write_vot_lt
from dmtrack.data.writers.sequences import (
    write_folder,
    write_got10k,
    write_lasot,
    write_otb,
    write_trackingnet,
    write_uav123,
    write_vot,
)

WRITERS: dict[str, Callable[..., list[str]]] = {
    "coco": write_coco,
    "folder": write_folder,
    "got10k": write_got10k,
    "lasot": write_lasot,
    "otb": write_otb,
    "oxuva": write_oxuva,
    "tlp": write_tlp,
    "trackingnet": write_trackingnet,
    "uav123": write_uav123,
    "vot": write_vot,
    "vot-lt": write_vot_lt,
}
"""By the name of the layout: `writer(sequences, root, quality=..., progress=...)`, those with splits take `split`."""

WRITERS |= {
    "otb100": write_otb,
    "otb2013": write_otb,
    "uav20l": partial(write_uav123, version="UAV20L"),
    "vot2018": write_vot,
    "vot2018-lt": write_vot_lt,
}
# Every benchmark's own name is known, too.


__all__ = [
    "WRITERS",
    "write_coco",
    "write_folder",
    "write_got10k",
    "write_lasot",
    "write_otb",
    "write_oxuva",
    "write_tlp",
    "write_trackingnet",
    "write_uav123",
    "write_vot",
    "write_vot_lt",
]
