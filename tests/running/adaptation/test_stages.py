"""A long job of stages: each runs alone, goes on after a kill, and refuses what has changed since."""

from __future__ import annotations

import errno
import json

import pytest
from rich.console import Console

from dmtrack.errors import EvaluationError, OutputError
from dmtrack.files import atomic_path, write_text
from dmtrack.running.adaptation.stages import Stage, StageRunner, time_of


class Job:
    """Two stages: one writes a number in two parts, the other doubles it."""

    def __init__(self, folder, number=3, data="a"):
        self.folder, self.number, self.data, self.log, self.fails = folder, number, data, [], None

    def first(self, place):
        for part in ("one", "two"):
            if not (place / part).is_file():
                self.log.append(part)
                with atomic_path(place / part) as path:
                    if self.fails and part == "two":
                        raise self.fails
                    path.write_text(str(self.number))
        return [place / "one", place / "two"]

    def second(self, place):
        self.log.append("double")
        write_text(place / "out", str(2 * int((self.folder / "first" / "two").read_text())))
        return [place / "out"]

    def run(self, *names, restart=False):
        stages = [
            Stage("first", "writes", self.first, settings={"number": self.number}, reads=lambda: self.data),
            Stage("second", "doubles", self.second, ("first",)),
        ]
        StageRunner(stages, self.folder, restart).run(names, Console(quiet=True))


def test_stages_are_done_once_and_each_can_run_alone(tmp_path):
    job = Job(tmp_path)
    with pytest.raises(EvaluationError, match="stage second needs stage first, which is not done"):
        job.run("second")
    job.run("first")
    job.run()
    job.run()
    assert job.log == ["one", "two", "double"]
    assert (tmp_path / "second" / "out").read_text() == "6"
    record = json.loads((tmp_path / "second" / "stage.json").read_text())
    assert set(record["inputs"]) == {"settings", "first/one", "first/two"} and set(record["outputs"]) == {"out"}
    assert record["processor_seconds"] >= 0
    done = [{"outputs": {}, "seconds": 90.0, "processor_seconds": 60.0}, {"outputs": None}]
    assert time_of(done) == "stages done: 1, in 1.5 minutes, in which processor cores worked for 1.0"
    with pytest.raises(EvaluationError, match="there is no stage 'secnd'; did you mean 'second'"):
        job.run("secnd")


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_stage_that_was_killed_or_found_the_disk_full_goes_on_with_what_it_had(tmp_path, failure):
    job = Job(tmp_path)
    job.fails = failure
    with pytest.raises((KeyboardInterrupt, OutputError)) as caught:
        job.run()
    if isinstance(failure, OSError):
        assert "No space left on device; free some space" in str(caught.value)
    job.fails = None
    job.run()
    assert job.log == ["one", "two", "two", "double"]


def test_what_has_changed_since_is_named_and_made_anew_only_when_that_is_asked_for(tmp_path):
    Job(tmp_path).run()
    with pytest.raises(EvaluationError, match=r"its setting number was 3, and is 4 now\); give --restart"):
        Job(tmp_path, number=4).run()
    with pytest.raises(EvaluationError, match=r"made from something else \(data has changed since\)"):
        Job(tmp_path, data="b").run()
    job = Job(tmp_path, number=4)
    job.run(restart=True)
    assert job.log == ["one", "two", "double"] and (tmp_path / "second" / "out").read_text() == "8"
    (tmp_path / "first" / "two").write_text("5")
    with pytest.raises(EvaluationError, match="first/two has changed since it was written, and stage second"):
        job.run("second")
    (tmp_path / "first" / "stage.json").write_text("{")
    with pytest.raises(EvaluationError, match=r"stage\.json is damaged"):
        job.run()
