"""Figures as papers of the field draw them; each function gives a matplotlib figure, `saving` writes it."""

from dmtrack.evaluation.reporting.figures.saving import inline_svg, save_figure
from dmtrack.evaluation.reporting.figures.theme import DARK, INLINE, LIGHT, Look, Theme, looks

__all__ = ["DARK", "INLINE", "LIGHT", "Look", "Theme", "inline_svg", "looks", "save_figure"]
