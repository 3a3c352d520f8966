"""Configs are data: read without executing anything, merged with their bases, checked against the classes they name."""

from dmtrack.config.building import build, parse_config, parse_section
from dmtrack.config.checking import ConfigValueError, check_fields
from dmtrack.config.choices import check_device_name, check_precision, find_weights
from dmtrack.config.dumping import config_hash, dump_config
from dmtrack.config.loading import as_config, available_configs, find_config, load_config, read_config, require
from dmtrack.config.located import Config
from dmtrack.config.signatures import Amount, Count, CountOrZero, Injected, Positive, Share, Within
from dmtrack.config.top_level import Precision

__all__ = [
    "Amount",
    "Config",
    "ConfigValueError",
    "Count",
    "CountOrZero",
    "Injected",
    "Positive",
    "Precision",
    "Share",
    "Within",
    "as_config",
    "available_configs",
    "build",
    "check_device_name",
    "check_fields",
    "check_precision",
    "config_hash",
    "dump_config",
    "find_config",
    "find_weights",
    "load_config",
    "parse_config",
    "parse_section",
    "read_config",
    "require",
]
