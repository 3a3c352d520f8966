"""The page of `dmtrack report`, and the files beside it."""
