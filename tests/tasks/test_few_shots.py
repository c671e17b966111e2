"""The shipped few-shot examples follow the prompts of their task, and their last programs pass."""

import json

import pytest
from places import ROOT
from score.sandbox import run as sandbox
from score.tasks import code, load_task


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
