"""Every task has what it needs, and extraction from hostile texts takes linear time."""

import json
import re
import time

import pytest
from score.tasks import REQUIRED, code, known_tasks, load_task, math, puzzle, qa, vote_key_of
from score.verifiers.verifier import Verifier

MARKER = math.MARKER


def test_each_task_has_all_it_needs_and_its_correction_says_nothing_of_the_verdict():
    assert {"math", "qa", "code"} <= set(known_tasks())
    for name in known_tasks():
        task = load_task(name)
        assert all(hasattr(task, required) for required in REQUIRED)
        assert "{question}" in task.FIRST_PROMPT and "{" not in task.CORRECTION_PROMPT


FORMS = [
    (math, "Final Answer: The final answer is $answer$. I hope it is correct."),
    (qa, "Final Answer: answer"),
    (code, "one block that starts with ```python and ends with ```."),
]


@pytest.mark.parametrize("task, form", FORMS, ids=["math", "qa", "code"])
def test_self_refinement_asks_for_the_answers_form_and_says_nothing_of_the_verdict(task, form):
    assert task.CORRECTION_PROMPT.endswith(form) and task.REFINE_PROMPT.endswith(form)
    said = task.CRITIQUE_PROMPT + task.REFINE_PROMPT.removesuffix(form)
    assert not re.search(r"(?i)\b(in)?correct|wrong|mistake|error|\bright\b|fault|fail", said)
    assert "{" not in said


def test_votes_are_split_by_what_is_said_and_not_by_how_it_is_written():
    assert math.vote_key(r"$\left( 1, 2 \right)$") == math.vote_key("(1,2)") == "(1,2)"
    assert math.vote_key(r"\$ 18") == math.vote_key("18 dollars") == "18"
    assert math.vote_key("x") != math.vote_key("X")
    assert qa.vote_key("The Beatles.") == qa.vote_key("beatles")
    assert code.vote_key("def f():  \n\n    return 1\n") == code.vote_key("def f():\n    return 1")
    assert code.vote_key("if a:\n    b\n    c") != code.vote_key("if a:\n    b\nc")


def test_task_without_a_vote_key_of_its_own_folds_case_and_white_space():
    assert vote_key_of(puzzle) is puzzle.vote_key
    key = vote_key_of(json)  # a module that has none
    assert key(" Two\n words ") == "two words" == key("two words") != key("twowords")


def test_a_fourth_task_is_one_short_file(tmp_path):
    path = tmp_path / "reverse.py"
    path.write_text("""
FIRST_PROMPT = "Reverse this word: {question}"
CORRECTION_PROMPT = "Look at it again."
EVALUATOR_FUNCTIONS = ("exact",)
MARKER = ""
def parse_gold(raw): return str(raw)
def state(answer, marker): return answer
def extract(attempt, mode, marker): return attempt.strip() or None
def grade(extracted, answer, function): return float(extracted == answer)
""")
    with Verifier(str(path)) as verifier:
        verdicts = verifier(["olleh", "hello", " "], ["olleh"] * 3)
        assert [v.verdict for v in verdicts] == ["correct", "incorrect", "no_answer"]
        assert verifier.check_golds(["olleh"])[0].correct


def test_a_task_that_is_not_there_or_not_whole_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"'maths'; expected one of code, math, "):
        load_task("maths")
    with pytest.raises(ValueError, match=r"missing\.py'; expected an existing file"):
        load_task(str(tmp_path / "missing.py"))
    (tmp_path / "half.py").write_text("FIRST_PROMPT = ''")
    with pytest.raises(ValueError, match=r"Add CORRECTION_PROMPT, .*grade"):
        load_task(str(tmp_path / "half.py"))


WHOLE = """
FIRST_PROMPT = "{question}"
CORRECTION_PROMPT = MARKER = ""
EVALUATOR_FUNCTIONS = ("exact",)
parse_gold = state = extract = grade = str
"""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            WHOLE + "def grade(",
            r"mine\.py', which can't be run: line 6: SyntaxError: '\(' was never",
        ),
        (WHOLE + "import sys\nsys.exit(0)", "line 7: it ends the program, SystemExit: 0; expected"),
        (WHOLE + "raise SystemExit", "line 6: it ends the program, SystemExit; expected"),
        (WHOLE + "table = {}\ntable['x']", "line 7: KeyError: 'x'; expected .* Mend it"),
        (WHOLE + "import no_such_package", "line 6: ModuleNotFoundError: No module named"),
        ("\0" + WHOLE, "can't be run: .*null bytes"),
        ("'\udcff'" + WHOLE, "can't be run: .*SyntaxError"),
        (WHOLE + "FIRST_PROMPT = 5", "FIRST_PROMPT of task .* is 5; expected a text. Change it"),
        (WHOLE + "SYSTEM_PROMPT = ['Be kind']", r"SYSTEM_PROMPT of task .* is \['Be kind'\]; exp"),
        (WHOLE + "grade = 1.0", "grade of task .* is 1.0; expected a function"),
        (WHOLE + "vote_key = 'x'", "vote_key of task .* is 'x'; expected a function"),
        (WHOLE + "EVALUATOR_FUNCTIONS = 'exact'", "is 'exact'; expected a tuple of names"),
        (WHOLE + "EVALUATOR_FUNCTIONS = ()", r"is \(\); expected a tuple of names"),
    ],
)
def test_a_task_file_that_is_broken_is_refused_with_the_line_and_the_cause(tmp_path, content, told):
    path = tmp_path / "mine.py"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=told):
        load_task(str(path))


HOSTILE_TEXTS = {
    "braces": "{" * 500_000 + "}" * 500_000,
    "open boxes": "\\boxed{" * 140_000,
    "boxes with spaces": ("\\boxed" + " " * 90) * 10_000,
    "markers": f"{MARKER} " * 25_000,
    "half a marker": "Final" + " " * 1_000_000,
    "a marker and spaces": f"{MARKER}{' ' * 1_000_000}x",
    "dollars": f"{MARKER} " + "$" * 1_000_001,
    "digits": f"{MARKER} $" + "1," * 500_000,
    "fences": "```\n" * 250_000,
    "quotes that do not end": "```python\n" + '"\\"' * 500_000,
    "long strings": "```python\n" + '"""\n```\n' * 120_000,
    "open fences": "```python\n" * 100_000,
    "list marks": "- " * 500_000,
    "backticks": "`" * 1_000_000,
    "a fence and spaces": "```" + " " * 1_000_000 + "x y",
    "line breaks": "\n" * 1_000_000,
    "NUL": "\x00" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_extraction_takes_linear_time(name):
    """A megabyte in a second or two: extraction runs in the caller's own process."""
    for task in (math, qa, code):
        for mode in ("default", "final"):
            started = time.monotonic()
            task.extract(HOSTILE_TEXTS[name], mode, task.MARKER)
            assert time.monotonic() - started < 3.0
