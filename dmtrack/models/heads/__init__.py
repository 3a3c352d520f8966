"""Heads; importing the package registers them."""

from dmtrack.models.heads import fcos as fcos
