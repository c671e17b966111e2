"""Code: the last program of an attempt, and the tests that judge it."""

import json

import pytest
from real_rows import rows
from score.tasks import code
from score.verifiers.verifier import Verifier


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
    bold = "\n**Final program:**\n```py\ne\n```\n"
    assert code.extract(attempt + bold, "final", "Final program:") == "e"
    assert code.extract(attempt + bold.lower(), "final", "Final program:") == "e"


ADD = "def add(a, b):\n    return a + b"
ADD_GOLD = json.dumps({"names": ["add"], "tests": ["assert add(2, 3) == 5"]})
READ = {
    "attributes": f'```python title="a.py" linenums=1\n{ADD}\n```',
    "pandoc's form": f"```{{.python .numberLines}}\n{ADD}\n```",
    "other names of Python": f"```text\nx\n```\n``` Python3\n{ADD}\n```",
    "a file name": f"```main.py\n{ADD}\n```",
    "tildes": f"~~~python\n{ADD}\n~~~",
    "five backticks": f"`````py\n{ADD}\n`````",
    "a fence in a docstring": '```python\ndef add(a, b):\n    """\n```\nadd(1, 2)\n```\n    """\n'
    "    return a + b\n```\nDone.",
    "a fence in a string": "```python\ndef add(a, b):\n    s = '```'\n    return a + b\n```",
    "closed behind code": f"```python\n{ADD}``` That is it.\n",
    "opened behind text": f"The program: ```python\n{ADD}\n```",
    "in a list": "1. Like this:\n\n   ```python\n   def add(a, b):\n       return a + b\n   ```\n",
    "behind a list's mark": "- ```python\n  def add(a, b):\n      return a + b\n  ```",
    "in a quote": "> ```python\n> def add(a, b):\n>     return a + b\n> ```",
    "in a block of Markdown": f"````markdown\n# Sum\n```python\n{ADD}\n```\n````",
    "Windows' line ends": f"```python\n{ADD}\n```\n".replace("\n", "\r\n"),
    "a stray fence behind it": f"```python\n{ADD}\n```\n```\nIt adds.",
    "a stray fence before it": f"```\n```python\n{ADD}\n```",
    "an example behind it": f"```python\n{ADD}\n```\n```python\nprint(add(1, 2))\n```",
    "an output behind it": f"```python\n{ADD}\n```\n\n```\n3\n```\nThat is it.",
    "an output that is not closed": f"```python\n{ADD}\n```\nOutput:\n```\n3",
    "not closed before an example": f"```python\n{ADD}\n\n```python\nprint(add(1, 2))\n```",
    "a broken program before it": '```python\ndef add(a, b):\n    """bad\n```\n'
    f"So:\n```python\n{ADD}\n```",
    "a wrong program before it": f"```python\ndef add(a, b): return 0\n```\nNo:\n```python\n{ADD}\n```",
    "whole lines and no closing": f"```python\n{ADD}\n",
}


@pytest.mark.parametrize("name", READ)
def test_the_program_is_read_from_fences_as_people_write_them(name):
    namespace = {}
    exec(code.extract_for(READ[name], "default", "", ADD_GOLD), namespace)
    assert namespace["add"](2, 3) == 5


def test_a_text_that_is_cut_off_in_a_program_states_nothing():
    for cut in ("import ma", "import math\n", "def add(a, b):\n    retu"):
        attempt = f"```python\n{ADD}\n```\nBetter:\n```python\n{cut}"
        assert code.extract_for(attempt, "default", "", ADD_GOLD) is None
    assert code.extract_for(f"```python\n{ADD}", "default", "", ADD_GOLD) is None
    assert code.extract_for(f"```text\n{ADD}\n```", "default", "", ADD_GOLD) is None


def test_a_program_whose_asked_names_are_in_several_blocks_is_put_together():
    attempt = "```python\nclass E(Exception): pass\n```\nand\n```python\ndef f(): raise E\n```"
    gold = json.dumps({"names": ["E", "f"], "tests": ["x"]})
    found = code.extract_for(attempt, "default", "", gold)
    assert found == "class E(Exception): pass\n\ndef f(): raise E"


def test_a_continued_prompt_counts_by_its_last_block_that_names_python():
    attempt = "```python\n    return a + b\n```\nOutput:\n```\n5\n```"
    assert code.extract_for(attempt, "default", "", ADD_GOLD) == "    return a + b"


