"""Datasets, sampling, augmentation and the synthetic generator."""
