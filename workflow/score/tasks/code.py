"""Python programs (MBPP, HumanEval, EvalPlus' MBPP+ and HumanEval+), tested in the sandbox.

The answer of a problem is a JSON text with what the tests need:

    imports    lines run before everything, for the tests alone
    prompt     code that comes before the program (HumanEval: signature, docstring, helpers)
    names      what the tests take from the program; they define everything else themselves
    setup      code run after the program (MBPP's test_setup_code)
    tests      list of codes, all of which must run without raising
    solution   the dataset's own program: it must pass, or the row is refused

What counts as stated: the last fenced block that defines what the tests take from the program; with
mode "final" the last such one behind the marker. Blocks that name another language are none. Where no
block defines it, the prompt may begin it: then the last block counts. A block that never closes is cut
off, unless it defines what is asked and ends with a whole line. See _fences.py for how blocks are read.
"""

import ast
import builtins
import json
import re
import sys
from contextlib import contextmanager

from score.sandbox.packages import OFFERED
from score.tasks._fences import blocks
from score.tasks._marker import after_last_marker

FIRST_PROMPT = (
    "Write a Python program for the task below. Of packages only the standard library and numpy are "
    "there. End with the whole program in one block that starts with ```python and ends with "
    "```.\n\n{question}"
)
CORRECTION_PROMPT = (
    "The program above has not been run, and it may contain an error. Read it line by line against "
    "the task. If something is wrong, mend it; otherwise keep it. End with the whole program in "
    "one block that starts with ```python and ends with ```."
)
CRITIQUE_PROMPT = (
    "Review your program above against the task: what each part does, which inputs it may treat "
    "otherwise than the task asks, and what you would change, if anything. Do not write a new "
    "program yet."
)
REFINE_PROMPT = (
    "Taking your review into account, write the program again, whole. End with it in one block that "
    "starts with ```python and ends with ```."
)
VERIFY_PROMPT = (
    "Check your program above against the task: go through it line by line, and through inputs at "
    "which it may fail. Write no new program yet. End with your verdict as the last sentence, in "
    "exactly one of these two forms: The answer is correct. The answer is wrong."
)
REVISE_PROMPT = (
    "Taking your check into account, write the program again, whole. End with it in one block that "
    "starts with ```python and ends with ```."
)
EVALUATOR_FUNCTIONS = ("tests_pass",)
MARKER = "Final program:"
MARKER_MODES = ("final",)

_DEFINITION = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_IMPORT = re.compile(r"^(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(.*)", re.MULTILINE)
_ASSIGNMENT = re.compile(r"^([\w, \t]++)(?::[^=\n]*+)?=(?!=)", re.MULTILINE)
_NAME = re.compile(r"\w+")
_STANDARD = set(sys.stdlib_module_names)
_KEYS = {"imports", "prompt", "names", "setup", "tests", "solution"}


def question_from_row(row: dict) -> str:
    """The question of an MBPP row (with its tests, as in MBPP's own prompt) or HumanEval row."""
    if "entry_point" in row:
        return f"Complete this function:\n\n{row['prompt'].strip()}"
    text = row["text"] if "text" in row else row["prompt"]
    return f"{text.strip()}\nIt must pass these tests:\n" + "\n".join(row["test_list"])


def gold_from_row(row: dict) -> str:
    """The JSON text of a row of MBPP, sanitized MBPP, MBPP+, HumanEval or HumanEval+.

    MBPP+ has its own tests in `test`, which hold those of `test_list`. KeyError for a missing field.
    """
    if "entry_point" in row:
        record = {
            "solution": row["canonical_solution"],
            "prompt": row["prompt"],
            "names": [row["entry_point"]],
            "tests": [row["test"], f"check({row['entry_point']})"],
        }
    else:
        record = {
            "imports": list(row.get("test_imports", [])),
            "setup": row.get("test_setup_code") or "",
            "tests": [row["test"]] if row.get("test") else list(row["test_list"]),
            "solution": row["code"].replace("\r\n", "\n"),
        }
    return json.dumps(record, sort_keys=True)


