"""Samplers of training clips: `sampler.sample(rng, image_size_wh=None) -> Clip`."""

from dmtrack.data.sampling.concatenation import RandomConcat
from dmtrack.data.sampling.image_clips import ImageClips
from dmtrack.data.sampling.image_pairs import CocoPairs, ImagePairs
from dmtrack.data.sampling.sequence_pairs import SequencePairs
from dmtrack.data.sampling.siamese_pairs import PairsWithNegatives, SiamesePairs
from dmtrack.data.sampling.video_clips import VideoClips

__all__ = [
    "CocoPairs",
    "ImageClips",
    "ImagePairs",
    "PairsWithNegatives",
    "RandomConcat",
    "SequencePairs",
    "SiamesePairs",
    "VideoClips",
]
