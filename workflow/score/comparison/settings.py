"""The settings of the comparison: how intervals are found, and what the arms of a run are."""

from dataclasses import dataclass

from score.files.settings import Settings


@dataclass(kw_only=True)
class IntervalSettings(Settings):
    """By how many resamples the intervals are found, and with which seed."""

    bootstrap_samples: int = 10_000
    bootstrap_seed: int = 0


@dataclass(kw_only=True)
class ClaimsSettings(IntervalSettings):
    """Which arm of the run is which policy of the paper, and how it is tested; keys of settings.json.

    claims_margin: a Δ below it is no gain, a fraction. claims_copy_rate: the fraction of unchanged
    answers above which a policy copies.
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
    claims_margin: float = 0.01
    claims_copy_rate: float = 0.9

    def __post_init__(self):
        for name in ("claims_margin", "claims_copy_rate"):
            if not 0 <= getattr(self, name) < 1:
                value = getattr(self, name)
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
        if self.temperature == 0:
            return "greedy"
        return f"mean of {self.samples} at T {self.temperature:g}"
