"""Necks; importing the package registers them."""

from dmtrack.models.necks import fpn as fpn
