"""The settings of sampling."""

from dataclasses import dataclass
from importlib.util import find_spec

from score.policies.compiling import check_compile_settings
from score.sampling.prompt_settings import BETWEEN, PromptSettings

_CHOICES = {"history": ("whole", "last"), "prompting": tuple(BETWEEN)}


@dataclass(kw_only=True)
class SampleSettings(PromptSettings):
    """The keys of settings.json.

    num_problems: the first so many of the problems; None: all. num_turns: attempts at a problem; 1
    for first attempts alone. temperature: 0 is greedy. samples: first attempts at each problem.
    corrections: how often each first attempt is continued, every time with draws of its own.
    history: what attempt t > 2 goes on from, the whole conversation or the problem and the last
    attempt alone, as if that were the first (so that a policy trained on two turns can be asked for
    many). prompting: one message asks for the next attempt, or (self_refine) one for a critique and
    one for the next attempt, or (pag) one for a verdict and, where that is "wrong", one for the next
    attempt.
    """

    task_type: str
    random_seed: int
    num_turns: int
    temperature: float
    max_tokens: int
    samples: int
    batch_size: int
    precision: str
    num_problems: int | None = None
    corrections: int = 1
    history: str = "whole"
    prompting: str = "correction"
    rollout_backend: str = "transformers"
    vllm_gpu_memory_utilization: float = 0.9
    vllm_tensor_parallel_size: int = 1
    vllm_prefix_caching: bool = True
    compile_decoding: bool = False
    cache_dir: str | None = None
    attn_implementation: str | None = None
    trust_remote_code: bool = False

    def __post_init__(self):
        for name in ("num_problems", "num_turns", "samples", "corrections"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} is {value}; expected at least 1. Raise it.")
        for name in ("samples", "corrections"):
            if self.temperature == 0 and (value := getattr(self, name)) > 1:
                raise ValueError(
                    f"{name} is {value} at temperature 0; expected 1, since greedy "
                    f"attempts are all alike. Raise the temperature or lower {name}."
                )
        if self.num_turns == 1 and self.corrections > 1:
            raise ValueError(
                f"corrections is {self.corrections} with num_turns 1, where nothing is "
                "corrected; expected 1. Raise num_turns or lower corrections."
            )
        for name, choices in _CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                expected = " or ".join(map(repr, choices))
                raise ValueError(f"{name} is {value!r}; expected {expected}. Choose one.")
        check_backend(self.rollout_backend)
        check_compile_settings(
            self.compile_decoding, self.rollout_backend, attention=self.attn_implementation
        )


BACKENDS = ("transformers", "vllm")


def check_backend(name: str) -> None:
    """ValueError unless the backend is known and installed. Imports nothing, so it costs nothing."""
    if name not in BACKENDS:
        raise ValueError(
            f"rollout_backend is {name!r}; expected one of {', '.join(BACKENDS)}. Choose one."
        )
    if name == "vllm" and find_spec("vllm") is None:
        raise ValueError(
            "rollout_backend is 'vllm', which is not installed here; expected it in the environment "
            "of every job. Install it with `pip install -r requirements-vllm.txt`, or set "
            "rollout_backend: transformers."
        )


def check_tensor_parallel(gpus: int, config: dict | None) -> None:
    """ValueError where vLLM can't share out the policy of this config.json, None if unknown."""
    heads = (config or {}).get("num_attention_heads")
    if heads is not None and heads % gpus:
        raise ValueError(
            f"evaluation.vllm_tensor_parallel_size is {gpus} and the policy has {heads} heads of "
            "attention; expected a divisor of them, since every GPU holds as many. Change it."
        )
