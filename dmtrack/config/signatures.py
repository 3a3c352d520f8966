"""What keys a config dict may hold, read off the signature of the class that its `type` names."""

from __future__ import annotations

import builtins
import dataclasses
import functools
import inspect
import math
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, is_typeddict

Value = TypeVar("Value")

INJECTED = object()
Injected = Annotated[Value, INJECTED]
"""`Injected[int]`: a required parameter that code passes to `build`, which a config need not give."""


@dataclasses.dataclass(frozen=True)
class Within:
    """The range of a number: `Annotated[float, Within(0, 1)]` as the annotation of a field or parameter.

    Attributes:
        low: least value.
        high: largest value.
        above_low: `low` itself, which is 0 then, lies outside.
        below_high: `high` itself lies outside.
    """

    low: float
    high: float = math.inf
    above_low: bool = False
    below_high: bool = False

    def admits(self, number: float) -> bool:
        """Whether a number lies in the range; NaN and infinity lie in none."""
        if not math.isfinite(number) or (self.above_low and number == self.low):
            return False
        return self.low <= number <= self.high and not (self.below_high and number == self.high)

    def describe(self, whole: bool) -> str:
        """The range as errors print it: "a number from 0 to 1", "a number from 0 to below 1"."""
        number = "a whole number" if whole else "a number"
        if self.high == math.inf and (self.above_low or (whole and self.low == 1)):
            return f"{number} above 0"
        if self.high == math.inf:
            return f"{number} from {self.low:g} up"
        if self.above_low:
            return f"{number} above {self.low:g} and {'below' if self.below_high else 'at most'} {self.high:g}"
        return f"{number} from {self.low:g} to {'below ' if self.below_high else ''}{self.high:g}"


Positive = Annotated[float, Within(0, above_low=True)]
Amount = Annotated[float, Within(0)]
Share = Annotated[float, Within(0, 1)]
ShareBelowOne = Annotated[float, Within(0, 1, below_high=True)]
Count = Annotated[int, Within(1)]
CountOrZero = Annotated[int, Within(0)]

_SCALARS = (bool, int, float, str, type(None), Path)
_CONTAINERS = (list, tuple, dict, set, frozenset)


class Unresolved:
    """Stands for an annotation that cannot be evaluated at run time (imported under TYPE_CHECKING)."""


@dataclasses.dataclass(frozen=True)
class Key:
    """One key of a config dict.

    Attributes:
        parameter: what the class calls it: a key that is a keyword of Python has a field with an underscore behind.
        annotation: the type that its value must have.
        required: whether a config must give it.
        injected: whether code passes it, so that a config need not.
    """

    parameter: str
    annotation: Any
    required: bool
    injected: bool = False

    @functools.cached_property
    def limits(self) -> Within | None:
        """The range of its number."""
        return range_of(self.annotation)

    @functools.cached_property
    def names_classes(self) -> bool:
        """Whether its value may hold a dict with the `type` of a class, so that checking it imports that class."""
        for option in options_of(self.annotation):
            inside = keys_of(option)
            if any(key.names_classes for key in inside.keys.values()) if inside else Any in (option, *get_args(option)):
                return True
        return False

    @functools.cached_property
    def choices(self) -> tuple[Any, ...]:
        """The values that it can have; empty where there are too many to name."""
        literals = [option for option in options_of(self.annotation) if get_origin(option) is Literal]
        return tuple(choice for option in literals for choice in get_args(option))


@dataclasses.dataclass(frozen=True)
class Keys:
    """The keys of a config dict.

    Attributes:
        name: of the class, as errors call it.
        keys: the keys by name.
        is_open: whether other keys are allowed too (`**kwargs`).
    """

    name: str
    keys: dict[str, Key]
    is_open: bool = False


_KEYS: dict[type, Keys] = {}


def keys_of_callable(entry: Callable[..., object]) -> Keys:
    """The parameters of a class or function, without `self`."""
    if dataclasses.is_dataclass(entry) and isinstance(entry, type):
        return keys_of_dataclass(entry)
    function: Any = entry.__init__ if isinstance(entry, type) else entry  # type: ignore[misc]
    module = sys.modules.get(getattr(function, "__module__", ""), builtins)
    namespace = {**vars(module), **getattr(inspect.unwrap(function), "__globals__", {})}
    keys: dict[str, Key] = {}
    is_open = False
    for parameter in inspect.signature(entry).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            is_open = True
        elif parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
            annotation = resolve(annotation, namespace)
            required = parameter.default is parameter.empty
            keys[parameter.name] = Key(parameter.name, annotation, required, is_injected(annotation))
    return Keys(getattr(entry, "__name__", str(entry)), keys, is_open)


