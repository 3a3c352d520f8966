"""`dmtrack search`: tune the test-time parameters of a tracker on a split that is not the test split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmtrack.cli.test import (
    BenchmarkOption,
    ConfigOption,
    CountOption,
    DataOption,
    DeviceOption,
    ExperimentOption,
    FramesOption,
    ImportOption,
    LayoutOption,
    PrecisionOption,
    SetOption,
    SplitOption,
    StrideOption,
    SyntheticOption,
    WeightsOption,
)

if TYPE_CHECKING:
    from dmtrack.running.sweeps.settings import SweepSettings
    from dmtrack.search.settings import SearchSettings
    from dmtrack.search.space import Space

_RANGE_HELP = "START,STOP,STEP as published (numpy.arange), or LOW,HIGH for all numbers between."
_NAMED = {"penalty_k_range": "penalty_k", "window_influence_range": "window_influence", "lr_range": "lr"}


def register(app: typer.Typer) -> None:
    """Adds the command to the `dmtrack` command line."""
    app.command("search")(search)


def search(
    context: typer.Context,
    experiment: ExperimentOption = None,
    data: DataOption = None,
    layout: LayoutOption = None,
    split: SplitOption = None,
    stride: StrideOption = 1,
    synthetic: SyntheticOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of --synthetic.")] = 700_001,
    count: CountOption = 20,
    frames: FramesOption = 100,
    config: ConfigOption = None,
    weights: WeightsOption = None,
    benchmark: BenchmarkOption = None,
    sampler: Annotated[str, typer.Option(help="tpe, cma-es, random or grid.")] = "tpe",
    trials: Annotated[
        int | None, typer.Option(min=1, help="In the whole study.", show_default="100, or the whole grid")
    ] = None,
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="KEY=LOW,HIGH[,STEP|,log]",
            help="Search this key of the config's tracker section (association.reach=0.05,1,log); repeatable.",
        ),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="Search the given ranges alone, not the usual ones.")] = False,
    penalty_k_range: Annotated[str | None, typer.Option(help=_RANGE_HELP)] = None,
    window_influence_range: Annotated[
        str | None, typer.Option("--window-influence-range", "--win-influ-range", help=_RANGE_HELP)
    ] = None,
    lr_range: Annotated[str | None, typer.Option(help=_RANGE_HELP)] = None,
    published: Annotated[
        str | None, typer.Option(help="A published grid of SiamRPN++: uav123, otb100, vot2018 or pysot.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Rules of scoring.", show_default="the benchmark's own")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Number of the protocol that is maximised.", show_default="its first")
    ] = None,
    held_out_share: Annotated[
        float | None, typer.Option(help="Share of the sequences that is not tuned on, to measure the gain on.")
    ] = None,
    held_out_seed: Annotated[
        int | None, typer.Option(min=0, help="Measure the gain on --synthetic sequences of this seed.")
    ] = None,
    allow_test_split: Annotated[
        bool, typer.Option("--allow-test-split", help="Tune on a benchmark's test split; everything is marked so.")
    ] = False,
    study: Annotated[
        str | None,
        typer.Option(
            help="SQLite file; or FILE.journal for several machines on one disk; or the URL of a database.",
            show_default="OUTPUT/study.db",
        ),
    ] = None,
    study_name: Annotated[str, typer.Option(help="Name of the study in its file.")] = "dmtrack",
    join: Annotated[bool, typer.Option("--join", help="Work on a study together with a run that uses it.")] = False,
    sampler_seed: Annotated[int, typer.Option(min=0, help="Seed of the sampler.")] = 0,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Stop trials that lie below the median of the others.")
    ] = True,
    processes: Annotated[int, typer.Option(min=1, help="Trials at once on this machine.")] = 1,
    sharing: Annotated[
        bool, typer.Option("--sharing/--no-sharing", help="Share network passes between trials.")
    ] = True,
    sharing_tolerance: Annotated[
        float,
        typer.Option(help="SiamRPN++: share outputs of crops this many pixels of the search image apart; 0 is exact."),
    ] = 0.0,
    memory_gb: Annotated[float, typer.Option(min=0.01, help="Of shared network outputs, per process.")] = 2.0,
    cache: Annotated[Path, typer.Option(help="Folder of stored detections; what is missing is stored.")] = Path(
        "cache"
    ),
    output: Annotated[Path, typer.Option(help="Folder of the best config, tables and plots.")] = Path("search"),
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    import_: ImportOption = None,
    set_: SetOption = None,
) -> None:
    """Searches the test-time parameters of a tracker, on a tuning split.

    SiamRPN++ shares network outputs between trials; trackers that decide on detections (DMTrack-ReID) replay stored
    ones. A study can be stopped and goes on with the same command. Written are the best config with its provenance,
    tables, all trials (CSV), importance and slice plots.
    """
    from dmtrack.cli.sweep_options import settings_of
    from dmtrack.errors import ConfigError
    from dmtrack.search.study import import_optuna

    import_optuna()  # what is missing should be said before seconds are spent
    options = {name.rstrip("_"): value for name, value in context.params.items()}
    sweep = settings_of(context)
    if len(sweep.benchmarks) != 1 or len(sweep.trackers) != 1:
        raise ConfigError("a search is on one benchmark and one tracker; the experiment file has several")
    settings = _settings(options, sweep)
    _store_detections(settings, sweep)

    from dmtrack.search.running import search as run

    run(settings)


def _settings(options: dict[str, Any], sweep: SweepSettings) -> SearchSettings:
    from dataclasses import replace

    from dmtrack.errors import ConfigError
    from dmtrack.search.settings import SearchSettings
    from dmtrack.search.splits import check_split, divided

    tuning, held_out = sweep.benchmarks[0], None
    test_split = check_split(tuning, options["allow_test_split"])
    if options["held_out_share"] is not None and options["held_out_seed"] is not None:
        raise ConfigError("--held-out-share and --held-out-seed exclude each other; give one")
    if options["held_out_seed"] is not None:
        if tuning.name != "synthetic":
            raise ConfigError("--held-out-seed is for generated sequences; give --held-out-share for others")
        if options["held_out_seed"] == tuning.generated.seed:
            raise ConfigError(f"--held-out-seed {tuning.generated.seed} is the seed that is tuned on; give another")
        held_out = replace(tuning, generated=replace(tuning.generated, seed=options["held_out_seed"]))
    elif options["held_out_share"] is not None:
        names = [sequence.name for sequence in tuning.opener()()]
        tuning, held_out = divided(tuning, names, options["held_out_share"], options["sampler_seed"])
    output = options["output"]
    return SearchSettings(
        tuning=tuning,
        tracker=sweep.trackers[0].choice,
        space=_space(options, sweep),
        storage=options["study"] or str(output / "study.db"),
        output=output,
        sampler=options["sampler"],
        trials=options["trials"],
        seed=options["sampler_seed"],
        name=options["study_name"],
        protocol=sweep.protocol,
        metric=options["metric"],
        held_out=held_out,
        cache=options["cache"],
        share=options["sharing"],
        tolerance_px=options["sharing_tolerance"],
        memory_gb=options["memory_gb"],
        prune=options["prune"],
        processes=options["processes"],
        join=options["join"],
        test_split=test_split,
    )


def _space(options: dict[str, Any], sweep: SweepSettings) -> Space:
    """The ranges of the command line, beside the usual ones of the tracker."""
    from dmtrack.errors import ConfigError
    from dmtrack.search.space import Space, changed, parse_range, published_grid
    from dmtrack.search.tracks import origin_of

    given = []
    origin = origin_of(sweep.trackers[0].choice)
    for text in options["range"] or ():
        name, equals, values = text.partition("=")
        if not equals:
            raise ConfigError(f"--range {text}: expected KEY=LOW,HIGH")
        given.append(parse_range("--range", name, values, origin.is_whole(name)))
    for option, name in _NAMED.items():
        if options[option] is not None:
            given.append(parse_range(f"--{option.replace('_', '-')}", name, options[option]))
    if options["published"] is not None:
        return changed(published_grid(options["published"]), given)
    usual = origin.default_space()
    if options["only"] or usual is None or options["sampler"] == "grid":
        if not given:
            raise ConfigError(
                f"nothing says what to search for {origin.name} ({origin.kind.__name__}) with sampler "
                f"{options['sampler']}; give --range KEY=LOW,HIGH[,STEP]"
            )
        return Space(tuple(given))
    return changed(usual, given)


def _store_detections(settings: SearchSettings, sweep: SweepSettings) -> None:
    """Searches the frames whose detections a replay needs and that are not stored yet."""
    from dataclasses import replace

    from dmtrack.cli.cache_run import run_build
    from dmtrack.search.tracks import origin_of

    if not settings.share or origin_of(settings.tracker).way != "replay":
        return
    benchmarks = [settings.tuning] + ([settings.held_out] if settings.held_out else [])
    run_build(replace(sweep, benchmarks=tuple(benchmarks), cache=settings.cache), None)
