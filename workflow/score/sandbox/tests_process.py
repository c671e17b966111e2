"""The process of the tests: runs them, apart from the program that they test.

The tests call the program through `Remote`, which hands plain data over a pipe to the process of the
program (program_process.py). The outcome goes through a pipe that only this process holds.
"""

import builtins
import json
import os
import sys


def _operation(name: str):
    def ask(self, *args, **kwargs):
        return self._ask(name, self._number, args, kwargs)

    return ask


class Remote:
    """Stands for an object of the program: a function, a class, an instance, an iterator.

    The program is never asked whether two objects are equal, nor whether one is true.
    """

    def __init__(self, number: int, ask):
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_ask", ask)

    __call__ = _operation("call")
    __getattr__ = _operation("getattr")
    __setattr__ = _operation("setattr")
    __getitem__ = _operation("getitem")
    __iter__ = _operation("iter")
    __next__ = _operation("next")
    __len__ = _operation("len")
    __str__ = _operation("str")
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __bool__(self):
        return True


class NotStarted(Exception):
    """The process of the program did not start: an error of the sandbox, not of the program."""


class Program:
    """The calls a test may make."""

    def __init__(self, line, wire):
        self._line, self._wire = line, wire

    def start(self, source: str) -> None:
        """Load the program. NotStarted where its process ended before it received the source."""
        try:
            self._line.send(source)
            self._line.receive()
        except (EOFError, OSError) as error:
            raise NotStarted(str(error)) from None
        self._result(self._line.receive())

    def name(self, name: str):
        self._line.send(["name", name, [], {}])
        return self._result(self._line.receive())

    def _ask(self, operation: str, number: int, args: tuple, kwargs: dict):
        message = [self._encode(arg) for arg in args]
        named = {key: self._encode(arg) for key, arg in kwargs.items()}
        self._line.send([operation, number, message, named])
        return self._result(self._line.receive())

    def _encode(self, value):
        if isinstance(value, Remote):
            return ["object", value._number]
        if isinstance(value, list | tuple) and any(isinstance(item, Remote) for item in value):
            return [type(value).__name__, [self._encode(item) for item in value]]
        return self._wire.encode(value, _refuse)

    def _result(self, reply):
        if isinstance(reply, list) and reply and reply[0] == "raise":
            kind = getattr(builtins, str(reply[1]), RuntimeError)
            ordinary = isinstance(kind, type) and issubclass(kind, Exception)
            raise (kind if ordinary else RuntimeError)(reply[2])
        return self._wire.decode(reply, lambda number: Remote(number, self._ask))


def _refuse(value):
    raise TypeError(f"a test passes a {type(value).__name__}; expected plain data")


def run_tests(record: dict, source: str, program: Program) -> None:
    """Run all tests of `record` (score.tasks.code) against `source`; the first that fails raises."""
    program.start(source)
    namespace = {"__name__": "tests"}
    for code in [*record["imports"], record["prompt"]]:
        exec(compile(code, "imports", "exec"), namespace)
    for name in record["names"]:
        namespace[name] = program.name(name)
    for code in [record["setup"], *record["tests"]]:
        exec(compile(code, "tests", "exec"), namespace)


def main(line, wire, verdict: int) -> None:
    with os.fdopen(verdict, "w") as pipe:
        task = json.loads(sys.stdin.buffer.read())
        try:
            run_tests(task["record"], task["source"], Program(line, wire))
            outcome = ["passed", ""]
        except NotStarted as error:
            outcome = ["error", f"the program's process did not start: {error}"]
        except Exception as error:
            outcome = ["failed", f"{type(error).__name__}: {error}"[:500]]
        pipe.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    package_root, reading, writing, memory, seconds, parent, verdict_pipe = sys.argv[1:8]
    sys.path.insert(0, package_root)
    from score.sandbox import confine, wire

    sys.path.remove(package_root)
    confine.confine(int(memory), int(seconds), int(parent))
    main(wire.Line(int(reading), int(writing)), wire, int(verdict_pipe))
