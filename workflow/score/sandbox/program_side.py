"""The program's side of the conversation: its objects, which the tests know by numbers.

Classes and exceptions are told by name, bases and which special methods they have, so that the tests
can have a class of the same shape; instances of subclasses of plain types are told with their plain
value, read past whatever the subclass overrides.
"""

import copy
import importlib
import io
import operator
import sys
import threading
import types
from collections.abc import Callable

from score.sandbox import conversation, standard_types, wire

_PRINTED = 2**20  # bytes of output between two answers; what is beyond is dropped
_WHOLE: slice = slice(None)
_ARGUMENTS: Callable = vars(BaseException)["args"].__get__  # past what a subclass overrides
# how to read the plain value of an instance of a subclass; those of the second table can change
_PLAIN: dict[type, Callable] = {
    int: int.__int__,
    float: float.__float__,
    complex: complex.__pos__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, _WHOLE),
    tuple: lambda value: tuple.__getitem__(value, _WHOLE),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
_CONTENT: dict[type, Callable] = {
    list: lambda value: list.__getitem__(value, _WHOLE),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    bytearray: lambda value: bytearray.__getitem__(value, _WHOLE),
}
_OPERATIONS: dict[str, Callable] = {
    "call": lambda target, *args, **kwargs: target(*args, **kwargs),
    "getattr": getattr,
    "setattr": setattr,
    "delattr": delattr,
    "getitem": operator.getitem,
    "iter": iter,
    "len": len,
    "contains": operator.contains,
    "eq": operator.eq,
    "ne": operator.ne,
    "hash": hash,
    "str": str,
    "repr": repr,
    "format": format,
    "isinstance": lambda target, value: isinstance(value, target),
    "send": lambda target, value: target.send(value),
    "throw": lambda target, error: target.throw(error),
    "close": lambda target: target.close(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def _special(target, name: str, *args):
    return getattr(type(target), name)(target, *args)


def _content(target):
    """The plain container behind an instance of a subclass of one; None where there is none."""
    base = next((base for base in _CONTENT if isinstance(target, base)), None)
    return None if base is None else _CONTENT[base](target)


def _awaited(coroutine):
    import asyncio

    return asyncio.run(coroutine)


_OPERATIONS |= {"special": _special, "content": _content, "await": _awaited}


class _Bounded(io.BytesIO):
    def write(self, data) -> int:
        if self.tell() < _PRINTED:
            super().write(data)
        return len(data)


class _Iterator:
    """An iterator of the tests."""

    def __init__(self, advance):
        self._advance = advance

    def __iter__(self):
        return self

    def __next__(self):
        return self._advance()


class ProgramSide(conversation.Conversation):
    """Answers what the tests ask of the program in `namespace`."""

    def __init__(self, line, namespace: dict):
        super().__init__(line)
        self._namespace = namespace
        self._objects: list = []
        self._numbers: dict[int, int] = {}
        self._told: set[int] = set()
        self._passed: dict[int, object] = {}  # what the tests have passed
        self._passed_numbers: dict[int, int] = {}
        self._turn = threading.RLock()
        self._output = _Bounded()
        sys.stdout = io.TextIOWrapper(self._output, "utf-8", "replace", write_through=True)

    def answer(self) -> None:
        """Answer one call of the tests."""
        self._serve(self._line.receive())

    def perform(self, operation: str, target, args: list, kwargs: dict):
        if operation == "name":
            if target not in self._namespace:
                raise NameError(f"the program does not define {target!r}")
            return self._namespace[target]
        return _OPERATIONS[operation](self._objects[target], *args, **kwargs)

    def keep(self, value) -> list:
        """The message for what is not sent by value."""
        if id(value) in self._passed_numbers:
            return ["callback", self._passed_numbers[id(value)]]
        if isinstance(value, type):
            return self._class(value)
        if type(value) in (types.GeneratorType, types.CoroutineType):
            return [type(value).__name__, self._number(value)]
        kind, number = (
            self._class(type(value), isinstance(value, BaseException)),
            self._number(value),
        )
        if isinstance(value, BaseException):
            args = [wire.encode(arg, self.keep) for arg in _ARGUMENTS(value)]
            return ["exception", kind, args, number]
        base = _plain_base(type(value))
        if base is not None:
            return ["valued", kind, wire.encode(_PLAIN[base](value), self.keep), number]
        return ["object", kind, number]

    def find(self, message: list):
        """What a message of the tests stands for: an object of the program, or one of theirs."""
        kind, first, *parts = message
        if kind == "object":
            return self._objects[first]
        if kind == "function":
            found = importlib.import_module(first)
            for name in parts[0].split("."):
                found = getattr(found, name)
            return found
        if first not in self._passed:
            makers: dict[str, Callable] = {
                "iterator": self._iterator,
                "callback": self._function,
                "exception": self._raised,
            }
            made = makers[kind](first, *parts)
            self._passed[first] = made
            self._passed_numbers[id(made)] = first
        return self._passed[first]

    def told(self, error: BaseException) -> list:
        """The message of an exception that the tests will see raised."""
        try:
            return self.keep(error)
        except BaseException:
            return ["exception", ["type", "builtins.RuntimeError"], [], None]

    def exception(self, message: list) -> BaseException:
        return self.find(message)

    def printed(self, text: str) -> None:
        """The tests print for themselves."""

    def take_printed(self) -> str:
        text = self._output.getvalue().decode("utf-8", "replace")
        self._output.seek(0)
        self._output.truncate()
        return text

    def _number(self, value) -> int:
        """The same for the same object, which is held from now on so that its id stays its own."""
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return self._numbers[id(value)]

    def _class(self, kind: type, by_name: bool = True) -> list:
        """What a class is; from the second time on only its number.

        by_name: whether a class that both sides have is told by its name.
        """
        name = standard_types.type_name(kind)
        if name and by_name:
            return ["type", name]
        number = self._number(kind)
        if number in self._told:
            return ["class", number]
        self._told.add(number)
        bases = [self._class(base) for base in kind.__bases__]
        base = _plain_base(kind) or next(filter(_is_built_in_exception, kind.__mro__), None)
        specials = type.__dir__(kind) if base is None else _added(kind, base)
        specials = [name for name in specials if name[:2] == name[-2:] == "__"]
        specials = [name for name in specials if getattr(kind, name, None) is not None]
        replaced = [] if base is None else sorted(_added(kind, base) & set(dir(base)))
        replaced = [name for name in replaced if name[:2] != "__"]
        return ["class", number, kind.__name__, bases, sorted(specials), replaced]

    def _iterator(self, number: int) -> _Iterator:
        return _Iterator(lambda: self._call_back("next", number, (), {}))

    def _raised(self, number: int, kind: list, args: list) -> BaseException:
        """An exception of the tests, of its nearest built-in type."""
        return wire.decode(kind, self.find)(*(wire.decode(arg, self.find) for arg in args))

    def _function(self, number: int, name: str, parameters: list[str] | None):
        """A function that calls one of the tests, with its parameters where these are plain."""

        def call(args: tuple, kwargs: dict):
            return self._call_back("call", number, args, kwargs)

        if parameters is None:
            function = lambda *args, **kwargs: call(args, kwargs)  # noqa: E731
        else:
            names = ", ".join(parameters)
            given = f"({names},)" if parameters else "()"
            function = eval(f"lambda {names}: __call__({given}, {{}})", {"__call__": call})
        function.__name__ = function.__qualname__ = name
        return function

    def _call_back(self, operation: str, number: int, args: tuple, kwargs: dict):
        with self._turn:
            return self.call(operation, number, args, kwargs)


def _plain_base(kind: type) -> type | None:
    """The type by whose value instances of a class are sent, where there is one."""
    return next((base for base in _PLAIN if issubclass(kind, base)), None)


def _is_built_in_exception(kind: type) -> bool:
    return issubclass(kind, BaseException) and kind.__module__ == "builtins"


def _added(kind: type, base: type) -> set[str]:
    """Names that a class and its bases define themselves, before the built-in base."""
    return set().union(*(vars(c) for c in kind.__mro__ if not issubclass(base, c)))
