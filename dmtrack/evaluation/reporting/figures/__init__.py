"""Figures as papers of the field draw them; each function gives a matplotlib figure, `saving` writes it."""
