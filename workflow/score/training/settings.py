"""The settings of a training as the workflow writes them, and what follows from them."""

from dataclasses import dataclass, field

from score.files.settings import Settings
from score.policies.compiling import check_compile_settings
from score.sampling.prompt_settings import BETWEEN, PromptSettings
from score.sampling.settings import check_backend
from score.training.longest_row import check_budget, longest_row
from score.training.methods import METHODS
from score.training.methods.checks import check_method, check_one_step_off
from score.training.selection import SelectionSettings
from score.verifiers.settings import VerifierSettings


def _help(text: str) -> dict[str, str]:
    return {"help": text}


def check_second_opinions(most: int) -> None:
    """ValueError for a negative number of attempts to ask a second opinion about."""
    if most < 0:
        raise ValueError(f"second_opinions is {most}; expected 0 or more. Use 0 to ask for none.")


@dataclass(kw_only=True)
class MethodSettings:
    """What the method is beside its rates and sizes: fields of TrainSettings and SCoReConfig alike."""

    stage2_alpha: float = field(default=10.0, metadata=_help("α of the shaping bonus"))
    init_kl_target: float | None = field(
        default=None, metadata=_help("nats of turn 1's KL that Stage I adapts init_kl_coef to hold")
    )
    offline_first_attempts: float = field(
        default=0.0, metadata=_help("share of problems that start from given first attempts")
    )
    corrections_per_attempt: int = field(
        default=1, metadata=_help("rollouts of a problem that continue the same first attempt")
    )
    clip_low: float | None = field(
        default=None, metadata=_help("how far a clipped method lets π / π_old fall below 1")
    )
    clip_high: float | None = field(
        default=None, metadata=_help("how far a clipped method lets π / π_old rise above 1")
    )
    mini_batches: int = field(
        default=1, metadata=_help("updates that each set of rollouts serves, in a clipped method")
    )
    dynamic_sampling_rounds: int = field(
        default=0, metadata=_help("most times that groups paid alike are replaced by further ones")
    )
    kl_estimator: str = field(
        default="k2", metadata=_help("k2 (in the loss) or k1 (in the rewards)")
    )
    scale_advantages: bool = field(
        default=True,
        metadata=_help("divide an update, rewards and KL, by its advantages' deviation"),
    )
    sampler_ratios: bool | None = field(
        default=None,
        metadata=_help(
            "count tokens with π / π_sampler; vLLM: always; None: unless all is float32"
        ),
    )
    sampling_copy: bool | None = field(
        default=None,
        metadata=_help("sample from a copy: None: with adapters merged, or in mixed precision"),
    )
    importance_ratio_cap: float = field(
        default=2.0, metadata=_help("most that a token counts for by such a ratio")
    )
    one_step_off: bool = field(
        default=False, metadata=_help("a vLLM server samples the next set while one is trained")
    )
    compile_decoding: bool = field(
        default=False, metadata=_help("sample by a compiled token step, on a GPU a CUDA graph")
    )


@dataclass(kw_only=True)
class TrainerSettings(Settings):
    """What reinforcement learning and fine-tuning share: optimizer, batches, adapter, curves."""

    run_name: str
    objective: str
    random_seed: int
    precision: str
    per_device_train_batch_size: int
    gradient_accumulation_steps: int
    learning_rate: float
    lr_scheduler_type: str
    num_warmup_steps: int
    save_steps: int
    adam_beta2: float = 0.999
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    gradient_checkpointing: bool = False
    use_lora: bool = False
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    report_to: str | list = "none"
    wandb_project_name: str | None = None
    cache_dir: str | None = None
    attn_implementation: str | None = None
    trust_remote_code: bool = False

    def check_warm_up(self, updates: int) -> None:
        """ValueError where the learning rate would not reach its value in that many updates."""
        if self.num_warmup_steps and self.num_warmup_steps >= updates:
            raise ValueError(
                f"num_warmup_steps is {self.num_warmup_steps}; expected fewer than the {updates} "
                "updates of this training, or its learning rate would rise to its end. Lower "
                f"num_warmup_steps, to {updates // 10} or the like, or train longer."
            )

    @property
    def batch(self) -> int:
        """Rollouts or examples of one update, over all processes."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    def accumulation(self, processes: int) -> int:
        """Accumulation steps of each process; ValueError where the processes can't share evenly."""
        if self.gradient_accumulation_steps % processes:
            raise ValueError(
                f"gradient_accumulation_steps is {self.gradient_accumulation_steps}; expected a "
                f"multiple of the {processes} processes, which share an update. Raise it, and lower "
                "per_device_train_batch_size to keep their product."
            )
        return self.gradient_accumulation_steps // processes


