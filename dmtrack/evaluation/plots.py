"""The plots of one report: success, precision and normalised precision; `reporting.figures` draws these and others."""

from dmtrack.evaluation.reporting.figures.curves import save_plots
from dmtrack.evaluation.reporting.figures.theme import COLOURS, DARK, LIGHT, LINE_STYLES, Theme

__all__ = ["COLOURS", "DARK", "LIGHT", "LINE_STYLES", "Theme", "save_plots"]
