"""Runs trackers over sequences and stores what they answer."""
