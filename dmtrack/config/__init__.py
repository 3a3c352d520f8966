"""Configs are data: read without executing anything, merged with their bases, checked against the classes they name."""

from dmtrack.config.building import build
from dmtrack.config.dumping import config_hash, dump_config
from dmtrack.config.loading import as_config, available_configs, find_config, load_config, read_config, require
from dmtrack.config.located import Config
from dmtrack.config.schema import check_config, parse_config
from dmtrack.config.signatures import Injected

__all__ = [
    "Config",
    "Injected",
    "as_config",
    "available_configs",
    "build",
    "check_config",
    "config_hash",
    "dump_config",
    "find_config",
    "load_config",
    "parse_config",
    "read_config",
    "require",
]
