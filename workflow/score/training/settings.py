"""The settings of one training run as the workflow writes them, and what follows from them."""

from dataclasses import dataclass

from score.sampling.settings import check_backend
from score.training.objectives import check_objective

# Settings that change no result: neither a rule nor a checkpoint is redone for them.
IDLE_SETTINGS = (
    "cache_dir",
    "report_to",
    "verifier_workers",
    "vllm_gpu_memory_utilization",
    "vllm_server_url",
    "wandb_project_name",
)


@dataclass(frozen=True)
class TrainSettings:
    """The keys of settings.json; README and configs/config.yaml say what each one means.

    An update covers per_device_train_batch_size × gradient_accumulation_steps rollouts, whatever
    the number of processes: more processes mean fewer accumulation steps each.
    """

    run_name: str
    task_type: str
    objective: str
    random_seed: int
    num_turns: int
    number_output_initial_generations: int
    temperature: float | int
    max_tokens: int
    per_device_train_batch_size: int
    gradient_accumulation_steps: int
    local_rollout_forward_batch_size: int
    total_episodes: int
    learning_rate: float | int
    lr_scheduler_type: str
    num_warmup_steps: int
    save_steps: int
    init_kl_coef: float | int
    corr_kl_coef: float | int
    kl_estimator: str
    scale_advantages: bool
    precision: str
    training_problems: int | None = None
    stage2_alpha: float | int = 10.0
    init_kl_target: float | int | None = None
    offline_first_attempts: float | int = 0.0
    top_p: float | int = 1.0
    top_k: int = 0
    adam_beta2: float = 0.999
    weight_decay: float | int = 0.0
    max_grad_norm: float | int = 1.0
    gradient_checkpointing: bool = False
    use_lora: bool = False
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float | int = 0.0
    evaluator_function: str | None = None
    evaluator_mode: str = "default"
    evaluator_answer_marker: str | None = None
    verifier_deadline: float | int = 5.0
    verifier_workers: int = 1
    rollout_backend: str = "transformers"
    vllm_gpu_memory_utilization: float | int = 0.3
    vllm_server_url: str | None = None
    importance_ratio_cap: float | int = 2.0
    report_to: str | list = "none"
    wandb_project_name: str | None = None
    cache_dir: str | None = None

    def __post_init__(self):
        check_backend(self.rollout_backend)
        check_objective(
            self.objective,
            self.turns(),
            self.init_kl_coef,
            self.init_kl_target,
            self.offline_first_attempts,
        )
        rollouts = self.rollouts()
        k = self.number_output_initial_generations
        if k < 2:
            raise ValueError(
                f"number_output_initial_generations is {k}; expected 2 or more, since the baseline "
                "of a rollout is the mean of the others at its problem. Raise it."
            )
        if rollouts % k:
            raise ValueError(
                f"per_device_train_batch_size × gradient_accumulation_steps is {rollouts}; expected "
                f"a multiple of number_output_initial_generations ({k}), so that an update covers "
                "whole problems. Change one of the three."
            )
        if self.total_episodes % rollouts or self.total_episodes < rollouts:
            raise ValueError(
                f"total_episodes is {self.total_episodes}; expected a multiple of "
                f"per_device_train_batch_size × gradient_accumulation_steps ({rollouts}), the "
                f"rollouts of an update. Try {max(1, self.total_episodes // rollouts) * rollouts}."
            )

    def turns(self) -> int:
        """Attempts of a training rollout: `num_turns`, of which single_turn trains the first alone."""
        return 1 if self.objective == "single_turn" else self.num_turns

    def rollouts(self) -> int:
        """Rollouts of one update, over all processes."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    def updates(self) -> int:
        """Optimizer steps of the whole run."""
        return self.total_episodes // self.rollouts()

    def accumulation(self, processes: int) -> int:
        """Accumulation steps of each process; ValueError where the processes can't share evenly."""
        return steps_of_process(self.gradient_accumulation_steps, processes, "rollouts")


def steps_of_process(steps: int, processes: int, things: str) -> int:
    """Accumulation steps of each of the processes that share an update's rollouts or examples.

    ValueError where they can't share evenly.
    """
    each, left = divmod(steps, processes)
    if left or not each:
        raise ValueError(
            f"gradient_accumulation_steps is {steps}; expected a multiple of the {processes} "
            f"processes, which share the {things} of an update. Raise it, and lower "
            "per_device_train_batch_size to keep their product."
        )
    return each
