"""The process of the program: runs model-written code and answers calls.

Nothing about the tests is in this interpreter. It sees the arguments of one call at a time, and all
it can do to pass is to return what the test expects: the comparison is made in the process of the
tests. What this process writes is read as data, so a program that takes over its own interpreter
gains nothing.
"""

import sys
import types


def main(line, program_side) -> None:
    module = types.ModuleType("program")
    vars(module)["__builtins__"] = __builtins__
    sys.modules["program"] = module  # dataclasses and typing look names up there
    side = program_side.ProgramSide(line, vars(module))
    prompt, source = line.receive()
    line.send("started")  # if this process ends from here on, the program has ended it
    try:
        for code in _compiled(prompt, source):
            exec(code, vars(module))
        line.send(["return", True, [], side.take_printed()])
    except BaseException as error:
        line.send(["raise", side.told(error), [], ""])
        return
    while True:
        side.answer()


def _compiled(prompt: str, source: str) -> list:
    """The prompt and the program, each by itself; as one where one goes on in the other."""
    try:
        return [compile(code, "program.py", "exec") for code in (prompt, source)]
    except SyntaxError:
        return [compile(f"{prompt}\n{source}\n", "program.py", "exec")]


if __name__ == "__main__":
    package_root, reading, writing, memory, seconds, parent, numpy = sys.argv[1:8]
    sys.path.insert(0, package_root)
    from score.sandbox import confine, packages, program_side, wire

    sys.path.remove(package_root)
    del sys.argv[1:]
    packages.offer_numpy(numpy)
    confine.confine(int(memory), int(seconds), int(parent), packages.folders(numpy))
    try:
        main(wire.Line(int(reading), int(writing)), program_side)
    except (EOFError, OSError):
        pass
