"""Choose the corrections that supervised fine-tuning imitates: STaR, STaSC and Pair-SFT.

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
from score.fine_tuning.pairs import Pair, sample_pairs, self_taught_pairs
from score.fine_tuning.settings import CorrectionSettings
from score.jobs.command import Command
from score.policies.fitness import check_policy
from score.policies.load import declared_generation, vocabulary_size
from score.sampling.generate import stop_ids_of
from score.sampling.prompt_settings import task_of
from score.sampling.prompts import Bridge, system_prompt_of
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
}


def choose_pairs(attempts: pd.DataFrame, settings: CorrectionSettings) -> list[Pair]:
    """The pairs of judged attempts that are imitated. ValueError where there must be one and is none."""
    _check_columns(attempts, settings.method)
    keep, most, seed = settings.keep, settings.pairs_per_problem, settings.random_seed
    if settings.method == "self_taught":
        pairs = self_taught_pairs(attempts, keep, settings.keep_from, most, seed)
    else:
        pairs = sample_pairs(attempts, keep, most, seed)
    if not pairs and settings.on_no_corrections == "refuse":
        raise ValueError(_nothing_to_imitate(attempts, settings))
    return pairs


def _check_columns(attempts: pd.DataFrame, method: str) -> None:
    plain, of_turn, turns = METHODS[method]
    needed = [*plain, *(f"{name}_t{turn}" for turn in turns for name in of_turn)]
    missing = [name for name in needed if name not in attempts]
    if missing:
        raise ValueError(
            f"columns are {list(attempts)}; expected also {missing} for method {method}. Sample (and "
            "judge) again."
        )
    if any(name.startswith("critique") for name in attempts):
        raise ValueError(
            "rollouts hold critiques between the attempts; expected attempt 2 right after the "
            "correction message. Sample with prompting: correction."
        )
    for by, column in ((["problem_id"], "prompt_ids"), (["problem_id", "sample"], "ids_t1")):
        keys, first = zip(*(attempts[name] for name in by), strict=True), {}
        for key, ids in zip(keys, attempts[column], strict=True):
            if not np.array_equal(first.setdefault(key, ids), ids):
                raise ValueError(
                    f"{column} of {' '.join(map(str, key))} differ from row to row; expected "
                    "one and the same. Don't join rollouts of different policies or prompts: sample "
                    "again."
                )


def _nothing_to_imitate(attempts: pd.DataFrame, settings: CorrectionSettings) -> str:
    right = int(attempts["correct_t1"].sum())
    found = f"of {len(attempts)} rollouts {right} are right in turn 1"
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
    pairs: list[Pair], tokenizer, bridge: Bridge, stop_ids: set[int], vocabulary: int
) -> list[Example]:
    """Pairs as one conversation each: prompt, attempt as the correction sees it, bridge, correction.

    vocabulary: how many token ids the policy knows. ValueError where the ids don't spell the
    attempts' texts, so come from another tokenizer, or where a correction does not end with an
    end-of-turn token or a stop string.
    """
    rollouts = [_conversation(pair, bridge, stop_ids) for pair in pairs]
    examples = []
    for pair, rollout in zip(pairs, rollouts, strict=True):
        ids, turn, _ = rollout.sequences()[-1]
        if any(not 0 <= i < vocabulary for i in ids):
            raise ValueError(_not_ours(pair, f"holds other ids than its 0 to {vocabulary - 1}"))
        if cut_off(pair.ids_t2, stop_ids):
            raise ValueError(_not_ours(pair, "ends with none of its end-of-turn tokens"))
        context = turn.index(2)
        examples.append(
            Example(pair.problem_id, pair.sample, pair.correction, pair.kind, ids, context)
        )
    for pair, texts in zip(pairs, attempt_texts(rollouts, tokenizer), strict=True):
        if texts != list(pair.texts):
            raise ValueError(_not_ours(pair, f"reads {texts}, where {list(pair.texts)} is written"))
    return examples


def _conversation(pair: Pair, bridge: Bridge, stop_ids: set[int]) -> Rollout:
    attempts, truncated = [pair.ids_t1, pair.ids_t2], [cut_off(pair.ids_t1, stop_ids), False]
    rollout = Rollout(pair.prompt_ids, attempts, [bridge.after(pair.ids_t1)], truncated)
    if bridge.history is not None:
        rollout.contexts = [bridge.next_context(pair.prompt_ids, pair.ids_t1)]
    return rollout


def _not_ours(pair: Pair, found: str) -> str:
    return (
        f"rollout of problem {pair.problem_id}, sample {pair.sample}, correction {pair.correction}: "
        f"under the tokenizer of --policy it {found}; expected token ids of that tokenizer. Name the "
        "policy that sampled the rollouts, or sample again."
    )


def report(attempts: pd.DataFrame, examples: list[Example], settings: CorrectionSettings) -> dict:
    """Counts of what was sampled and of what is kept.

    attempts_sampled: the price of the examples, with each first attempt counted once. mean_tokens: of
    an attempt.
    """
    once = attempts.drop_duplicates(["problem_id", "sample"])
    paired = settings.method == "self_taught"
    lengths = [*map(len, once["ids_t1"]), *(map(len, attempts["ids_t2"]) if paired else ())]
    counts = {
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
        bridge = Bridge.from_tokenizer(tokenizer, task.CORRECTION_PROMPT, system_prompt_of(task))
        declared = declared_generation(flags.policy, settings.cache_dir, settings.trust_remote_code)
        stop_ids = stop_ids_of(declared, tokenizer, bridge)
        attempts = verify(read_sampled(flags.sampled), settings)
        pairs = choose_pairs(attempts, settings)
        vocabulary = vocabulary_size(flags.policy, settings.cache_dir, settings.trust_remote_code)
        examples = make_examples(pairs, tokenizer, bridge, stop_ids, vocabulary)
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
