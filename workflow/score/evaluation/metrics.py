"""Self-correction metrics of one instance, with intervals (SCoRe, section 3).

The only file that turns counts of outcomes into rates, which what compares instances takes from here.
The bootstrap is for the intervals of one instance in metrics.json; those of tables, which count seeds
as well, are made in score.comparison.uncertainty.

Every rate is a fraction of ALL problems. A problem with several rollouts counts with their mean,
and is resampled as a whole. In every row delta = t2 - t1 = i->c - c->i, up to float rounding.
"""

import itertools
import math
import re

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from score.evaluation.self_verdicts import self_verdict_metrics
from score.verifiers.verifier import VERDICTS

RATES = ("accuracy_t1", "accuracy_t2", "delta", "incorrect_to_correct", "correct_to_incorrect")
ENDS = ("", "_low", "_high")
CONFIDENCE = 0.95
_CELLS_AT_ONCE = 4_000_000  # bounds the memory of the resampled counts


def turns_of(columns, prefix: str = "attempt", at_least: int = 2) -> list[int]:
    """The turns that have a column `{prefix}_t{turn}`, in order. ValueError unless 1, 2, ..., T."""
    pattern = re.compile(rf"{prefix}_t(\d+)")
    turns = sorted(int(match[1]) for match in map(pattern.fullmatch, columns) if match)
    if len(turns) < at_least or turns != list(range(1, len(turns) + 1)):
        raise ValueError(
            f"turns with a column {prefix}_t* are {turns}; expected 1, 2 and so on. "
            "Sample at least two turns."
        )
    return turns


def self_correction(
    correct_t1, correct_t2, problem_ids=None, *, samples: int = 10_000, seed: int = 0
) -> dict:
    """Accuracies, delta and the two kinds of change, with 95 % intervals.

    correct_t1, correct_t2: (rollouts,) booleans. problem_ids: (rollouts,) the problem of each
    rollout; None means one rollout a problem. samples: bootstrap resamples. Returns num_problems
    and each of RATES with `_low` and `_high`: fractions. Percentile bootstrap over problems,
    paired: all five rates come from the same resamples.
    """
    first, second = booleans(correct_t1, "correct_t1"), booleans(correct_t2, "correct_t2")
    if len(first) != len(second):
        raise ValueError(
            f"turn 1 has {len(first)} rollouts and turn 2 {len(second)}; expected equally many."
        )
    outcomes = np.stack([first & second, first & ~second, ~first & second], axis=1)
    per_problem = means_by_problem(outcomes, problem_ids)
    rates = rates_of(per_problem.sum(axis=0), len(per_problem))
    resampled = rates_of(bootstrap_sums(per_problem, samples, seed), len(per_problem))
    return {"num_problems": len(per_problem), **with_intervals(rates, resampled)}


def booleans(values, name: str) -> np.ndarray:
    """(rollouts,) true and false. ValueError for none at all, a null or anything else."""
    values = pd.array(values)
    if len(values) == 0:
        raise ValueError(f"{name} is empty; expected at least one rollout.")
    if pd.isna(values).any() or not np.isin(values, (False, True)).all():
        raise ValueError(f"{name} holds something else than true and false. Judge every attempt.")
    return np.asarray(values, dtype=bool)


def means_by_problem(values: np.ndarray, problem_ids) -> np.ndarray:
    """(rollouts, columns) -> (problems, columns), problems in order of their first rollout."""
    if problem_ids is None:
        return values.astype(float)
    if len(problem_ids) != len(values):
        raise ValueError(
            f"problem_ids has {len(problem_ids)} entries; expected one for each of the "
            f"{len(values)} rollouts."
        )
    problems = pd.factorize(pd.Series(problem_ids))[0]
    if (problems < 0).any():
        raise ValueError("problem_ids holds a null; expected the problem of each rollout.")
    sizes = np.bincount(problems)
    columns = [np.bincount(problems, weights=column) / sizes for column in values.T]
    return np.stack(columns, axis=1)


def rates_of(sums: np.ndarray, num_problems: int) -> dict:
    """RATES from (..., 3) sums of: right twice, right then wrong, wrong then right.

    Of (..., 4) also `unchanged`, when the fourth is how many state the same answer twice.
    """
    both, lost, gained, *unchanged = np.moveaxis(sums, -1, 0)
    counts = (both + lost, both + gained, gained - lost, gained, lost, *unchanged)
    names = (*RATES, "unchanged")[: len(counts)]
    return {name: count / num_problems for name, count in zip(names, counts, strict=True)}


