"""Proof that this code computes what published references compute."""
