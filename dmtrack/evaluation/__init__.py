"""Protocols and metrics, the runner and its result store, tables, plots and pages."""
