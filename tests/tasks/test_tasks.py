import gzip
import itertools
import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from score.sandbox import run as sandbox
from score.tasks import REQUIRED, code, known_tasks, load_task, math, puzzle, qa, vote_key_of
from score.verifiers.verifier import Verifier

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
MARKER = math.MARKER


def rows(name: str) -> list[dict]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"real data not found: {path}")
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as lines:
        return json.load(lines) if path.suffix == ".json" else [json.loads(line) for line in lines]


# --- any task


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


PUZZLE_KEYS = [  # two attempts at `4 9 13 19 2 7 make 26`, whether they count as one answer, why
    ("-13 =13 -4 =9 -9 =0", "-9 =17 -13 =4 -4 =0", True, "another order of the same picks"),
    ("-13 =13 -4 =9 -9 =0", "-13 =13 -4 =9 -9 =1", False, "a wrong remainder"),
    ("-13 =13 -4 =9 -9 =0", "-13 =14 -4 =10 -9 =1", False, "another target than the puzzle's"),
    ("-13 =13 -4 =9 -9 =0", "-13 =14 -4 =9 -9 =0", False, "a slip on the way to nothing left"),
    ("-13 =13 -4 =9 -9 =0", "-13 =13 -4 =9 -7 =2", False, "other picks"),
    ("-19 =7 -13 bust -2 bust", "-2 =24 -13 =11 -19 bust", True, "bust is bust in any order"),
    ("-13 =13 -4 =9 -9 =0", "-1_3 =13 -4 =9 -9 =0", False, "no number that a policy writes"),
    ("-13 =13 -4 =9 -9 =0", "a b c d e f", False, "words"),
    ("-13 =13 -4 =9 -9 =0", f"-13 ={'9' * 5000} -4 =9 -9 =0", False, "a number beyond all bounds"),
    ("-13", "", False, "too little"),
]


@pytest.mark.parametrize("one, other, same, why", PUZZLE_KEYS, ids=[c[3] for c in PUZZLE_KEYS])
def test_puzzle_attempts_vote_by_their_picks(one, other, same, why):
    assert (puzzle.vote_key(one) == puzzle.vote_key(other)) is same


def test_no_wrong_puzzle_attempt_votes_with_a_right_one():
    answer = "1 2 3 4 5 6 make 9 : -6 =3 -2 =1 -1 =0"
    words = [f"={n}" for n in range(-1, 10)] + ["bust"]
    keys = {True: set(), False: set()}
    for picks in itertools.permutations((1, 2, 3, 4, 5), 3):
        for first, second in itertools.product(words, words):
            for last in ("=0", "=1", "bust"):
                said = [f"-{picks[0]}", first, f"-{picks[1]}", second, f"-{picks[2]}", last]
                right = puzzle.grade(" ".join(said), answer, "puzzle_acc") == 1.0
                keys[right].add(puzzle.vote_key(" ".join(said)))
    assert keys[True] == {"1 3 5 =0", "2 3 4 =0"}
    assert not keys[True] & keys[False]


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
        assert verifier.check_gold("olleh").correct


def test_a_task_that_is_not_there_or_not_whole_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"'maths'; expected one of code, math, "):
        load_task("maths")
    with pytest.raises(ValueError, match=r"missing\.py'; expected an existing file"):
        load_task(str(tmp_path / "missing.py"))
    (tmp_path / "half.py").write_text("FIRST_PROMPT = ''")
    with pytest.raises(ValueError, match=r"Add CORRECTION_PROMPT, .*grade"):
        load_task(str(tmp_path / "half.py"))


@pytest.mark.parametrize("name", ["math", "qa", "code"])
def test_few_shots_follow_the_prompts_and_the_answer_form_of_their_task(name):
    task = load_task(name)
    opening = task.FIRST_PROMPT.partition("{question}")[0]
    for turn in ("initial", "correction"):
        messages = json.loads((ROOT / "few_shots" / f"{name}_{turn}.json").read_text())
        length = 2 if turn == "initial" else 4
        assert len(messages) % length == 0 and len(messages) >= 2 * length
        for i, message in enumerate(messages):
            assert message["role"] == ("user", "assistant")[i % 2]
            if i % length == 0:
                assert message["content"].startswith(opening)
            elif i % 2 == 0:
                assert message["content"] == task.CORRECTION_PROMPT
            else:
                mode = "default" if name == "code" else "final"
                assert task.extract(message["content"], mode, task.MARKER)


