"""Choose what supervised fine-tuning imitates: STaR, STaSC, Pair-SFT and self-rewarding correction.

    python -m score.fine_tuning.corrections --settings settings.json --policy POLICY \\
        --sampled sampled.parquet --examples examples.jsonl --report examples.json

Rollouts are verified here first, so that their verdicts and the choice come from one place. Token ids
go into the examples exactly as they were sampled. --policy names the policy that sampled, for its
tokenizer alone.
"""

import sys
from collections import Counter

import numpy as np
import pandas as pd

from score.evaluation.verify import verify
from score.fine_tuning.examples import Example, write_examples, write_report
from score.fine_tuning.pairs import Conversation, sample_pairs, self_taught_pairs
from score.fine_tuning.self_rewarding import VERDICT_COLUMNS, self_rewarding_conversations
from score.fine_tuning.settings import PROMPTING, CorrectionSettings
from score.jobs.command import Command
from score.policies.fitness import check_policy
from score.policies.load import declared_generation, vocabulary_size
from score.sampling.generate import stop_ids_of
from score.sampling.prompt_settings import task_of
from score.sampling.prompts import Bridge, correction_prompts, system_prompt_of
from score.sampling.rollout import Rollout, attempt_texts, cut_off
from score.sampling.sampled import read_sampled
from score.sampling.tokenizers import asking_tokenizer

COMMAND = Command(__spec__, __doc__)

# The columns that each method reads: of the rollout, and of each of its turns.
METHODS = {
    "self_taught": (
        ("problem_id", "sample", "correction", "prompt_ids"),
        ("attempt", "ids", "truncated", "score", "correct"),
        (1, 2),
    ),
    "pair_sft": (
        ("problem_id", "sample", "prompt_ids"),
        ("attempt", "ids", "truncated", "correct"),
        (1,),
    ),
    "self_rewarding": (
        ("problem_id", "sample", "correction", "prompt_ids", *VERDICT_COLUMNS),
        ("attempt", "ids", "truncated", "correct"),
        (1, 2),
    ),
}


def choose(attempts: pd.DataFrame, settings: CorrectionSettings) -> list[Conversation]:
    """What is imitated of judged attempts. ValueError where there must be something and is nothing."""
    _check_columns(attempts, settings.method)
    keep, most, seed = settings.keep, settings.pairs_per_problem, settings.random_seed
    if settings.method == "self_taught":
        chosen = self_taught_pairs(attempts, keep, settings.keep_from, most, seed)
    elif settings.method == "pair_sft":
        chosen = sample_pairs(attempts, keep, most, seed)
    else:
        chosen = self_rewarding_conversations(attempts, most, seed)
    if not chosen and settings.on_no_corrections == "refuse":
        raise ValueError(_nothing_to_imitate(attempts, settings))
    return chosen


def _check_columns(attempts: pd.DataFrame, method: str) -> None:
    plain, of_turn, turns = METHODS[method]
    needed = [*plain, *(f"{name}_t{turn}" for turn in turns for name in of_turn)]
    missing = [name for name in needed if name not in attempts]
    if missing:
        raise ValueError(
            f"columns are {list(attempts)}; expected also {missing} for method {method}. Sample (and "
            "judge) again."
        )
    if method != "self_rewarding" and any(name.startswith("critique") for name in attempts):
        raise ValueError(
            "rollouts hold critiques between the attempts; expected attempt 2 right after the "
            "correction message. Sample with prompting: correction."
        )
    for by, column in ((["problem_id"], "prompt_ids"), (["problem_id", "sample"], "ids_t1")):
        keys, first = zip(*(attempts[name] for name in by), strict=True), {}
        for key, ids in zip(keys, attempts[column], strict=True):
            told = first.setdefault(key, ids)
            if told is not ids and not np.array_equal(told, ids):
                raise ValueError(
                    f"{column} of {' '.join(map(str, key))} differ from row to row; expected "
                    "one and the same. Don't join rollouts of different policies or prompts: sample "
                    "again."
                )


def _nothing_to_imitate(attempts: pd.DataFrame, settings: CorrectionSettings) -> str:
    right = int(attempts["correct_t1"].sum())
    found = f"of {len(attempts)} rollouts {right} are right in turn 1"
    if settings.method == "self_rewarding":
        wrong = attempts[~attempts["correct_t1"].astype(bool)]
        called = wrong[wrong["self_verdict_t2"] == "wrong"]
        mended, unread = called["correct_t2"].sum(), (attempts["self_verdict_t2"] == "unread").sum()
        return (
            f"no trajectory is kept ({found}; of the {len(wrong)} others the policy calls {len(called)} "
            f"wrong and mends {int(mended)}; {int(unread)} verdicts can't be read); expected some of "
            "right and some of wrong first attempts, which are balanced. Sample more "
            "(number_output_initial_generations, number_output_corrections), raise max_tokens, or begin "
            "with a policy that can judge its attempts."
        )
    if settings.method == "self_taught":
        gained = int((attempts["score_t2"] > attempts["score_t1"]).sum())
        cut = int(attempts["truncated_t2"].sum())
        found += f", {gained} score more in turn 2, and {cut} are cut off there"
    return (
        f"no correction is kept with keep: {settings.keep} ({found}); expected at least one. Sample "
        "more rollouts of each problem, raise max_tokens where many are cut off, use keep: "
        "non_decreasing, or begin with a policy that corrects itself at times."
    )


