"""Reads configs in the mm style (`model = dict(type='X', ...)`) through `ast`; nothing in the file is executed.

Understood are assignments to names, literals, `dict()`, `list()`, `tuple()`, arithmetic, names of earlier lines,
subscripts of them, and `_base_.a.b` for values of the base. Everything else is an error that says what it is.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from dmtrack.config.located import LocatedDict
from dmtrack.errors import ConfigError
from dmtrack.registry import did_you_mean

LoadBases = Callable[[Any, str], LocatedDict]
"""(value of `_base_`, where it stands) -> the merged bases."""

_MAX_ELEMENTS = 1_000_000
_MAX_BITS = 4096
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_WHAT: dict[str, str] = {
    **dict.fromkeys(("Import", "ImportFrom"), "an import"),
    **dict.fromkeys(("FunctionDef", "AsyncFunctionDef"), "a function definition"),
    **dict.fromkeys(("ListComp", "SetComp", "DictComp"), "a comprehension"),
    "ClassDef": "a class definition",
    "Lambda": "a lambda",
    "GeneratorExp": "a generator expression",
    "For": "a for loop",
    "While": "a while loop",
    "If": "an if statement",
    "IfExp": "a conditional expression",
    "With": "a with statement",
    "Try": "a try statement",
    "Raise": "a raise statement",
    "Assert": "an assert",
    "Delete": "a del statement",
    "AugAssign": "an assignment like +=",
    "AnnAssign": "an annotated assignment",
    "NamedExpr": "an assignment inside an expression",
    "JoinedStr": "an f-string",
    "Compare": "a comparison",
    "BoolOp": "a boolean operator",
    "Set": "a set",
    "Starred": "unpacking with *",
    "Slice": "a slice",
    "Expr": "an expression that is assigned to nothing",
}
"""What errors call the syntax that a config must not have, by the names of `ast`."""


def read_python(text: str, file: str, load_bases: LoadBases) -> tuple[LocatedDict, set[str]]:
    """What a config file assigns; `load_bases` is called when it assigns `_base_`.

    Names that begin with an underscore belong to the file alone.

    Returns:
        The assigned names with their values, and which of them later lines make use of (helpers, perhaps).

    Raises:
        ConfigError: syntax errors, and whatever is not in the subset; names file, line and what is not allowed.
    """
    try:
        tree = ast.parse(text, filename=file)
    except SyntaxError as error:
        raise ConfigError(f"{file}:{error.lineno or 1}: not valid Python syntax: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{file}: cannot be parsed as a config: {error or 'nested too deeply'}") from error
    reader = _Reader(file, load_bases)
    try:
        for statement in tree.body:
            reader.execute(statement)
    except RecursionError as error:
        raise ConfigError(f"{file}: nested too deeply for a config") from error
    return reader.config, reader.used


def read_expression(text: str) -> Any:
    """The value of one expression of the subset, without names: what `--set key=EXPRESSION` is parsed with.

    Raises:
        ConfigError: not in the subset.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _Reader("--set", lambda value, where: LocatedDict()).evaluate(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{text!r} is not a Python literal") from error


class _Reader:
    def __init__(self, file: str, load_bases: LoadBases) -> None:
        self.file = file
        self.load_bases = load_bases
        self.names: dict[str, Any] = {}
        self.used: set[str] = set()
        self.config = LocatedDict()

    def where(self, node: ast.AST) -> str:
        return f"{self.file}:{getattr(node, 'lineno', 1)}"

    def refuse(self, node: ast.AST, what: str | None = None) -> ConfigError:
        what = what or _WHAT.get(type(node).__name__, f"{type(node).__name__} syntax")
        return ConfigError(
            f"{self.where(node)}: {what} is not allowed in a config, which is data and never executed; "
            "write values, arithmetic, earlier names, dict(), list() and tuple() only"
        )

    def execute(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            if isinstance(statement.value.value, str):
                return
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            self.evaluate(statement.value)  # a forbidden call is named as such, dict() alone falls through
        if not isinstance(statement, ast.Assign):
            raise self.refuse(statement)
        value = self.evaluate(statement.value)
        for target in statement.targets:
            if not isinstance(target, ast.Name):
                raise self.refuse(target, "assigning to anything but a single name")
            if target.id == "_base_":
                self.names["_base_"] = self.load_bases(value, self.where(statement))
                continue
            self.names[target.id] = value
            if not target.id.startswith("_"):
                self.config.put(target.id, value, self.where(statement))

    def evaluate(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            if node.value is None or isinstance(node.value, (str, int, float)):
                return node.value
            raise self.refuse(node, f"a {type(node.value).__name__} literal")
        if isinstance(node, ast.Name):
            if node.id not in self.names:
                raise ConfigError(
                    f"{self.where(node)}: name {node.id!r} is not assigned on an earlier line"
                    f"{did_you_mean(node.id, self.names)}"
                )
            self.used.add(node.id)
            return self.names[node.id]
        if isinstance(node, ast.List):
            return [self.evaluate(item) for item in node.elts]
        if isinstance(node, ast.Tuple):
            return tuple(self.evaluate(item) for item in node.elts)
        if isinstance(node, ast.Dict):
            return self.dict_literal(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.UnaryOp):
            return self.unary(node)
        if isinstance(node, ast.BinOp):
            return self.binary(node)
        if isinstance(node, ast.Subscript):
            return self.subscript(node)
        if isinstance(node, ast.Attribute):
            return self.attribute(node)
        raise self.refuse(node)

    def dict_literal(self, node: ast.Dict) -> LocatedDict:
        result = LocatedDict()
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            value = self.evaluate(value_node)
            if key_node is None:
                self.unpack(result, value, value_node)
                continue
            key = self.evaluate(key_node)
            if not isinstance(key, str):
                raise ConfigError(f"{self.where(key_node)}: dictionary keys must be strings, got {key!r}")
            result.put(key, value, self.where(key_node))
        return result

    def call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name == "dict" and not node.args:
            result = LocatedDict()
            for keyword in node.keywords:
                value = self.evaluate(keyword.value)
                if keyword.arg is None:
                    self.unpack(result, value, keyword.value)
                else:
                    result.put(keyword.arg, value, self.where(keyword))
            return result
        if name in ("list", "tuple") and len(node.args) < 2 and not node.keywords:
            items = self.evaluate(node.args[0]) if node.args else []
            if isinstance(items, (list, tuple)):
                return list(items) if name == "list" else tuple(items)
        raise self.refuse(node, f"calling {name}()" + (" like this" if name in ("dict", "list", "tuple") else ""))

    def unpack(self, result: LocatedDict, value: Any, node: ast.expr) -> None:
        if not isinstance(value, LocatedDict):
            raise ConfigError(f"{self.where(node)}: ** needs a dict, got {value!r}")
        for key, item in value.items():
            result.put(key, item, value.where.get(key))

    def unary(self, node: ast.UnaryOp) -> Any:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            return not value
        if isinstance(node.op, (ast.USub, ast.UAdd)) and isinstance(value, (int, float)):
            return -value if isinstance(node.op, ast.USub) else +value
        raise self.refuse(node, f"`{ast.unparse(node)}`")

    def binary(self, node: ast.BinOp) -> Any:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        try:
            result = _compute(node.op, left, right)
        except (ArithmeticError, ValueError) as error:
            raise ConfigError(f"{self.where(node)}: cannot compute `{ast.unparse(node)}`: {error}") from error
        if result is None:
            raise ConfigError(
                f"{self.where(node)}: cannot compute `{ast.unparse(node)}` of {type(left).__name__} and "
                f"{type(right).__name__}; allowed are arithmetic of numbers, + of strings and lists, list * number"
            )
        return result

    def subscript(self, node: ast.Subscript) -> Any:
        container = self.evaluate(node.value)
        if not isinstance(node.slice, ast.Slice):
            return self.look_up(node, container, self.evaluate(node.slice))
        bounds = [part and self.evaluate(part) for part in (node.slice.lower, node.slice.upper, node.slice.step)]
        try:
            return container[slice(*bounds)]
        except (TypeError, ValueError, KeyError) as error:
            raise ConfigError(f"{self.where(node)}: cannot take the slice `{ast.unparse(node)}`: {error}") from error

    def look_up(self, node: ast.expr, container: Any, key: Any) -> Any:
        if isinstance(container, dict) and isinstance(key, str):
            if key in container:
                return container[key]
            raise ConfigError(f"{self.where(node)}: there is no key {key!r}{did_you_mean(key, container)}")
        if isinstance(container, (list, tuple, str)) and isinstance(key, int):
            if -len(container) <= key < len(container):
                return container[key]
            raise ConfigError(f"{self.where(node)}: index {key} is out of range, there are {len(container)} items")
        raise ConfigError(f"{self.where(node)}: {type(container).__name__} has no item {key!r}")

    def attribute(self, node: ast.Attribute) -> Any:
        root: ast.expr = node
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if not (isinstance(root, ast.Name) and root.id == "_base_"):
            raise self.refuse(node, f"the attribute `{ast.unparse(node)}` (only `_base_.key` is understood)")
        return self.look_up(node, self.evaluate(node.value), node.attr)


def _compute(sign: ast.operator, left: Any, right: Any) -> Any:
    """The result, or None where the operands have no such operation in a config.

    A short line must not be able to fill the memory, so results have limits.

    Raises:
        ArithmeticError: division by zero, overflow.
        ValueError: a result that is too large or not real.
    """
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        whole = isinstance(left, int) and isinstance(right, int)
        if isinstance(sign, ast.Pow) and whole and int(left).bit_length() * abs(right) > _MAX_BITS:
            raise ValueError("the number is too large")
        result = _ARITHMETIC[type(sign)](left, right) if type(sign) in _ARITHMETIC else None
        if isinstance(result, complex):
            raise ValueError("the result is not a real number")
        return result
    if isinstance(sign, ast.Add):
        kinds: tuple[type, ...] = (str, list, tuple)
        if any(isinstance(left, kind) and isinstance(right, kind) for kind in kinds):
            return left + right
    if isinstance(sign, ast.Mult):
        items, times = (right, left) if isinstance(left, int) else (left, right)
        if isinstance(items, (str, list, tuple)) and isinstance(times, int):
            if len(items) * times > _MAX_ELEMENTS:
                raise ValueError(f"more than {_MAX_ELEMENTS} elements")
            return items * times
    return None
