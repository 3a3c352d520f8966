"""The arithmetic that a config may use, with limits so that a short line cannot fill the memory."""

from __future__ import annotations

import ast
from typing import Any

_MAX_ELEMENTS = 1_000_000
_MAX_BITS = 4096


def is_number(value: Any) -> bool:
    """Whether it is an int, float or bool."""
    return isinstance(value, (int, float))


def compute(operator: ast.operator, left: Any, right: Any) -> Any:
    """The result, or None where the operands have no such operation here.

    Raises:
        ArithmeticError: division by zero, overflow.
        ValueError: a result that is too large or not real.
    """
    if is_number(left) and is_number(right):
        return _arithmetic(operator, left, right)
    if isinstance(operator, ast.Add):
        kinds: tuple[type, ...] = (str, list, tuple)
        if any(isinstance(left, kind) and isinstance(right, kind) for kind in kinds):
            return left + right
    if isinstance(operator, ast.Mult):
        items, times = (right, left) if isinstance(left, int) else (left, right)
        if isinstance(items, (str, list, tuple)) and isinstance(times, int):
            if len(items) * times > _MAX_ELEMENTS:
                raise ValueError(f"more than {_MAX_ELEMENTS} elements")
            return items * times
    return None


def _arithmetic(operator: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(operator, ast.Add):
        return left + right
    if isinstance(operator, ast.Sub):
        return left - right
    if isinstance(operator, ast.Mult):
        return left * right
    if isinstance(operator, ast.Div):
        return left / right
    if isinstance(operator, ast.FloorDiv):
        return left // right
    if isinstance(operator, ast.Mod):
        return left % right
    if isinstance(operator, ast.Pow):
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > _MAX_BITS:
            raise ValueError("the number is too large")
        result = left**right
        if isinstance(result, complex):
            raise ValueError("the result is not a real number")
        return result
    return None
