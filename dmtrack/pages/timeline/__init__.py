"""The distractor timeline: every tracklet of a tracked sequence over time, and why the target's changed."""
