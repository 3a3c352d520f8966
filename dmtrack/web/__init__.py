"""The page in which people draw a box, watch, correct and export; and the sessions under it."""
