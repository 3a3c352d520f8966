"""A detector from a domain with labels to one without: a recipe of stages, each of which goes on where it stopped."""