def test_the_last_programs_of_the_few_shots_pass_their_tests():
    for turn, length in (("initial", 2), ("correction", 4)):
        messages = json.loads((ROOT / "few_shots" / f"code_{turn}.json").read_text())
        for start in range(0, len(messages), length):
            tests = [line for line in messages[start]["content"].splitlines() if "assert" in line]
            program = code.extract(messages[start + length - 1]["content"], "default", "")
            gold = json.loads(code.parse_gold({"tests": tests, "solution": program}))
            assert sandbox.run_tests(program, gold, 10.0).kind == "passed"


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


# --- math

STATED = [  # attempt, in mode default, in mode final, why
    (r"so \boxed{4}", "4", None, "a box states"),
    (r"\boxed {\frac{1}{2}}.", r"\frac{1}{2}", None, "braces are balanced"),
    (r"\boxed{3} no, \boxed{4}", "4", None, "the last box wins"),
    (r"\boxed{3} no, \boxed{4", None, None, "cut inside the last box"),
    (r"\boxed{\boxed{4}}", "4", None, "a box in a box"),
    (r"\boxed{}", None, None, "an empty box"),
    (r"\boxed{a \} b", None, None, "an escaped brace closes nothing"),
    ("the answer is 4", None, None, "no last-number fallback"),
    ("", None, None, "nothing"),
    (f"{MARKER} $4$. I hope it is correct.", "4", "4", "the paper's form"),
    (f"{MARKER} $4$", "4", "4", "the rest of the form may be missing"),
    (f"{MARKER} 4", "4", "4", "plain"),
    (f"{MARKER} $4", None, None, "cut before the dollar closes"),
    (f"{MARKER} $", None, None, "cut after the dollar"),
    (f"{MARKER}", None, None, "cut after the marker"),
    (f"{MARKER[:-3]}", None, None, "cut inside the marker"),
    (f"{MARKER} \\frac{{1}}{{", None, None, "cut inside a brace"),
    (f"{MARKER} \\(5", None, None, "cut inside a formula"),
    (f"{MARKER} $$5", None, None, "cut inside a display"),
    (f"{MARKER} $18. I hope it is correct.", "18", "18", "money"),
    (f"{MARKER} $18", None, None, "money or a formula cut short: not stated"),
    (f"{MARKER} $\\$18.90$. I hope it is correct.", r"\$18.90", r"\$18.90", "escaped dollars"),
    (f"{MARKER} **4**.", "4", "4", "bold"),
    (f"{MARKER}\n$$\n4\n$$", "4", "4", "on lines of its own"),
    (f"{MARKER} \\(x\\).", "x", "x", "other delimiters"),
    (f"{MARKER} $\\boxed{{7}}$. I hope", "7", "7", "a box in the statement"),
    (f"{MARKER} $1$. Wait. {MARKER} $2$.", "2", "2", "the last marker wins"),
    (f"\\boxed{{3}} {MARKER} $4$.", "4", "4", "the marker comes last"),
    (f"{MARKER} $4$. So \\boxed{{3}}", "3", "3", "the box comes last"),
    (f"\\boxed{{3}} {MARKER}", None, None, "cut while stating anew"),
    (f"{MARKER} $a$ and $b$.", "$a$ and $b$", "$a$ and $b$", "two formulas"),
    (MARKER.replace(" ", "\n") + " $4$", "4", "4", "line breaks in the marker"),
]


@pytest.mark.parametrize("attempt, default, final, why", STATED, ids=[case[3] for case in STATED])
def test_math_extracts_what_was_stated_and_nothing_else(attempt, default, final, why):
    assert math.extract(attempt, "default", MARKER) == default
    assert math.extract(attempt, "final", MARKER) == final


def test_no_cut_of_a_right_solution_says_more_than_the_whole():
    whole = f"First 2 + 2 = 4.\n{MARKER} $\\frac{{42}}{{5}}$. I hope it is correct."
    stated = {math.extract(whole[:cut], "default", MARKER) for cut in range(len(whole) + 1)}
    assert stated == {None, r"\frac{42}{5}"}
    boxed = r"We get 2 + 2 = 4, so $\boxed{\text{(A) } x^{2}}$."
    stated = {math.extract(boxed[:cut], "default", MARKER) for cut in range(len(boxed) + 1)}
    assert stated == {None, r"\text{(A) } x^{2}"}


