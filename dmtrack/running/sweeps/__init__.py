"""Sweeps: several trackers on several benchmarks, as an experiment file or the command line says."""
