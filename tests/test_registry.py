from __future__ import annotations

import pytest

from dmtrack.errors import ConfigError
from dmtrack.registry import Registry, import_module


def test_a_registered_class_is_found_by_its_name() -> None:
    registry = Registry("shape")

    @registry.register
    class Circle:
        pass

    assert registry.get("Circle") is Circle
    assert "Circle" in registry
    assert list(registry) == ["Circle"]


def test_an_unknown_name_suggests_the_nearest() -> None:
    registry = Registry("shape")
    registry.register(type("Circle", (), {}))
    with pytest.raises(ConfigError, match="unknown shape 'Circel'; did you mean 'Circle'"):
        registry.get("Circel")


def test_two_classes_cannot_share_a_name() -> None:
    registry = Registry("shape")
    registry.register(type("Circle", (), {}))
    with pytest.raises(ConfigError, match="two shapes are called 'Circle'"):
        registry.register(type("Circle", (), {"__qualname__": "Other.Circle"}))


def test_a_module_that_cannot_be_imported_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="module no_such_module"):
        import_module("no_such_module")
