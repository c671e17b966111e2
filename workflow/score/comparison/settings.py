"""The settings of the comparison: what the arms of a run are, and what counts as no gain."""

from dataclasses import dataclass, field

from score.comparison.comparability import Comparability, Terms
from score.files.settings import Settings


@dataclass(kw_only=True)
class PaperArms(Settings):
    """The name that each policy of the paper has among the arms of the run.

    summed_return_rl: a further comparison, which is none of the paper's.
    """

    base: str = "base"
    score: str = "score"
    direct_multi_turn_rl: str = "direct_multi_turn_rl"
    single_turn_rl: str = "single_turn_rl"
    no_stage_one: str = "no_stage_one"
    no_shaping: str = "no_shaping"
    star: str = "star"
    star_plus: str = "star_plus"
    pair_sft: str = "pair_sft"
    pair_sft_plus: str = "pair_sft_plus"
    summed_return_rl: str = "summed_return_rl"


@dataclass(kw_only=True)
class ClaimsSettings(PaperArms):
    """Which arms the claims are about, and how they are tested; keys of settings.json.

    claims_margin: a gain below it is none, a fraction. The paper has no such number: that a gain could
    not be shown would not show that there is none, so a test needs one. terms: of trained arms, those of
    `Terms` each; arms that it does not name count as comparable.
    """

    claims_margin: float = 0.01
    terms: dict = field(default_factory=dict)

    def __post_init__(self):
        if not 0 <= self.claims_margin < 1:
            raise ValueError(
                f"claims_margin is {self.claims_margin}; expected a fraction, 0 to below 1. "
                "Take 0.01 for one point."
            )
        for arm, terms in self.terms.items():
            if not isinstance(terms, dict) or not set(terms) <= set(Terms.names()):
                raise ValueError(
                    f"terms of {arm!r} are {terms!r}; expected only {', '.join(Terms.names())}. Write "
                    "the settings again."
                )

    def comparability(self) -> Comparability:
        return Comparability({arm: Terms(**terms) for arm, terms in self.terms.items()})


@dataclass(kw_only=True)
class RunDescription(Settings):
    """What this run's rows were measured on; keys of run.json.

    temperature: of sampling, 0 for greedy. samples: rollouts of each problem. pass_at_k_temperature: of
    the samples behind pass@k.
    """

    model_path: str
    dataset: str
    temperature: float = 0.0
    samples: int = 1
    pass_at_k_temperature: float = 1.0

    @property
    def protocol(self) -> str:
        """How attempts were sampled, in the words of data/published_rows.csv."""
        if self.temperature == 0:
            return "greedy"
        return f"mean of {self.samples} at T {self.temperature:g}"