def test_a_reference_program_with_fences_in_it_states_itself():
    solution = 'def add(a, b):\n    """\n````\n```\n    """\n    return a + b'
    gold = code.parse_gold({"tests": ["assert add(2, 3) == 5"], "solution": solution})
    assert code.extract_for(code.state(gold, ""), "default", "", gold) == solution


PLUS = """
import numpy as np
from math import inf

def is_floats(x) -> bool:
    return isinstance(x, float) or isinstance(x, list) and all(isinstance(i, float) for i in x)

def assertion(out, exp, atol):
    exact_match = out == exp
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert exact_match, f"out: {out}, exp: {exp}"

inputs, results = [[[1.0, 2.0]], [[0.1, 0.2]]], [3.0, 0.3]
"""
LOOP = "for i, (inp, exp) in enumerate(zip(inputs, results)):\n    assertion({}(*inp), exp, 0)\n"
MBPP_PLUS = {
    "task_id": 1,
    "code": "import numpy as np\ndef total(xs): return float(np.sum(xs))",
    "prompt": "Write a function to add.",
    "source_file": "x.py",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(total([1.0, 2.0]), 3)"],
    "test": PLUS + LOOP.format("total"),
}
HUMANEVAL_PLUS = {
    "task_id": "HumanEval/1",
    "prompt": 'def total(xs):\n    """Add."""\n',
    "canonical_solution": "    return sum(xs)\n",
    "entry_point": "total",
    "test": PLUS
    + "def check(candidate):\n"
    + "".join(f"    {line}\n" for line in LOOP.format("candidate").splitlines()),
}


def test_rows_of_evalplus_are_judged_by_their_own_tests():
    wrong = ["return 3.0", "return []", "return [3.0, 3.0]"]
    for row in (MBPP_PLUS, HUMANEVAL_PLUS):
        gold = code.parse_gold(code.gold_from_row(row))
        assert "np" not in json.loads(gold)["names"] and code.question_from_row(row)
        attempts = [f"```python\ndef total(xs): {text}\n```" for text in wrong]
        with Verifier("code", deadline=20.0) as verifier:
            assert verifier.check_golds([gold])[0].correct
            verdicts = verifier(attempts, [gold] * len(attempts))
        assert [verdict.verdict for verdict in verdicts] == ["incorrect"] * len(attempts)


def test_why_a_reference_program_does_not_pass_is_one_sentence():
    missing = {"tests": ["import pandas\nassert f(1) == 1"], "solution": "def f(x): return x"}
    assert "pandas is imported, which the sandbox does not have" in code.why_unsound(
        code.parse_gold(missing)
    )
    own = {"tests": ["class Own: pass\nf(Own())"], "solution": "def f(x): return x"}
    assert "passes an object of Own" in code.why_unsound(code.parse_gold(own))
    none = {"tests": ["assert f(1) == 1"]}
    assert "there is no program" in code.why_unsound(code.parse_gold(none))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("imports", "import os", "not a list of texts"),
        ("imports", [1], "not a list of texts"),
        ("tests", {"assert f(1)": 1}, "not a list of texts"),
        ("names", 3, "not a list of texts"),
        ("setup", None, "not a text"),
    ],
)
def test_code_golds_of_other_kinds_than_texts_are_refused_by_their_key(key, value, expected):
    gold = {"tests": ["assert f(1) == 1"], "solution": "def f(x): return x", key: value}
    with pytest.raises(ValueError, match=f"the gold's {key} is .*, {expected}"):
        code.parse_gold(gold)


def test_reading_a_code_gold_leaves_the_row_of_the_data_set_as_it_was():
    tests, solution = ["assert math.floor(f(1)) == 1"], "import math\ndef f(x): return x"
    row = {"imports": [], "tests": tests, "solution": solution}
    assert json.loads(code.parse_gold(row))["imports"] == ["import math"]
    assert row["imports"] == []


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
    renamed = {
        "tests": ["assert f(2) == np.sqrt(4)"],
        "solution": "import numpy as np\nf = np.sqrt",
    }
    gold = json.loads(code.parse_gold(renamed))
    assert gold["names"] == ["f"] and gold["imports"] == ["import numpy as np"]


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