def make_examples(
    conversations: list[Conversation],
    tokenizer,
    bridges: tuple[Bridge, ...],
    stop_ids: set[int],
    vocabulary: int,
) -> list[Example]:
    """Conversations as token ids: prompt, earlier turns as the last one sees them, that turn.

    bridges: between turns, by turns. vocabulary: how many token ids the policy knows. ValueError where
    the ids don't spell the turns' texts, so come from another tokenizer, or where the last turn does
    not end with an end-of-turn token or a stop string.
    """
    rollouts = [_rollout(one, bridges, stop_ids) for one in conversations]
    examples = []
    for one, rollout in zip(conversations, rollouts, strict=True):
        ids, turn, _ = rollout.sequences()[-1]
        if any(not 0 <= i < vocabulary for i in ids):
            raise ValueError(_not_ours(one, f"holds other ids than its 0 to {vocabulary - 1}"))
        if rollout.truncated[-1]:
            raise ValueError(_not_ours(one, "ends with none of its end-of-turn tokens"))
        context = turn.index(len(one.turns))
        examples.append(Example(one.problem_id, one.sample, one.correction, one.kind, ids, context))
    for one, texts in zip(conversations, attempt_texts(rollouts, tokenizer), strict=True):
        if texts != list(one.texts):
            raise ValueError(_not_ours(one, f"reads {texts}, where {list(one.texts)} is written"))
    return examples


def _rollout(one: Conversation, bridges: tuple[Bridge, ...], stop_ids: set[int]) -> Rollout:
    rollout = Rollout(
        one.prompt_ids, list(one.turns), [], [cut_off(turn, stop_ids) for turn in one.turns]
    )
    seen = one.prompt_ids
    for place, turn in enumerate(one.turns[:-1]):
        bridge = bridges[place % len(bridges)]
        rollout.bridges.append(bridge.after(turn))
        if bridge.history is not None:
            seen = bridge.next_context(seen, turn)
            rollout.contexts.append(seen)
    return rollout


def _not_ours(one: Conversation, found: str) -> str:
    return (
        f"rollout of problem {one.problem_id}, sample {one.sample}, correction {one.correction}: "
        f"under the tokenizer of --policy it {found}; expected token ids of that tokenizer. Name the "
        "policy that sampled the rollouts, or sample again."
    )


def report(attempts: pd.DataFrame, examples: list[Example], settings: CorrectionSettings) -> dict:
    """Counts of what was sampled and of what is kept.

    attempts_sampled: the price of the examples, with each first attempt counted once, and where a policy
    judges its attempts the revisions that were made. mean_tokens: of an attempt. correction_tokens: of
    all that is imitated.
    """
    once, made = attempts.drop_duplicates(["problem_id", "sample"]), attempts
    lengths, verdicts = [*map(len, once["ids_t1"])], {}
    if settings.method == "self_rewarding":
        made = attempts[attempts["revised_t2"].astype(bool)]
        said = attempts["self_verdict_t2"].value_counts()
        verdicts = {f"said_{name}": int(count) for name, count in said.sort_index().items()}
    if settings.method != "pair_sft":
        lengths += map(len, made["ids_t2"])
    counts = verdicts | {
        "rollouts": len(attempts),
        "problems": int(attempts["problem_id"].nunique()),
        "attempts_sampled": len(lengths),
        "mean_tokens": sum(lengths) / len(lengths),
        "examples": len(examples),
        "examples_by_kind": dict(Counter(example.kind for example in examples)),
        "problems_with_examples": len({example.problem_id for example in examples}),
        "correction_tokens": sum(len(e.input_ids) - e.context for e in examples),
    }
    for turn in METHODS[settings.method][2]:
        counts[f"correct_t{turn}"] = int(attempts[f"correct_t{turn}"].sum())
        counts[f"truncated_t{turn}"] = int(attempts[f"truncated_t{turn}"].sum())
    return counts


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        settings="JSON file of CorrectionSettings",
        policy="policy that sampled: folder or hub name",
        sampled="parquet file of score.sampling.sample",
        examples="JSON Lines to write, one an example",
        report="JSON file to write: counts",
    )
    with COMMAND.errors():
        settings = CorrectionSettings.read(flags.settings)
        check_policy(flags.policy, settings.cache_dir, settings.trust_remote_code)
        tokenizer = asking_tokenizer(flags.policy, settings)
        task = task_of(settings)
        prompting = PROMPTING.get(settings.method, "correction")
        bridges = tuple(
            Bridge.from_tokenizer(tokenizer, message, system_prompt_of(task))
            for message in correction_prompts(task, prompting)
        )
        declared = declared_generation(flags.policy, settings.cache_dir, settings.trust_remote_code)
        stop_ids = stop_ids_of(declared, tokenizer, bridges[0])
        attempts = verify(read_sampled(flags.sampled), settings)
        chosen = choose(attempts, settings)
        vocabulary = vocabulary_size(flags.policy, settings.cache_dir, settings.trust_remote_code)
        examples = make_examples(chosen, tokenizer, bridges, stop_ids, vocabulary)
    counts = report(attempts, examples, settings)
    write_examples(flags.examples, examples)
    write_report(flags.report, counts, flags.examples)
    print(
        f"{counts['examples']} examples from {counts['rollouts']} rollouts: "
        f"{counts['examples_by_kind']}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    COMMAND.run(main)
