"""Reports on stored results: confidence intervals, tables, figures and a page that needs nothing else."""

from dmtrack.evaluation.reporting.bootstrap import paired_bootstrap

__all__ = ["paired_bootstrap"]
