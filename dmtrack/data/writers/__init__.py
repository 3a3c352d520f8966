"""Writers of sequences in the official layouts of the datasets, so that readers are tested without the datasets."""

from collections.abc import Callable
from functools import partial

from dmtrack.data.benchmarks import BENCHMARKS
from dmtrack.data.writers.coco import write_coco
from dmtrack.data.writers.mot_challenge import write_mot_challenge

WRITERS: dict[str, Callable[..., list[str]]] = {
    "coco": write_coco,
    "mot": write_mot_challenge,
    **{item.name: partial(item.load("writer"), **item.writer_options) for item in BENCHMARKS.values() if item.writer},
}
"""By name: `writer(sequences, root, quality=..., progress=...)`, those with splits take `split`. "mot" takes videos."""

WRITERS |= {"otb": WRITERS["otb100"], "vot": WRITERS["vot2018"], "vot-lt": WRITERS["vot2018-lt"]}
# Layouts that several benchmarks share have a name of their own, too.
