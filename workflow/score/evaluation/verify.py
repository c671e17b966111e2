"""Judge a policy's sampled attempts: a verdict for each attempt of each turn, then the metrics.

    python -m score.evaluation.verify --settings settings.json --sampled sampled.parquet \
        --attempts attempts.parquet [--metrics metrics.json] [--disagreements disagreements.jsonl]

Sampling and judging are apart, so that a change of the verifier costs seconds and no sampling.
Metrics are of two turns or more; rollouts of one attempt are judged without them. Where the task
has a second opinion, the attempts on which it differs from the verifier are listed in the last
file, for a person to look at; it changes no verdict.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass

import pandas as pd

from score.evaluation.metrics import evaluation_metrics, second_opinion_counts, turns_of
from score.files import read_settings, replace_bytes
from score.jobs.progress import Countdown
from score.sampling.sampled import read_sampled
from score.tasks import load_task
from score.verifiers.verifier import VERDICTS, Verifier

REQUIRED = ("problem_id", "answer")


@dataclass(frozen=True)
class JudgeSettings:
    """How attempts are judged and how wide the intervals are resampled; keys of settings.json."""

    task_type: str
    evaluator_function: str | None = None
    evaluator_mode: str = "default"
    evaluator_answer_marker: str | None = None
    verifier_deadline: float | int = 5.0
    verifier_workers: int = 1
    bootstrap_samples: int = 10_000
    bootstrap_seed: int = 0


def judge(sampled: pd.DataFrame, settings: JudgeSettings) -> pd.DataFrame:
    """The sampled rollouts with extracted, verdict, score and correct of each turn.

    Where the task has one, also second_opinion: true, false or null for none.
    sampled: one row a rollout, with problem_id, answer (JSON text) and attempt_t1, attempt_t2, ...
    A null attempt counts as the empty text. ValueError names a missing column or a bad answer.
    """
    missing = [name for name in REQUIRED if name not in sampled]
    if missing:
        raise ValueError(f"columns are {list(sampled)}; expected also {missing}. Sample again.")
    if sampled.empty:
        raise ValueError("there are no rollouts to judge; expected at least one row.")
    turns = turns_of(sampled.columns, at_least=1)
    answers = [_answer(*row) for row in zip(sampled["answer"], sampled["problem_id"], strict=True)]
    texts = [text for turn in turns for text in _texts(sampled[f"attempt_t{turn}"])]
    with Verifier.of(settings) as verifier:
        # One call: equal pairs are judged once.
        verdicts = verifier(texts, answers * len(turns), Countdown("judged", "answers"))
    judged = sampled.copy()
    for position, turn in enumerate(turns):
        of_turn = verdicts[position * len(sampled) : (position + 1) * len(sampled)]
        judged[f"extracted_t{turn}"] = pd.array([v.extracted for v in of_turn], dtype="string")
        judged[f"verdict_t{turn}"] = [v.verdict for v in of_turn]
        judged[f"score_t{turn}"] = [v.score for v in of_turn]
        judged[f"correct_t{turn}"] = [v.correct for v in of_turn]
        opinions = ask_second_opinion(
            settings.task_type, judged[f"extracted_t{turn}"], answers, verifier.function
        )
        if opinions is not None:
            judged[f"second_opinion_t{turn}"] = pd.array(opinions, dtype="boolean")
    return judged


def _texts(attempts: pd.Series) -> list[str]:
    return ["" if pd.isna(text) else str(text) for text in attempts]


def _answer(text, problem_id):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        raise ValueError(
            f"answer of problem {problem_id} is {text!r}; expected JSON text. Sample again."
        ) from None


def _report(judged: pd.DataFrame) -> None:
    """One line a turn and one in all on stderr, and a warning when the verifier itself failed."""
    total = dict.fromkeys(VERDICTS, 0)
    for turn in turns_of(judged.columns, at_least=1):
        verdicts = {name: int((judged[f"verdict_t{turn}"] == name).sum()) for name in VERDICTS}
        total = {name: total[name] + count for name, count in verdicts.items()}
        print(f"turn {turn}: {_listed(verdicts)}", file=sys.stderr)
        failed = verdicts["timeout"] + verdicts["error"]
        if failed:
            print(
                f"WARNING: turn {turn}: {failed} attempts could not be judged (timeout or error) "
                "and count as wrong. Raise verifier_deadline if many are timeouts.",
                file=sys.stderr,
            )
        if f"second_opinion_t{turn}" in judged:
            opinions = judged[f"correct_t{turn}"], judged[f"second_opinion_t{turn}"]
            counts = second_opinion_counts(*opinions)
            print(f"turn {turn}, second opinion: {_listed(counts)}", file=sys.stderr)
    print(f"verifier: {sum(total.values())} attempts: {_listed(total)}", file=sys.stderr)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.evaluation.verify", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--settings", required=True, help="JSON file of JudgeSettings")
    parser.add_argument("--sampled", required=True, help="parquet file of score.sampling.sample")
    parser.add_argument("--attempts", required=True, help="parquet file to write")
    parser.add_argument("--metrics", help="JSON file to write; needs two turns")
    parser.add_argument("--disagreements", help="JSON Lines to write: differing second opinions")
    flags = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        settings = read_settings(flags.settings, JudgeSettings)
        sampled = read_sampled(flags.sampled)
        if flags.metrics is not None:
            turns_of(sampled.columns)  # one turn has no metrics: said before the work
        print(f"judging {len(sampled)} rollouts of task {settings.task_type}", file=sys.stderr)
        judged = judge(sampled, settings)
        if flags.metrics is not None:
            metrics = evaluation_metrics(
                judged, samples=settings.bootstrap_samples, seed=settings.bootstrap_seed
            )
    except ValueError as error:
        sys.exit(f"judge: {error}")
    replace_bytes(flags.attempts, judged.to_parquet(index=False))
    if flags.metrics is not None:
        text = json.dumps(metrics, indent=2, sort_keys=True, allow_nan=False)
        replace_bytes(flags.metrics, f"{text}\n".encode())
    if flags.disagreements is not None:
        rows = disagreements(judged, turns_of(judged.columns, at_least=1))
        lines = [json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows]
        replace_bytes(flags.disagreements, "".join(f"{line}\n" for line in lines).encode())
    _report(judged)
    print(f"judged in {time.monotonic() - started:.1f} s", file=sys.stderr)


def ask_second_opinion(task_type: str, extracted, answers: list, function: str) -> list | None:
    """True (right), False or None (no opinion) for each stated answer; None for a task without one.

    extracted: stated answers, null where nothing was stated, which gives no opinion.
    """
    hook = getattr(load_task(task_type), "second_opinion", None)
    if hook is None:
        return None
    pairs = zip(extracted, answers, strict=True)
    return [None if pd.isna(stated) else _opinion(hook, stated, a, function) for stated, a in pairs]


def _opinion(hook, stated: str, answer, function: str) -> bool | None:
    try:
        opinion = hook(stated, answer, function)
    except Exception:  # a report must not end the judging that it reports on
        return None
    return None if opinion is None else bool(opinion)


def disagreements(judged: pd.DataFrame, turns: list[int]) -> list[dict]:
    """One row for each attempt on which the verifier and the second opinion differ, by turn."""
    rows = []
    for turn in turns:
        if f"second_opinion_t{turn}" not in judged:
            continue
        opinions, correct = judged[f"second_opinion_t{turn}"], judged[f"correct_t{turn}"]
        differing = judged[opinions.notna() & (opinions.fillna(False) != correct)]
        rows += [_row(row, turn) for row in differing.to_dict("records")]
    return rows


def _row(row: dict, turn: int) -> dict:
    return {
        "problem_id": row["problem_id"],
        "sample": int(row.get("sample", 0)),
        "correction": int(row.get("correction", 0)),
        "turn": turn,
        "extracted": row[f"extracted_t{turn}"],
        "answer": json.loads(row["answer"]),
        "verdict": row[f"verdict_t{turn}"],
        "second_opinion": "correct" if row[f"second_opinion_t{turn}"] else "incorrect",
    }


if __name__ == "__main__":
    main()
