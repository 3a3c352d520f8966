"""Readers of results that other tools have written: one tracker's folder or archive, in the terms of a benchmark.

Nothing is guessed in silence: layout, names, first pixel and lengths follow declared rules (`LAYOUTS`, `names.RULES`,
`Layout.first_pixel`, `ALIGNMENTS`), and each rule that was used stands in `TrackerResults.notes`.
"""

from dmtrack.evaluation.readers.alignment import ALIGNMENTS
from dmtrack.evaluation.readers.layouts import LAYOUTS
from dmtrack.evaluation.readers.reading import read_results

__all__ = ["ALIGNMENTS", "LAYOUTS", "read_results"]
