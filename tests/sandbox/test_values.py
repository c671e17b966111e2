"""What crosses between a program and its tests: right programs pass, and no object of one may lie."""

import ast
import sys

import pytest
from lying_programs import LIES, NAMED_LIES
from right_programs import RIGHT
from score.sandbox.run import run_tests

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox's layers are Linux's")


def outcome(program: str, tests: str, names: list[str]):
    record = {"imports": [], "prompt": "", "names": names, "setup": "", "tests": [tests]}
    return run_tests(program, record, 10.0)


def defined(program: str) -> list[str]:
    body = ast.parse(program).body
    names = [node.name for node in body if hasattr(node, "name")]
    assigned = [node.targets[0].id for node in body if isinstance(node, ast.Assign)]
    return names + assigned


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_passes(name):
    program, tests = RIGHT[name]
    assert outcome(program, tests, defined(program)) == ("passed", "")


@pytest.mark.parametrize("name", LIES)
def test_a_lie_does_not_pass(name):
    found = outcome(*LIES[name], ["f"])
    assert found.kind == "failed" and "SyntaxError" not in found.reason


@pytest.mark.parametrize("name", NAMED_LIES)
def test_a_lie_of_a_class_that_the_tests_name_does_not_pass(name):
    assert outcome(*NAMED_LIES[name], ["V"]).kind == "failed"


@pytest.mark.parametrize(
    "tests, reason",
    [
        ("class Own: pass\nf(Own())", "passes an object of Own, which can't be sent"),
        ("assert V() + 1 == 2", "__add__ of an object of the program and a value of a test gives"),
        ("assert f(v) + 1 == 2", "uses __add__ on an object of the program and a int"),
        ("class W(V): pass", "derives a class from V of the program"),
        ("import pickle\npickle.dumps(V())", "pickles an object of the program"),
    ],
)
def test_what_cannot_be_judged_is_told_with_the_test(tests, reason):
    program = "def f(x): return x\nclass V:\n    def __add__(self, k): return 2\n"
    program += "class W(V): pass\nv = type('Other', (), {'__add__': V.__add__})()"
    found = outcome(program, tests, ["f", "V", "v"])
    assert found.kind == "failed" and reason in found.reason and "in the test `" in found.reason
