"""Reads `.yaml` configs with the line of every key; only standard YAML types, never Python objects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from dmtrack.config.located import LocatedDict
from dmtrack.errors import ConfigError

_MAX_NODES = 100_000
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads `1e-4` as a string; a config means the number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(text: str, file: str) -> LocatedDict:
    """The top-level mapping of a YAML file.

    Raises:
        ConfigError: syntax errors, duplicate keys, tags of Python objects; names file and line.
    """
    value = read_yaml_value(text, file)
    if value is None:
        return LocatedDict()
    if not isinstance(value, LocatedDict):
        raise ConfigError(f"{file}: expected keys with values at the top of the file, got a {type(value).__name__}")
    return value


def read_yaml_value(text: str, file: str = "--set") -> Any:
    """Any value written as YAML: what `--set key=true` is parsed with.

    Raises:
        ConfigError: not valid YAML; names file and line.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else _Constructor(loader, file).construct(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from error


def read_foreign_yaml(text: str, file: str) -> Any:
    """The value of a file of another tool, whose keys may be numbers, without the lines of its keys.

    Raises:
        ConfigError: not valid YAML; names the file.
    """
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from error


@dataclass
class _Constructor:
    loader: _Loader
    file: str
    seen: int = 0

    def where(self, node: yaml.Node) -> str:
        return f"{self.file}:{node.start_mark.line + 1}"

    def construct(self, node: yaml.Node) -> Any:
        self.seen += 1
        if self.seen > _MAX_NODES:
            raise ConfigError(f"{self.file}: more than {_MAX_NODES} values; do its aliases repeat each other?")
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _COLLECTIONS:
            raise ConfigError(f"{self.where(node)}: the tag {node.tag} is not allowed in a config, which is data")
        if isinstance(node, yaml.MappingNode):
            self.loader.flatten_mapping(node)
            result = LocatedDict()
            own_lines: dict[str, str] = {}
            for key_node, value_node in node.value:
                key = self.scalar(key_node)
                if not isinstance(key, str):
                    raise ConfigError(f"{self.where(key_node)}: keys must be strings, got {key!r}; put it in quotes")
                # A key merged in by `<<` lies outside of the mapping and may be overridden.
                start, end = key_node.start_mark.index, key_node.end_mark.index
                if node.start_mark.index <= start and end <= node.end_mark.index:
                    if key in own_lines:
                        raise ConfigError(f"{self.where(key_node)}: key {key!r} stands twice, first {own_lines[key]}")
                    own_lines[key] = self.where(key_node)
                result.put(key, self.construct(value_node), self.where(key_node))
            return result
        if isinstance(node, yaml.SequenceNode):
            return [self.construct(item) for item in node.value]
        return self.scalar(node)

    def scalar(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise ConfigError(f"{self.where(node)}: keys must be strings")
        value = self.loader.construct_object(node)
        if value is None or isinstance(value, (str, int, float)):
            return value
        raise ConfigError(f"{self.where(node)}: {node.value!r} is read as a {type(value).__name__}; put it in quotes")
