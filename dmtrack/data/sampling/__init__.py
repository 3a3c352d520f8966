"""Samplers of training pairs: `sampler.sample(rng, image_size_wh=None) -> Pair`."""

from dmtrack.data.sampling.concatenation import RandomConcat
from dmtrack.data.sampling.image_pairs import CocoPairs, ImagePairs
from dmtrack.data.sampling.sequence_pairs import SequencePairs
from dmtrack.data.sampling.siamese_pairs import PairsWithNegatives, SiamesePairs

__all__ = ["CocoPairs", "ImagePairs", "PairsWithNegatives", "RandomConcat", "SequencePairs", "SiamesePairs"]
