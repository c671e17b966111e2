"""vLLM: evaluation on a real engine where one is installed, training on a stand-in for TRL's engine.

vLLM's CPU build wants heads of 32 or more, and those of the embedded policy have 16. The tests give
it the same policy with wider heads: `widened` is exact but for rounding.
"""

import importlib.util
import math
import os

import pytest
import torch
from peft import LoraConfig, get_peft_model
from score.policies.load import declared_generation, load_policy
from score.sampling import backends
from score.sampling.generate import HFGenerate, sampling_config, stop_ids_of
from score.sampling.prompts import Bridge, load_tokenizer
from score.sampling.rollout import sample_rollouts
from score.sampling.sample import SampleSettings
from score.sampling.settings import check_backend
from score.training.batches import token_logps
from test_rollout import ragged_prompts
from training_runs import BASE, make_trainer
from transformers import AutoModelForCausalLM
from trl.trainer import grpo_trainer

TOKENIZER = load_tokenizer(BASE)
BRIDGE = Bridge.of(TOKENIZER, "recheck")
STOP = stop_ids_of(declared_generation(BASE), TOKENIZER, BRIDGE)
needs_vllm = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vllm is not installed (requirements-vllm.txt)"
)


def settings(temperature=0.0, **changes):
    told = {"task_type": "puzzle", "random_seed": 0, "num_turns": 2, "temperature": temperature}
    told |= {"max_tokens": 10, "samples": 1, "batch_size": 64, "precision": "float32"}
    return SampleSettings(**told, **changes)


def test_missing_vllm_is_refused_with_the_cure_before_any_work(monkeypatch, config):
    from score.experiment.preflight import check_config

    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    for refused in (
        lambda: check_backend("vllm"),
        lambda: settings(rollout_backend="vllm"),
        lambda: check_config(
            {**config, "rollout_backend": "vllm"}, "workflow/schemas/config.schema.yaml"
        ),
    ):
        with pytest.raises(ValueError, match="pip install -r requirements-vllm"):
            refused()
    check_backend("transformers")


def test_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="rollout_backend is 'sglang'; expected one of transf"):
        check_backend("sglang")


# --------------------------------------------------------------------------------- a real engine
def widened(folder):
    """The embedded policy with heads of 32: every pair that rotates together keeps its frequency.

    Head dimensions j and j + 8 rotate by base^(−j / 8); in a head of 32 those are 2j and 2j + 16.
    Queries grow by √2, since logits are divided by √32 and no longer by √16.
    """
    policy = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    place = torch.tensor([2 * j for j in range(8)] + [2 * j + 16 for j in range(8)])
    for layer in policy.model.layers:
        attention = layer.self_attn
        for name, factor in (("q_proj", math.sqrt(2)), ("k_proj", 1.0), ("v_proj", 1.0)):
            old = getattr(attention, name).weight.data.view(4, 16, 64)
            new = torch.zeros(4, 32, 64)
            new[:, place] = old * factor
            getattr(attention, name).weight.data = new.view(128, 64)
        old = attention.o_proj.weight.data.view(64, 4, 16)
        new = torch.zeros(64, 4, 32)
        new[:, :, place] = old
        attention.o_proj.weight.data = new.view(64, 128)
    policy.config.head_dim = 32
    policy.config.max_position_embeddings = 512
    policy.save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def policy_path(tmp_path_factory):
    path = widened(tmp_path_factory.mktemp("widened"))
    wide, narrow = (load_policy(p, "float32").eval() for p in (path, BASE))
    ids = torch.tensor([ragged_prompts(1)[0]])
    assert torch.allclose(wide(ids).logits, narrow(ids).logits, atol=1e-4)
    return path


@pytest.fixture(scope="module")
def engine(policy_path):
    from score.sampling.vllm import VLLMGenerate

    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    generate = VLLMGenerate(settings(), policy_path, STOP, length=512)
    yield generate
    generate.engine.llm_engine.engine_core.shutdown()


def at(engine, temperature):
    engine.settings = settings(temperature)
    return engine


def transformers_generate(path, temperature=0.0):
    config = sampling_config(10, temperature, STOP, TOKENIZER.pad_token_id)
    return HFGenerate(load_policy(path, "float32").eval(), config, 64)


