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
    """The tests of `record` (score.tasks.code) on their way through a program."""

    def __init__(self, record: dict, side, in_place):
        self._record, self._side, self._in_place = record, side, in_place
        self.code = ""  # what is running

    def load(self, line, source: str) -> None:
        """Load the program. NotStarted where its process ended before it received the source."""
        try:
            line.send([self._record["prompt"], source])
            line.receive()
        except (EOFError, OSError) as error:
            raise NotStarted(str(error)) from None
        self._side.wait()

    def run(self) -> None:
        """Run all tests; the first that fails raises."""
        record, names = self._record, self._record["names"]
        namespace = {"__name__": "tests", self._in_place.SEEN: self._side.seeing}
        for code in [*record["imports"], record["prompt"]]:
            exec(compile(code, "imports", "exec"), namespace)
        written = f"{record['prompt']}\n{record.get('solution', '')}"
        classes = set(re.findall(r"^class[ \t]+(\w+)", written, re.MULTILINE))
        for name in names:
            namespace[name] = self._side.name(name, name in classes or name[:1].isupper())
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


def main(task: dict, line, modules, verdict: int) -> None:
    with os.fdopen(verdict, "w") as pipe:
        run = Run(task["record"], modules.tests_side.TestsSide(line), modules.in_place)
        try:
            if "numpy" in json.dumps(task["record"]["tests"]):
                modules.packages.refuse_empty_comparisons()
            run.load(line, task["source"])
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
    from score import sandbox
    from score.sandbox import confine, in_place, packages, tests_side, wire

    sys.path.remove(package_root)
    sys.set_int_max_str_digits(0)
    packages.offer_numpy(numpy)
    confine.confine(int(memory), int(seconds), int(parent), packages.folders(numpy))
    order = json.loads(sys.stdin.buffer.read())
    main(order, wire.Line(int(reading), int(writing)), sandbox, int(verdict_pipe))
