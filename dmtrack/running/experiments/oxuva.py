"""OxUvA: does the tracker know when the target is gone?"""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import Boxes
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.presence import PresenceScore, count_presence, score_presence
from dmtrack.evaluation.protocols import PresenceProtocol, get_protocol
from dmtrack.evaluation.readers.oxuva_files import parse_predictions
from dmtrack.evaluation.reporting.figures.long_term import draw_presence
from dmtrack.evaluation.reporting.figures.saving import save_figure
from dmtrack.evaluation.results import number_lines
from dmtrack.files import atomic_path, json_value, read_text, write_text
from dmtrack.running.experiments.base import Experiment, OnFrame, Pass, as_names, name_of, track
from dmtrack.tracking.base import Tracker


class ExperimentOxUvA(Experiment):
    """OxUvA: true positive rate, true negative rate and their geometric means; one frame per second is annotated.

    Our trackers say whether the target is present. Of others, `update` may give (box, score, present); where it gives
    four numbers alone, the target is always present. On the test split, `report` packs the predictions for the server.

    Args:
        root_dir: folder with `tasks`, `annotations` and `images`.
        subset: "dev" or "test".
        result_dir: predictions go to `<result_dir>/OxUvA/<subset>/<tracker>/<video>_<object>.csv`, the benchmark's own
            layout.
        report_dir: reports go to `<report_dir>/OxUvA/<subset>/<first tracker>`.

    Raises:
        EvaluationError: another subset.
        DataError: the folder does not have the benchmark's layout.
    """

    def __init__(
        self,
        root_dir: str | Path,
        subset: str = "dev",
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
    ) -> None:
        super().__init__("oxuva", root_dir, subset, result_dir, report_dir, folder=f"OxUvA/{subset}")
        self.protocol = get_protocol(self.benchmark.protocols[0], PresenceProtocol)

    def passes(self, tracker: Any) -> Iterator[Pass]:
        """The one run."""
        name = name_of(tracker)
        yield Pass(lambda sequence: self._path(name, sequence.name).is_file(), functools.partial(self._track, name))

    def _track(self, name: str, tracker: Tracker, sequence: Sequence, on_frame: OnFrame) -> None:
        """Runs the tracker and stores its predictions of all frames but the first."""
        result = track(tracker, sequence, on_frame)
        if result.seconds is not None:
            path = self.result_dir / name / "times" / f"{sequence.name}_time.txt"
            write_text(path, number_lines(result.seconds, "%.8f"))
        scores = np.ones(len(sequence)) if result.scores is None else result.scores
        present = np.ones(len(sequence), dtype=bool) if result.present is None else result.present
        write_text(self._path(name, sequence.name), _prediction_text(sequence, result.boxes_xywh, scores, present))

    def report(self, tracker_names: str | Iterable[str]) -> dict[str, dict[str, Any]]:
        """As `Experiment.report`, with the figure of both rates.

        Returns:
            As `Experiment.report`. Of the test split, by tracker: `benchmark`, `split` and `submission`, the archive to
            upload.

        Raises:
            EvaluationError: a result is missing or malformed.
        """
        names = as_names(tracker_names)
        if any(sequence.annotation.first_box_only for sequence in self.sequences):
            performance = {name: self._pack(name) for name in names}
            self.write_performance(performance)
            return performance
        scores: dict[str, PresenceScore] = {}
        performance = {}
        for name in names:
            each = {sequence.name: self._count(name, sequence) for sequence in self.sequences}
            scores[name] = score_presence(list(each.values()))
            performance[name] = {
                **self.header(name, self.protocol.name),
                "overall": {key: json_value(value) for key, value in scores[name].scores.items()},
                "seq_wise": {sequence: vars(counts) for sequence, counts in each.items()},
            }
        note = f"protocol {self.protocol.name} · {self.note}"
        figure = draw_presence({name: score.scores for name, score in scores.items()}, self.benchmark.title, note)
        save_figure(figure, self.write_performance(performance) / "presence")
        return performance

    def _path(self, tracker: str, sequence: str) -> Path:
        return self.result_dir / tracker / f"{sequence}.csv"

    def _count(self, tracker: str, sequence: Sequence) -> Any:
        boxes, present = read_predictions(self._path(tracker, sequence.name), sequence)
        return count_presence(self.protocol, sequence.boxes_xywh, sequence.present, boxes, present, sequence.annotated)

    def _pack(self, tracker: str) -> dict[str, Any]:
        """All predictions in one archive, one file per target, after reading each."""
        target = self.report_dir / tracker / f"{tracker}.zip"
        with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for sequence in self.sequences:
                path = self._path(tracker, sequence.name)
                read_predictions(path, sequence)
                archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
        return {
            "benchmark": self.benchmark.title,
            "protocol": self.protocol.name,
            "split": self.split,
            "sequences": len(self.sequences),
            "submission": str(target),
        }


def _prediction_text(
    sequence: Sequence, boxes_xywh: Boxes, scores: NDArray[np.float64], present: NDArray[np.bool_]
) -> str:
    width, height = sequence.frame_size_wh or (1, 1)
    numbers = sequence.annotation.frame_numbers
    assert numbers is not None  # every sequence of `OxUvA` has them
    lines = []
    for index, frame in enumerate(numbers):
        if index == 0:
            continue
        left, top, box_width, box_height = boxes_xywh[index]
        corners = (left / width, (left + box_width) / width, top / height, (top + box_height) / height)
        target = f"{sequence.video_name},{sequence.track_id},{frame}"
        values = ",".join(f"{value:.6f}" for value in (scores[index], *corners))
        lines.append(f"{target},{str(bool(present[index])).lower()},{values}\n")
    return "".join(lines)


def read_predictions(path: Path, sequence: Sequence) -> tuple[Boxes, NDArray[np.bool_]]:
    """Predictions of one target, in pixels.

    Args:
        path: a file of the benchmark's format, with or without a line of titles.
        sequence: of `OxUvA`.

    Returns:
        (frames, 4) boxes, NaN where the target is said to be absent, and (frames,) whether it is said to be present.
        The first frame has its true box.

    Raises:
        EvaluationError: the file is missing or malformed, or an annotated frame has no prediction.
    """
    expected = f"predictions for sequence {sequence.name!r}, which running the tracker writes"
    text = read_text(path, expected, EvaluationError)
    boxes, present, _ = parse_predictions(text, str(path), sequence)
    return boxes, present
