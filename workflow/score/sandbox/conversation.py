"""Calls between the process of the tests and that of the program, in both directions.

The tests call the program; the program may call back the functions that a test has passed to it while
the test waits. So each side answers calls while it waits for an answer, and calls nest.
"""

from collections.abc import Callable

from score.sandbox import standard_types, wire


class Conversation:
    """What both sides have in common: one call out, one call in. Each side says what it keeps.

    keep, find: see score.sandbox.wire.encode and decode. perform: does an operation that was asked for.
    told, exception: an exception as a message, and back. printed, take_printed: the program's output.
    """

    keep: Callable
    find: Callable
    perform: Callable
    told: Callable
    exception: Callable
    printed: Callable
    take_printed: Callable

    def __init__(self, line):
        self._line = line

    def call(self, operation: str, target, args=(), kwargs=None, see: bool = True):
        """The result of an operation on an object of the other side; its exception is raised here.

        see: whether what the other side changes in the arguments is seen in them, see `_serve`.
        """
        shared = wire.Shared()
        message = [wire.encode(arg, self.keep, shared) for arg in args]
        named = {name: wire.encode(arg, self.keep, shared) for name, arg in (kwargs or {}).items()}
        shared.close()
        self._send(["call", operation, target, message, named, see])
        while True:
            reply = self._receive()
            kind = reply[0] if isinstance(reply, list) and reply else None
            if kind == "call":
                self._serve(reply)
            elif kind in ("return", "raise"):
                return self._result(reply, shared, see)
            else:
                raise ConnectionError("the other process sent what is no answer")

    def _send(self, message) -> None:
        self._line.send(message)

    def _receive(self):
        return self._line.receive()

    def _result(self, reply: list, shared: wire.Shared, see: bool):
        kind, value, changes, printed = reply
        told = shared if see or (kind == "return" and value is None) else None
        self.printed(printed)
        # in the order in which they were made: a class is described where it comes first
        value = self.exception(value) if kind == "raise" else wire.decode(value, self.find, told)
        changes = [
            (number, [wire.decode(item, self.find, told) for item in contents])
            # what the other side tells of them all the same is no matter
            for number, contents in (changes if told is not None else [])
        ]
        for number, contents in changes:
            standard_types.fill(shared.containers[number], contents)
        if kind == "raise":
            raise value
        return value

    def _serve(self, message: list) -> None:
        """Do what the other side asks, and tell it the result.

        What changed in the arguments is told where the caller wants to see it, and where there is no
        other result: a function that returns nothing was called for its effects.
        """
        _, operation, target, args, kwargs, see = message
        shared = wire.Shared()
        try:
            args = [wire.decode(arg, self.find, shared) for arg in args]
            kwargs = {name: wire.decode(arg, self.find, shared) for name, arg in kwargs.items()}
            shared.close()
            value = self.perform(operation, target, args, kwargs)
            seen = shared if see or value is None else None
            reply = ["return", wire.encode(value, self.keep, seen), self._changes(seen)]
        except BaseException as error:
            reply = ["raise", self.told(error), self._changes(shared if see else None)]
        self._send([*reply, self.take_printed()])

    def _changes(self, shared: wire.Shared | None) -> list:
        if shared is None or shared.open:
            return []
        return [
            [number, wire.encode_contents(shared.containers[number], self.keep, shared)]
            for number in shared.changed()
        ]
