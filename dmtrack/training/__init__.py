"""Training: one loop on Lightning Fabric, optimisers, schedules, checkpoints, logs."""
