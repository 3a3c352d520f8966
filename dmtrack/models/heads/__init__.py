"""Heads; importing the package registers them."""

from dmtrack.models.heads import fcos as fcos
from dmtrack.models.global_search import tiny_head as tiny_head
