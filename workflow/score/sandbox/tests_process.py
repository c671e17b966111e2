"""The process of the tests: runs them, apart from the program that they test.

The tests call the program through what stands for its objects (remote.py), which hands plain data over
a pipe to the process of the program. The outcome goes through a pipe that only this process holds.
"""

import json
import os
import re
import sys

_SHOWN = 200  # characters of a test that a reason shows


class NotStarted(Exception):
    """The process of the program did not start: an error of the sandbox, not of the program."""


class Run:
    """The tests of a record (score.tasks.code) on their way through a program.

    order: the record, and the source of the program. The modules of the sandbox are handed in, since
    this process can import them only before it is confined.
    """

    def __init__(self, order: dict, line, side, in_place):
        self.record, self._source = order["record"], order["source"]
        self._line, self._side, self._in_place = line, side, in_place
        self.code = ""  # what is running

    def load(self) -> None:
        """Load the program. NotStarted where its process ended before it received the source."""
        try:
            self._line.send([self.record["prompt"], self._source])
            self._line.receive()
        except (EOFError, OSError) as error:
            raise NotStarted(str(error)) from None
        self._side.wait()

    def run(self) -> None:
        """Run all tests; the first that fails raises."""
        record, names = self.record, self.record["names"]
        namespace = {"__name__": "tests", self._in_place.SEEN: self._side.seeing}
        for code in [*record["imports"], record["prompt"]]:
            exec(compile(code, "imports", "exec"), namespace)
        written = f"{record['prompt']}\n{record.get('solution', '')}"
        classes = set(re.findall(r"^class[ \t]+(\w+)", written, re.MULTILINE))
        if not written.strip():  # nothing says which are classes but how they are written
            classes = {name for name in names if name[:1].isupper()}
        for name in names:
            namespace[name] = self._side.name(name, name in classes)
        for self.code in [record["setup"], *record["tests"]]:
            self._side.see_all = self._in_place.compares_with_constants(self.code, names)
            exec(self._in_place.compiled(self.code, "tests"), namespace)


def reason(error: BaseException, code: str) -> str:
    """One line for a person: what went wrong, in which test."""
    try:
        said = str(error)
    except BaseException:  # an exception of the program that cannot be shown
        said = ""
    said = " ".join(f"{type(error).__name__}: {said}".split())[:500].rstrip(": ")
    test = " ".join(code.split())
    test = test if len(test) <= _SHOWN else f"{test[:_SHOWN]}…"
    return f"{said}, in the test `{test}`" if test else said


def main(run: Run, packages, verdict: int) -> None:
    """Write the outcome of a run as one JSON line to the descriptor `verdict`."""
    with os.fdopen(verdict, "w") as pipe:
        try:
            if "numpy" in json.dumps(run.record["tests"]):
                packages.refuse_empty_comparisons()
            run.load()
            run.run()
            outcome = ["passed", ""]
        except NotStarted as error:
            outcome = ["error", f"the program's process did not start: {error}"]
        except BaseException as error:
            outcome = ["failed", reason(error, run.code)]
        pipe.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    package_root, reading, writing, memory, seconds, parent, numpy, verdict_pipe = sys.argv[1:9]
    sys.path.insert(0, package_root)
    from score.sandbox import confine, in_place, packages, tests_side, wire

    sys.path.remove(package_root)
    sys.set_int_max_str_digits(0)
    packages.offer_numpy(numpy)
    confine.confine(int(memory), int(seconds), int(parent), packages.folders(numpy))
    order = json.loads(sys.stdin.buffer.read())
    line = wire.Line(int(reading), int(writing))
    run = Run(order, line, tests_side.TestsSide(line), in_place)
    main(run, packages, int(verdict_pipe))
