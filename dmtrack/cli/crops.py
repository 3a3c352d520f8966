"""`dmtrack crops`: the squares that Siamese training cuts its images from, made once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from dmtrack.cli import options
from dmtrack.cli.options import MACHINE, OUTPUT, SEQUENCES, option

if TYPE_CHECKING:
    from collections.abc import Mapping


def crops(
    config: Annotated[
        str,
        option(
            SEQUENCES,
            callback=options.CONFIG,
            help="A config file whose data.train is SiamesePairs, or the name of one.",
        ),
    ],
    output: Annotated[
        Path, option(OUTPUT, callback=options.OUTPUT_FOLDER, help="Folder that gets one folder per source.")
    ],
    workers: Annotated[int, option(MACHINE, min=0, help="Processes; 0 works in this one.")] = 0,
    quality: Annotated[int, option(OUTPUT, min=1, max=100, help="Quality of the JPEG files.")] = 95,
    set_: options.ConfigSet = None,
    import_: options.Import = None,
) -> None:
    """Cuts the 511-pixel squares around all targets of a config's training data, for faster loading.

    Stopped, it goes on where it was when repeated. Train with --set data.train.crops=FOLDER.
    """
    from dmtrack.config import build, load_config

    options.add_modules(import_)
    loaded = load_config(config, set_ or [], check=False)
    sources = _sources(loaded)

    from dmtrack.data.siamese.crop_folder import crops_of_source, write_crops
    from dmtrack.data.siamese.targets import targets_of
    from dmtrack.progress import ProgressBar
    from dmtrack.registry import DATASETS

    loaded = load_config(config, set_ or [])
    recipe = (loaded.get("data") or {}).get("recipe")
    steps = recipe if isinstance(recipe, (list, tuple)) else []
    rule: Any = next((step.get("rule") for step in steps if step.get("type") == "CropAround"), None) or "mmtracking"
    for place, node in enumerate(sources):
        folder = crops_of_source(output, place, node)
        targets = targets_of(build(node, DATASETS))
        total = len(targets.video_starts) - 1
        with ProgressBar("videos", total, description=node["type"], only_on_terminal=True) as bar:
            count = write_crops(targets, folder, node, rule, quality, workers, bar.advance)
        print(f"{folder}: {count} crops of {len(targets)} targets")


def _sources(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    from dmtrack.errors import ConfigError

    train = (config.get("data") or {}).get("train") or {}
    if train.get("type") != "SiamesePairs":
        raise ConfigError(f"data.train is {train.get('type')!r}: crops are made of the sources of SiamesePairs only")
    return list(train.get("sources") or [])
