"""The synthetic generator: training pairs and test sequences rendered from a seed."""

from dmtrack.data.synthetic import pairs as pairs
from dmtrack.data.synthetic import sequences as sequences