@needs_vllm
@pytest.mark.slow
def test_greedy_rollouts_equal_those_of_transformers(engine, policy_path):
    prompts = ragged_prompts(60)
    ours = sample_rollouts(prompts, BRIDGE, at(engine, 0.0), STOP)
    theirs = sample_rollouts(prompts, BRIDGE, transformers_generate(policy_path), STOP)
    assert ours == theirs
    assert not any(any(rollout.truncated) for rollout in ours[::3])


@needs_vllm
@pytest.mark.slow
def test_turn_2_goes_on_from_the_cached_turn_1(engine):
    """Blocks of up to 128 tokens are cached, so these prompts have 200, of which no two begin alike."""
    numbers = torch.randint(5, 100, (4, 200), generator=torch.Generator().manual_seed(0)).tolist()
    prompts, found = [[10 + i, *row] for i, row in enumerate(numbers)], []

    def generate(asked, seeds):
        attempts = at(engine, 0.0)(asked, seeds)
        found.append(engine.cached_tokens)
        return attempts

    sample_rollouts(prompts, BRIDGE, generate, STOP)
    assert found[0] == 0
    assert 4 * 128 <= found[1] <= 4 * 211


@needs_vllm
@pytest.mark.slow
def test_seeded_samples_come_from_the_whole_softmax_and_again_the_same(engine, policy_path):
    prompt = ragged_prompts(1)[0]
    one = at(engine, 2.0)([prompt] * 2000, list(range(2000)))
    first = torch.tensor([attempt[0] for attempt in one])
    counts = torch.bincount(first, minlength=len(TOKENIZER))
    logits = load_policy(policy_path, "float32").eval()(torch.tensor([prompt])).logits[0, -1]
    assert torch.allclose(counts / 2000, (logits / 2.0).softmax(-1), atol=0.04)
    again = at(engine, 2.0)([prompt] * 100, list(range(99, -1, -1)))
    assert again[::-1] == one[:100]
    assert at(engine, 2.0)([prompt] * 100, list(range(5000, 5100))) != one[:100]


@needs_vllm
@pytest.mark.slow
def test_attempts_end_at_each_stop_token_and_keep_it(engine):
    prompts = ragged_prompts(12)
    whole = at(engine, 0.0)(prompts, None)
    other = whole[0][2]
    engine.stop_ids = [*sorted(STOP), other]
    cut = at(engine, 0.0)(prompts, None)
    engine.stop_ids = sorted(STOP)
    assert cut[0] == whole[0][:3]
    for short, long in zip(cut, whole, strict=True):
        assert short == (long[: long.index(other) + 1] if other in long else long)


@needs_vllm
@pytest.mark.slow
def test_adapter_is_sampled_on_its_base(policy_path, tmp_path):
    from score.sampling.vllm import VLLMGenerate

    torch.manual_seed(0)
    lora = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules="all-linear",
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(load_policy(policy_path, "float32"), lora)
    adapted.peft_config["default"].base_model_name_or_path = policy_path
    adapted.save_pretrained(tmp_path)
    prompts = ragged_prompts(30)
    generate = VLLMGenerate(settings(), str(tmp_path), STOP, length=64)
    attempts = generate(prompts, None)
    generate.engine.llm_engine.engine_core.shutdown()
    assert attempts == transformers_generate(str(tmp_path))(prompts, None)
    assert attempts != transformers_generate(policy_path)(prompts, None)


# ------------------------------------------------------------- training, on a stand-in for the engine
class StandIn:
    """In place of TRL's VLLMGeneration: samples with transformers and tells log-probabilities.

    `off`: what is added to them, as if the engine's distribution were another. It notes its calls.
    """

    def __init__(self, model, temperature, max_completion_length, **told):
        self.model, self.temperature, self.length = model, temperature, max_completion_length
        self.told, self.calls, self.generation_kwargs, self.off = told, [], {}, 0.0

    def sync_weights(self):
        self.calls.append("sync")

    def generate(self, prompts, images, num_generations, profiler=None):
        self.calls.append((num_generations, [tuple(prompt) for prompt in prompts]))
        stop_ids = set(self.generation_kwargs["stop_token_ids"])
        config = sampling_config(self.length, self.temperature, stop_ids, TOKENIZER.pad_token_id)
        attempts = HFGenerate(self.model, config, 64)(prompts, None)
        logps = [self.logps(*row) for row in zip(prompts, attempts, strict=True)]
        return prompts, attempts, [[[logp] for logp in row] for row in logps], None

    @torch.no_grad()
    def logps(self, prompt, attempt):
        ids = torch.tensor([prompt + attempt])
        turn = torch.tensor([[0] * len(prompt) + [1] * len(attempt)])
        batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "turn": turn}
        return (token_logps(self.model, batch)[0][0, len(prompt) :] + self.off).tolist()


