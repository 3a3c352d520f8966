"""Faster inference with the same results: copies of models made for tracking alone.

`inference_copy.inference_copy` makes them; the trainable models and their state dicts are independent of it. Importing
the package registers the fast substitutes of all layers of this package; the registry is `rewriting.fast_layer`.
"""

from dmtrack.models.fast import blocks as blocks
from dmtrack.models.fast import dla as dla
from dmtrack.models.fast import dmtrack_gs as dmtrack_gs
from dmtrack.models.fast import reid as reid
from dmtrack.models.fast import tiny as tiny
from dmtrack.models.fast import yolo as yolo
