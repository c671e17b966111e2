"""vLLM: evaluation on a real engine where one is installed, and a clear word where none is.

vLLM's CPU build wants heads of 32 or more, and those of the embedded policy have 16. The tests give
it the same policy with wider heads: `widened` is exact but for rounding.
"""

import importlib.util
import math
import os

import pytest
import torch
from peft import LoraConfig, get_peft_model
from sampling_runs import ragged_prompts
from score.policies.load import declared_generation, load_policy
from score.sampling import settings as sampling_settings
from score.sampling.generate import HFGenerate, sampling_config, stop_ids_of
from score.sampling.prompts import Bridge
from score.sampling.rollout import sample_rollouts
from score.sampling.sample import SampleSettings
from score.sampling.settings import check_backend
from score.sampling.tokenizers import load_tokenizer
from training_runs import BASE
from transformers import AutoModelForCausalLM

TOKENIZER = load_tokenizer(BASE)
BRIDGE = Bridge.from_tokenizer(TOKENIZER, "recheck")
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

    monkeypatch.setattr(sampling_settings, "find_spec", lambda name: None)
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
