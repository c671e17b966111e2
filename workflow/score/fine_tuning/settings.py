"""The settings of fine-tuning, and of where its examples come from: chosen or given attempts."""

import math
from dataclasses import dataclass

from score.sampling.prompt_settings import PromptSettings
from score.training.settings import TrainerSettings
from score.verifiers.settings import VerifierSettings

CORRECTING = ("self_taught", "self_rewarding")  # whose rounds sample corrections
CHOOSING = (*CORRECTING, "pair_sft")
# How policies are led from one attempt to the next, where that is not by one message.
PROMPTING = {"self_rewarding": "pag"}
FINE_TUNED = (*CHOOSING, "supervised")
LOSS_ON = {"first": (1,), "second": (2,), "both": (1, 2)}
KEEP = ("improving", "non_decreasing")


@dataclass(kw_only=True)
class CorrectionSettings(VerifierSettings, PromptSettings):
    """How rollouts are judged and which corrections are kept; keys of settings.json.

    method: self_taught pairs each correction with the attempt it answered, pair_sft two samples of
    turn 1, self_rewarding takes attempts with the policy's own verdicts and revisions. keep, keep_from:
    see pairs.py. pairs_per_problem: most pairs, or trajectories, of each kind from one
    problem; null: all. on_no_corrections: refuse to go on without any, or keep the policy as it is.
    """

    method: str
    random_seed: int
    keep: str = "improving"
    keep_from: float = 1.0
    pairs_per_problem: int | None = None
    on_no_corrections: str = "refuse"
    cache_dir: str | None = None
    trust_remote_code: bool = False

    def __post_init__(self):
        choices = {"method": CHOOSING, "keep": KEEP, "on_no_corrections": ("refuse", "keep")}
        for name, known in choices.items():
            value = getattr(self, name)
            if value not in known:
                raise ValueError(
                    f"{name} is {value!r}; expected one of {', '.join(known)}. Pick one."
                )
        if self.pairs_per_problem is not None and self.pairs_per_problem < 1:
            raise ValueError(
                f"pairs_per_problem is {self.pairs_per_problem}; expected 1 or more. Raise it, or set "
                "it to null for no limit."
            )


@dataclass(kw_only=True)
class GivenSettings(PromptSettings):
    """How given attempts become examples; keys of settings.json.

    loss_on: which attempts are imitated, the first, the second or both. The second is imitated behind
    the first of its row, which is context.
    """

    task_type: str
    loss_on: str = "first"
    cache_dir: str | None = None
    trust_remote_code: bool = False

    def __post_init__(self):
        if self.loss_on not in LOSS_ON:
            raise ValueError(
                f"loss_on is {self.loss_on!r}; expected one of {', '.join(LOSS_ON)}. Pick one."
            )


@dataclass(kw_only=True)
class FineTuneSettings(TrainerSettings):
    """The settings of one fine-tuning; configs/config.yaml says what each one means.

    An update covers per_device_train_batch_size × gradient_accumulation_steps examples, whatever the
    number of processes: more processes mean fewer accumulation steps each. updates: how many; None:
    as many as one pass over the examples needs. chat_template: saved with the policy, see
    PromptSettings; examples are token ids already.
    """

    updates: int | None = None
    chat_template: str | None = None

    def __post_init__(self):
        for name in ("per_device_train_batch_size", "gradient_accumulation_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 1 or more. Raise it.")
        if self.updates is not None and self.updates < 1:
            raise ValueError(
                f"updates is {self.updates}; expected 1 or more. Raise it, or set it to null for one "
                "pass over the examples."
            )
        if self.updates is not None:
            self.check_warm_up(self.updates)

    def updates_on(self, examples: int) -> int:
        """Optimizer steps of the whole fine-tuning on that many examples.

        Updates are all of one size: the last one is filled up from a second pass.
        """
        if self.updates is not None:
            return self.updates
        return max(1, math.ceil(examples / self.batch))