@pytest.fixture
def with_stand_in(monkeypatch, tmp_path):
    """Call it with settings for a trainer that samples through the stand-in."""
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", StandIn)

    def make(off=0.0, **changes):
        trainer = make_trainer(tmp_path, use_vllm=True, vllm_mode="colocate", **changes)
        trainer.vllm_generation.off = off
        return trainer

    return make


def trained(trainer):
    torch.manual_seed(0)
    trainer.train()
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])


def test_turn_1_asks_k_of_each_problem_and_turn_2_one_of_each_history(with_stand_in):
    trainer = with_stand_in(max_steps=2)
    trainer.train()
    assert trainer.vllm_generation.generation_kwargs == {"stop_token_ids": sorted(STOP)}
    calls = trainer.vllm_generation.calls
    assert [call if call == "sync" else call[0] for call in calls] == ["sync", 4, 1] * 2
    for turn_1, turn_2 in ((calls[1][1], calls[2][1]), (calls[4][1], calls[5][1])):
        assert len(turn_1) == len(turn_2) == 16
        assert all(len(set(turn_1[i : i + 4])) == 1 for i in range(0, 16, 4))
        assert len(set(turn_1[::4])) == 4
        assert all(
            b[: len(a)] == a and len(b) > len(a) for a, b in zip(turn_1, turn_2, strict=True)
        )


@pytest.mark.parametrize("kl_estimator", ["k1", "k2"])
def test_engine_of_the_same_distribution_trains_as_no_engine(tmp_path, with_stand_in, kl_estimator):
    """Up to the rounding of its log-probabilities, which come from other batches."""
    changes = {"kl_estimator": kl_estimator, "max_steps": 1, "warmup_steps": 0, "optim": "sgd"}
    start = torch.cat([p.detach().flatten() for p in make_trainer(tmp_path).model.parameters()])
    plain = trained(make_trainer(tmp_path, **changes)) - start
    through = trained(with_stand_in(**changes)) - start
    assert plain.norm() > 0
    assert (through - plain).norm() < 1e-3 * plain.norm()


@pytest.mark.parametrize(
    ("kl_estimator", "weights"),
    [("k1", {0.5: 0.5, 1.5: 1.5, 8.0: 2.0}), ("k2", {8.0: 2.0})],
    ids=["k1", "k2"],
)
def test_tokens_count_by_their_ratio_up_to_the_cap(tmp_path, with_stand_in, kl_estimator, weights):
    """An engine that takes every token for π / ratio as likely scales the whole gradient."""
    changes = {"kl_estimator": kl_estimator, "max_steps": 1, "warmup_steps": 0, "optim": "sgd"}
    changes |= {"max_grad_norm": 0.0}
    start = torch.cat([p.detach().flatten() for p in make_trainer(tmp_path).model.parameters()])
    plain = trained(with_stand_in(**changes)) - start
    for ratio, weight in weights.items():
        weighed = trained(with_stand_in(off=-math.log(ratio), **changes)) - start
        assert (weighed - weight * plain).norm() < 2e-3 * weighed.norm(), ratio


def test_token_of_which_the_engine_tells_nothing_counts_once(tmp_path, with_stand_in):
    changes = {"max_steps": 1, "warmup_steps": 0, "optim": "sgd"}
    start = torch.cat([p.detach().flatten() for p in make_trainer(tmp_path).model.parameters()])
    plain = trained(with_stand_in(**changes)) - start
    trainer = with_stand_in(**changes)
    tell = trainer.vllm_generation.logps
    trainer.vllm_generation.logps = lambda *row: [None, *tell(*row)[1:]]
    assert (trained(trainer) - start - plain).norm() < 1e-3 * plain.norm()
