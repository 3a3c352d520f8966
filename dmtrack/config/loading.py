"""From a file name to a merged config, and `--set a.b.0.c=value` on it or on an experiment."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from dmtrack.config.building import parse_config
from dmtrack.config.located import Config, KeyPath, LocatedDict, dotted, finish, locate, merge, without_delete
from dmtrack.config.python_reader import read_expression, read_python
from dmtrack.config.top_level import TopLevel
from dmtrack.config.yaml_reader import read_yaml, read_yaml_value
from dmtrack.errors import ConfigError
from dmtrack.files import read_text
from dmtrack.registry import did_you_mean

SUFFIXES = (".py", ".yaml", ".yml")


def load_config(path_or_name: str | Path, overrides: Iterable[str] = (), check: bool = True) -> Config:
    """Reads a config with its bases, applies overrides, and checks every key against the classes that it names.

    Args:
        path_or_name: a `.py`, `.yaml` or `.yml` file, or a name such as `dmtrackGS_tiny` that is looked up in
            ./configs and among the configs that come with dmtrack.
        overrides: `a.b.0.c=value` as given to `--set`.
        check: whether to check the result; without it no class is imported.

    Returns:
        A dict of plain values that remembers where they were written.

    Raises:
        ConfigError: one sentence with file, line and key.
    """
    path = find_config(path_or_name)
    return as_config(_read_without_helpers(path), overrides, str(path), None if check else ())


def as_config(
    values: Mapping[str, Any],
    overrides: Iterable[str] = (),
    source: str = "config",
    checked: Collection[str] | None = None,
) -> Config:
    """The same from values at hand, such as the config that a weights file carries.

    Args:
        values: the merged config, plain or located.
        overrides: as of `load_config`.
        source: what errors call it.
        checked: top-level keys that are checked; all by default.

    Raises:
        ConfigError: one sentence with source and key.
    """
    located = locate(values)
    for override in overrides:
        located = apply_override(located, override)
    config = finish(located, source)
    if checked is None:
        if config.get("model") is None and config.get("tracker") is None:
            raise ConfigError(f"{source}: 'model' is missing: a config needs a dict there")
        parse_config(config)
    elif checked:
        parse_config(Config({key: config[key] for key in checked if key in config}, source, config.locations))
    return config


def read_config(path: str | Path) -> Config:
    """A config file merged with its bases, unchecked: also for configs of mm toolboxes, whose classes are not ours."""
    return finish(_read_without_helpers(Path(path)), str(path))


def require(config: Mapping[str, Any], *paths: str, purpose: str) -> None:
    """An error unless the config holds every dotted path with a value that is not None.

    Raises:
        ConfigError: names the first that is absent and what it is needed for.
    """
    for path in paths:
        value: Any = config
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is None:
            source = getattr(config, "source", "the config")
            raise ConfigError(f"{source}: key {path!r} is missing, which {purpose} needs")


def config_folders() -> list[Path]:
    """Where names are looked up: ./configs, the repository's configs beside the package, those inside the package."""
    package = Path(__file__).resolve().parent.parent
    candidates = [Path("configs"), package / "configs"]
    # Beside an installed package lie other people's packages.
    if (package.parent / "pyproject.toml").is_file():
        candidates.insert(1, package.parent / "configs")
    return [folder for folder in candidates if folder.is_dir()]


def available_configs() -> dict[str, Path]:
    """Every config that can be named without a path: those in the folders and in the folders right inside them."""
    found: dict[str, Path] = {}
    for folder in config_folders():
        for file in (*sorted(folder.iterdir()), *sorted(folder.glob("*/*"))):
            if file.suffix in SUFFIXES and not file.name.startswith("_"):
                found.setdefault(file.stem, file)
    return found


def find_config(path_or_name: str | Path) -> Path:
    """The file that a path or name means.

    Raises:
        ConfigError: there is none; the message names the nearest one.
    """
    path = Path(path_or_name)
    if path.is_file():
        return path
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; give a config file in it ({', '.join(SUFFIXES)})")
    known = available_configs()
    name = path.stem if path.suffix in SUFFIXES else path.name
    if len(path.parts) == 1 and name in known:
        return known[name]
    if len(path.parts) == 1:
        raise ConfigError(
            f"there is no config {str(path_or_name)!r}, neither a file nor a name{did_you_mean(name, known)}; "
            "`dmtrack config list` prints all"
        )
    hint = f"; did you mean {known[name]}?" if name in known else "; give an existing .py or .yaml file"
    raise ConfigError(f"config file {path} does not exist{hint}")


