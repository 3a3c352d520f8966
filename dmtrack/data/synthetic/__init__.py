"""The synthetic generator: training pairs and test sequences rendered from a seed."""

from dmtrack.data.synthetic import pairs as pairs
