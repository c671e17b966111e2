"""How a policy is asked that somebody tries: as in its training, by the settings that it carries.

A policy folder may come from anybody, so no code runs because a file in it says so: a task of one's own
and code of a policy's own have to be named or trusted by a flag.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from score.chat.policy_folder import EVALUATED, PolicyFolder, Wanted, few_shot_dir_of
from score.files.made_with import POLICY_SETTINGS
from score.policies.fitness import check_policy, hub_config
from score.policies.load import DTYPES, base_of, is_adapter
from score.policies.weight_files import read_object
from score.sampling.bridge_text import Messages
from score.sampling.few_shot import read_few_shot
from score.sampling.settings import SampleSettings, sampled_in
from score.tasks import known_tasks
from score.training.methods import METHODS
from score.verifiers.settings import VerifierSettings

VERIFIED = "test/verify_settings.json"  # of an instance: how its attempts were judged
_MOST_TOKENS = 1024  # of an attempt, where nothing says how many
# One question at a time, by transformers.
_ALONE = {
    "samples": 1,
    "corrections": 1,
    "batch_size": 1,
    "num_problems": None,
    "rollout_backend": "transformers",
    "compile_decoding": False,  # it would compile for minutes, for one conversation
}


@dataclass
class Asking:
    """sampling, verifying: settings as of a job. few_shot: worked examples. evaluated_at: temperature of
    the run's evaluation, 0 where there is none. told: sentences on where the settings come from."""

    sampling: SampleSettings
    verifying: VerifierSettings
    few_shot: Messages
    evaluated_at: float = 0.0
    told: list[str] = field(default_factory=list)


def asking_of(folder: PolicyFolder, wanted: Wanted) -> Asking:
    """How the policy is asked. ValueError where nothing says it, or what says it does not fit."""
    check_policy(folder.weights, wanted.cache_dir, wanted.trust_remote_code)
    records = _records(folder)
    stated, source = _stated(folder, wanted, *records)
    task = stated["task_type"] = _task(stated.get("task_type"), wanted.task, source)
    told = [_told(folder.weights, task, source)]
    stated["precision"] = _precision(stated.get("precision"), wanted.dtype, told)
    if not torch.cuda.is_available():
        stated["attn_implementation"] = None  # that of a training may need a GPU
    stated |= {
        "temperature": float(wanted.temperature),
        "max_tokens": wanted.max_tokens or stated.get("max_tokens"),
        "random_seed": wanted.seed,
        "cache_dir": wanted.cache_dir,
        "trust_remote_code": wanted.trust_remote_code,
        **_ALONE,
    }
    trained, evaluated, verified = records
    judged = trained if "evaluator_function" in trained else verified
    judged = {**judged, "task_type": task, "verifier_workers": 1}
    few_shot_dir = wanted.few_shot_dir or few_shot_dir_of(folder)
    if few_shot_dir is not None:
        told.append(f"worked examples: {few_shot_dir}")
    return Asking(
        _fitting(SampleSettings, stated, source),
        _fitting(VerifierSettings, judged, source),
        read_few_shot(few_shot_dir, task),
        float(evaluated.get("temperature", 0.0)),
        told,
    )


def _records(folder: PolicyFolder) -> tuple[dict, dict, dict]:
    """The settings of the policy's training, of its evaluation's sampling and of its verdicts; {} each
    that is not there."""
    evaluated, verified = (
        _object(folder.instance / name) if folder.instance else {} for name in (EVALUATED, VERIFIED)
    )
    return _object(Path(folder.weights) / POLICY_SETTINGS), evaluated, verified


def _stated(
    folder: PolicyFolder, wanted: Wanted, trained: dict, evaluated: dict, verified: dict
) -> tuple[dict, Path | None]:
    """Keys of SampleSettings as the records state them, and the file that says so; None: none does."""
    if "task_type" in trained:
        as_evaluated = {key: evaluated[key] for key in ("max_tokens", "num_turns") if evaluated}
        stated = {"num_turns": 2, **_as_trained(trained), **as_evaluated}
        return stated, Path(folder.weights) / POLICY_SETTINGS
    if evaluated:
        tags = {key: verified[key] for key in verified if key == "reasoning_tags"}
        return {**tags, **evaluated}, folder.instance / EVALUATED
    if wanted.task is None:
        raise ValueError(
            f"{folder.weights} has no {POLICY_SETTINGS}, by which a policy that was trained here says "
            f"how it is asked; expected it, or the task. Add --task: {', '.join(known_tasks())}, or a "
            ".py file."
        )
    config = _config(folder.weights, wanted.cache_dir)
    context = config.get("max_position_embeddings") or 4 * _MOST_TOKENS
    stated = {"num_turns": 2, "max_tokens": max(1, min(_MOST_TOKENS, context // 4))}
    stated["precision"] = trained.get("precision") or _held(config)
    return stated, None


def held_precision(weights: str, cache_dir: str | None = None) -> str:
    """The key of DTYPES in which a policy's weights are stored; float32 where they are in another."""
    return _held(_config(weights, cache_dir))


def _config(weights: str, cache_dir: str | None) -> dict:
    """config.json of a policy, of its base where it is an adapter."""
    base = base_of(weights) if is_adapter(weights) else weights
    return (hub_config(base, cache_dir) if not Path(base).is_dir() else None) or _object(
        Path(base) / "config.json"
    )


def _held(config: dict) -> str:
    held = config.get("dtype") or config.get("torch_dtype")
    return held if held in DTYPES else "float32"


def _as_trained(trained: dict) -> dict:
    """Keys of SampleSettings by the settings of a reinforcement learning."""
    names = {*SampleSettings.names()} - {"temperature"}
    prompts = {key: value for key, value in trained.items() if key in names}
    method = METHODS.get(trained.get("objective"))
    # The policy's folder holds the template that it was trained with, whatever file that was.
    own = {"chat_template": None, "prompting": method.prompting if method else "correction"}
    return prompts | own


def _task(recorded: str | None, named: str | None, source: Path | None) -> str:
    """The task that a policy is asked as: the recorded one, which must be named too if it is a file."""
    if recorded is None or recorded == named:
        return named
    if named is not None and not (recorded.endswith(".py") and named.endswith(".py")):
        raise ValueError(
            f"--task is {named!r}, but {source} says {recorded!r}; expected the task that the policy "
            "was trained on. Leave --task out."
        )
    if named is None and recorded.endswith(".py"):
        raise ValueError(
            f"{source} names the task in the file {recorded}, whose code would run; expected that you "
            f"name it too. If you trust it, add --task {recorded}"
        )
    return recorded if named is None else named


def _told(weights: str, task: str, source: Path | None) -> str:
    if source is None:
        return (
            f"{weights} has no {POLICY_SETTINGS}: asked with the own prompts of task {task}, which it "
            "may not know"
        )
    return f"{weights}, asked as in {source}"


def _precision(stated: str, wanted: str | None, told: list[str]) -> str:
    """The precision to load in: the one that is stated, float32 where there is no GPU, or the wanted."""
    if wanted is not None:
        return wanted
    stated = sampled_in(stated)
    if stated != "float32" and not torch.cuda.is_available():
        told.append(f"float32, since there is no GPU here (trained in {stated})")
        return "float32"
    return stated


def _object(file: Path) -> dict:
    return read_object(file) if file.is_file() else {}


def _fitting(kind: type, stated: dict, source: Path | None):
    """Settings of a job of what is stated; ValueError that names the file where one does not fit."""
    known = {key: value for key, value in stated.items() if key in kind.names()}
    return kind.checked(known, source or "the settings")
