"""Values between the process of the tests and that of the program: plain data, never code.

A message is one JSON line. Data of the built-in types is sent by value, subclasses as their base;
of anything else only a number is sent. There is no pickle here: decoding never runs code, and a
decoded value compares by the rules of the built-in types.
"""

import json
import os

_SAFE_INTEGER = 2**53
_TYPES = {
    kind.__name__: kind for kind in (int, float, complex, str, bool, bytes, list, tuple, dict)
}


def encode(value, keep):
    """`value` in JSON's types; keep(object) -> number is called for what is not plain data."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int.__int__(value)
        return number if abs(number) < _SAFE_INTEGER else ["int", hex(number)]
    if isinstance(value, float):
        return ["float", float.hex(value)]
    if isinstance(value, complex):
        return ["complex", value.real.hex(), value.imag.hex()]
    if isinstance(value, bytes | bytearray):
        return ["bytes", value.hex()]
    if isinstance(value, range):
        return ["range", value.start, value.stop, value.step]
    if isinstance(value, dict):
        return ["dict", [[encode(k, keep), encode(v, keep)] for k, v in dict.items(value)]]
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return [kind.__name__, [encode(item, keep) for item in kind.__iter__(value)]]
    if isinstance(value, type) and _TYPES.get(value.__name__) is value:
        return ["type", value.__name__]
    return ["object", keep(value)]


def decode(message, find):
    """The value that encode() was given; find(number) is called for an object that was not sent."""
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
    if kind == "range":
        return range(*parts)
    if kind == "dict":
        return {decode(k, find): decode(v, find) for k, v in parts[0]}
    if kind == "type":
        return _TYPES[parts[0]]
    if kind == "object":
        return find(parts[0])
    collection = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
    return collection(decode(item, find) for item in parts[0])


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
