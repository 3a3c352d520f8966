from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.config import dump_config, read_config
from dmtrack.errors import ConfigError


def read(tmp_path, text, name="a.py"):
    path = tmp_path / name
    path.write_text(text)
    return read_config(path)


def test_the_mm_style_with_arithmetic_names_and_unpacking(tmp_path):
    config = read(
        tmp_path,
        '''"""A docstring."""
_channels = 64  # a helper of the file alone
widths = (24, 48) + (2 * _channels,)
shared = dict(lr=1e-3)
model = dict(type='X', widths=widths[1:], ratio=0.001 / 3, levels=[1] * 3, n=-2 ** 3, name='a' + 'b', last=widths[-1])
optimizer = {'type': 'SGD', **shared, 'nested': {'a-b': (1,)}}
flags = tuple([True, None, not True])
''',
    )
    assert config == {
        "model": {
            "type": "X",
            "widths": (48, 128),
            "ratio": 0.001 / 3,
            "levels": [1, 1, 1],
            "n": -8,
            "name": "ab",
            "last": 128,
        },
        "optimizer": {"type": "SGD", "lr": 1e-3, "nested": {"a-b": (1,)}},
        "flags": (True, None, False),
    }
    assert config.locations[("model", "widths")] == f"{tmp_path / 'a.py'}:5"


def test_names_that_serve_later_lines_are_helpers_and_unused_ones_stay_to_be_reported(tmp_path):
    config = read(tmp_path, "channels = 8\nunused = 3\nmodel = dict(n=channels)\ncopy = model\n")
    assert config == {"unused": 3, "model": {"n": 8}, "copy": {"n": 8}}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import os", "an import"),
        ("from os import system", "an import"),
        ("x = __import__('os').system('touch pwned')", "calling __import__('os').system()"),
        ("open('pwned', 'w')", "calling open()"),
        ("x = open('pwned', 'w')", "calling open()"),
        ("def f(): pass", "a function definition"),
        ("class A: pass", "a class definition"),
        ("x = [i for i in (1, 2)]", "a comprehension"),
        ("x = lambda: 1", "a lambda"),
        ("x = f'{1}'", "an f-string"),
        ("x = 1 if True else 2", "a conditional expression"),
        ("for i in []: pass", "a for loop"),
        ("x = ().__class__", "the attribute `().__class__` (only `_base_.key` is understood)"),
        ("x, y = 1, 2", "assigning to anything but a single name"),
        ("_z = {}\n_z['a'] = 1", "assigning to anything but a single name"),
        ("x = b'1'", "a bytes literal"),
        ("x = ...", "a ellipsis literal"),
        ("x = 2j", "a complex literal"),
        ("x = {1, 2}", "a set"),
        ("x = dict([('a', 1)])", "calling dict() like this"),
        ("x = 1 < 2", "a comparison"),
        ("if True: x = 1", "an if statement"),
        ("dict(a=1)", "an expression that is assigned to nothing"),
    ],
)
def test_code_is_refused_with_its_line_and_not_executed(tmp_path, monkeypatch, line, what):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"y = 1\n{line}\n")
    number = 1 + len(line.split("\n"))
    assert f"a.py:{number}: " in str(caught.value)
    assert f"{what} is not allowed in a config" in str(caught.value)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (1,\n", "a.py:1: not valid Python syntax: '(' was never closed"),
        ("x = unknwon", "a.py:1: name 'unknwon' is not assigned on an earlier line"),
        ("chanels = 1\nx = channels", "did you mean 'chanels'?"),
        ("x = 1 / 0", "a.py:1: cannot compute `1 / 0`: "),
        ("x = 9 ** 9 ** 9", "the number is too large"),
        ("x = 'a' * 10 ** 12", "more than 1000000 elements"),
        ("x = 'a' + 1", "cannot compute `'a' + 1` of str and int"),
        ("x = {1: 2}", "dictionary keys must be strings, got 1"),
        ("x = [1]\ny = x[3]", "a.py:2: index 3 is out of range, there are 1 items"),
        ("x = dict(a=1)\ny = x['b']", "a.py:2: there is no key 'b'"),
        ("x = 1\0", "no text in UTF-8"),
        ("x = " + "(" * 5000 + ")" * 5000, "a.py"),
        ("x = " + "-" * 100000 + "1", "a.py"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=6).filter(lambda key: key != "_delete_"), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(config=st.dictionaries(st.from_regex(r"[a-z][a-z]{5,8}", fullmatch=True), _values, max_size=4))
def test_a_dumped_config_reads_back_to_the_same_values(tmp_path_factory, config):
    path = tmp_path_factory.getbasetemp() / "dumped.py"
    path.write_text(dump_config(config), encoding="utf-8")
    assert repr(dict(read_config(path))) == repr(config)
