"""Verify a policy's sampled attempts: a verdict for each attempt of each turn, then the metrics.

    python -m score.evaluation.verify --settings settings.json --sampled sampled.parquet \\
        --attempts attempts.parquet --metrics metrics.json --disagreements disagreements.jsonl

Sampling and verification are apart, so that a change of the verifier costs seconds and no sampling.
Metrics are of two turns or more; rollouts of one attempt are verified without them. Where the task
has a second opinion, the attempts on which it differs from the verifier are listed in the last
file, for a person to look at; it changes no verdict.
"""

import json
import sys
import time

import pandas as pd

from score.evaluation.metrics import evaluation_metrics, second_opinion_counts, turns_of
from score.evaluation.second_opinion import disagreements
from score.evaluation.settings import VerifySettings
from score.files.atomic import replace_file
from score.files.made_with import mark_attempts
from score.files.parquet import write_parquet
from score.files.visible import in_json
from score.jobs.command import Command, optional
from score.jobs.progress import Countdown
from score.sampling.sampled import read_sampled
from score.verifiers.second_opinion import has_second_opinion, second_opinions
from score.verifiers.verifier import VERDICTS, Verifier

COMMAND = Command(__spec__, __doc__)
REQUIRED = ("problem_id", "answer")


def verify(sampled: pd.DataFrame, settings: VerifySettings) -> pd.DataFrame:
    """The sampled rollouts with extracted, verdict, score and correct of each turn.

    Where the task has one, also second_opinion: true, false or null for none.
    sampled: one row a rollout, with problem_id, answer (JSON text) and attempt_t1, attempt_t2, ...
    A null attempt counts as the empty text. Column opening, where there is one: the text that the chat
    template writes just before each attempt. ValueError names a missing column or a bad answer.
    """
    missing = [name for name in REQUIRED if name not in sampled]
    if missing:
        raise ValueError(f"columns are {list(sampled)}; expected also {missing}. Sample again.")
    if sampled.empty:
        raise ValueError("there are no rollouts to verify; expected at least one row.")
    turns = turns_of(sampled.columns, at_least=1)
    answers = [_answer(*row) for row in zip(sampled["answer"], sampled["problem_id"], strict=True)]
    texts = [text for turn in turns for text in _texts(sampled[f"attempt_t{turn}"])]
    opening = _texts(sampled["opening"]) * len(turns) if "opening" in sampled else ""
    questions = _texts(sampled["question"]) * len(turns) if "question" in sampled else None
    with Verifier.from_settings(settings) as verifier:
        # One call: equal pairs are verified once.
        progress = Countdown("verified", "answers")
        verdicts = verifier(texts, answers * len(turns), progress, opening, questions)
        stated = [verdict.extracted for verdict in verdicts]
        opinions = None
        if has_second_opinion(verifier):
            opinions = second_opinions(verifier, stated, answers * len(turns))
    verified = sampled.copy()
    for position, turn in enumerate(turns):
        rows = slice(position * len(sampled), (position + 1) * len(sampled))
        of_turn = verdicts[rows]
        verified[f"extracted_t{turn}"] = pd.array([v.extracted for v in of_turn], dtype="string")
        verified[f"verdict_t{turn}"] = [v.verdict for v in of_turn]
        verified[f"score_t{turn}"] = [v.score for v in of_turn]
        verified[f"correct_t{turn}"] = [v.correct for v in of_turn]
        if opinions is not None:
            verified[f"second_opinion_t{turn}"] = pd.array(opinions[rows], dtype="boolean")
    return verified


def _texts(attempts: pd.Series) -> list[str]:
    return ["" if pd.isna(text) else str(text) for text in attempts]


def _answer(text, problem_id):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        raise ValueError(
            f"answer of problem {problem_id} is {text!r}; expected JSON text. Sample again."
        ) from None


def _report(verified: pd.DataFrame) -> None:
    """One line a turn and one in all on stderr, and a warning when the verifier itself failed."""
    total = dict.fromkeys(VERDICTS, 0)
    for turn in turns_of(verified.columns, at_least=1):
        verdicts = {name: int((verified[f"verdict_t{turn}"] == name).sum()) for name in VERDICTS}
        total = {name: total[name] + count for name, count in verdicts.items()}
        print(f"turn {turn}: {_listed(verdicts)}", file=sys.stderr)
        failed = verdicts["timeout"] + verdicts["error"]
        if failed:
            print(
                f"WARNING: turn {turn}: {failed} attempts could not be judged (timeout or error) "
                "and count as wrong. Raise verifier_deadline if many are timeouts.",
                file=sys.stderr,
            )
        if f"second_opinion_t{turn}" in verified:
            opinions = verified[f"correct_t{turn}"], verified[f"second_opinion_t{turn}"]
            counts = second_opinion_counts(*opinions)
            print(f"turn {turn}, second opinion: {_listed(counts)}", file=sys.stderr)
    print(f"verifier: {sum(total.values())} attempts: {_listed(total)}", file=sys.stderr)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        settings="JSON file of VerifySettings",
        sampled="parquet file of score.sampling.sample",
        attempts="parquet file to write",
        metrics=optional("JSON file to write; needs two turns"),
        disagreements=optional("JSON Lines to write: differing second opinions"),
    )
    started = time.monotonic()
    with COMMAND.errors():
        settings = VerifySettings.read(flags.settings)
        sampled = read_sampled(flags.sampled)
        if flags.metrics is not None:
            turns_of(sampled.columns)  # one turn has no metrics: said before the work
        print(f"verifying {len(sampled)} rollouts of task {settings.task_type}", file=sys.stderr)
        verified = verify(sampled, settings)
        if flags.metrics is not None:
            metrics = evaluation_metrics(
                verified, samples=settings.bootstrap_samples, seed=settings.bootstrap_seed
            )
        settings.require_file()
        mark_attempts(verified, verified=settings)
    write_parquet(flags.attempts, verified)
    if flags.metrics is not None:
        text = json.dumps(metrics, indent=2, sort_keys=True, allow_nan=False)
        replace_file(flags.metrics, f"{text}\n".encode())
    if flags.disagreements is not None:
        rows = disagreements(verified, turns_of(verified.columns, at_least=1))
        lines = [in_json(json.dumps(row, sort_keys=True, ensure_ascii=False)) for row in rows]
        replace_file(flags.disagreements, "".join(f"{line}\n" for line in lines).encode())
    _report(verified)
    print(f"verified in {time.monotonic() - started:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    COMMAND.run(main)
