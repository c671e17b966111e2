"""From rollouts to examples: ids as sampled, loss on the correction, and what is refused."""

import json

import pandas as pd
import pytest
from score.files.digests import file_digest
from score.fine_tuning.corrections import main
from score.fine_tuning.examples import read_examples
from score.sampling.prompts import Bridge
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task

BASE = "data/puzzle/policy"
QUESTION = "2 8 1 9 17 3 make 12"
ANSWER = json.dumps(f"{QUESTION} : -9 =3 -1 =2 -2 =0")
RIGHT, ALSO_RIGHT, WRONG, MEND = (
    "-9 =3 -1 =2 -2 =0",
    "-1 =11 -9 =2 -2 =0",
    "-2 =10 -1 =9 -3 =6",
    "fix -9 =3 -1 =2 -2 =0",
)
TOKENIZER = load_tokenizer(BASE)
BRIDGE = Bridge.from_tokenizer(TOKENIZER, load_task("puzzle").CORRECTION_PROMPT)
END = BRIDGE.end


def ids(text, *, ended=True):
    return TOKENIZER(text, add_special_tokens=False)["input_ids"] + [END] * ended


PROMPT = ids(f"{QUESTION} :", ended=False)


def rollout(first, second=None, *, problem="p", sample=0, correction=0, ended=(True, True)):
    row = {"problem_id": problem, "level": None, "question": QUESTION, "answer": ANSWER}
    row |= {"sample": sample, "correction": correction, "prompt_ids": PROMPT}
    for t, text in enumerate([first] if second is None else [first, second], start=1):
        row[f"attempt_t{t}"] = text
        row[f"ids_t{t}"] = ids(text, ended=ended[t - 1])
        row[f"truncated_t{t}"] = not ended[t - 1]
    return row


ROLLOUTS = [
    rollout(WRONG, MEND),
    rollout(WRONG, MEND, correction=1, ended=(True, False)),
    rollout(WRONG, MEND, sample=1, ended=(False, True)),  # attempt 1 was cut off
    rollout(RIGHT, f"ok {RIGHT}", sample=2),
    rollout(RIGHT, WRONG, sample=3, problem="q"),
]
POOL = [rollout(WRONG), rollout(RIGHT, sample=1), rollout(ALSO_RIGHT, sample=2)]


def run(folder, rows, **settings):
    told = {"task_type": "puzzle", "method": "self_taught", "random_seed": 0, **settings}
    (folder / "settings.json").write_text(json.dumps(told))
    pd.DataFrame(rows).to_parquet(folder / "rollouts.parquet", index=False)
    files = {"settings": "settings.json", "sampled": "rollouts.parquet"}
    files |= {"examples": "examples.jsonl", "report": "report.json"}
    flags = [part for name, file in files.items() for part in (f"--{name}", str(folder / file))]
    main([*flags, "--policy", BASE])
    examples = read_examples(folder / "examples.jsonl", 143)
    return examples, json.loads((folder / "report.json").read_text())


def test_rollouts_become_whole_conversations_with_loss_on_the_correction(tmp_path):
    examples, report = run(tmp_path, ROLLOUTS)
    first, second = examples
    assert first.input_ids == PROMPT + ids(WRONG) + list(BRIDGE.ids[1:]) + ids(MEND)
    assert first.input_ids[first.context :] == ids(MEND)
    cut_off = PROMPT + ids(WRONG, ended=False) + list(BRIDGE.ids)  # the bridge ends it
    assert (second.input_ids, second.context) == (cut_off + ids(MEND), len(cut_off))
    assert [(e.problem_id, e.sample, e.correction) for e in examples] == [("p", 0, 0), ("p", 1, 0)]
    assert report == {
        "examples_sha256": file_digest(tmp_path / "examples.jsonl"),
        "rollouts": 5,
        "problems": 2,
        "attempts_sampled": 4 + 5,  # four first attempts, five corrections
        "mean_tokens": ((7 + 6 + 7 + 7) + (8 + 7 + 8 + 8 + 7)) / 9,
        "examples": 2,
        "examples_by_kind": {"incorrect_to_correct": 2},
        "problems_with_examples": 1,
        "correction_tokens": 2 * 8,
        "correct_t1": 2,
        "correct_t2": 4,
        "truncated_t1": 1,
        "truncated_t2": 1,
    }


