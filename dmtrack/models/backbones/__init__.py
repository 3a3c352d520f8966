"""Backbones; importing the package registers them."""

from dmtrack.models.backbones import dla34 as dla34
from dmtrack.models.backbones import residual_trunk as residual_trunk
