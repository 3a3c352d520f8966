"""`dmtrack test`: a tracker on a folder of sequences, or on generated ones; scores, table and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmtrack.errors import EvaluationError


def register(app: typer.Typer) -> None:
    """Adds the command to the `dmtrack` command line."""
    app.command("test")(test)


def read_experiment(context: typer.Context, path: Path | None) -> Path | None:
    """Takes the options of an experiment file as defaults, so that those on the command line win.

    Raises:
        EvaluationError: the file cannot be read, or has a key that is no option.
    """
    if path is None:
        return None
    import yaml

    from dmtrack.registry import did_you_mean

    options = {parameter.name.rstrip("_"): parameter.name for parameter in context.command.params if parameter.name}
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EvaluationError(f"experiment {path}: {reason}; give a YAML file of options of `dmtrack test`") from error
    if not isinstance(values, dict):
        raise EvaluationError(f"experiment {path}: expected lines `option: value`, as in experiments/*.yaml")
    for key in values:
        if key not in options:
            raise EvaluationError(f"experiment {path}: unknown option {key!r}{did_you_mean(str(key), options)}")
    context.default_map = {options[key]: value for key, value in values.items()}
    return path


def test(
    experiment: Annotated[
        Path | None,
        typer.Option(help="A file of these options, as in experiments/.", is_eager=True, callback=read_experiment),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of sequences.")] = None,
    layout: Annotated[
        str,
        typer.Option(help="folder: <sequence>/{images, groundtruth.txt}; got10k: the root of GOT-10k or of a split."),
    ] = "folder",
    split: Annotated[str, typer.Option(help="Split of GOT-10k: train or val.")] = "val",
    synthetic: Annotated[
        str | None, typer.Option(metavar="plain|distractors", help="Generated sequences instead of --data.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of --synthetic.")] = 900_001,
    count: Annotated[int, typer.Option(min=1, help="Sequences of --synthetic.")] = 20,
    frames: Annotated[int, typer.Option(min=2, help="Frames per sequence of --synthetic.")] = 100,
    config: Annotated[
        str | None, typer.Option(help="A config file, or the name of one; without it, dmtrackGS_tiny.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="A weights file; without it, the one that ships with the config's name.")
    ] = None,
    tracker: Annotated[
        str | None,
        typer.Option(metavar="MODULE:CLASS", help="Your own tracker instead: a class with got10k's init and update."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Label of the tracker in folders, tables and plots.")] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="Label of the sequences; without it, the folder's name.")
    ] = None,
    protocol: Annotated[str, typer.Option(help="Rules of scoring.")] = "dmtrack-visible",
    compare: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER", help="Other trackers' results, <results>/<tracker>, in the same table; repeatable."
        ),
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder of raw results.")] = Path("results"),
    reports: Annotated[Path, typer.Option(help="Folder of tables and plots.")] = Path("reports"),
    processes: Annotated[int, typer.Option(min=1, help="Sequences tracked at once, one process and thread each.")] = 1,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1; without it, a GPU if there is one.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the scores to this file.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Replace stored results instead of resuming.")] = False,
    import_: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module of yours first; repeatable.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a config value; repeatable.")
    ] = None,
) -> None:
    """Runs a tracker over sequences and scores it.

    The options can also stand in a YAML file (--experiment); those on the command line win.
    Raw results go to RESULTS/<benchmark>/<tracker>/ in got10k's layout, one sequence at a time: a second run does only
    what is missing. Table (JSON, CSV) and plots (PNG, PDF) go to REPORTS/<benchmark>/<tracker>/.
    """
    if (data is None) == (synthetic is None):
        raise EvaluationError("say what to track: either --data FOLDER or --synthetic plain|distractors, not both")
    if tracker is not None and (config or weights or set_):
        raise EvaluationError("--tracker takes your own class, so --config, --weights and --set do not apply")

    from dmtrack.cli.test_run import TestJob, TrackerChoice, run

    choice = TrackerChoice(
        config=tracker or config,
        weights=weights,
        device=device,
        precision=precision,
        overrides=tuple(set_ or ()),
        imports=tuple(import_ or ()),
    )
    run(
        TestJob(
            tracker=choice,
            data=data,
            layout=layout,
            split=split,
            synthetic=synthetic,
            seed=seed,
            count=count,
            frames=frames,
            name=name,
            benchmark=benchmark,
            protocol=protocol,
            compare=tuple(compare or ()),
            results=results,
            reports=reports,
            processes=processes,
            json=json,
            restart=restart,
        )
    )
