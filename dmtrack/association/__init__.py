"""Parts that associate boxes over time: motion, costs, assignment, tracklets. Policies put them together."""
