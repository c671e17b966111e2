"""The paper's eight claims as hypotheses, each a conjunction of parts, and what decides them.

A claim holds when every part does, so its p is the largest of theirs (intersection-union test),
then Holm-corrected over the claims that could be tested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    """A quantity and the condition that it has to meet, in percent, and how sure either is.

    value, low, high: the quantity and its 95 % interval, fractions. p: small where the condition is
    met. p_against: small where its opposite is met.
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
    """A claim of the paper, its parts and its verdict.

    missing: what the run lacks to test it; if anything, there are no parts and p is None.
    """

    number: int
    claim: str
    parts: list[Part]
    missing: list[str]
    p: float | None = None
    p_holm: float | None = None
    verdict: str = UNDECIDED


class Evidence:
    """The parts that claims about arms of `resamples` consist of."""

    def __init__(self, resamples: Resamples, settings: ClaimsSettings):
        self.resamples, self.settings = resamples, settings

    def gains(self, arm: str) -> list[Part]:
        """Δ is above 0."""
        return [_above(f"Δ({arm})", self.resamples.rate("delta", arm))]

    def gains_nothing(self, arm: str) -> list[Part]:
        """Δ is below the margin. That a gain could not be shown would not be enough."""
        effect, null = self.resamples.rate("delta", arm), self.settings.claims_margin
        return [_part(f"Δ({arm})", "<", effect, null, p_less, p_greater)]

    def surpasses(self, better: str, arm: str) -> list[Part]:
        """`better` has the higher Δ and the higher accuracy of attempt 2."""
        return [self._higher(name, better, arm) for name in ("delta", "accuracy_t2")]

    def surpasses_a_copier(self, better: str, arm: str) -> list[Part]:
        """`better` surpasses `arm`, which repeats nearly all its answers, and more than `better` does.

        Both conditions on copying are needed. An arm that rightly keeps right answers may repeat
        nearly all answers as well, and an arm that repeats more than `better` may still change many.
        The base policy is no measure here, since it may copy too.
        """
        effect, null = self.resamples.rate("unchanged", arm), self.settings.claims_copy_rate
        nearly_all = _above(f"{SIGNS['unchanged']}({arm})", effect, null)
        more = self._higher("unchanged", arm, better)
        return [*self.surpasses(better, arm), nearly_all, more]

    def _higher(self, name: str, arm: str, other: str) -> Part:
        quantity = f"{SIGNS[name]}({arm}) − {SIGNS[name]}({other})"
        return _above(quantity, self.resamples.difference(name, arm, other))


def _above(quantity: str, effect: Effect, null: float = 0.0) -> Part:
    return _part(quantity, ">", effect, null, p_greater, p_less)


def _part(quantity: str, sign: str, effect: Effect, null: float, test, opposite) -> Part:
    ends = effect.value, effect.low, effect.high
    condition = f"{sign} {100 * null:g}"
    return Part(quantity, condition, *map(float, ends), test(effect, null), opposite(effect, null))


def paper_claims(
    resamples: Resamples, settings: ClaimsSettings, scaling: Sequence[str] = ()
) -> list[Claim]:
    """The eight claims with their verdicts.

    scaling: CSV files of score.analyses.scaling, one a run, for the eighth. ValueError where one is
    malformed.
    """
    evidence, base, score = Evidence(resamples, settings), settings.base, settings.score
    single, direct = settings.single_turn_rl, settings.direct_multi_turn_rl
    drifts = "Direct multi-turn RL falls short of SCoRe and drifts to copying its first answer"
    claims: list[Claim] = []

    def test(text: str, parts_of: Callable[..., list[Part]], *arms: str) -> None:
        missing = [f"arm {arm}" for arm in arms if arm not in resamples.arms]
        parts = [] if missing else parts_of(*arms)
        claims.append(Claim(len(claims) + 1, text, parts, missing))

    test("The base policy gains nothing from a second attempt", evidence.gains_nothing, base)
    test("SCoRe corrects itself", evidence.gains, score)
    test(drifts, evidence.surpasses_a_copier, score, direct)
    test("Single-turn RL does not teach self-correction", evidence.gains_nothing, single)
    test("Without Stage I SCoRe falls short", evidence.surpasses, score, settings.no_stage_one)
    test("Without reward shaping SCoRe falls short", evidence.surpasses, score, settings.no_shaping)
    claims += [_fine_tuning_claim(evidence, settings), _scaling_claim(score, scaling)]
    return decided(claims)


def _fine_tuning_claim(evidence: Evidence, settings: ClaimsSettings) -> Claim:
    """SCoRe against all fine-tuned arms that the run has, of which each family needs one."""
    score, present = settings.score, evidence.resamples.arms
    families = (settings.star, settings.star_plus), (settings.pair_sft, settings.pair_sft_plus)
    missing = [] if score in present else [f"arm {score}"]
    missing += [f"arm {' or '.join(f)}" for f in families if not set(f).intersection(present)]
    tuned = [arm for family in families for arm in family if arm in present]
    parts = [] if missing else [part for arm in tuned for part in evidence.surpasses(score, arm)]
    return Claim(7, "STaR and Pair-SFT fall short of SCoRe", parts, missing)


def _scaling_claim(score: str, paths: Sequence[str]) -> Claim:
    """Sequential against parallel sampling of `score`, which has to hold in every table."""
    text = "At an equal budget correcting attempts beats sampling more of them in parallel"
    if not paths:
        return Claim(8, text, [], ["table of sampling budgets"])
    parts, missing = [], []
    for path in paths:
        where = f" {path}" if len(paths) > 1 else ""
        part = _scaling_part(score, path, where)
        if part is None:
            missing.append(f"arm {score} in the table of sampling budgets{where}")
        parts.append(part)
    return Claim(8, text, [] if missing else parts, missing)


def _scaling_part(score: str, path: str, where: str) -> Part | None:
    """What a CSV says of the largest budget of `score`; None if it lacks the arm. where: its name."""
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
    quantity = f"sequential − parallel({score}, budget {budget}){where}"
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
