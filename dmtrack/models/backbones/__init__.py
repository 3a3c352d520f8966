"""Backbones; importing the package registers them."""

from dmtrack.models.backbones import dla34 as dla34
