"""The types beyond JSON's whose values are sent by value, and how each is taken apart and made again.

Only exact types count: an instance of a subclass is an object of the program. Modules are imported
when a value of theirs comes, since both processes start anew for each program.
"""

import builtins
import re
import sys
from collections.abc import Callable
from importlib import import_module

_DTYPE = re.compile(r"[<>|=][biufcSUmM][0-9]+(\[[A-Za-z0-9]+\])?")

# module.name -> (taken apart, made again from the type and its parts)
_VALUES: dict[str, tuple[Callable, Callable]] = {
    "fractions.Fraction": (lambda v: (v.numerator, v.denominator), lambda t, n, d: t(n, d)),
    "decimal.Decimal": (lambda v: (str(v),), lambda t, text: t(text)),
    "datetime.date": (lambda v: (v.year, v.month, v.day), lambda t, *parts: t(*parts)),
    "datetime.datetime": (
        lambda v: (*v.timetuple()[:6], v.microsecond, v.tzinfo, v.fold),
        lambda t, *parts: t(*parts[:-1], fold=parts[-1]),
    ),
    "datetime.time": (
        lambda v: (v.hour, v.minute, v.second, v.microsecond, v.tzinfo, v.fold),
        lambda t, *parts: t(*parts[:-1], fold=parts[-1]),
    ),
    "datetime.timedelta": (
        lambda v: (v.days, v.seconds, v.microseconds),
        lambda t, *parts: t(*parts),
    ),
    "datetime.timezone": (lambda v: (v.utcoffset(None), v.tzname(None)), lambda t, *p: t(*p)),
    "types.SimpleNamespace": (lambda v: (vars(v),), lambda t, fields: t(**fields)),
    "types.MappingProxyType": (lambda v: (dict(v),), lambda t, items: t(items)),
    "uuid.UUID": (lambda v: (v.hex,), lambda t, text: t(text)),
    "pathlib.PurePosixPath": (lambda v: (str(v),), lambda t, text: t(text)),
    "pathlib.PosixPath": (lambda v: (str(v),), lambda t, text: t(text)),
    "array.array": (lambda v: (v.typecode, list(v)), lambda t, code, items: t(code, items)),
}
# what a type calls itself, where that is not the name by which it is imported
_ALIASES = {"builtins.mappingproxy": "types.MappingProxyType"}
_COLLECTIONS = ("deque", "Counter", "OrderedDict", "defaultdict")
CONTAINERS: dict[type, str] = {list: "list", dict: "dict", set: "set", bytearray: "bytearray"}


def _name(kind: type) -> str:
    name = f"{kind.__module__}.{kind.__qualname__}"
    return _ALIASES.get(name, name)


def _is_that(kind: type, name: str) -> bool:
    """Whether `kind` is the type that its module has under this name."""
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules.get(module), attribute, None) is kind


def type_name(kind: type) -> str | None:
    """The name by which the other side knows a built-in or standard type; None for another."""
    name = _name(kind)
    known = name in _VALUES or name.startswith(("builtins.", "collections."))
    if known and name.startswith("collections."):
        known = kind.__name__ in _COLLECTIONS
    return name if known and _is_that(kind, name) else None


def type_of(name: str) -> type:
    """The type of that name; TypeError where it is none that is sent."""
    module, _, attribute = name.rpartition(".")
    known = module == "builtins" or name in _VALUES
    known = known or (module == "collections" and attribute in _COLLECTIONS)
    found = getattr(import_module(module), attribute, None) if known else None
    if not isinstance(found, type):
        raise TypeError(f"{name!r} is no type that can be sent")
    return found


def pack(value) -> tuple[str, tuple] | None:
    """The name of its type and its parts; None where `value` is not sent by value."""
    name = _name(type(value))
    if name in _VALUES and _is_that(type(value), name):
        return name, _VALUES[name][0](value)
    numpy = sys.modules.get("numpy")
    if type(value).__module__ == "numpy" and numpy and isinstance(value, numpy.generic):
        if _DTYPE.fullmatch(value.dtype.str):
            return "numpy.generic", (value.dtype.str, value.tobytes())
    return None


