"""`dmtrack search`: tune the test-time parameters of a tracker on a split that is not the test split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from dmtrack.cli import options, sweep_options
from dmtrack.cli.options import MACHINE, OUTPUT, SCORES, SEQUENCES, option
from dmtrack.errors import ConfigError

_RANGE_HELP = "START,STOP,STEP as published (numpy.arange), or LOW,HIGH for all numbers between."

SPACE, STUDY = "What is searched", "Study"
"""Panels of the options about parameters and about trials."""


@sweep_options.added
def search(
    context: typer.Context,
    seed: Annotated[int, option(SEQUENCES, min=0, help="Seed of --synthetic.")] = 700_001,
    sampler: Annotated[str, option(STUDY, help="tpe, cma-es, random or grid.")] = "tpe",
    trials: Annotated[
        int | None, option(STUDY, min=1, help="In the whole study.", show_default="100, or the whole grid")
    ] = None,
    range_: Annotated[
        list[str] | None,
        option(
            SPACE,
            "--range",
            metavar="KEY=LOW,HIGH[,STEP|,log]",
            help="Search this key of the config's tracker section (association.reach=0.05,1,log); repeatable.",
        ),
    ] = None,
    only: Annotated[bool, option(SPACE, "--only", help="Search the given ranges alone, not the usual ones.")] = False,
    penalty_k_range: Annotated[str | None, option(SPACE, help=_RANGE_HELP)] = None,
    window_influence_range: Annotated[
        str | None, option(SPACE, "--window-influence-range", "--win-influ-range", help=_RANGE_HELP)
    ] = None,
    lr_range: Annotated[str | None, option(SPACE, help=_RANGE_HELP)] = None,
    published: Annotated[
        str | None, option(SPACE, help="A published grid of SiamRPN++: uav123, otb100, vot2018 or pysot.")
    ] = None,
    protocol: Annotated[
        str | None, option(SCORES, help="Rules of scoring.", show_default="the benchmark's own")
    ] = None,
    metric: Annotated[
        str | None, option(SCORES, help="Number of the protocol that is maximised.", show_default="its first")
    ] = None,
    held_out_share: Annotated[
        float | None, option(SEQUENCES, help="Share of the sequences that is not tuned on, to measure the gain on.")
    ] = None,
    held_out_seed: Annotated[
        int | None, option(SEQUENCES, min=0, help="Measure the gain on --synthetic sequences of this seed.")
    ] = None,
    allow_test_split: Annotated[
        bool, option(SEQUENCES, "--allow-test-split", help="Tune on a benchmark's test split; everything is marked so.")
    ] = False,
    study: Annotated[
        str | None,
        option(
            STUDY,
            help="SQLite file; or FILE.journal for several machines on one disk; or the URL of a database.",
            show_default="OUTPUT/study.db",
        ),
    ] = None,
    study_name: Annotated[str, option(STUDY, help="Name of the study in its file.")] = "dmtrack",
    join: Annotated[bool, option(STUDY, "--join", help="Work on a study together with a run that uses it.")] = False,
    sampler_seed: Annotated[int, option(STUDY, min=0, help="Seed of the sampler.")] = 0,
    prune: Annotated[
        bool, option(STUDY, "--prune/--no-prune", help="Stop trials that lie below the median of the others.")
    ] = True,
    processes: Annotated[int, option(MACHINE, min=1, help="Trials at once on this machine.")] = 1,
    sharing: Annotated[
        bool, option(MACHINE, "--sharing/--no-sharing", help="Share network passes between trials.")
    ] = True,
    sharing_tolerance: Annotated[
        float,
        option(
            MACHINE, help="SiamRPN++: share outputs of crops this many pixels of the search image apart; 0 is exact."
        ),
    ] = 0.0,
    memory_gb: Annotated[float, option(MACHINE, min=0.01, help="Of shared network outputs, per process.")] = 2.0,
    cache: Annotated[
        Path,
        option(MACHINE, callback=options.OUTPUT_FOLDER, help="Folder of stored detections; what is missing is stored."),
    ] = Path("cache"),
    output: Annotated[
        Path, option(OUTPUT, callback=options.OUTPUT_FOLDER, help="Folder of the best config, tables and plots.")
    ] = Path("search"),
    device: options.Device = None,
) -> None:
    """Searches the test-time parameters of a tracker, on a tuning split.

    SiamRPN++ shares network outputs between trials; trackers that decide on detections (DMTrack-ReID) replay stored
    ones. A study can be stopped and goes on with the same command. Written are the best config with its provenance,
    tables, all trials (CSV), importance and slice plots.
    """
    sweep = sweep_options.settings_of(context)
    if len(sweep.benchmarks) != 1 or len(sweep.trackers) != 1:
        raise ConfigError("a search is on one benchmark and one tracker; the experiment file has several")

    from dmtrack.search.splits import check_split, hold_out
    from dmtrack.search.study import Sampler, import_optuna

    import_optuna()  # what is missing should be said before seconds are spent
    test_split = check_split(sweep.benchmarks[0], allow_test_split)
    tuning, held_out = hold_out(sweep.benchmarks[0], held_out_share, held_out_seed, sampler_seed)

    from dataclasses import replace

    from rich.console import Console

    from dmtrack.running.caching import build_caches
    from dmtrack.search.running import check
    from dmtrack.search.running import search as run
    from dmtrack.search.settings import SearchSettings
    from dmtrack.search.tracks import chosen_space, origin_of

    choice = sweep.trackers[0].choice
    origin = origin_of(choice)
    named = {"penalty-k": penalty_k_range, "window-influence": window_influence_range, "lr": lr_range}
    ranges = []
    for text in range_ or ():
        key, equals, values = text.partition("=")
        if not equals:
            raise ConfigError(f"--range {text}: expected KEY=LOW,HIGH")
        ranges.append(("--range", key, values))
    ranges += [(f"--{key}-range", key.replace("-", "_"), text) for key, text in named.items() if text is not None]
    settings = SearchSettings(
        tuning=tuning,
        tracker=choice,
        space=chosen_space(origin, ranges, published, only, sampler),
        storage=study or str(output / "study.db"),
        output=output,
        sampler=cast(Sampler, sampler),  # which the settings check
        trials=trials,
        seed=sampler_seed,
        name=study_name,
        protocol=sweep.protocol,
        metric=metric,
        held_out=held_out,
        cache=cache,
        share=sharing,
        tolerance_px=sharing_tolerance,
        memory_gb=memory_gb,
        prune=prune,
        processes=processes,
        join=join,
        test_split=test_split,
    )
    if sharing and origin.way == "replay":
        check(settings)
        both = tuple(item for item in (tuning, held_out) if item is not None)
        build_caches(replace(sweep, benchmarks=both, cache=cache), None, Console())
    run(settings)
