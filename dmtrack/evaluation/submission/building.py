"""Packages for evaluation servers, made of stored results and written only if the server would take them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from dmtrack.data.sources.base import SequenceSource
from dmtrack.data.sources.mot_challenge import mot_lines
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers import read_results
from dmtrack.evaluation.readers.layouts import ResultFiles
from dmtrack.evaluation.readers.mot import read_mot_results
from dmtrack.evaluation.results import BOX_DECIMALS, ResultStore, SequenceResult, number_lines
from dmtrack.evaluation.submission.checking import Checked, check_files
from dmtrack.evaluation.submission.formats import SubmissionFormat, get_format, open_hidden
from dmtrack.files import atomic_path

_DATE = (1980, 1, 1, 0, 0, 0)
"""Of all entries, so that the same results give the same bytes."""


class RejectedError(EvaluationError):
    """A package that the server would reject; it was not written."""

    def __init__(self, message: str, checked: Checked) -> None:
        super().__init__(message)
        self.checked = checked


def build_submission(
    benchmark: str,
    results: str | Path,
    target: str | Path,
    data: str | Path | None = None,
    align: str | Mapping[str, str] | None = None,
) -> Checked:
    """Writes the package of one tracker, and gives what the check found: nothing in it is rejected.

    Args:
        benchmark: "got10k", "trackingnet", "mot17", ...
        results: the tracker's folder `<results>/<tracker>` in got10k's layout; where `data` is given, of any layout
            that `read_results` knows. Of a multi-object tracker, what `read_mot_results` takes.
        target: zip file to write.
        data: root of the benchmark, which gives lengths and first boxes to check against.
        align: rule for results with another number of boxes than frames, see `read_results`; needs `data`.

    Raises:
        RejectedError: the server would reject the package, which is not written.
        EvaluationError: no results, or malformed ones.
        DataError: the data set cannot be opened.
        OutputError: the file cannot be written.
    """
    package = get_format(benchmark)
    source, known = (None, None) if data is None else open_hidden(package, data)
    with atomic_path(target) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, result in _stored_results(package, Path(results), source, align):
                if result.tracks is None:
                    boxes = number_lines(result.boxes_xywh, f"%.{BOX_DECIMALS}f")
                else:
                    boxes = mot_lines(result.tracks)
                seconds = None if result.seconds is None else number_lines(result.seconds, "%.8f")
                for entry, text in ((package.boxes_entry, boxes), (package.times_entry, seconds)):
                    if entry is not None and text is not None:
                        info = zipfile.ZipInfo(entry.format(name=name), _DATE)
                        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                        archive.writestr(info, text)
        with closing(ResultFiles(temporary)) as files:
            checked = check_files(files, package, known)
        if checked.rejected:
            number = len(checked.rejected)
            raise RejectedError(
                f"{results} makes no package that {package.title}'s server would take ({number} "
                f"problem{'s' * (number > 1)}, first: {checked.rejected[0]}); {target} was not written: run the "
                "tracker on what is lacking",
                checked,
            )
    return checked


def _stored_results(
    package: SubmissionFormat, results: Path, source: SequenceSource | None, align: str | Mapping[str, str] | None
) -> Iterator[tuple[str, SequenceResult]]:
    """Results by name of the sequence, as far as there are any."""
    if package.tracks:
        found = read_mot_results(results, (*package.sequences, *package.also)).results
        for name in (*package.sequences, *package.also):
            video = name.rpartition("-")[0]
            same = [other for other in found if package.copies and other.rpartition("-")[0] == video]
            if name in found or same:
                yield name, found[name if name in found else same[0]]
        return
    store = ResultStore(results)
    names = package.sequences or (
        source.names if source is not None else sorted(path.name for path in store.first_runs())
    )
    stored = [name for name in names if store.exists(name)]
    if stored and not align:
        for name in stored:
            yield name, store.read(name)
        return
    if source is None:
        if stored:
            raise EvaluationError("--align needs the lengths of the sequences: give the benchmark with --data ROOT")
        raise EvaluationError(
            f"{results} has no results of {package.title}'s test set (looked for "
            f"{names[0] if names else '<sequence>'}/..._001.txt); give the folder <results>/<tracker>, or with "
            "--data ROOT one of another tool"
        )
    yield from read_results(results, source, align=align, benchmark=package.name).results.items()
