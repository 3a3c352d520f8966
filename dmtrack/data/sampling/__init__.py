"""Samplers of training clips: `sampler.sample(rng, image_size_wh=None) -> Clip`."""

from dmtrack.data.sampling.concatenation import RandomConcat
from dmtrack.data.sampling.images import CocoPairs, ImageClips, ImagePairs
from dmtrack.data.sampling.mosaic_clips import MosaicClips
from dmtrack.data.sampling.siamese_pairs import PairsWithNegatives, SiamesePairs
from dmtrack.data.sampling.videos import SequencePairs, VideoClips

__all__ = [
    "CocoPairs",
    "ImageClips",
    "ImagePairs",
    "MosaicClips",
    "PairsWithNegatives",
    "RandomConcat",
    "SequencePairs",
    "SiamesePairs",
    "VideoClips",
]
