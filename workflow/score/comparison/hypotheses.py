"""The paper's eight claims as hypotheses, each a conjunction of parts, and what decides them.

A claim holds when every part does, so its p is the largest of theirs (intersection-union test),
then Holm-corrected over the claims that could be tested. No verdict is anybody's opinion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from score.comparison.bootstrap import Effect, Resamples
from score.comparison.settings import ClaimsSettings
from score.comparison.significance import holm, p_greater, p_less

LEVEL = 0.01
SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"
SIGNS = {"accuracy_t2": "Acc@t2", "delta": "Δ", "unchanged": "unchanged answers"}
SCALING_COLUMNS = ("difference", "difference_low", "difference_high", "p_greater")


@dataclass(frozen=True)
class Part:
    """A quantity and the condition it has to meet, with the p of either being chance.

    value, low, high: fractions, 95 % interval. p: small where the condition is met. p_against:
    small where its opposite is.
    """

    quantity: str
    condition: str
    value: float
    low: float
    high: float
    p: float
    p_against: float


@dataclass
class Claim:
    """missing: what the run lacks to test it; then there are no parts and p is None."""

    number: int
    claim: str
    parts: list[Part]
    missing: list[str]
    p: float | None = None
    p_holm: float | None = None
    verdict: str = field(default=UNDECIDED)


class Evidence:
    """Parts of claims about the arms of `resamples`, in the paper's terms."""

    def __init__(self, resamples: Resamples, settings: ClaimsSettings):
        self.resamples, self.settings = resamples, settings

    def corrects_itself(self, arm: str) -> list[Part]:
        return [_above(f"Δ({arm})", self.resamples.rate("delta", arm))]

    def gains_nothing(self, arm: str) -> list[Part]:
        """Non-superiority: Δ is below the margin. A lack of evidence of a gain would not do."""
        effect = self.resamples.rate("delta", arm)
        return [_below(f"Δ({arm})", effect, self.settings.claims_margin)]

    def falls_short(self, arm: str, of: str) -> list[Part]:
        return [self._higher(name, of, arm) for name in ("delta", "accuracy_t2")]

    def copies(self, arm: str, other: str) -> list[Part]:
        """Repeats nearly all its answers, and more of them than `other`.

        The first alone would hold for an arm that rightly keeps right answers, the second for one
        that still changes many. A comparison with base would say nothing: bases may copy as well.
        """
        effect = self.resamples.rate("unchanged", arm)
        nearly_all = _above(f"{SIGNS['unchanged']}({arm})", effect, self.settings.claims_copy_rate)
        return [nearly_all, self._higher("unchanged", arm, other)]

    def _higher(self, name: str, arm: str, other: str) -> Part:
        quantity = f"{SIGNS[name]}({arm}) − {SIGNS[name]}({other})"
        return _above(quantity, self.resamples.difference(name, arm, other))


def _above(quantity: str, effect: Effect, null: float = 0.0) -> Part:
    return _part(quantity, ">", effect, null, p_greater, p_less)


def _below(quantity: str, effect: Effect, null: float) -> Part:
    return _part(quantity, "<", effect, null, p_less, p_greater)


def _part(quantity: str, sign: str, effect: Effect, null: float, test, opposite) -> Part:
    ends = effect.value, effect.low, effect.high
    condition = f"{sign} {100 * null:g}"
    return Part(quantity, condition, *map(float, ends), test(effect, null), opposite(effect, null))