def test_math_golds_that_say_nothing_are_refused_with_a_reason():
    assert math.parse_gold(" 42 ") == "42" and math.parse_gold(42) == "42"
    for raw, reason in [("", "empty"), (["1", "2"], "list"), (None, "NoneType"), (True, "bool")]:
        with pytest.raises(ValueError, match=reason):
            math.parse_gold(raw)


def test_every_math_gold_verifies_against_itself_except_the_two_empty_ones():
    problems = rows("math/part_a.jsonl") + rows("math/part_b.jsonl")
    golds = [problem["answer"] for problem in problems]
    with Verifier("math", deadline=10.0) as verifier:
        for attempts in (
            [f"\\boxed{{{gold}}}" for gold in golds],
            [math.state(gold, MARKER) for gold in golds],
        ):
            verdicts = verifier(attempts, golds)
            wrong = [
                p["unique_id"] for p, v in zip(problems, verdicts, strict=True) if not v.correct
            ]
            empty = ["test/number_theory/7115.json", "test/number_theory/7117.json"]
            assert sorted(wrong) == empty


def test_quick_grades_are_those_of_math_verify():
    from math_verify import parse, verify

    golds = ["7", "-3", "1000", "0.5", r"\frac{1}{2}", r"-\frac{3}{4}", "12,345", "0", "2.50"]
    stated = [*golds, "7.0", "07", "+7", "7.000001", "7.0000001", "8", r"\dfrac{1}{2}", "$7$", "-0"]
    stated += ["1,000", "1{,}000", "0.500", "0.75", "-0.75", r"\frac{2}{4}", r"\frac{-3}{4}", "100"]
    decided = 0
    for gold in golds:
        for text in stated:
            quick = math.quick_grade(text, gold, "math_acc")
            if quick is not None:
                decided += 1
                pair = [parse(f"\\boxed{{{side}}}", parsing_timeout=None) for side in (gold, text)]
                assert quick == verify(*pair, timeout_seconds=None), (gold, text)
    assert decided > 200


def test_the_second_opinion_knows_forms_but_no_algebra():
    same = [("1,000", "1000"), (r"\frac12", "0.5"), (r"18\text{ dollars}", "18"), ("x=5", "5")]
    same += [(r"\$18", "18"), (r"90^\circ", "90"), ("(A)", r"\text{A}"), ("(1, 2)", "(1,2)")]
    assert all(math.second_opinion(a, b) for a, b in same)
    different = [("5", "6"), ("(1,234)", "1234"), ("x+1", "1+x"), ("", ""), ("-5", "5")]
    assert not any(math.second_opinion(a, b) for a, b in different)


# --- question answering


def test_qa_normalises_case_punctuation_and_articles():
    assert qa.normalise("The  U.S. Navy's “Big-E”!") == "us navys bige"
    assert qa.normalise("A an THE") == ""


QA = [  # attempt, golds, in_acc, em, f1: counted by hand
    ("Bobby Scott", ["Bobby Scott", "Bob Russell"], 1, 1, 1),
    ("It was Bob Russell, I think.", ["Bobby Scott", "Bob Russell"], 1, 0, 2 * 2 / (6 + 2)),
    ("Bob", ["Bob Russell"], 0, 0, 2 * 1 / (1 + 2)),
    ("the cat", ["Cat"], 1, 1, 1),
    ("concatenate", ["cat"], 0, 0, 0),
    ("14 December 1972", ["December 1972"], 1, 0, 2 * 2 / (3 + 2)),
    ("no no no", ["no way"], 0, 0, 2 * 1 / (3 + 2)),
    ("!!!", ["cat"], 0, 0, 0),
]


@pytest.mark.parametrize("attempt, golds, in_acc, em, f1", QA)
def test_qa_scores_the_best_gold(attempt, golds, in_acc, em, f1):
    scores = [qa.grade(attempt, golds, function) for function in ("in_acc", "em", "f1")]
    assert scores == pytest.approx([in_acc, em, f1])