def parse_gold(raw) -> str:
    """The record as JSON text, whole and checked. ValueError(reason) where it has no usable tests."""
    try:
        given = json.loads(raw) if isinstance(raw, str) else dict(raw)
    except (ValueError, TypeError):
        raise ValueError(f"the gold is {str(raw)[:60]!r}, not a JSON object of tests") from None
    if not isinstance(given, dict):
        raise ValueError(f"the gold is {str(raw)[:60]!r}, not a JSON object of tests")
    if not set(given) <= _KEYS:
        raise ValueError(f"the gold has keys {sorted(given)}, not some of {sorted(_KEYS)}")
    empty: dict = {"imports": [], "prompt": "", "setup": "", "solution": ""}
    record = empty | given
    if not record.get("tests"):
        raise ValueError("the gold has no tests")
    _check_kinds(record)
    try:
        with _long_integers():
            used = _names_used([record["setup"], *record["tests"]])
            written = record["prompt"] + "\n" + record["solution"]
            defined, modules = _names_defined(written, modules=False), _modules(written)
            imported = _names_defined("\n".join(record["imports"]))
    except (SyntaxError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the gold is not Python: {error}") from None
    own = set(dir(builtins))
    if "names" not in given:
        record["names"] = sorted(used & defined if record["solution"] else used - own - imported)
    # what the tests use of the program's imports is imported for them too
    missing = used - set(record["names"]) - own - imported
    modules = {name: f"import {name}" for name in missing & _STANDARD} | modules
    imports = [modules[name] for name in sorted(missing & set(modules))]
    record["imports"] = [*record["imports"], *imports]
    return json.dumps(record, sort_keys=True)


@contextmanager
def _long_integers():
    """Python's limit on the digits of an integer lifted: EvalPlus' tests exceed it."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)


def _names_used(codes: list[str]) -> set[str]:
    """Names that the tests read and do not define themselves."""
    nodes = [node for code in codes for node in ast.walk(ast.parse(code))]
    loaded = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    stored |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return loaded - stored - set().union(*map(_names_defined, codes))


def _names_defined(code: str, modules: bool = True) -> set[str]:
    """Top-level names of a program. modules: whether modules that tests can import too count."""
    defined = set()
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        else:
            names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            defined |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return defined if modules else defined - set(_modules(code))


def _modules(code: str) -> dict[str, str]:
    """By name, the import of each module that a program imports and that the tests can import."""
    found = {}
    for node in ast.parse(code).body:
        for alias in node.names if isinstance(node, ast.Import) else ():
            if alias.name.partition(".")[0] in _STANDARD | OFFERED:
                name = (alias.asname or alias.name).partition(".")[0]
                renamed = f" as {alias.asname}" if alias.asname else ""
                found[name] = f"import {alias.name}{renamed}"
    return found


def state(answer: str, marker: str) -> str:
    """The dataset's own program in a block whose fence is longer than any in it."""
    solution = json.loads(answer)["solution"]
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", solution))])
    return f"{marker}\n{fence}python\n{solution}\n{fence}"


def extract(attempt: str, mode: str, marker: str) -> str | None:
    """The program in the last fenced block, None where there is none or it never closes."""
    return _program(attempt, mode, marker, [])


def _check_kinds(record: dict) -> None:
    for key, value in record.items():
        one = key in ("prompt", "setup", "solution")
        texts = [value] if one else value if isinstance(value, list | tuple) else [None]
        if not all(isinstance(text, str) for text in texts):
            expected = "a text" if one else "a list of texts"
            raise ValueError(f"the gold's {key} is {str(value)[:60]!r}, not {expected}")


def extract_for(attempt: str, mode: str, marker: str, answer: str) -> str | None:
    """As extract, where what is asked chooses among the blocks."""
    try:
        names = json.loads(answer)["names"]
    except (ValueError, TypeError, KeyError):
        names = []
    return _program(attempt, mode, marker, names)


def _program(attempt: str, mode: str, marker: str, names: list[str]) -> str | None:
    if mode == "final":
        end = after_last_marker(attempt, marker)
        if end is None:
            return None
        attempt = attempt[end:]
    found = [block for block in blocks(attempt) if block.is_python and block.text.strip()]
    if found and not found[-1].closed:
        whole = attempt.endswith("\n") and _defined(found[-1].text, names)
        if not whole:
            cut = found.pop()
            # behind a program that names its language, a block without one is no other program
            if cut.language or not any(block.language for block in found):
                return None
    if not found:
        return None
    last = {name: i for i, block in enumerate(found) for name in _defined(block.text, names)}
    if last:
        return "\n\n".join(found[i].text for i in sorted(set(last.values())))
    named = [block for block in found if block.language] if names else []
    return (named or found)[-1].text


def _defined(code: str, names: list[str]) -> list[str]:
    """Those of `names` that the code defines, imports or assigns at its top level."""
    defined = set(_DEFINITION.findall(code))
    for line in [*_IMPORT.findall(code), *_ASSIGNMENT.findall(code)]:
        defined.update(_NAME.findall(line))
    return [name for name in names if name in defined]


def vote_key(extracted: str) -> str:
    """The program line by line: white space at the start of a line is part of it, not at its end."""
    return "\n".join(line.rstrip() for line in extracted.splitlines() if line.strip())


def grade(extracted: str, answer: str, function: str = "tests_pass") -> float:
    """1.0 when every test passes, else 0.0. TimeoutError when the deadline comes first."""
    from score.sandbox.run import run_tests, seconds_left

    record = json.loads(answer)
    left = seconds_left()
    # a little before the worker's deadline, so that the worker need not be killed as well
    seconds = 10.0 if left is None else max(0.1, left - 0.2)
    outcome = run_tests(extracted, record, seconds)
    if outcome.kind == "timeout":
        raise TimeoutError(outcome.reason)
    if outcome.kind == "error":
        raise RuntimeError(outcome.reason)
    return float(outcome.kind == "passed")


def why_unsound(answer: str) -> str:
    """Why the tests of a gold refuse its own program, in one line; run in the sandbox."""
    from score.sandbox.run import run_tests

    record = json.loads(answer)
    if not record["solution"].strip():
        return "there is no program that shows that the tests can be passed"
    reason = run_tests(record["solution"], record, 10.0).reason
    module = re.search(r"No module named '([^']+)'", reason)
    if module is None:
        return reason
    return (
        f"{module[1]} is imported, which the sandbox does not have; expected the standard library or "
        f"{', '.join(sorted(OFFERED))}. Rewrite the tests without it, or leave the row out"
    )
