"""From a merged config to an instance of the schema, with every key and value checked on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from dmtrack.config.building import convert
from dmtrack.config.checking import Checker
from dmtrack.config.located import Config, KeyPath
from dmtrack.config.signatures import Keys, keys_of_dataclass
from dmtrack.config.top_level import TopLevel
from dmtrack.config.value_checks import ConfigValueError

Section = TypeVar("Section")


def check_config(config: Mapping[str, Any], source: str | None = None) -> None:
    """Checks every key of a merged config.

    Args:
        config: a `Config`, whose locations errors then name, or a plain dict.
        source: what errors call it where no line is known; by default the config's own file.

    Raises:
        ConfigError: an unknown key (with the nearest known one), a missing key, a value of a wrong type or out of
            range; names the file, the line where it is known, and the dotted key.
    """
    parse_config(config, source)


def parse_config(config: Mapping[str, Any], source: str | None = None) -> TopLevel:
    """A merged config as an instance of the schema: sections are dataclasses, absent keys have their defaults.

    Args:
        config: a `Config`, whose locations errors then name, or a plain dict.
        source: what errors call it where no line is known; by default the config's own file.

    Raises:
        ConfigError: as `check_config`.
    """
    locations = config.locations if isinstance(config, Config) else {}
    checker = Checker(source or str(getattr(config, "source", "config")), locations)
    return _parse(config, TopLevel, checker, (), "a config")


def parse_section(values: Mapping[str, Any], kind: type[Section], key: str) -> Section:
    """One section of a config as an instance of its class in the schema.

    Args:
        values: of the section.
        kind: its class.
        key: the top-level key, for errors.

    Raises:
        ConfigError: as `check_config`.
    """
    return _parse(values, kind, Checker("config"), (key,), kind.__name__)


def _parse(values: Mapping[str, Any], kind: type[Section], checker: Checker, path: KeyPath, name: str) -> Section:
    checker.keys(values, Keys(name, keys_of_dataclass(kind).keys), path)
    try:
        section: Section = convert(values, kind)
    except ConfigValueError as error:
        raise checker.error(error.path, str(error)) from None
    return section
