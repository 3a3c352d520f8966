"""Search for test-time parameters on a recorded tuning split: what `dmtrack search` does.

`space` has the values that are tried and the published grids; `splits` locks test splits. `tracks` says how a trial
gets its boxes (shared network outputs, stored detections, full runs), `work` how they become one number, and what a
worker does on `study`, the resumable file of trials. `running` is the whole search; `outcome` draws the conclusion,
`outputs` and `figures` write it.
"""
