"""Necks; importing the package registers them."""

from dmtrack.models.necks import fpn as fpn
from dmtrack.models.necks import single_map as single_map
