"""Stages of a long job: what each was made from and what it made, by hashes, so that every one runs alone and resumes.

A stage has a folder with `stage.json`: its settings, the hashes of the files that it read, and once it is done those of
what it wrote. A stage that was killed goes on; one whose settings or files have changed since is refused.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack.errors import EvaluationError
from dmtrack.files import check_writable_folder, json_value, read_text, sha256, write_json
from dmtrack.registry import did_you_mean

RECORD = "stage.json"


@dataclass(frozen=True)
class Stage:
    """One step of a job.

    Attributes:
        name: of the stage and of its folder.
        title: what it does, for people.
        work: does it in the folder given, where an earlier attempt may have left finished parts; gives the files that
            the stages behind it read.
        needs: the stages whose files it reads.
        settings: JSON values that decide what it makes.
        reads: hash of everything else that it reads, such as a data set; asked for when the stage begins.
    """

    name: str
    title: str
    work: Callable[[Path], Iterable[Path]]
    needs: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    reads: Callable[[], str] = str


def time_of(records: Iterable[Mapping[str, Any]]) -> str:
    """A sentence on how long stages took that are done; of one that was killed, only the last attempt counts.

    Args:
        records: of the stages.
    """
    done = [record for record in records if record.get("outputs") is not None]
    minutes, busy = (sum(one.get(key, 0.0) for one in done) / 60 for key in ("seconds", "processor_seconds"))
    return f"stages done: {len(done)}, in {minutes:.1f} minutes, in which processor cores worked for {busy:.1f}"


class StageRunner:
    """The stages of a job in their order.

    Args:
        stages: each behind those that it needs.
        folder: of the job; every stage has a folder in it.
        restart: does stages anew that have been done from something else.
    """

    def __init__(self, stages: Sequence[Stage], folder: Path, restart: bool = False) -> None:
        self.stages = {stage.name: stage for stage in stages}
        self.folder, self.restart = folder, restart

    def run(self, names: Sequence[str], console: Console) -> None:
        """Does some of the stages in their order; those that are done are only checked.

        Args:
            names: of the stages; empty means all.
            console: says what is done.

        Raises:
            EvaluationError: there is no such stage; one that is needed is not done; or what a stage was made from, or
                what it made, has changed since.
            DMTrackError: a stage cannot be done.
        """
        for name in names:
            if name not in self.stages:
                hint = did_you_mean(name, self.stages)
                raise EvaluationError(f"there is no stage {name!r}{hint}; the stages are {', '.join(self.stages)}")
        check_writable_folder(self.folder)
        chosen = [stage for name, stage in self.stages.items() if name in names or not names]
        for number, stage in enumerate(chosen, start=1):
            place = f"{number}/{len(chosen)} {stage.name}"
            inputs = self._inputs(stage)
            folder = self.folder / stage.name
            if self._is_done(stage, inputs):
                console.print(f"{place}: done before", highlight=False)
                continue
            console.print(f"[bold]{place}[/bold]: {stage.title}", highlight=False)
            write_json(folder / RECORD, {"inputs": inputs, "outputs": None})
            start, busy = time.monotonic(), sum(os.times()[:4])
            made = sorted(stage.work(folder))
            outputs = {path.relative_to(folder).as_posix(): sha256(path) for path in made}
            took = {
                "seconds": round(time.monotonic() - start, 1),
                "processor_seconds": round(sum(os.times()[:4]) - busy, 1),
            }
            write_json(folder / RECORD, {"inputs": inputs, "outputs": outputs, **took})
        records = [record for stage in chosen if (record := self.record(stage.name)) is not None]
        console.print(time_of(records), highlight=False)

    def _inputs(self, stage: Stage) -> dict[str, Any]:
        """What the stage is made from now."""
        inputs: dict[str, Any] = {"settings": json.loads(json.dumps(json_value(stage.settings)))}
        if reads := stage.reads():
            inputs["data"] = reads
        for name in stage.needs:
            record = self.record(name)
            if record is None or record.get("outputs") is None:
                raise EvaluationError(
                    f"stage {stage.name} needs stage {name}, which is not done; run it with --stage {name}, or all "
                    "stages without --stage"
                )
            for file, digest in record["outputs"].items():
                path = self.folder / name / file
                if not path.is_file() or sha256(path) != digest:
                    changed = "has changed since it was written" if path.is_file() else "is gone"
                    raise EvaluationError(
                        f"{path} {changed}, and stage {stage.name} is made from it; remove the folder "
                        f"{self.folder / name} and run the stage {name} again"
                    )
                inputs[f"{name}/{file}"] = digest
        return inputs

    def _is_done(self, stage: Stage, inputs: Mapping[str, Any]) -> bool:
        """Whether the stage was done from these inputs; an attempt from others is removed, where that is asked for."""
        record, folder = self.record(stage.name), self.folder / stage.name
        if record is None:
            return False
        before = record["inputs"]
        changed = sorted(key for key in {*before, *inputs} if before.get(key) != inputs.get(key))
        if not changed:
            return record.get("outputs") is not None
        if not self.restart:
            what = f"{changed[0]} has changed since"
            if changed[0] == "settings":
                old, new = before["settings"], inputs["settings"]
                keys = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
                what = f"its setting {keys[0]} was {old.get(keys[0])}, and is {new.get(keys[0])} now"
            raise EvaluationError(
                f"stage {stage.name} was made from something else ({what}); give --restart to make it "
                "and what depends on it anew, or another work_dir"
            )
        shutil.rmtree(folder)
        return False

    def record(self, name: str) -> dict[str, Any] | None:
        """What the folder of a stage says of it; None where it was never begun.

        Raises:
            EvaluationError: the record is damaged.
        """
        path = self.folder / name / RECORD
        if not path.exists():
            return None
        try:
            record: dict[str, Any] = json.loads(read_text(path, "the record of a stage", EvaluationError))
            record["inputs"]["settings"]
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(f"{path} is damaged ({error}); remove its folder and run the stage again") from error
        return record
