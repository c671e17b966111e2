"""Python programs (MBPP, sanitized MBPP, HumanEval), tested in the sandbox.

The answer of a problem is a JSON text with what the tests need:

    imports    lines run before everything, for the tests alone
    prompt     code that comes before the program (HumanEval: signature, docstring, helpers)
    names      what the tests take from the program; they define everything else themselves
    setup      code run after the program (MBPP's test_setup_code)
    tests      list of codes, all of which must run without raising
    solution   the dataset's own program: it must pass, or the row is refused

What counts as stated: the last closed fenced block (```python or ```); with mode "final" the last
closed one behind the marker. A block that never closes states nothing.
"""

import ast
import builtins
import json
import re
import sys

FIRST_PROMPT = (
    "Write a Python program for the task below. Only the standard library is there. End with the "
    "whole program in one block that starts with ```python and ends with ```.\n\n{question}"
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
EVALUATOR_FUNCTIONS = ("tests_pass",)
MARKER = "Final program:"
MARKER_MODES = ("final",)

_FENCE = re.compile(r"^[ \t]*+```[ \t]*+(\w*+)[ \t]*+\r?$", re.MULTILINE)
_STANDARD = set(sys.stdlib_module_names)
_KEYS = {"imports", "prompt", "names", "setup", "tests", "solution"}


def question_from_row(row: dict) -> str:
    """The question of an MBPP row (with its tests, as in MBPP's own prompt) or HumanEval row."""
    if "entry_point" in row:
        return f"Complete this function:\n\n{row['prompt'].strip()}"
    text = row["text"] if "text" in row else row["prompt"]
    return f"{text.strip()}\nIt must pass these tests:\n" + "\n".join(row["test_list"])


def gold_from_row(row: dict) -> str:
    """The JSON text of an MBPP, sanitized MBPP or HumanEval row. KeyError for a missing field."""
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
            "tests": list(row["test_list"]),
            "solution": row["code"].replace("\r\n", "\n"),
        }
    return json.dumps(record, sort_keys=True)


def parse_gold(raw) -> str:
    """The record as JSON text, whole and checked. ValueError(reason) where it has no usable tests."""
    try:
        given = json.loads(raw) if isinstance(raw, str) else dict(raw)
    except (ValueError, TypeError):
        raise ValueError(f"the gold is {str(raw)[:60]!r}, not a JSON object of tests") from None
    if not isinstance(given, dict) or not set(given) <= _KEYS:
        raise ValueError(f"the gold has keys {sorted(given)}, not some of {sorted(_KEYS)}")
    record = {"imports": [], "prompt": "", "setup": "", "solution": ""} | given
    if not record.get("tests"):
        raise ValueError("the gold has no tests")
    try:
        used = _names_used([record["setup"], *record["tests"]])
        defined = _names_defined(record["prompt"] + "\n" + record["solution"])
        ast.parse("\n".join(record["imports"]))
    except (SyntaxError, TypeError, ValueError) as error:
        raise ValueError(f"the gold is not Python: {error}") from None
    own = set(dir(builtins))
    if "names" not in given:
        record["names"] = sorted(used & defined if record["solution"] else used - own)
    # what the tests use of the program's imports is imported for them too
    missing = used - set(record["names"]) - own - _names_defined("\n".join(record["imports"]))
    record["imports"] += [f"import {name}" for name in sorted(missing & _STANDARD)]
    return json.dumps(record, sort_keys=True)


def _names_used(codes: list[str]) -> set[str]:
    """Names that the tests read and do not define themselves."""
    nodes = [node for code in codes for node in ast.walk(ast.parse(code))]
    loaded = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    stored |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return loaded - stored - set().union(*map(_names_defined, codes))


def _names_defined(code: str) -> set[str]:
    """Top-level names of a program, without the standard modules that it imports."""
    defined = set()
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            defined |= names - (_STANDARD if isinstance(node, ast.Import) else set())
        else:
            names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            defined |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return defined


def state(answer: str, marker: str) -> str:
    return f"{marker}\n```python\n{json.loads(answer)['solution']}\n```"


def extract(attempt: str, mode: str, marker: str) -> str | None:
    """The program in the last closed fenced block, None where there is none."""
    if mode == "final":
        _, found, attempt = attempt.rpartition(marker)
        if not found:
            return None
    program, opened = None, None
    for fence in _FENCE.finditer(attempt):
        if opened is None:
            opened = fence
        elif not fence[1]:
            if opened[1].lower() in ("", "python", "python3", "py"):
                program = attempt[opened.end() : fence.start()].strip("\r\n")
            opened = None
    return program if opened is None and program and program.strip() else None


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
