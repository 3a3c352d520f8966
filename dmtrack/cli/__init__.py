"""The `dmtrack` command: one module per command."""