def paper_claims(
    resamples: Resamples, arms: ClaimsSettings, scaling: Sequence[str] = ()
) -> list[Claim]:
    """The eight claims, decided. scaling: CSVs of sampling budgets, one a run, for the eighth."""
    evidence, present = Evidence(resamples, arms), set(resamples.arms)

    def claim(number: int, text: str, needed: list[str], parts: Callable[[], list]) -> Claim:
        missing = [f"arm {arm}" for arm in needed if arm not in present]
        return Claim(number, text, [] if missing else parts(), missing)

    score, direct = arms.score, arms.direct_multi_turn_rl
    claims = [
        claim(
            1,
            "The base policy gains nothing from a second attempt",
            [arms.base],
            lambda: evidence.gains_nothing(arms.base),
        ),
        claim(2, "SCoRe corrects itself", [score], lambda: evidence.corrects_itself(score)),
        claim(
            3,
            "Direct multi-turn RL falls short of SCoRe and drifts to copying its first answer",
            [score, direct],
            lambda: evidence.falls_short(direct, score) + evidence.copies(direct, score),
        ),
        claim(
            4,
            "Single-turn RL does not teach self-correction",
            [arms.single_turn_rl],
            lambda: evidence.gains_nothing(arms.single_turn_rl),
        ),
        claim(
            5,
            "Without Stage I SCoRe falls short",
            [score, arms.no_stage_one],
            lambda: evidence.falls_short(arms.no_stage_one, score),
        ),
        claim(
            6,
            "Without reward shaping SCoRe falls short",
            [score, arms.no_shaping],
            lambda: evidence.falls_short(arms.no_shaping, score),
        ),
        _fine_tuning_claim(evidence, arms, present),
        _scaling_claim(score, scaling),
    ]
    return decided(claims)


def _fine_tuning_claim(evidence: Evidence, arms: ClaimsSettings, present: set[str]) -> Claim:
    families = (arms.star, arms.star_plus), (arms.pair_sft, arms.pair_sft_plus)
    missing = [] if arms.score in present else [f"arm {arms.score}"]
    missing += [f"arm {' or '.join(f)}" for f in families if not present.intersection(f)]
    there = [arm for family in families for arm in family if arm in present]
    parts = [] if missing else [part for a in there for part in evidence.falls_short(a, arms.score)]
    return Claim(7, "STaR and Pair-SFT fall short of SCoRe", parts, missing)


def _scaling_claim(score: str, paths: Sequence[str]) -> Claim:
    """Sequential against parallel sampling of `score`, which has to hold in every table."""
    text = "At an equal budget correcting attempts beats sampling more of them in parallel"
    if not paths:
        return Claim(8, text, [], ["table of sampling budgets"])
    told = {path: f" {path}" if len(paths) > 1 else "" for path in paths}
    parts = {path: _scaling_part(score, path, told[path]) for path in paths}
    missing = [
        f"arm {score} in the table of sampling budgets{told[path]}"
        for path, part in parts.items()
        if part is None
    ]
    return Claim(8, text, [] if missing else list(parts.values()), missing)


def _scaling_part(score: str, path: str, told: str) -> Part | None:
    """What a CSV, named as `told`, says of the largest budget of `score`; None if it lacks the arm."""
    try:
        table = pd.read_csv(path)
        rows = table[table["arm"] == score]
        if rows.empty:
            return None
        row = rows.loc[rows["budget"].idxmax()]
        budget = int(row["budget"])
        value, low, high, p = (float(row[name]) for name in SCALING_COLUMNS)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"scaling table {path}: malformed ({error!r}). Make it again.") from None
    if not 0 <= p <= 1:
        raise ValueError(f"scaling table {path}: p_greater of {score!r} is {p}; expected 0 to 1.")
    quantity = f"sequential − parallel({score}, budget {budget}){told}"
    return Part(quantity, "> 0", value, low, high, p, 1 - p)


def decided(claims: list[Claim]) -> list[Claim]:
    """The claims with p, corrected p and verdict.

    Supported when the corrected p is below LEVEL; not supported when a part's opposite is
    significant at LEVEL; undecided otherwise, and when it could not be tested.
    """
    tested = [claim for claim in claims if not claim.missing]
    for claim in tested:
        claim.p = max(part.p for part in claim.parts)
    for claim, p in zip(tested, holm([claim.p for claim in tested]), strict=True):
        claim.p_holm = p
        if p < LEVEL:
            claim.verdict = SUPPORTED
        elif min(part.p_against for part in claim.parts) < LEVEL:
            claim.verdict = NOT_SUPPORTED
    return claims
