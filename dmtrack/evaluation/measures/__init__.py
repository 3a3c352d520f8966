"""What is measured: pure functions on arrays, and what each number says of itself (`measure.Measure`).

`one_pass` has overlaps, distances and the curves made of them; `supervised` and `eao` runs with restarts; `long_term`
thresholds of confidence and the rates of absence; `overlap` the IoU of regions as toolkits count pixels.
The rules by which they are used are in `dmtrack.evaluation.protocols`.
"""
