"""What is asked of a policy: corrections share attempt 1, histories, critiques, draws of their own."""

from dataclasses import replace

import pytest
from sampling_runs import POLICY, PROBLEMS, SETTINGS, STOP, sample
from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.sample import sample_policy
from score.sampling.sampling_plan import SamplingPlan
from training_runs import BASE

REFINING = """
from score.tasks.puzzle import *
CRITIQUE_PROMPT = "make"
REFINE_PROMPT = "recheck"
"""
FEW = PROBLEMS[:20]


class Asked:
    """A `Generate` of the shipped policy that notes its prompts and seeds, a list a call."""

    def __init__(self, settings):
        config = sampling_config(settings.max_tokens, settings.temperature, STOP, 0)
        self.generate = HFGenerate(POLICY, config, settings.batch_size)
        self.prompts, self.seeds = [], []

    def __call__(self, prompts, seeds):
        self.prompts.append(prompts)
        self.seeds.append(seeds)
        return self.generate(prompts, seeds)


def rows_of(settings, problems=FEW):
    """Rows of one batch of all jobs, and what the policy was asked."""
    plan, asked = SamplingPlan(settings, BASE, problems, []), Asked(settings)
    jobs = [(p.id, sample) for p in problems for sample in range(settings.samples)]
    return plan, plan.rows(jobs, asked, STOP), asked


def of_correction(rows, correction, *prefixes):
    """Columns that begin with one of the prefixes, of the rows of one correction."""
    return [
        {key: value for key, value in row.items() if key.startswith(prefixes or "")}
        for row in rows
        if row["correction"] == correction
    ]


@pytest.fixture(scope="module")
def refining(tmp_path_factory):
    path = tmp_path_factory.mktemp("task") / "refining.py"
    path.write_text(REFINING)
    return replace(SETTINGS, task_type=str(path), prompting="self_refine")


# ------------------------------------------------------------------------------------ corrections
def test_each_first_attempt_is_sampled_once_and_corrected_three_times():
    _, once, _ = rows_of(SETTINGS)
    _, rows, asked = rows_of(replace(SETTINGS, corrections=3))
    assert len(asked.prompts) == 1 + 3
    assert all(len(prompts) == 40 for prompts in asked.prompts)
    assert of_correction(rows, 0) == once, "the first correction is that of one"
    firsts = [of_correction(rows, c, "attempt_t1", "ids_t1", "prompt_ids") for c in range(3)]
    assert firsts[0] == firsts[1] == firsts[2]
    seconds = [[row["attempt_t2"] for row in of_correction(rows, c)] for c in range(3)]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert sum(x != y for x, y in zip(seconds[a], seconds[b], strict=True)) > 15


def test_neither_batches_nor_interruptions_show_in_corrections(tmp_path):
    settings = replace(SETTINGS, corrections=3, batch_size=7)
    rows = sample(settings, FEW, tmp_path)
    places = [(p.id, s, c) for p in FEW for s in range(2) for c in range(3)]
    assert [(row["problem_id"], row["sample"], row["correction"]) for row in rows] == places
    _, together, _ = rows_of(replace(settings, batch_size=64))
    assert sorted(rows, key=str) == sorted(together, key=str)
    shards = [p for p in (tmp_path / "shards").glob("*.json") if p.name != "made_with.json"]
    assert len(shards) == 6  # 40 first attempts
    for shard in sorted(shards)[::2]:
        shard.unlink()
    assert sample(settings, FEW, tmp_path) == rows


def test_one_turn_is_the_first_attempts_alone():
    _, rows, _ = rows_of(SETTINGS)
    _, first, asked = rows_of(replace(SETTINGS, num_turns=1))
    assert len(asked.prompts) == 1
    assert first == [
        {key: value for key, value in row.items() if not key.endswith("_t2")} for row in rows
    ]


# ---------------------------------------------------------------------------------------- history
def test_last_history_shows_the_problem_and_the_latest_attempt_alone():
    settings = replace(SETTINGS, num_turns=4, history="last", samples=1)
    plan, rows, asked = rows_of(settings)
    for i, row in enumerate(rows):
        for t in (2, 3, 4):
            attempt = row[f"ids_t{t - 1}"]
            bridge = plan.bridges[0].after(attempt)
            assert asked.prompts[t - 1][i] == row["prompt_ids"] + attempt + bridge
    _, whole, asked = rows_of(replace(settings, history="whole"))
    assert all(len(a) < len(b) for a, b in zip(*asked.prompts[1:3], strict=True))
    two = "attempt_t1", "attempt_t2"
    assert of_correction(whole, 0, *two) == of_correction(rows, 0, *two), (
        "two turns have no history"
    )
    assert of_correction(whole, 0, "attempt_t3") != of_correction(rows, 0, "attempt_t3")


def test_longest_conversation_counts_what_a_history_holds(refining):
    """Prompts of 9 tokens; a bridge has 3, an attempt or critique 10 at most."""
    length = lambda settings: SamplingPlan(settings, BASE, FEW, []).length()  # noqa: E731
    assert {len(ids) for ids in SamplingPlan(SETTINGS, BASE, FEW, []).prompts.values()} == {9}
    assert length(replace(SETTINGS, num_turns=1)) == 9 + 10
    assert length(SETTINGS) == 9 + 10 + (3 + 10)
    assert length(replace(SETTINGS, num_turns=10)) == 9 + 10 + 9 * (3 + 10)
    assert length(replace(SETTINGS, num_turns=10, history="last")) == 9 + 10 + (3 + 10)
    assert length(refining) == 9 + 10 + 2 * (3 + 10)


# ------------------------------------------------------------------------------------ self-refine
def test_critique_lies_between_two_attempts_and_is_stored_beside_them(refining):
    plan, rows, asked = rows_of(refining)
    critique, refine = plan.bridges
    assert critique.ids != refine.ids and len(asked.prompts) == 3
    for i, row in enumerate(rows):
        after = critique.after(row["ids_t1"])
        assert asked.prompts[1][i] == row["prompt_ids"] + row["ids_t1"] + after
        told = asked.prompts[2][i][len(asked.prompts[1][i]) :]
        ids = told[: row["critique_tokens_t2"]]
        assert told == ids + refine.after(ids)
        text = plan.tokenizer.decode(ids, skip_special_tokens=True)
        assert row["critique_t2"] == text.strip()
    assert "critique_t1" not in rows[0] and len({row["critique_t2"] for row in rows}) > 20


def test_critiques_have_draws_of_their_own_and_change_those_of_no_attempt(refining):
    _, plain, corrected = rows_of(replace(SETTINGS, num_turns=3, corrections=2))
    _, rows, refined = rows_of(replace(refining, num_turns=3, corrections=2))
    first = "attempt_t1", "ids_t1"
    assert of_correction(rows, 1, *first) == of_correction(plain, 1, *first)
    attempts = [refined.seeds[0], *refined.seeds[2:9:2]]  # between them lie critiques
    assert attempts == corrected.seeds
    every = [seed for seeds in refined.seeds for seed in seeds]
    assert len(every) == len(set(every)) == 40 * (1 + 2 * 4)


def test_critiques_do_not_depend_on_batches(refining, tmp_path):
    plan = SamplingPlan(replace(refining, batch_size=3), BASE, FEW, [])
    rows = sample_policy(plan, tmp_path / "shards")
    assert rows == rows_of(refining)[1]


def test_task_without_the_messages_of_self_refinement_is_refused():
    with pytest.raises(ValueError, match="task puzzle defines no CRITIQUE_PROMPT and no REFINE"):
        SamplingPlan(replace(SETTINGS, prompting="self_refine"), BASE, FEW, [])