def keys_of_dataclass(kind: type) -> Keys:
    """The fields of a dataclass that its constructor takes."""
    if kind not in _KEYS:  # reading annotations takes a millisecond, and every policy of every trial has settings
        keys = {}
        for field in dataclasses.fields(kind):
            if field.init:
                owner = next(base for base in kind.__mro__ if field.name in inspect.get_annotations(base))
                annotation = resolve(field.type, vars(sys.modules[owner.__module__]))
                defaults = (field.default, field.default_factory)
                required = all(default is dataclasses.MISSING for default in defaults)
                keys[field.name.removesuffix("_")] = Key(field.name, annotation, required, is_injected(annotation))
        _KEYS[kind] = Keys(kind.__name__, keys)
    return _KEYS[kind]


def keys_of(kind: Any) -> Keys | None:
    """The keys of a dataclass or TypedDict; None for other annotations."""
    if is_typeddict(kind):
        namespace = vars(sys.modules[kind.__module__])
        keys = {}
        for name, annotation in kind.__annotations__.items():
            text = getattr(annotation, "__forward_arg__", annotation)
            keys[name] = Key(name, resolve(text, namespace), name in kind.__required_keys__)
        return Keys(kind.__name__, keys)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return keys_of_dataclass(kind)
    return None


def resolve(annotation: Any, namespace: Mapping[str, Any]) -> Any:
    """The annotation as an object where `from __future__ import annotations` left a string."""
    if not isinstance(annotation, str):
        return annotation
    try:
        # Annotations are source code of an installed module, which has been imported already.
        return eval(annotation, dict(namespace))
    except Exception:
        return Unresolved


def options_of(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone."""
    annotation = _stripped(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(option for member in get_args(annotation) for option in options_of(member))
    return (annotation,)


def range_of(annotation: Any) -> Within | None:
    """The range that an annotation, or a member of a union, gives its numbers; None where there is none."""
    if get_origin(annotation) is Annotated:
        return next((item for item in get_args(annotation) if isinstance(item, Within)), None)
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()
    return next((found for member in members if (found := range_of(member)) is not None), None)


def _stripped(annotation: Any) -> Any:
    """Without `Annotated`, `Required`, `NotRequired`, `NewType` and bounds of type variables."""
    while True:
        if get_origin(annotation) is Annotated or _name(get_origin(annotation)) in ("Required", "NotRequired", "Final"):
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeVar):
            annotation = annotation.__bound__ or Any
        elif annotation is None:
            annotation = type(None)
        else:
            return annotation


def is_injected(annotation: Any) -> bool:
    """Whether no config value has this type, so that the parameter can only come from code (a model, a callback)."""
    if get_origin(annotation) is Annotated and INJECTED in get_args(annotation):
        return True
    options = [option for option in options_of(annotation) if option is not type(None)]
    return bool(options) and all(is_foreign(option) for option in options)


def is_foreign(option: Any) -> bool:
    """Whether the type is none that a config can write: a class that is no scalar, container, dataclass, TypedDict."""
    if option is Any or option is object or get_origin(option) is Literal or keys_of(option) is not None:
        return False
    if option is Unresolved:
        return True
    kind = get_origin(option) or option
    if not isinstance(kind, type):
        return True
    if kind in _SCALARS or issubclass(kind, _CONTAINERS):
        return False
    # Mapping, Sequence, Iterable and their like accept what a config writes; Callable and everything else does not.
    return kind.__module__ != "collections.abc" or not any(issubclass(container, kind) for container in (dict, list))


def items_of(option: Any, count: int) -> tuple[Any, ...] | None:
    """The annotation of each item in a list or tuple of so many; None where the annotation asks for another number."""
    arguments = get_args(option)
    if get_origin(option) is tuple and arguments and arguments[-1] is not Ellipsis:
        return arguments if len(arguments) == count else None
    return (arguments[0] if arguments else Any,) * count


def describe(annotation: Any) -> str:
    """An annotation as errors print it: `int`, `(float, float)`, `'fp32' or 'bf16'`, `None`."""
    return " or ".join(dict.fromkeys(_describe_option(option) for option in options_of(annotation)))


def _describe_option(option: Any) -> str:
    if option is type(None):
        return "None"
    if get_origin(option) is Literal:
        return " or ".join(repr(choice) for choice in get_args(option))
    if option is Unresolved or (is_foreign(option) and option is not Any):
        return "dict(type=...)"
    if keys_of(option) is not None:
        return f"a dict with the keys of {_name(option)}"
    kind, arguments = get_origin(option) or option, get_args(option)
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        return f"({', '.join(describe(argument) for argument in arguments)})"
    if isinstance(kind, type) and issubclass(kind, dict | Mapping):
        return "a dict"
    if isinstance(kind, type) and not issubclass(kind, str) and kind is not Any and hasattr(kind, "__iter__"):
        items = [argument for argument in arguments if argument is not Ellipsis]
        return f"a list of {describe(items[0])}" if items and items[0] is not Any else "a list"
    return _name(kind)


def _name(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind))