def unpack(name: str, parts: list):
    """The value that pack() was given."""
    if name == "numpy.generic":
        dtype, data = parts
        return import_module("numpy").frombuffer(data, _checked(dtype))[0]
    return _VALUES[name][1](type_of(name), *parts)


def _checked(dtype: str) -> str:
    if not _DTYPE.fullmatch(dtype):
        raise TypeError(f"{dtype!r} is no type of numbers")
    return dtype


def _is_array(value) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value).__module__ != "numpy":
        return False
    return type(value) is numpy.ndarray


def is_container(value) -> bool:
    """Whether it can be changed in place and is sent by value."""
    kind = type(value)
    if kind.__module__ == "collections":
        return type_name(kind) is not None
    if _is_array(value):
        return value.dtype.hasobject or bool(_DTYPE.fullmatch(value.dtype.str))
    return kind in CONTAINERS


def emptied(container) -> tuple[str, list]:
    """The name of a container's type and what an empty one of it needs."""
    kind = type(container)
    if kind in CONTAINERS:
        return CONTAINERS[kind], []
    if _is_array(container):
        dtype = "O" if container.dtype.hasobject else container.dtype.str
        return "ndarray", [dtype, container.shape]
    if kind.__name__ == "deque":
        return "deque", [container.maxlen]
    return kind.__name__, [container.default_factory] if kind.__name__ == "defaultdict" else []


def empty(name: str, parameters: list):
    """A new container; fill() puts its contents in."""
    if name in CONTAINERS.values():
        return getattr(builtins, name)()
    if name == "ndarray":
        dtype, shape = parameters
        return import_module("numpy").empty(shape, dtype if dtype == "O" else _checked(dtype))
    kind = type_of(f"collections.{name}")
    return kind([], *parameters) if name == "deque" else kind(*parameters)


def contents(container) -> list:
    """What a container holds, as a list that fill() takes."""
    if isinstance(container, dict):
        return list(container.items())
    if isinstance(container, bytearray):
        return [bytes(container)]
    if _is_array(container):
        if container.dtype.hasobject:
            return [container.shape, *container.ravel().tolist()]
        return [container.shape, container.tobytes()]
    return list(container)


def fill(container, held: list) -> None:
    """Make a container hold exactly that."""
    if isinstance(container, dict):
        container.clear()
        for key, value in held:
            container[key] = value
    elif isinstance(container, bytearray):
        container[:] = held[0]
    elif _is_array(container):
        _fill_array(container, *held)
    elif isinstance(container, list):
        container[:] = held
    else:
        container.clear()
        (container.update if isinstance(container, set) else container.extend)(held)


def _fill_array(array, shape: tuple, *data) -> None:
    numpy = import_module("numpy")
    if shape != array.shape:
        raise TypeError("an array changes its shape in place, which is not sent")
    if array.dtype.hasobject:
        flat = numpy.empty(len(data), object)
        for i, item in enumerate(data):
            flat[i] = item
        array[...] = flat.reshape(shape)
    else:
        array[...] = numpy.frombuffer(data[0], array.dtype).reshape(shape)


def holds(container, held: list) -> bool:
    """Whether a container still holds the very same objects as contents() gave; asks none of them."""
    now = contents(container)
    if len(now) != len(held):
        return False
    pairs = zip(now, held, strict=True)
    if isinstance(container, dict):
        return all(a[0] is b[0] and a[1] is b[1] for a, b in pairs)
    if isinstance(container, bytearray) or _is_array(container):
        plain = (bytes, tuple)
        return all(a is b or (type(a) in plain and type(b) in plain and a == b) for a, b in pairs)
    return all(a is b for a, b in pairs)
