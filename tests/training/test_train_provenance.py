"""A training goes on only from checkpoints of the policies and problems that it is given."""

import shutil
from argparse import Namespace
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from score.policies.load import load_policy
from score.training.checkpoints import open_checkpoints, writing_checkpoint, written_to
from score.training.settings import TrainSettings
from score.training.train import context_length, provenance
from training_runs import BASE

ALONE = SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: None)
SETTINGS = TrainSettings(
    run_name="test",
    task_type="puzzle",
    objective="stage_two",
    random_seed=5,
    num_turns=2,
    number_output_initial_generations=4,
    temperature=1.0,
    max_tokens=10,
    per_device_train_batch_size=16,
    gradient_accumulation_steps=1,
    local_rollout_forward_batch_size=16,
    total_episodes=16,
    learning_rate=1e-3,
    lr_scheduler_type="linear",
    num_warmup_steps=0,
    save_steps=10,
    init_kl_coef=0.1,
    corr_kl_coef=0.1,
    kl_estimator="k1",
    scale_advantages=False,
    precision="float32",
    training_problems=8,
)


@pytest.fixture
def given(tmp_path):
    """What a training of the shipped policy is given, with another policy and other problems."""
    other = tmp_path / "other"
    shutil.copytree(BASE, other)
    policy = load_policy(BASE, "float32")
    with torch.no_grad():
        next(policy.parameters())[0, 0] += 1.0
    policy.save_pretrained(other)
    problems = tmp_path / "train.jsonl"
    shutil.copy("data/puzzle/problems/train.jsonl", problems)
    lines = problems.read_text().splitlines(keepends=True)
    (tmp_path / "fewer.jsonl").write_text("".join(lines[:-1]))
    return {"init": BASE, "reference": BASE, "problems": str(problems)}


def test_an_engine_has_room_for_the_longest_conversation_that_it_samples(given):
    flags = Namespace(**given, few_shot_dir=None, validation=None, first_attempts=None, policy=None)
    flags.init = BASE
    length = context_length(SETTINGS, flags)
    assert length == context_length(replace(SETTINGS, micro_batch_tokens=length), flags)
    provenance(replace(SETTINGS, micro_batch_tokens=length), flags)
    with pytest.raises(ValueError, match=f"expected {length} or more"):
        provenance(replace(SETTINGS, micro_batch_tokens=length - 1), flags)


def test_cache_that_an_engine_does_not_look_into_is_refused(monkeypatch):
    monkeypatch.setattr("score.sampling.settings.find_spec", lambda name: name)
    with pytest.raises(
        ValueError, match="cache_dir is 'here', where the vLLM engine of a training"
    ):
        replace(SETTINGS, cache_dir="here", rollout_backend="vllm")
    replace(
        SETTINGS, cache_dir="here", rollout_backend="vllm", vllm_server_url="http://127.0.0.1:1"
    )


def test_budget_of_tokens_below_the_longest_row_is_refused_at_the_start(given):
    """With prompts the longest is known; from the settings alone, what all attempts can have."""
    none = {"first_attempts": None, "validation": None, "few_shot_dir": None}
    with pytest.raises(ValueError, match="micro_batch_tokens is 30; expected"):
        provenance(replace(SETTINGS, micro_batch_tokens=30), Namespace(**given, **none))
    with pytest.raises(ValueError, match="micro_batch_tokens is 20; expected 21 or more"):
        replace(SETTINGS, micro_batch_tokens=20)


@pytest.mark.parametrize(
    ("name", "other"), [("reference", "other"), ("init", "other"), ("problems", "fewer.jsonl")]
)
def test_a_training_with_another_input_than_its_checkpoints_is_refused(
    tmp_path, given, name, other
):
    """Catches an input missing from what checkpoints say they were made with."""
    folder = tmp_path / "checkpoints"

    def start(**changes):
        flags = Namespace(
            first_attempts=None, validation=None, few_shot_dir=None, **{**given, **changes}
        )
        open_checkpoints(str(folder), provenance(SETTINGS, flags))

    start()
    with writing_checkpoint(str(folder), 2, ALONE):
        draft = f"{written_to(str(folder))}/checkpoint-2"
        shutil.copytree(BASE, draft)
    start()
    with pytest.raises(ValueError, match=rf"was made with {name} \w+…, now \w+…;"):
        start(**{name: str(tmp_path / other)})
    start()
