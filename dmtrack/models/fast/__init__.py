"""Faster inference with the same results: copies of models made for tracking alone.

`inference_copy.inference_copy` makes them; the trainable models and their state dicts know nothing of it.
"""
