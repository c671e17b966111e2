"""The process of the program: runs model-written code and answers calls.

Nothing about the tests is in this interpreter. It sees the arguments of one call at a time, and all
it can do to pass is to return what the test expects: the comparison is made in the process of the
tests. What this process writes is read as data, so a program that takes over its own interpreter
gains nothing.
"""

import sys

_OPERATIONS = {
    "call": lambda target, *args, **kwargs: target(*args, **kwargs),
    "getattr": getattr,
    "setattr": setattr,
    "getitem": lambda target, key: target[key],
    "iter": iter,
    "next": next,
    "len": len,
    "str": str,
}


def main(line, wire) -> None:
    objects = []

    def keep(value) -> int:
        objects.append(value)
        return len(objects) - 1

    namespace = {"__name__": "program", "__builtins__": __builtins__}
    source = line.receive()
    line.send("started")  # if this process ends from here on, the program has ended it
    try:
        exec(compile(source, "program.py", "exec"), namespace)
        line.send(True)
    except BaseException as error:
        line.send(["raise", type(error).__name__, str(error)[:200]])
        return
    while True:
        operation, target, args, kwargs = line.receive()
        try:
            if operation == "name":
                value = namespace[target]
                # a callable is never sent by value: the tests call it and assign to its attributes
                line.send(["object", keep(value)] if callable(value) else wire.encode(value, keep))
                continue
            args = [wire.decode(arg, objects.__getitem__) for arg in args]
            kwargs = {name: wire.decode(arg, objects.__getitem__) for name, arg in kwargs.items()}
            reply = wire.encode(_OPERATIONS[operation](objects[target], *args, **kwargs), keep)
        except BaseException as error:
            reply = ["raise", type(error).__name__, _text(error)]
        line.send(reply)


def _text(error: BaseException) -> str:
    try:
        return str(error)[:200]
    except BaseException:
        return ""


if __name__ == "__main__":
    package_root, reading, writing, memory, seconds, parent = sys.argv[1:7]
    sys.path.insert(0, package_root)
    from score.sandbox import confine, wire

    sys.path.remove(package_root)
    del sys.argv[1:]
    confine.confine(int(memory), int(seconds), int(parent))
    try:
        main(wire.Line(int(reading), int(writing)), wire)
    except (EOFError, OSError):
        pass
