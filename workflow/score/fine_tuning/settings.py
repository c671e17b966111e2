"""The settings of one fine-tuning as the workflow writes them, and what follows from them."""

import math
from dataclasses import dataclass, fields

from score.training.settings import steps_of_process


@dataclass(frozen=True)
class FineTuneSettings:
    """The keys of settings.json; README and configs/config.yaml say what each one means.

    An update covers per_device_train_batch_size × gradient_accumulation_steps examples, whatever the
    number of processes: more processes mean fewer accumulation steps each. updates: how many; where
    it is null, as many as `epochs` passes over the examples need.
    """

    run_name: str
    objective: str
    random_seed: int
    precision: str
    per_device_train_batch_size: int
    gradient_accumulation_steps: int
    learning_rate: float | int
    lr_scheduler_type: str
    num_warmup_steps: int
    save_steps: int
    updates: int | None = None
    epochs: float | int = 1
    adam_beta2: float = 0.999
    weight_decay: float | int = 0.0
    max_grad_norm: float | int = 1.0
    gradient_checkpointing: bool = False
    use_lora: bool = False
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float | int = 0.0
    report_to: str | list = "none"
    wandb_project_name: str | None = None
    cache_dir: str | None = None

    def __post_init__(self):
        for name in ("per_device_train_batch_size", "gradient_accumulation_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 1 or more. Raise it.")
        if self.updates is not None and self.updates < 1:
            raise ValueError(
                f"updates is {self.updates}; expected 1 or more. Raise it, or set it to null to count "
                "in epochs."
            )
        if not self.epochs > 0:
            raise ValueError(f"epochs is {self.epochs}; expected more than 0. Raise it.")

    def updates_on(self, examples: int) -> int:
        """Optimizer steps of the whole fine-tuning on that many examples.

        Updates are all of one size: the last one of an epoch is filled up from the next epoch.
        """
        if self.updates is not None:
            return self.updates
        batch = self.per_device_train_batch_size * self.gradient_accumulation_steps
        return max(1, math.ceil(self.epochs * examples / batch))

    def accumulation(self, processes: int) -> int:
        """Accumulation steps of each process; ValueError where the processes can't share evenly."""
        return steps_of_process(self.gradient_accumulation_steps, processes, "examples")


FINE_TUNE_KEYS = tuple(field.name for field in fields(FineTuneSettings))