@dataclass(kw_only=True)
class TrainSettings(
    MethodSettings, SelectionSettings, TrainerSettings, VerifierSettings, PromptSettings
):
    """The settings of one reinforcement learning; configs/config.yaml says what each one means.

    An update covers per_device_train_batch_size × gradient_accumulation_steps rollouts, whatever
    the number of processes: more processes mean fewer accumulation steps each.
    """

    num_turns: int
    number_output_initial_generations: int
    temperature: float
    max_tokens: int
    local_rollout_forward_batch_size: int
    total_episodes: int
    init_kl_coef: float
    corr_kl_coef: float
    micro_batch_tokens: int | None = None
    total_tokens: int | None = None
    training_problems: int | None = None
    second_opinions: int = 64
    show_rollouts_steps: int | None = 25
    top_p: float = 1.0
    top_k: int = 0
    rollout_backend: str = "transformers"
    vllm_gpu_memory_utilization: float = 0.3
    vllm_server_url: str | None = None

    def __post_init__(self):
        check_backend(self.rollout_backend)
        check_compile_settings(
            self.compile_decoding, self.rollout_backend, self.use_lora, self.attn_implementation
        )
        check_method(self, self.number_output_initial_generations)
        self.check_selection()
        k = self.number_output_initial_generations
        if k < 2:
            raise ValueError(
                f"number_output_initial_generations is {k}; expected 2 or more, since the baseline "
                "of a rollout is the mean of the others at its problem. Raise it."
            )
        if self.batch % k:
            raise ValueError(
                f"per_device_train_batch_size × gradient_accumulation_steps is {self.batch}; expected "
                f"a multiple of number_output_initial_generations ({k}), so that an update covers "
                "whole problems. Change one of the three."
            )
        if self.total_episodes % self.batch or self.total_episodes < self.batch:
            raise ValueError(
                f"total_episodes is {self.total_episodes}; expected a multiple of "
                f"per_device_train_batch_size × gradient_accumulation_steps ({self.batch}), the "
                f"rollouts of an update. Try {max(1, self.total_episodes // self.batch) * self.batch}."
            )
        self._check_sets()
        server = self.rollout_backend == "vllm" and self.vllm_server_url is not None
        check_one_step_off(self, server)
        if self.rollout_backend == "vllm" and not server and self.cache_dir is not None:
            raise ValueError(
                f"cache_dir is {self.cache_dir!r}, where the vLLM engine of a training does not look; "
                "expected null. Set it to null, and HF_HOME in the environment to that folder."
            )
        between = [0] * len(BETWEEN[METHODS[self.objective].prompting])
        least = longest_row(1, between, self.num_turns, self.max_tokens)
        check_budget(self.micro_batch_tokens, least)
        self.check_warm_up(self.updates)
        check_second_opinions(self.second_opinions)
        if self.show_rollouts_steps is not None and self.show_rollouts_steps < 1:
            raise ValueError(
                f"show_rollouts_steps is {self.show_rollouts_steps}; expected 1 or more, or null. "
                "Change it."
            )
        if self.lora_dropout:
            raise ValueError(
                f"lora_dropout is {self.lora_dropout}; expected 0 in reinforcement learning: attempts "
                "come from the whole policy, and the gradient of a thinned one points elsewhere. Set it "
                "to 0; fine-tuned policies may have their own in the section fine_tuning."
            )

    def _check_sets(self) -> None:
        """Whole sets of rollouts, which `mini_batches` updates share, and a budget of tokens."""
        method = METHODS[self.objective]
        each = self.mini_batches * method.phases
        for name, value in (("total_episodes", self.updates), ("save_steps", self.save_steps)):
            per = each if name == "total_episodes" else self.mini_batches
            if value % per:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, {value} updates; expected a multiple of {per} "
                    f"updates, which share problems or rollouts with objective {method.name} and "
                    f"mini_batches {self.mini_batches}. Change one of them."
                )
        if self.total_tokens is None:
            return
        if self.total_tokens < 1:
            raise ValueError(
                f"total_tokens is {self.total_tokens}; expected 1 or more, or null. Change it."
            )
        if self.lr_scheduler_type not in ("constant", "constant_with_warmup"):
            raise ValueError(
                f"lr_scheduler_type is {self.lr_scheduler_type} with total_tokens; expected constant or "
                "constant_with_warmup, since others end with total_episodes, which the budget of tokens "
                "may leave unreached. Change it, or set total_tokens to null."
            )

    @property
    def updates(self) -> int:
        """Optimizer steps of the whole run; the most there are with `total_tokens`."""
        return self.total_episodes // self.batch