def bootstrap_sums(per_problem: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """(problems, columns) -> (samples, columns): sums over problems drawn with replacement.

    Problems with equal rows are exchangeable, so how often each distinct row is drawn is one
    multinomial: exact, and fast for any number of problems.
    """
    if samples < 1:
        raise ValueError(f"bootstrap samples is {samples}; expected at least 1 (10000 is usual).")
    rows, counts = np.unique(per_problem, axis=0, return_counts=True)
    total, rng = counts.sum(), np.random.default_rng(seed)
    chunk = max(1, _CELLS_AT_ONCE // len(rows))
    sums = []
    for start in range(0, samples, chunk):
        size = min(chunk, samples - start)
        sums.append(rng.multinomial(total, counts / total, size=size) @ rows)
    return np.concatenate(sums)


def with_intervals(rates: dict, resampled: dict) -> dict:
    """Each rate with `_low` and `_high`, quantiles of its resamples (samples,)."""
    tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    result = {}
    for name, rate in rates.items():
        low, high = np.quantile(resampled[name], tails)
        result |= {name: float(rate), f"{name}_low": float(low), f"{name}_high": float(high)}
    return result


def unchanged_answers(before, after) -> np.ndarray:
    """(rollouts,) whether the same answer is stated twice; stating none twice is no change."""
    before, after = pd.array(before, dtype="string"), pd.array(after, dtype="string")
    equal = np.asarray((before == after).fillna(False), dtype=bool)
    return equal | (pd.isna(before) & pd.isna(after))


def answer_change_rate(extracted_before, extracted_after) -> float:
    """Fraction of rollouts whose stated answer differs; nan of none."""
    unchanged = unchanged_answers(extracted_before, extracted_after)
    return float(np.mean(~unchanged)) if len(unchanged) else math.nan


def edit_distance_ratio(before: str, after: str) -> float:
    """Levenshtein distance over the sum of lengths: 0 for equal texts, at most 1."""
    length = len(before) + len(after)
    return Levenshtein.distance(before, after) / length if length else 0.0


def evaluation_metrics(attempts: pd.DataFrame, *, samples: int = 10_000, seed: int = 0) -> dict:
    """All metrics of one policy, from its judged attempts (attempts.parquet: one row a rollout).

    self_correction: turn 1 to turn 2. turns: per turn accuracy, mean score, verdict counts, counts
    of the second opinion where there is one, tokens and truncation. changes: per two turns in a
    row (and first to last), what changed. by_level: accuracy of each turn at each difficulty level,
    where problems have one. verifier_turns: where the policy judged its own attempts, by the turn that
    follows, how well it did.
    """
    turns = turns_of(attempts.columns, "correct")
    pairs = list(itertools.pairwise(turns))
    if len(turns) > 2:
        pairs.append((turns[0], turns[-1]))
    rates = {
        (before, after): self_correction(
            attempts[f"correct_t{before}"],
            attempts[f"correct_t{after}"],
            attempts["problem_id"],
            samples=samples,
            seed=seed,
        )
        for before, after in pairs
    }
    verified = {
        str(turn): self_verdict_metrics(attempts, turn)
        for turn in turns
        if f"self_verdict_t{turn}" in attempts
    }
    return {
        **({"verifier_turns": verified} if verified else {}),
        "num_problems": rates[1, 2]["num_problems"],
        "num_rollouts": len(attempts),
        "self_correction": rates[1, 2],
        "turns": {str(turn): _turn_metrics(attempts, turn, rates) for turn in turns},
        "changes": {f"{a}_to_{b}": _change_metrics(attempts, a, b, rates[a, b]) for a, b in pairs},
        "by_level": _by_level(attempts, turns),
        "bootstrap": {"samples": samples, "seed": seed, "confidence": CONFIDENCE},
    }


def _turn_metrics(attempts: pd.DataFrame, turn: int, rates: dict) -> dict:
    pair, place = ((1, 2), "t1") if turn == 1 else ((turn - 1, turn), "t2")
    result = {f"accuracy{end}": rates[pair][f"accuracy_{place}{end}"] for end in ENDS}
    result["mean_score"] = float(attempts[f"score_t{turn}"].mean())
    counts = attempts[f"verdict_t{turn}"].value_counts()
    result["verdicts"] = {verdict: int(counts.get(verdict, 0)) for verdict in VERDICTS}
    if f"second_opinion_t{turn}" in attempts:
        opinions = attempts[f"second_opinion_t{turn}"]
        result["second_opinion"] = second_opinion_counts(attempts[f"correct_t{turn}"], opinions)
    if f"tokens_t{turn}" in attempts:
        tokens = attempts[f"tokens_t{turn}"]
        result |= {"tokens_mean": float(tokens.mean()), "tokens_max": int(tokens.max())}
    if f"truncated_t{turn}" in attempts:
        truncated = attempts[f"truncated_t{turn}"].astype(bool)
        result |= {"truncated": int(truncated.sum()), "truncated_rate": float(truncated.mean())}
    return result


def second_opinion_counts(correct, opinions) -> dict[str, int]:
    """How often two graders agree on the same attempts. opinions: booleans, null for none given.

    disagreements = only_verifier_correct + only_second_correct.
    """
    given = pd.array(opinions, dtype="boolean")
    asked = ~pd.isna(given)
    first = np.asarray(correct, dtype=bool)[asked]
    second = given[asked].to_numpy(dtype=bool)
    return {
        "agreements": int((first == second).sum()),
        "disagreements": int((first != second).sum()),
        "only_verifier_correct": int((first & ~second).sum()),
        "only_second_correct": int((~first & second).sum()),
        "no_opinion": int((~asked).sum()),
    }


def _change_metrics(attempts: pd.DataFrame, before: int, after: int, rates: dict) -> dict:
    result = {f"{name}{end}": rates[f"{name}{end}"] for name in RATES[2:] for end in ENDS}
    result["answer_change_rate"] = answer_change_rate(
        attempts[f"extracted_t{before}"], attempts[f"extracted_t{after}"]
    )
    texts = [attempts[f"attempt_t{turn}"].fillna("") for turn in (before, after)]
    ratios = [edit_distance_ratio(*pair) for pair in zip(*texts, strict=True)]
    result["edit_distance_ratio"] = float(np.mean(ratios))
    return result


def _by_level(attempts: pd.DataFrame, turns: list[int]) -> dict:
    """Level -> num_problems and accuracy of each turn; rollouts without a level are left out."""
    if "level" not in attempts:
        return {}
    result = {}
    for level, part in attempts.groupby("level", sort=True):
        row = {"num_problems": int(part["problem_id"].nunique())}
        for turn in turns:
            correct = part.groupby("problem_id")[f"correct_t{turn}"].mean()
            row[f"accuracy_t{turn}"] = float(correct.mean())
        result[str(level)] = row
    return result
