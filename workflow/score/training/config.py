"""SCoReConfig: the hyper-parameters of one training run, checked."""

from dataclasses import dataclass, field

from datasets import Dataset
from transformers.utils import is_torch_bf16_gpu_available
from trl import GRPOConfig

from score.policies.compiling import check_compile_settings
from score.sampling.prompt_settings import BETWEEN
from score.training.loss import KL_ESTIMATORS
from score.training.methods import METHODS
from score.training.methods.checks import check_method, check_one_step_off
from score.training.methods.method import Method
from score.training.settings import MethodSettings, check_second_opinions
from score.verifiers.reasoning import TAGS


def _help(text: str) -> dict[str, str]:
    return {"help": text}


@dataclass
class SCoReConfig(MethodSettings, GRPOConfig):
    """GRPOConfig with the settings of SCoRe.

    ValueError for what the method excludes. What the algorithm is has the defaults of
    configs/config.yaml; the KL weights there suit its puzzles, those here are the paper's for MATH.

    Of the inherited fields, `num_generations` is K, the rollouts of one problem, and
    `max_completion_length` the token limit of one attempt. An update covers
    per_device_train_batch_size × gradient_accumulation_steps × processes rollouts. `bf16` is true where
    it is not given and a GPU can do it. With micro_batch_tokens a step of the trainer is a whole update,
    so that the first of the three takes in the second.
    """

    objective: str = field(
        default="stage_one",
        metadata=_help("the method: " + ", ".join(METHODS)),
    )
    num_turns: int = field(default=2, metadata=_help("attempts at a problem; 1 for single_turn"))
    init_kl_coef: float | None = field(
        default=None,
        metadata=_help("KL weight of turn 1; None: 0.1 in stage_one (β2), 0.01 otherwise (β1)"),
    )
    corr_kl_coef: float = field(default=0.01, metadata=_help("KL weight of later turns (β1)"))
    local_rollout_forward_batch_size: int = field(
        default=64, metadata=_help("rows of a pass without gradient: sampling, reference")
    )
    micro_batch_tokens: int | None = field(
        default=None,
        metadata=_help("most positions of a pass, padding included; None: passes of so many rows"),
    )
    correction_prompt: str = field(
        default="There might be an error in the solution above. Correct it if there is one, and "
        "write out the whole solution again.",
        metadata=_help("the user message of turn 2; the same for right and wrong attempts"),
    )
    verify_prompt: str | None = field(
        default=None, metadata=_help("pag: the user message that asks for a verdict on an attempt")
    )
    revise_prompt: str | None = field(
        default=None, metadata=_help("pag: the user message after the verdict that it is wrong")
    )
    reasoning_tags: list | None = field(
        default_factory=lambda: list(TAGS),
        metadata=_help("what opens and what ends reasoning, inside which no verdict is read"),
    )
    second_opinions: int = field(
        default=64,
        metadata=_help(
            "attempts of a turn, process and update that a second opinion is asked about"
        ),
    )
    cache_dir: str | None = field(default=None, metadata=_help("where hub downloads are kept"))
    temperature: float = field(default=1.0, metadata=_help("of sampling and of log-probabilities"))
    disable_dropout: bool = field(default=True, metadata=_help("no other than true"))
    logging_steps: float = field(default=1, metadata=_help("updates between two records"))

    def __post_init__(self):
        if self.micro_batch_tokens is not None:
            self.per_device_train_batch_size *= self.gradient_accumulation_steps
            self.gradient_accumulation_steps = 1
        if self.mini_batches > 1 and self.steps_per_generation is None:
            self.steps_per_generation = self.gradient_accumulation_steps * self.mini_batches
        if self.bf16 is None and not self.fp16:  # TRL's own default fails without such a GPU
            self.bf16 = is_torch_bf16_gpu_available()
        super().__post_init__()
        if self.init_kl_coef is None:
            self.init_kl_coef = 0.1 if self.objective == "stage_one" else 0.01
            if self.objective in METHODS and METHODS[self.objective].clipped:
                self.init_kl_coef = 0.0
        if self.sampler_ratios is None:
            self.sampler_ratios = bool(self.bf16)
        check_method(self, self.num_generations)
        self._check_shares()
        server = self.use_vllm and self.vllm_mode == "server"
        check_one_step_off(self, server, self.world_size)
        if self.kl_estimator not in KL_ESTIMATORS:
            raise _error("kl_estimator", self.kl_estimator, f"one of {', '.join(KL_ESTIMATORS)}")
        for name in ("init_kl_coef", "corr_kl_coef", "stage2_alpha"):
            if getattr(self, name) < 0:
                raise _error(name, getattr(self, name), "0 or more")
        check_second_opinions(self.second_opinions)
        check_compile_settings(self.compile_decoding, "vllm" if self.use_vllm else "transformers")
        if self.importance_ratio_cap < 1:
            raise _error("importance_ratio_cap", self.importance_ratio_cap, "1 or more")
        if not self.temperature > 0:
            raise _error("temperature", self.temperature, "more than 0, since training samples")
        self._refuse_other_distributions()
        self._refuse_other_methods()

    def between(self, method: Method) -> list[str]:
        """The user messages from one attempt to the next; ValueError where the method lacks one."""
        names = BETWEEN[method.prompting]
        missing = [name for name in names if getattr(self, name) is None]
        if missing:
            raise ValueError(
                f"{missing[0]} is None with objective {method.name}; expected the message that it asks "
                "with. Give the task's."
            )
        return [getattr(self, name) for name in names]

    def check_dataset(self, dataset: Dataset) -> None:
        """ValueError where `dataset` lacks columns, or problems for one update."""
        expected = ["prompt", "answer"] + ["problem_id"] * bool(self.offline_first_attempts)
        missing = [column for column in expected if column not in dataset.column_names]
        if missing:
            raise ValueError(
                f"train_dataset has columns {dataset.column_names}; expected {', '.join(expected)}. "
                f"Add {' and '.join(missing)}."
            )
        problems = self.generation_batch_size // self.num_generations
        if len(dataset) < problems:
            raise ValueError(
                f"train_dataset holds {len(dataset)} problems, but one update needs {problems} "
                "(rollouts of an update / number_output_initial_generations). Add problems or lower "
                "gradient_accumulation_steps or per_device_train_batch_size."
            )

    def _check_shares(self) -> None:
        """Each process samples whole first attempts, with all their corrections."""
        rows = self.per_device_train_batch_size * self.steps_per_generation
        if rows % self.corrections_per_attempt:
            raise ValueError(
                f"corrections_per_attempt is {self.corrections_per_attempt}; expected a divisor of the "
                f"{rows} rollouts of a process in an update, so that corrections of one attempt are "
                "sampled by one process. Lower it, or the number of processes, or raise "
                "per_device_train_batch_size."
            )
        k = self.num_generations
        if self.dynamic_sampling_rounds and rows % k:
            raise ValueError(
                f"dynamic_sampling_rounds is {self.dynamic_sampling_rounds} and a process has {rows} "
                f"rollouts of a set; expected a multiple of number_output_initial_generations ({k}), "
                "since groups are replaced by one process. Raise per_device_train_batch_size, or set it "
                "to 0."
            )
        if rows % self.mini_batches:
            raise ValueError(
                f"mini_batches is {self.mini_batches}; expected a divisor of the {rows} rollouts that a "
                "process has of a set. Lower it."
            )

    def _refuse_other_distributions(self) -> None:
        """Log-probabilities come from the full softmax, so samples must too."""
        filters = {"top_p": 1.0, "top_k": 0, "min_p": None, "repetition_penalty": 1.0}
        for name, off in filters.items():
            value = getattr(self, name)
            if value != off and not (name == "top_k" and value is None):
                raise ValueError(
                    f"{name} is {value}; expected {off} in training: attempts must come from the same "
                    "distribution as their log-probabilities. Use it in evaluation only."
                )
        if not self.disable_dropout:
            raise _error(
                "disable_dropout", False, "true, since attempts are sampled without dropout"
            )
        if self.generation_kwargs:
            raise _error("generation_kwargs", self.generation_kwargs, "none in training")

    def _refuse_other_methods(self) -> None:
        if self.beta:
            raise ValueError(
                f"beta is {self.beta}; expected 0. Set init_kl_coef and corr_kl_coef instead: each "
                "turn has a KL weight of its own."
            )
        if (
            self.num_iterations != 1
            or self.steps_per_generation != self.gradient_accumulation_steps * self.mini_batches
        ):
            raise ValueError(
                f"num_iterations is {self.num_iterations} and steps_per_generation "
                f"{self.steps_per_generation}; expected 1 and gradient_accumulation_steps × "
                f"mini_batches ({self.gradient_accumulation_steps} × {self.mini_batches}). Leave both "
                "out: mini_batches says how many updates a set of rollouts serves."
            )


def _error(name: str, value, expected: str) -> ValueError:
    return ValueError(f"{name} is {value!r}; expected {expected}. Change {name} in the config.")