def test_plus_keeps_right_answers_that_stay_right(tmp_path):
    plus, report = run(tmp_path, ROLLOUTS, keep="non_decreasing")
    assert report["examples_by_kind"] == {"incorrect_to_correct": 2, "correct_to_correct": 1}
    assert TOKENIZER.decode(plus[2].input_ids[plus[2].context :]) == f"ok {RIGHT} <end>"


def test_samples_of_a_problem_become_conversations_of_two_turns(tmp_path):
    examples, report = run(tmp_path, POOL, method="pair_sft")
    wanted = [PROMPT + ids(WRONG) + list(BRIDGE.ids[1:]) + ids(t) for t in (RIGHT, ALSO_RIGHT)]
    assert [e.input_ids for e in examples] == wanted
    assert (report["attempts_sampled"], report["correct_t1"]) == (3, 2)
    plus, _ = run(tmp_path, POOL, method="pair_sft", keep="non_decreasing")
    assert len(plus) == 4 and plus[:2] == examples


def test_the_same_rollouts_give_the_same_bytes(tmp_path):
    written = []
    for _ in range(2):
        run(tmp_path, POOL, method="pair_sft", pairs_per_problem=1)
        written.append((tmp_path / "examples.jsonl").read_bytes())
    assert written[0] == written[1] and written[0].count(b"\n") == 1


def changed(row, **values):
    return [{**ROLLOUTS[0], **values}, *ROLLOUTS[1:]] if row == 0 else [*ROLLOUTS, values]


@pytest.mark.parametrize(
    ("rows", "settings", "named"),
    [
        (
            [ROLLOUTS[4]],
            {},
            "1 rollouts 1 are right in turn 1, 0 score more.* expected at least one",
        ),
        ([ROLLOUTS[1]], {}, "1 score more in turn 2, and 1 are cut off"),
        (pd.DataFrame(ROLLOUTS).drop(columns="ids_t2"), {}, r"expected also \['ids_t2'\]"),
        (pd.DataFrame(ROLLOUTS)[:0], {}, "no rollouts to verify"),
        (changed(0, ids_t2=[7, 8, END]), {}, "under the tokenizer of --policy it reads"),
        (changed(0, ids_t2=[999, END]), {}, "other ids than its 0 to 142"),
        (changed(0, ids_t2=ids(MEND)[:-1]), {}, "ends with none of its end-of-turn tokens"),
        (changed(0, prompt_ids=[1, 2]), {}, "prompt_ids of p differ from row to row"),
        (changed(0, ids_t1=ids(RIGHT)), {}, "ids_t1 of p 0 differ from row to row"),
        (pd.DataFrame(ROLLOUTS).assign(critique_t2="no"), {}, "hold critiques"),
        (ROLLOUTS, {"keep": "all"}, "keep is 'all'; expected one of improving, non_decreasing"),
        (
            ROLLOUTS,
            {"method": "star"},
            "method is 'star'; expected one of self_taught, self_re",
        ),
        (ROLLOUTS, {"pairs_per_problem": 0}, "pairs_per_problem is 0"),
    ],
)
def test_what_can_not_be_imitated_is_refused_in_one_line(tmp_path, rows, settings, named):
    with pytest.raises(SystemExit, match=f"corrections: .*{named}"):
        run(tmp_path, rows, **settings)
    assert not (tmp_path / "examples.jsonl").exists()


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "line 1: not valid JSON"),
        ('{"input_ids": [1, 2]}', "line 1: row is"),
        ([1, 200], "line 1: input_ids are not all token ids of the policy, which knows 143"),
        ([1, -1], "not all token ids"),
        ([1, 2.0], "not all token ids"),
        ([1], "line 1: context is 1 of 1 ids"),
    ],
)
def test_files_that_hold_no_examples_of_the_policy_are_refused(tmp_path, line, named):
    if isinstance(line, list):
        told = {"problem_id": "p", "sample": 0, "correction": 0, "kind": "k", "context": 1}
        line = json.dumps({**told, "input_ids": line})
    (tmp_path / "examples.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=named):
        read_examples(tmp_path / "examples.jsonl", 143)
