"""Annotations and results that are published as MATLAB files of version 5."""

from __future__ import annotations

import io
import math
import struct
import zlib
from pathlib import Path
from typing import Any

from dmtrack.errors import DataError

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_WIDTHS = {
    1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, _MATRIX: 1, _COMPRESSED: 1, 16: 1, 17: 2, 18: 4
}  # fmt: skip
"""Bytes of a value by the number of its type, "MAT-File Format", table 1-1."""

_CELL, _STRUCT, _OBJECT, _SPARSE, _FUNCTION = 1, 2, 3, 5, 16
"""Classes of matrices; functions and what follows them have no sides."""


def read_mat(path: Path, expected: str) -> dict[str, Any]:
    """The variables of a MATLAB file; structs have attributes, cells and arrays of one element are that element.

    Raises:
        DataError: it is missing or no MATLAB file of version 5.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing: expected {expected}")
    try:
        return parse_mat(path.read_bytes())
    except Exception as error:  # damaged files make its parser raise whatever it stumbles over
        raise DataError(f"{path}: no MATLAB file of version 5 ({error}); expected {expected}") from error


def parse_mat(content: bytes) -> dict[str, Any]:
    """As `read_mat`, from the bytes of a file.

    Raises:
        NotImplementedError: it has MATLAB's 7.3 format.
        Exception: whatever SciPy raises at a damaged file.
    """
    from scipy.io import loadmat  # costs a quarter of a second
    from scipy.io.matlab import matfile_version

    if matfile_version(io.BytesIO(content))[0] == 1:
        _check_variables(content[_HEADER:], "<" if content[126:128] == b"IM" else ">")
    return dict(loadmat(io.BytesIO(content), squeeze_me=True, struct_as_record=False))


def _check_variables(content: bytes, order: str) -> None:
    """Whether variables are made up as SciPy takes for granted: where they are not, it stops the whole program.

    Args:
        content: data elements one behind another.
        order: of their bytes, `<` or `>`.

    Raises:
        ValueError: they are not.
        struct.error: they end in the middle of a number.
    """
    for kind, inside in _elements(content, order):
        if kind == _COMPRESSED:
            _check_variables(zlib.decompress(inside), order)
        elif kind == _MATRIX and inside:
            _check_matrix(inside, order)


def _elements(content: bytes, order: str) -> list[tuple[int, bytes]]:
    """Type and bytes of each data element."""
    place, found = 0, []
    while place < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, place)
        start, padded = place + 8, -(-size // 8) * 8
        if kind >> 16:  # at most four bytes, which stand where others have their size
            kind, size, start, padded = kind & 0xFFFF, kind >> 16, place + 4, 0
        inside = content[start : start + size]
        if kind not in _WIDTHS or len(inside) < size or (start < place + 8 and size > 4):
            raise ValueError(f"damaged at byte {place} of a variable")
        found.append((kind, inside))
        place += 8 + (size if kind == _COMPRESSED else padded)  # these alone stand without a gap
    return found


def _check_matrix(content: bytes, order: str) -> None:
    """Whether flags, sides and name come first, and as many elements of the right types as they say."""
    elements = _elements(content, order)
    (flags,) = struct.unpack_from(f"{order}I", elements[0][1])
    number, parts = flags & 0xFF, 1 + (flags >> 11 & 1)  # real and imaginary
    sides = elements[1][1] if len(elements) > 1 else b""
    head = [kind for kind, _ in elements[:3]]
    if number < _FUNCTION and (head[0] != 6 or head[1:2] not in ([5], [6]) or head[2:] not in ([1], [16])):
        raise ValueError("no flags, sides and name where a matrix begins")
    if number < _FUNCTION and (len(elements[0][1]) != 8 or len(sides) < 8 or len(sides) % 4):
        raise ValueError("flags or sides of a matrix are cut off")
    held = elements[3:]
    if number in (_CELL, _STRUCT, _OBJECT):
        names = 0 if number == _CELL else 2 if number == _STRUCT else 3
        fields = 1
        if names and len(held) >= names:
            (width,) = struct.unpack_from(f"{order}I", held[names - 2][1])
            fields = len(held[names - 1][1]) // max(width, 1)
        count = math.prod(struct.unpack(f"{order}{len(sides) // 4}I", sides))
        if len(held) < names + fields * count or any(kind != _MATRIX for kind, _ in held[names:]):
            raise ValueError("a cell or struct lacks some of its values")
    elif number < _FUNCTION:
        widths = [len(inside) % _WIDTHS[kind] for kind, inside in held if number != _SPARSE]
        if len(held) < parts + 2 * (number == _SPARSE) or any(widths):
            raise ValueError("a matrix lacks some of its values")
        if any(kind in (_MATRIX, _COMPRESSED) for kind, _ in held):
            raise ValueError("a matrix of numbers holds another one")
    for kind, inside in held:
        if kind == _MATRIX and inside:
            _check_matrix(inside, order)