def test_qa_final_mode_reads_only_the_line_behind_the_last_marker():
    attempt = "Paris? Final Answer: Lyon\nNo. Final Answer: **Paris**\nLyon"
    assert qa.extract(attempt, "final", qa.MARKER) == "Paris**"
    assert qa.grade("Paris**", ["Paris"], "em") == 1.0
    assert qa.extract("Paris", "final", qa.MARKER) is None
    assert qa.extract("Final Answer: ", "final", qa.MARKER) is None
    assert qa.extract(" Paris ", "default", qa.MARKER) == "Paris"


def test_qa_golds_that_vanish_are_refused():
    for raw, reason in [(["x", "the"], "empty once"), ([], "non-empty"), ([1], "not a text")]:
        with pytest.raises(ValueError, match=reason):
            qa.parse_gold(raw)


def test_natural_questions_golds_verify_against_themselves_but_for_those_that_vanish():
    kept, refused = [], []
    for row in rows("nq_open/dev.jsonl"):
        try:
            kept.append(qa.parse_gold(row["answer"]))
        except ValueError:
            refused.append(row["answer"])
    assert (len(kept), len(refused)) == (3606, 4)
    for function in qa.EVALUATOR_FUNCTIONS:
        for mode in ("default", "final"):
            with Verifier("qa", function, mode) as verifier:
                attempts = [qa.state(gold, qa.MARKER) for gold in kept]
                assert Counter(v.verdict for v in verifier(attempts, kept)) == {"correct": 3606}


# --- code


def test_code_extracts_the_last_closed_block():
    attempt = "```python\na\n```\ntext\n```\nb\n\n```\n```text\nc\n```"
    assert code.extract(attempt, "default", "") == "b"
    assert code.extract(attempt + "\n```python\nd", "default", "") is None
    assert code.extract("def f(): pass", "default", "") is None
    assert code.extract("```python\n    return 1\n```", "default", "") == "    return 1"
    assert code.extract(attempt, "final", "Final program:") is None
    assert (
        code.extract(attempt + "\nFinal program:\n```py\ne\n```", "final", "Final program:") == "e"
    )


def test_code_golds_that_cannot_judge_are_refused_with_a_reason():
    cases = [("nonsense", "not a JSON object"), ({"tests": []}, "no tests")]
    cases += [({"tests": ["assert f("]}, "not Python"), ({"text": "x"}, "keys")]
    for raw, reason in cases:
        with pytest.raises(ValueError, match=reason):
            code.parse_gold(raw)
    with pytest.raises(KeyError, match="test_list"):
        code.gold_from_row({"text": "x", "code": "y"})


def test_tests_take_only_what_the_solution_defines_from_the_program():
    gold = json.loads(
        code.parse_gold(
            {
                "tests": ["assert sum(2, 3) == 5 and math.isclose(max(1, 2), 2)"],
                "solution": "import math\ndef sum(a, b):\n    max = a + b\n    return max",
            }
        )
    )
    assert gold["names"] == ["sum"] and gold["imports"] == ["import math"]


@pytest.mark.parametrize(
    "name, count", [("humaneval/HumanEval.jsonl.gz", 164), ("mbpp/sanitized-mbpp.json", 427)]
)
def test_canonical_solutions_pass(name, count):
    """A part of each, for time; benchmarks/labelled_suites.py runs them all."""
    all_rows = rows(name)
    assert len(all_rows) == count
    chosen = all_rows[:: 7 if count == 427 else 2]
    golds = [code.parse_gold(code.gold_from_row(row)) for row in chosen]
    with Verifier("code", deadline=30.0, workers=2) as verifier:
        verdicts = verifier([code.state(gold, code.MARKER) for gold in golds], golds)
    wrong = [row["task_id"] for row, v in zip(chosen, verdicts, strict=True) if not v.correct]
    assert wrong == []


def test_mbpp_solutions_that_need_setup_or_types_pass_and_wrong_ones_do_not():
    by_id = {row["task_id"]: row for row in rows("mbpp/mbpp.jsonl")}
    chosen = [by_id[number] for number in (367, 927, 533, 1, 601)]
    golds = [code.parse_gold(code.gold_from_row(row)) for row in chosen]
    attempts = [code.state(gold, code.MARKER) for gold in golds]
    with Verifier("code", deadline=30.0) as verifier:
        assert [v.verdict for v in verifier(attempts, golds)] == ["correct"] * 5
        rotated = attempts[1:] + attempts[:1]
        assert [v.verdict for v in verifier(rotated, golds)] == ["incorrect"] * 5
