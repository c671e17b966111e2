"""Which distributions a training is about: policy and reference at the temperature of sampling.

What is expected is worked out from the attempts that the sampler wrote and from the two policies'
plain logits, without any of the trainer's own arithmetic.
"""

import json
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from score.policies.lineage import recorded_reference
from score.policies.load import load_policy
from score.sampling.generate import HFGenerate
from score.sampling.tokenizers import load_tokenizer
from score.training.settings import TrainSettings
from score.training.train import train
from training_runs import BASE, make_trainer, moved_policy, records

TEMPERATURE = 1.7
SETTINGS = {
    "run_name": "test",
    "task_type": "puzzle",
    "objective": "stage_two",
    "random_seed": 5,
    "num_turns": 2,
    "number_output_initial_generations": 4,
    "temperature": TEMPERATURE,
    "max_tokens": 10,
    "per_device_train_batch_size": 16,
    "gradient_accumulation_steps": 1,
    "local_rollout_forward_batch_size": 64,
    "total_episodes": 16,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "linear",
    "num_warmup_steps": 0,
    "save_steps": 10,
    "init_kl_coef": 0.1,
    "corr_kl_coef": 0.1,
    "kl_estimator": "k1",
    "scale_advantages": False,
    "precision": "float32",
}


@pytest.fixture(autouse=True)
def one_thread():
    """Several threads gain nothing on so small a policy, and wait long where cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    """Paths of four policies, no two alike: the shipped one, another, and two adapters of it."""
    folder = tmp_path_factory.mktemp("policies")
    moved_policy().save_pretrained(folder / "moved")
    load_tokenizer(BASE).save_pretrained(folder / "moved")
    lora = LoraConfig(
        r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False
    )
    for name in ("adapter", "other adapter"):
        get_peft_model(load_policy(BASE, "float32"), lora).save_pretrained(folder / name)
    others = {path.name: str(path) for path in folder.iterdir()}
    return {"base": BASE, **others}


@pytest.fixture
def sampled(monkeypatch):
    """A list of (temperature, prompts, attempts) that fills with every call of the sampler."""
    calls, generate = [], HFGenerate.__call__

    def watched(self, prompts, seeds):
        attempts = generate(self, prompts, seeds)
        calls.append((self.config.temperature, prompts, attempts))
        return attempts

    monkeypatch.setattr(HFGenerate, "__call__", watched)
    return calls


@torch.no_grad()
def distributions(path, prompts, attempts):
    """log_softmax(logits / TEMPERATURE) of the policy at every token of every attempt."""
    policy = load_policy(path, "float32").eval()
    for prompt, attempt in zip(prompts, attempts, strict=True):
        logits = policy(torch.tensor([prompt + attempt])).logits[0]
        yield (logits[len(prompt) - 1 : -1].double() / TEMPERATURE).log_softmax(-1)


def attempt_logps(path, prompts, attempts):
    """Log-probability of every attempt."""
    rows = zip(distributions(path, prompts, attempts), attempts, strict=True)
    return torch.stack([logps[range(len(ids)), ids].sum() for logps, ids in rows])


def mean_entropy(path, prompts, attempts):
    """Mean over the tokens of all attempts."""
    rows = [-(d.exp() * d).sum(-1) for d in distributions(path, prompts, attempts)]
    return float(torch.cat(rows).mean())


def check_first_record(record, sampled, policy, reference):
    """That the first update was recorded for these policies at TEMPERATURE, both turns."""
    assert len(sampled) == 2
    for turn, (temperature, prompts, attempts) in enumerate(sampled, start=1):
        assert temperature == TEMPERATURE
        log_ratio = [attempt_logps(path, prompts, attempts) for path in (policy, reference)]
        kl = float((log_ratio[0] - log_ratio[1]).mean())
        assert abs(kl) > 0.01, "policies too alike to tell anything"
        assert record[f"kl_t{turn}"] == pytest.approx(kl, rel=1e-3, abs=1e-4)
        entropy = mean_entropy(policy, prompts, attempts)
        assert record[f"entropy_t{turn}"] == pytest.approx(entropy, rel=1e-3)


@pytest.mark.parametrize(
    ("policy", "reference"),
    [
        ("moved", "base"),
        ("base", "moved"),
        ("base", "adapter"),
        ("adapter", "base"),
        ("adapter", "moved"),
        ("adapter", "other adapter"),
    ],
)
def test_the_first_kl_is_that_of_the_policy_to_the_reference_at_the_temperature(
    tmp_path, policies, sampled, policy, reference
):
    """Catches a KL to the starting policy or to what lies below it, and one at temperature 1."""
    start = load_policy(policies[policy], "float32", trainable=True)
    trainer = make_trainer(
        tmp_path,
        start,
        reference=policies[reference],
        temperature=TEMPERATURE,
        max_steps=1,
    )
    trainer.train()
    check_first_record(records(trainer)[0], sampled, policies[policy], policies[reference])


def test_the_training_command_hands_on_its_reference_and_temperature(tmp_path, policies, sampled):
    """Catches a command that holds the KL to `--init`, or drops the temperature of the settings."""
    flags = {name: str(tmp_path / name) for name in ("policy", "records", "checkpoints")}
    flags |= {
        "init": policies["moved"],
        "reference": BASE,
        "first_attempts": None,
        "validation": None,
    }
    flags |= {"problems": "data/puzzle/problems/train.jsonl", "few_shot_dir": None}
    train(TrainSettings(**SETTINGS), Namespace(**flags))
    (line,) = (tmp_path / "records").read_text().splitlines()
    check_first_record(json.loads(line), sampled, policies["moved"], BASE)
    assert recorded_reference(flags["policy"], None) == str(Path(BASE).resolve())


def test_attempts_are_drawn_from_the_softmax_at_the_temperature(tmp_path, sampled):
    """Catches a sampler that is told of the temperature and draws at another: 1024 first tokens."""
    make_trainer(
        tmp_path,
        objective="single_turn",
        num_turns=1,
        num_generations=1024,
        per_device_train_batch_size=1024,
        local_rollout_forward_batch_size=1024,
        max_completion_length=1,
        max_steps=1,
        temperature=TEMPERATURE,
    ).train()
    ((_, prompts, attempts),) = sampled
    assert all(prompt == prompts[0] for prompt in prompts)
    (logps,) = next(distributions(BASE, prompts[:1], attempts[:1]))
    drawn = float(logps[[token for (token,) in attempts]].mean())

    def expected(probabilities):
        """Mean of `logps` over 1024 tokens drawn from `probabilities`, with its standard error."""
        mean = (probabilities * logps).sum()
        spread = (probabilities * (logps - mean) ** 2).sum().sqrt() / 1024**0.5
        return float(mean), float(spread)

    mean, spread = expected(logps.exp())
    assert abs(drawn - mean) < 4 * spread
    at_one, _ = expected((logps * TEMPERATURE).softmax(-1))
    assert abs(at_one - mean) > 8 * spread, "the two temperatures are too alike to tell anything"
