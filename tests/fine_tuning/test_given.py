"""Given attempts become examples: ids of their texts, loss where it is asked for, nothing held out."""

import json
from pathlib import Path

import pytest
from score.fine_tuning.examples import read_examples
from score.fine_tuning.given import main
from score.problems.problem import Problem, write_problems
from score.sampling.prompts import Bridge
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from templates import opens_a_block

BASE = "data/puzzle/policy"
QUESTION, ELSEWHERE = "2 8 1 9 17 3 make 12", "4 7 19 13 18 3 make 26"
FIRST, SECOND = "-2 =10 -1 =9 -3 =6", "fix -9 =3 -1 =2 -2 =0"
TOKENIZER = load_tokenizer(BASE)
BRIDGE = Bridge.from_tokenizer(TOKENIZER, load_task("puzzle").CORRECTION_PROMPT)
ROW = {"question": QUESTION, "attempt_1": FIRST, "attempt_2": SECOND}


def ids(text):
    return TOKENIZER(text, add_special_tokens=False)["input_ids"]


def run(folder, rows, held_out=ELSEWHERE, **settings):
    (folder / "settings.json").write_text(json.dumps({"task_type": "puzzle", **settings}))
    (folder / "given.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_problems(folder / "test.jsonl", [Problem("p7", held_out, f"{held_out} : x")])
    files = {"settings": "settings.json", "attempts": "given.jsonl", "held-out": "test.jsonl"}
    files |= {"examples": "examples.jsonl", "report": "report.json"}
    flags = [part for name, file in files.items() for part in (f"--{name}", str(folder / file))]
    main([*flags, "--policy", BASE])
    examples = read_examples(folder / "examples.jsonl", 143)
    return examples, json.loads((folder / "report.json").read_text())


def test_loss_is_on_the_attempts_that_are_asked_for(tmp_path):
    prompt = ids(f"{QUESTION} :")
    first = [*ids(FIRST), BRIDGE.end]
    before = prompt + first + list(BRIDGE.ids[1:])
    second = [*ids(SECOND), BRIDGE.end]
    wanted = {
        "first": [(prompt + first, len(prompt))],
        "second": [(before + second, len(before))],
        "both": [(prompt + first, len(prompt)), (before + second, len(before))],
    }
    for loss_on, expected in wanted.items():
        examples, report = run(tmp_path, [ROW], loss_on=loss_on)
        assert [(e.input_ids, e.context) for e in examples] == expected
        assert report["examples"] == len(expected) and report["attempts_sampled"] == 0
    assert report["mean_tokens"] == (len(first) + len(second)) / 2


def test_first_attempts_alone_need_no_second_ones(tmp_path):
    examples, _ = run(tmp_path, [{"question": QUESTION, "attempt_1": FIRST}])
    assert [e.kind for e in examples] == ["given_t1"]


@pytest.mark.parametrize(
    ("rows", "settings", "named"),
    [
        ([], {}, "has no rows"),
        ([ROW, {"question": QUESTION}], {}, "row 2: attempt_1 is None; expected a text"),
        ([{**ROW, "attempt_1": " "}], {}, "row 1: attempt_1 is ' '"),
        ([{"question": QUESTION, "attempt_1": FIRST}], {"loss_on": "both"}, "attempt_2 is None"),
        ([ROW], {"loss_on": "third"}, "loss_on is 'third'; expected one of first, second, both"),
        ([{**ROW, "attempt_1": f"{FIRST} <end>"}], {}, "attempt_1 holds a special token"),
        # the numbers of a held-out puzzle in another order
        ([ROW], {"held_out": "8 2 1 9 3 17 make 12"}, "1 rows ask held-out .* 'p7' of test.jsonl"),
    ],
)
def test_what_can_not_be_imitated_is_refused_in_one_line(tmp_path, rows, settings, named):
    with pytest.raises(SystemExit, match=f"given: .*{named}"):
        run(tmp_path, rows, **settings)
    assert not (tmp_path / "examples.jsonl").exists()


def test_attempt_stands_behind_what_the_template_writes_before_an_answer(tmp_path):
    """As gpt-oss and Qwen3 do, between the prompt and an answer without reasoning."""
    own = Path(f"{BASE}/chat_template.jinja").read_text()
    template = tmp_path / "headed.jinja"
    template.write_text(own.replace("{% else %}", "{% else %}ok "))
    (example,), _ = run(tmp_path, [ROW], chat_template=str(template))
    assert example.input_ids == ids(f"{QUESTION} : ok {FIRST} <end>")
    assert example.context == len(ids(f"{QUESTION} :"))


def test_answer_within_a_block_that_the_template_opens_is_refused(tmp_path):
    template = tmp_path / "opens.jinja"
    template.write_text(opens_a_block(Path(f"{BASE}/chat_template.jinja").read_text()))
    with pytest.raises(SystemExit, match=r"row 1: attempt_1 holds no </think>.*enable_thinking"):
        run(tmp_path, [ROW], chat_template=str(template))
    for tags in (None, ["<reason>", "</reason>"]):  # then <think> is text like any other
        (example,), _ = run(tmp_path, [ROW], chat_template=str(template), reasoning_tags=tags)
        assert example.input_ids[-len(ids(FIRST)) - 1 : -1] == ids(FIRST)


def test_a_block_that_the_template_has_opened_is_not_opened_again(tmp_path):
    template = tmp_path / "opens.jinja"
    own = opens_a_block(Path(f"{BASE}/chat_template.jinja").read_text())
    template.write_text(own.replace("<think>", "make").replace("</think>", "fix"))
    settings = {"chat_template": str(template), "reasoning_tags": ["make", "fix"]}
    texts = f"make -2 fix {FIRST}", f"-2 fix {FIRST}"
    of = [run(tmp_path, [{**ROW, "attempt_1": text}], **settings)[0][0] for text in texts]
    assert of[0].input_ids == of[1].input_ids
    assert of[0].input_ids.count(ids("make")[0]) == ids(QUESTION).count(ids("make")[0]) + 1


def test_second_attempts_see_first_ones_without_reasoning_where_that_is_stripped(tmp_path):
    own = Path(f"{BASE}/chat_template.jinja").read_text()
    template = tmp_path / "strips.jinja"
    shown = "{{ message.content.split('fix')[-1] }}"
    template.write_text(own.replace("{% else %}{{ message.content }}", "{% else %}" + shown))
    prompt, first, second = (ids(text) for text in (f"{QUESTION} :", FIRST, SECOND))
    end = [BRIDGE.end]
    row = {**ROW, "attempt_1": f"make -2 fix {FIRST}"}  # words of its vocabulary for tags
    settings = {"loss_on": "both", "chat_template": str(template), "history_thinking": "strip"}
    one, two = run(tmp_path, [row], reasoning_tags=["make", "fix"], **settings)[0]
    assert one.input_ids[-len(first) - 1 :] == first + end
    before = prompt + first + end + list(BRIDGE.ids[1:])
    assert (two.input_ids, two.context) == (before + second + end, len(before))
