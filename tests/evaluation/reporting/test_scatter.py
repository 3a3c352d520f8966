from __future__ import annotations

import matplotlib.image
import numpy as np

from dmtrack.evaluation.reporting.figures.scatter import draw_reliability
from dmtrack.evaluation.reporting.figures.theme import save_figure


def test_a_line_per_group_passes_through_its_bins(tmp_path) -> None:
    bins = {"clips": [(40, 0.2, 0.1), (60, 0.9, 0.95)], "generated": [(10, 0.5, 0.7)]}
    figure = draw_reliability(bins, "Presence", "Right: IoU > .5")
    (axes,) = figure.axes
    diagonal, clips, generated = axes.lines
    assert clips.get_xydata().tolist() == [[0.2, 0.1], [0.9, 0.95]]
    assert generated.get_xydata().tolist() == [[0.5, 0.7]]
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    # The bin with more frames has the larger marker.
    sizes = axes.collections[0].get_sizes()
    assert sizes[1] > sizes[0]
    (path,) = save_figure(figure, tmp_path / "plot", (".png",))
    assert np.ptp(matplotlib.image.imread(path)[..., :3]) > 0.5
