"""Networks: shared blocks by kind, and one folder per method."""