def _read_without_helpers(path: Path) -> LocatedDict:
    """The config without names such as `channels = 64` that only serve later lines of its files.

    A name that is no key of a config and serves no later line stays, for the check to report it as unknown.
    """
    located, helpers = _read(path, ())
    known = {field.name for field in dataclasses.fields(TopLevel)}
    for name in helpers - known:
        del located[name]
    return located


def _read(path: Path, readers: tuple[Path, ...]) -> tuple[LocatedDict, set[str]]:
    """A file merged over its bases, and the names that serve later lines; the bases of `readers` led here."""
    identity = path.resolve()
    if identity in readers:
        circle = [*readers[readers.index(identity) :], identity]
        raise ConfigError(f"{path}: its _base_ leads back to itself: {' -> '.join(file.name for file in circle)}")
    text = read_text(path, "a config", ConfigError)
    bases = LocatedDict()
    helpers: set[str] = set()

    def load_bases(value: Any, where: str) -> LocatedDict:
        nonlocal bases, helpers
        bases, helpers = _read_bases(value, where, path, (*readers, identity))
        return bases

    used: set[str] = set()
    if path.suffix == ".py":
        own, used = read_python(text, str(path), load_bases)
    elif path.suffix in SUFFIXES:
        own = read_yaml(text, str(path))
        if "_base_" in own:
            load_bases(own.pop("_base_"), own.where.pop("_base_"))
    else:
        raise ConfigError(f"{path}: a config ends in {', '.join(SUFFIXES)}")
    return merge(bases, own), (helpers - set(own)) | (used & set(own))


def _read_bases(value: Any, where: str, path: Path, readers: tuple[Path, ...]) -> tuple[LocatedDict, set[str]]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{where}: _base_ must be a file name or a list of file names, got {value!r}")
    merged = LocatedDict()
    helpers: set[str] = set()
    for name in names:
        base_path = path.parent / name
        if not base_path.is_file():
            raise ConfigError(f"{where}: base {name!r} does not exist; it is looked for at {base_path}")
        base, base_helpers = _read(base_path, readers)
        for key in base:
            if key in merged and not (key in helpers and key in base_helpers):
                raise ConfigError(f"{where}: two bases set {key!r}: {merged.where.get(key)} and {base.where.get(key)}")
        merged = merge(merged, base)
        helpers |= base_helpers
    return merged, helpers


def apply_override(config: LocatedDict, override: str) -> LocatedDict:
    """A copy of the config with one value replaced or, in an existing dict, added.

    Args:
        config: the merged config or the experiment.
        override: `key.path=value`; numbers in the path index lists; the value is a Python literal (with `dict(...)`),
            else a YAML value (`true`, `null`), else a string.

    Raises:
        ConfigError: no `=`, or a path that does not exist.
    """
    keys, text = split_override(override)
    value: Any = text
    for read in (read_expression, read_yaml_value):  # `true` and a bare word are no Python
        try:
            value = read(text)
            break
        except ConfigError:
            continue
    value = locate(without_delete(value), f"--set {override}")
    return cast(LocatedDict, _replace(config, keys, value, override, ()))


def split_override(override: str) -> tuple[list[str], str]:
    """The keys and the text of the value of `key.path=value`.

    Raises:
        ConfigError: no `=`, or an empty key.
    """
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override}: expected key.path=value, such as --set optimizer.lr=0.01")
    return keys, text


def _replace(container: Any, keys: list[str], value: Any, override: str, path: KeyPath) -> Any:
    key, rest = keys[0], keys[1:]
    origin = f"--set {override}"
    here = dotted(path)
    length = len(container) if isinstance(container, (list, tuple)) else 0
    if isinstance(container, LocatedDict):
        if key not in container and rest:
            whole = dotted((*path, key))
            raise ConfigError(
                f"{origin}: there is no key {whole!r}{did_you_mean(key, container)}; a new one is set as a whole, "
                f"{whole}=dict(...)"
            )
        result = LocatedDict(container)
        result.where = dict(container.where)
        result.put(key, _replace(container[key], rest, value, override, (*path, key)) if rest else value, origin)
        return result
    if isinstance(container, (list, tuple)):
        if not key.isdecimal() or int(key) >= length:
            raise ConfigError(f"{origin}: {here} is a list of {length}; expected an index below that, got {key!r}")
        index = int(key)
        new = _replace(container[index], rest, value, override, (*path, index)) if rest else value
        return type(container)([*container[:index], new, *container[index + 1 :]])
    raise ConfigError(
        f"{origin}: {here} is {container!r}, which has no key {key!r}; set {here}=dict({key}=...) instead"
    )
