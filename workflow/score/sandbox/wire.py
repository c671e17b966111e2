"""Values between the process of the tests and that of the program: data, never code.

A message is one JSON line. What is sent by value has exactly one of the types of this file or of
standard_types.py; `keep` and `find` say what becomes of everything else (a number that stands for it).
There is no pickle here: decoding never runs code of the other side, and a decoded value compares by
the rules of its own type.

Containers that a call may change in place are numbered in the order in which they are met (`Shared`),
so that what refers to the same container on one side does so on the other, and that a reply can say
what became of each.
"""

import builtins
import json
import os

from score.sandbox import standard_types

_SAFE_INTEGER = 2**53
_CONSTANTS = {"Ellipsis": ..., "NotImplemented": NotImplemented}
_VIEWS = {type(getattr({}, kind)()): kind for kind in ("keys", "values", "items")}


class Shared:
    """The containers of one call, by number, and what they held when they arrived."""

    def __init__(self):
        self.containers, self._held, self._numbers = [], [], {}
        self.open = True  # whether containers that are met are numbered still

    def number(self, container) -> int | None:
        return self._numbers.get(id(container))

    def add(self, container) -> None:
        if self.open:
            self._numbers[id(container)] = len(self.containers)
            self.containers.append(container)

    def close(self) -> None:
        """From now on nothing is numbered, and changes count."""
        self.open = False
        self._held = [standard_types.contents(container) for container in self.containers]

    def changed(self) -> list[int]:
        """Numbers of the containers that hold something else than when they arrived."""
        pairs = enumerate(zip(self.containers, self._held, strict=True))
        return [i for i, (container, held) in pairs if not standard_types.holds(container, held)]


def encode(value, keep, shared: Shared | None = None):
    """`value` in JSON's types; keep(object) -> message is called for what is not sent by value."""
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is str:
        return value
    if kind is int:
        return value if abs(value) < _SAFE_INTEGER else ["int", hex(value)]
    if kind in standard_types.CONTAINERS or standard_types.is_container(value):
        return _encode_container(value, keep, shared)
    if kind is float:
        return ["float", value.hex()]
    if kind is complex:
        return ["complex", value.real.hex(), value.imag.hex()]
    if kind is bytes:
        return ["bytes", value.hex()]
    if kind is range or kind is slice:
        ends = (value.start, value.stop, value.step)
        return [kind.__name__, *(encode(end, keep, shared) for end in ends)]
    if kind is tuple or kind is frozenset:
        return [kind.__name__, [encode(item, keep, shared) for item in value]]
    if kind in _VIEWS:
        items = [encode(item, keep, shared) for item in value]
        return ["view", _VIEWS[kind], items]
    for name, constant in _CONSTANTS.items():
        if value is constant:
            return ["constant", name]
    if isinstance(value, type) and (type_name := standard_types.type_name(value)):
        return ["type", type_name]
    packed = standard_types.pack(value)
    if packed is None:
        return keep(value)
    name, parts = packed
    return ["standard", name, [encode(part, keep, shared) for part in parts]]


def _encode_container(value, keep, shared: Shared | None):
    if shared is not None:
        number = shared.number(value)
        if number is not None:
            return ["same", number]
        shared.add(value)
    name, parameters = standard_types.emptied(value)
    parameters = [encode(part, keep, shared) for part in parameters]
    return ["container", name, parameters, encode_contents(value, keep, shared)]


def encode_contents(container, keep, shared: Shared | None = None) -> list:
    """What a container holds, for `decode_contents` on the other side."""
    return [encode(item, keep, shared) for item in standard_types.contents(container)]


def decode(message, find, shared: Shared | None = None):
    """The value that encode() was given; find(message) is called for what was not sent by value."""
    if not isinstance(message, list):
        return message
    kind, *parts = message
    if kind == "int":
        return int(parts[0], 16)
    if kind == "float":
        return float.fromhex(parts[0])
    if kind == "complex":
        return complex(*map(float.fromhex, parts))
    if kind == "bytes":
        return bytes.fromhex(parts[0])
    if kind in ("range", "slice"):
        return getattr(builtins, kind)(*(decode(part, find, shared) for part in parts))
    if kind in ("tuple", "frozenset"):
        return getattr(builtins, kind)(decode(item, find, shared) for item in parts[0])
    if kind == "view":
        return _view(parts[0], [decode(item, find, shared) for item in parts[1]])
    if kind == "constant":
        return _CONSTANTS[parts[0]]
    if kind == "type":
        return standard_types.type_of(parts[0])
    if kind == "standard":
        return standard_types.unpack(parts[0], [decode(part, find, shared) for part in parts[1]])
    if kind == "same" and shared is not None:
        return shared.containers[parts[0]]
    if kind == "container":
        name, parameters, contents = parts
        container = standard_types.empty(name, [decode(p, find, shared) for p in parameters])
        if shared is not None:
            shared.add(container)
        standard_types.fill(container, [decode(item, find, shared) for item in contents])
        return container
    return find(message)


def _view(kind: str, items: list):
    if kind == "keys":
        return dict.fromkeys(items).keys()
    if kind == "items":
        return dict(items).items()
    return dict(enumerate(items)).values()


class Line:
    """One end of a connection that carries JSON lines over two pipes."""

    def __init__(self, reading: int, writing: int):
        self._reading = os.fdopen(reading, "rb")
        self._writing = writing

    def send(self, message) -> None:
        data = memoryview(json.dumps(message).encode() + b"\n")
        while data:
            data = data[os.write(self._writing, data) :]

    def receive(self):
        """The next message; EOFError where the other process has ended."""
        line = self._reading.readline()
        if not line.endswith(b"\n"):
            raise EOFError("the other process has ended")
        return json.loads(line)
