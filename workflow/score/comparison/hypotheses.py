"""The paper's eight claims in its own terms, as parts that each have to hold.

The one number that is not the paper's is the margin below which a gain is none.
"""

from collections.abc import Callable, Sequence

import pandas as pd

from score.comparison.effects import Effects
from score.comparison.settings import ClaimsSettings
from score.comparison.significance import p_greater, p_less
from score.comparison.uncertainty import Effect
from score.comparison.verdicts import Claim, Part, decided

SIGNS = {
    "accuracy_t1": "Acc@t1",
    "accuracy_t2": "Acc@t2",
    "delta": "Δ",
    "changed": "changed answers",
}
SCALING_COLUMNS = ("budget", "difference", "difference_low", "difference_high", "p_greater")


class Evidence:
    """The parts that claims about arms of `effects` consist of."""

    def __init__(self, effects: Effects, settings: ClaimsSettings):
        self.effects, self.settings = effects, settings
        self.comparability = settings.comparability()

    def gains(self, arm: str) -> list[Part]:
        """Δ is above 0."""
        return [_above(f"Δ({arm})", self.effects.rate("delta", arm))]

    def gains_nothing(self, arm: str) -> list[Part]:
        """Δ is below the margin. That a gain could not be shown would not be enough."""
        return [self._below_margin(f"Δ({arm})", self.effects.rate("delta", arm))]

    def gains_at_attempt_1_alone(self, arm: str, base: str) -> list[Part]:
        """Δ is below the margin, and the accuracy of attempt 1 is above base's."""
        return [*self.gains_nothing(arm), self._higher("accuracy_t1", arm, base)]

    def surpasses(self, better: str, arm: str, *, first_too: bool = False) -> list[Part]:
        """`better` has the higher Δ and accuracy of attempt 2; first_too: and of attempt 1."""
        rates = ["accuracy_t1"] * first_too + ["accuracy_t2", "delta"]
        return [self._higher(name, better, arm) for name in rates]

    def does_not_learn_to_correct(self, arm: str, score: str, base: str) -> list[Part]:
        """`arm` changes fewer answers than `score`, falls short of it, and Δ is base's at best."""
        fewer = self._higher("changed", score, arm)
        quantity = f"Δ({arm}) − Δ({base})"
        no_better = self._below_margin(quantity, self.effects.difference("delta", arm, base))
        return [fewer, *self.surpasses(score, arm), no_better]

    def _below_margin(self, quantity: str, effect: Effect) -> Part:
        return _part(quantity, "<", effect, self.settings.claims_margin, p_less, p_greater)

    def _higher(self, name: str, arm: str, other: str) -> Part:
        quantity = f"{SIGNS[name]}({arm}) − {SIGNS[name]}({other})"
        part = _above(quantity, self.effects.difference(name, arm, other))
        part.differs = self.comparability.differences(arm, other)
        return part


def _above(quantity: str, effect: Effect) -> Part:
    return _part(quantity, ">", effect, 0.0, p_greater, p_less)


def _part(quantity: str, sign: str, effect: Effect, null: float, test, opposite) -> Part:
    ends = effect.value, effect.low, effect.high
    condition = f"{sign} {100 * null:g}"
    return Part(quantity, condition, *ends, test(effect, null), opposite(effect, null))


def paper_claims(
    effects: Effects, settings: ClaimsSettings, scaling: Sequence[str] = ()
) -> list[Claim]:
    """The eight claims with their verdicts.

    scaling: CSV files of score.analyses.scaling, one a run, for the eighth. ValueError where one is
    malformed.
    """
    evidence, base, score = Evidence(effects, settings), settings.base, settings.score
    single, direct = settings.single_turn_rl, settings.direct_multi_turn_rl
    claims: list[Claim] = []

    def test(text: str, parts_of: Callable[..., list[Part]], *arms: str) -> None:
        missing = [f"arm {arm}" for arm in arms if arm not in effects.arms]
        parts = [] if missing else parts_of(*arms)
        claims.append(Claim(len(claims) + 1, text, parts, missing))

    uncorrected = "Direct multi-turn RL does not learn to correct"
    single_only = "Single-turn RL raises attempt 1 and does not teach self-correction"
    test("The base policy gains nothing from a second attempt", evidence.gains_nothing, base)
    test("SCoRe corrects itself", evidence.gains, score)
    test(uncorrected, evidence.does_not_learn_to_correct, direct, score, base)
    test(single_only, evidence.gains_at_attempt_1_alone, single, base)
    test("Without Stage I SCoRe falls short", evidence.surpasses, score, settings.no_stage_one)
    test("Without reward shaping SCoRe falls short", evidence.surpasses, score, settings.no_shaping)
    claims += [_fine_tuning_claim(evidence, settings), _scaling_claim(score, scaling)]
    return decided(claims)


def further_parts(effects: Effects, settings: ClaimsSettings) -> list[Part]:
    """What claim 3 asks of direct multi-turn RL, of the policy of the summed return.

    No claim of the paper, so not in the family that is corrected. Empty where the run lacks an arm.
    """
    arms = settings.summed_return_rl, settings.score, settings.base
    if not set(arms).issubset(effects.arms):
        return []
    return Evidence(effects, settings).does_not_learn_to_correct(*arms)


def _fine_tuning_claim(evidence: Evidence, settings: ClaimsSettings) -> Claim:
    """SCoRe against all fine-tuned arms that the run has, of which each family needs one."""
    score, present = settings.score, evidence.effects.arms
    families = (settings.star, settings.star_plus), (settings.pair_sft, settings.pair_sft_plus)
    missing = [] if score in present else [f"arm {score}"]
    missing += [f"arm {' or '.join(f)}" for f in families if not set(f).intersection(present)]
    tuned = [arm for family in families for arm in family if arm in present and not missing]
    parts = [part for arm in tuned for part in evidence.surpasses(score, arm, first_too=True)]
    return Claim(
        7, "STaR and Pair-SFT fall short of SCoRe at both attempts and in Δ", parts, missing
    )


def _scaling_claim(score: str, paths: Sequence[str]) -> Claim:
    """Sequential against parallel sampling of `score`: at each budget, and in every table."""
    text = "At an equal budget correcting attempts beats sampling more of them in parallel"
    if not paths:
        return Claim(8, text, [], ["table of sampling budgets"])
    parts, missing = [], []
    for path in paths:
        where = f" {path}" if len(paths) > 1 else ""
        budgets = _scaling_parts(score, path, where)
        if not budgets:
            missing.append(f"arm {score} in the table of sampling budgets{where}")
        parts += budgets
    return Claim(8, text, [] if missing else parts, missing)


def _scaling_parts(score: str, path: str, where: str) -> list[Part]:
    """A part for each budget that a CSV has of `score`. where: the name of the table."""
    try:
        table = pd.read_csv(path)
        rows = table.loc[table["arm"] == score, list(SCALING_COLUMNS)].astype(float)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"scaling table {path}: malformed ({error!r}). Make it again.") from None
    parts = []
    for budget, value, low, high, p in rows.sort_values("budget").itertuples(index=False):
        if not 0 <= p <= 1:
            raise ValueError(
                f"scaling table {path}: p_greater of {score!r} is {p}; expected 0 to 1. Make it again."
            )
        quantity = f"sequential − parallel({score}, budget {budget:.0f}){where}"
        parts.append(Part(quantity, "> 0", value, low, high, p, 1 - p))
    return parts
