"""Reports on stored results: confidence intervals, tables, figures and a page that needs nothing else."""

from dmtrack.evaluation.reporting.bootstrap import Interval, paired_bootstrap

__all__ = ["Interval", "paired_bootstrap"]
