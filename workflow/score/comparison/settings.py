"""The settings of the comparison: how intervals are found, and what the arms of a run are."""

from dataclasses import dataclass

from score.files.settings import Settings


@dataclass(kw_only=True)
class IntervalSettings(Settings):
    """How many resamples the intervals come from, and the seed with which these are drawn."""

    bootstrap_samples: int = 10_000
    bootstrap_seed: int = 0


@dataclass(kw_only=True)
class PaperArms(Settings):
    """The name that each policy of the paper has among the arms of the run."""

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


@dataclass(kw_only=True)
class ClaimsSettings(IntervalSettings, PaperArms):
    """Which arms the claims are about, and how they are tested; keys of settings.json.

    claims_margin: a Δ below it is no gain, a fraction. claims_copy_rate: the fraction of unchanged
    answers above which a policy copies.
    """

    claims_margin: float = 0.01
    claims_copy_rate: float = 0.9

    def __post_init__(self):
        for name in ("claims_margin", "claims_copy_rate"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} is {value}; expected a fraction, 0 to below 1.")


@dataclass(kw_only=True)
class RunDescription(Settings):
    """What this run's rows were measured on; keys of run.json.

    temperature: of sampling, 0 for greedy. samples: rollouts of each problem.
    """

    model_path: str
    dataset: str
    temperature: float = 0.0
    samples: int = 1

    @property
    def protocol(self) -> str:
        """How attempts were sampled, in the words of data/published_rows.csv."""
        if self.temperature == 0:
            return "greedy"
        return f"mean of {self.samples} at T {self.temperature:g}"
