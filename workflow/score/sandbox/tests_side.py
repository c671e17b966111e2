"""The tests' side of the conversation: objects of the program as the tests see them, and the functions
that the tests pass to the program."""

import sys
import types
from importlib import import_module

from score.sandbox import conversation, remote, standard_types, wire

_ENDS = ("next", "send", "throw", "await")  # operations that may end with StopIteration


class ProgramEnded(BaseException):
    """The program's process has ended, or sends what is no answer: no test may take it for an error."""


class TestsSide(conversation.Conversation):
    """What the tests know of the program."""

    def __init__(self, line):
        super().__init__(line)
        self._known = {}  # number -> what stands for that object of the program
        self._passed, self._passed_numbers = [], {}  # functions and the like that tests have passed
        self.see_all = False  # whether calls show in their arguments what the program changed

    def name(self, name: str, is_class: bool):
        """What the program calls so. is_class: whether the tests take it for a class of theirs."""
        found = self.call("name", name)
        if is_class and isinstance(found, remote.RemoteClass):
            type.__setattr__(found, "_score_named", True)
        return found

    def wait(self) -> None:
        """Wait until the program is loaded; raises what it raised."""
        self._result(self._receive(), wire.Shared(), see=False)

    def seeing(self, function):
        """`function`, called so that what the program changes in its arguments is seen."""
        if not remote.is_remote(function):
            return function
        is_class = isinstance(function, remote.RemoteClass)
        number = function._score_class if is_class else function._score_number
        return lambda *args, **kwargs: self.call("call", number, args, kwargs, see=True)

    def call(self, operation, target, args=(), kwargs=None, see=None):
        """As Conversation.call. StopIteration of a call that is no step of an iterator is an error."""
        see = self.see_all if see is None else see
        try:
            return super().call(operation, target, args, kwargs, see)
        except StopIteration as error:
            step = operation in _ENDS or (operation == "special" and args[0] == "__next__")
            if step:
                raise
            # else map() and the like in a test would end as if nothing were left to check
            raise RuntimeError("the program raised StopIteration") from error
        except GeneratorExit as error:
            raise RuntimeError("the program raised GeneratorExit") from error

    def _receive(self):
        try:
            return self._line.receive()
        except (EOFError, OSError, ValueError, RecursionError) as error:
            raise ProgramEnded(f"the program's process has ended ({error})") from None

    def _send(self, message) -> None:
        try:
            self._line.send(message)
        except OSError as error:
            raise ProgramEnded(f"the program's process has ended ({error})") from None

    def perform(self, operation: str, target, args: list, kwargs: dict):
        passed = self._passed[target]
        return next(passed) if operation == "next" else passed(*args, **kwargs)

    def keep(self, value) -> list | None:
        """The message for what is not sent by value; NotJudged where there is none."""
        if remote.is_remote(value):
            is_class = isinstance(value, remote.RemoteClass)
            return ["object", value._score_class if is_class else value._score_number]
        if isinstance(value, types.TracebackType):
            return None
        if isinstance(value, BaseException):
            return self._exception_message(value)
        if callable(value):
            return self._function_message(value)
        if hasattr(value, "__next__"):
            return ["iterator", self._pass(value)]
        base = next((b for b in (*remote.PLAIN, list, dict, set) if isinstance(value, b)), None)
        if base is not None:
            return wire.encode(base(value), self.keep)
        raise remote.NotJudged(
            f"a test passes an object of {type(value).__name__}, which can't be sent to the program"
        )

    def find(self, message: list):
        """What a message of the program stands for in the tests."""
        kind, first, *parts = message
        if kind == "callback":
            return self._passed[first]
        if kind == "class":
            return self._class(first, *parts)
        if kind in ("generator", "coroutine"):
            if first not in self._known:
                self._known[first] = {"generator": _generator, "coroutine": _coroutine}[kind](
                    self, first
                )
            return self._known[first]
        number = parts[-1]
        if number is not None and number in self._known:
            return self._known[number]
        cls = wire.decode(first, self.find)
        made = self._made(kind, cls, parts)
        if isinstance(cls, remote.RemoteClass):
            object.__setattr__(made, "_score_number", number)
            self._known[number] = made
        return made

    def told(self, error: BaseException) -> list | None:
        """The message of an exception that a function of the tests raised."""
        return self.keep(error)

    def exception(self, message: list) -> BaseException:
        error = self.find(message)
        if not isinstance(error, BaseException):
            raise ProgramEnded("the program raised what is no exception")
        return error

    def printed(self, text: str) -> None:
        sys.stdout.write(str(text))

    def take_printed(self) -> str:
        return ""

    def _class(self, number: int, *described):
        if number not in self._known:
            name, bases, specials, replaced = described
            bases = [wire.decode(base, self.find) for base in bases]
            self._known[number] = remote.class_of(self, number, name, bases, specials, replaced)
        return self._known[number]

    def _made(self, kind: str, cls: type, parts: list):
        """A new object for one of the program."""
        if kind == "object":
            made: type = cls if isinstance(cls, remote.RemoteClass) else remote.Remote
            return object.__new__(made)
        if kind == "valued":
            return cls.__new__(cls, wire.decode(parts[0], self.find))
        if kind != "exception" or not issubclass(cls, BaseException):
            raise ProgramEnded(f"the program sent a {kind!r}")
        args = [wire.decode(arg, self.find) for arg in parts[0]]
        try:
            error = cls.__new__(cls, *args)
            BaseException.__init__(error, *args)
            if not isinstance(cls, remote.RemoteClass):
                type(error).__init__(error, *args)
        except TypeError:  # a class whose arguments are others than those that it keeps
            error = cls.__new__(cls)
            BaseException.__init__(error, *args)
        return error

    def _exception_message(self, error: BaseException) -> list:
        kind = next(c for c in type(error).__mro__ if standard_types.type_name(c))
        try:
            args = [wire.encode(arg, self.keep) for arg in error.args]
        except remote.NotJudged:
            args = [str(error)]
        return ["exception", self._pass(error), ["type", standard_types.type_name(kind)], args]

    def _function_message(self, function) -> list:
        module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
        owner = getattr(function, "__objclass__", None)
        module = owner.__module__ if owner is not None else module
        if module in sys.stdlib_module_names and _named(module, name) is function:
            return ["function", module, name]
        name = getattr(function, "__name__", "function")
        return ["callback", self._pass(function), str(name), _parameters(function)]

    def _pass(self, value) -> int:
        number = self._passed_numbers.setdefault(id(value), len(self._passed))
        if number == len(self._passed):
            self._passed.append(value)  # held, so that its id stays its own
        return number


def _named(module: str, name: str):
    found: object = import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _parameters(function) -> list[str] | None:
    """Names of the parameters of a function that has only plain ones, else None."""
    if not isinstance(function, types.FunctionType):
        return None
    code, var_args = function.__code__, 0x04 | 0x08
    if code.co_flags & var_args or code.co_kwonlyargcount or function.__defaults__:
        return None
    return list(code.co_varnames[: code.co_argcount])


def _generator(side: TestsSide, number: int):
    """A generator that goes through one of the program."""
    operation, argument = "send", None
    while True:
        try:
            got = side.call(operation, number, (argument,))
        except StopIteration as end:
            return end.value
        try:
            operation, argument = "send", (yield got)
        except GeneratorExit:
            side.call("close", number)
            raise
        except BaseException as error:
            operation, argument = "throw", error


async def _coroutine(side: TestsSide, number: int):
    """A coroutine that runs one of the program to its end."""
    return side.call("await", number)
