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


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\nraise ValueError('no luck')\n", r"ValueError: no luck \(.*broken_one.py:2\)"),
        ("def f(:", r"broken_one.py:1\)"),
    ],
)
def test_a_module_with_a_mistake_names_the_line(code, message, tmp_path, monkeypatch) -> None:
    (tmp_path / "broken_one.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=f"module broken_one fails to import: .*{message}"):
        import_module("broken_one")
