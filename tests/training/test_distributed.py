"""Every launcher trains, with DeepSpeed really on, and gives the numbers of plain DDP on as many ranks.

The files of configs/accelerate are started as they are, on a CPU: what they say of GPUs stays untested.
"""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from launching import accelerate, ours, run
from peft import LoraConfig, get_peft_model
from places import ROOT
from score.jobs.distributed import require_deepspeed
from score.policies.load import load_policy
from score.problems.problem import read_problems
from score.sampling.sample import SampleSettings, sample_policy
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.tokenizers import load_tokenizer
from score.training.validation import Validation
from training_runs import BASE, make_trainer, problems, records
from transformers import AutoModelForCausalLM

pytestmark = pytest.mark.slow
TOKENS = 150  # of a pass: each rank's 16 rollouts have several passes


def launch(folder, launcher, rows=8, accumulation=1, processes=2, tokens=None):
    folder.mkdir()
    script = (
        []
        if "score.jobs.launch" in launcher
        else [str(ROOT / "tests/support" / "launched_training.py")]
    )
    # Nothing may be compiled: an empty place for it, and no compiler that could.
    compiled = {"TORCH_EXTENSIONS_DIR": str(folder / "compiled"), "CXX": "no-compiler"}
    sizes = [rows, accumulation, *([] if tokens is None else [tokens])]
    run([*launcher, *script, str(folder), *map(str, sizes)], **compiled)
    assert not (folder / "compiled").exists()
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(processes)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("distributed")
    torchrun = [str(Path(sys.executable).with_name("torchrun")), "--nproc_per_node=2"]
    return {
        "ddp": launch(tmp_path / "ddp", [*torchrun, "--standalone"]),
        "zero1": launch(tmp_path / "zero1", accelerate("zero1")),
        "zero2": launch(tmp_path / "zero2", accelerate("zero2")),
        "zero3": launch(tmp_path / "zero3", accelerate("zero3")),
        "zero3-offload": launch(tmp_path / "offload", accelerate("zero3-offload")),
        "cpu in steps": launch(tmp_path / "cpu", accelerate("cpu"), 1, 8),
        "ddp by tokens": launch(tmp_path / "ddpt", [*torchrun, "--standalone"], tokens=TOKENS),
        "zero2 by tokens": launch(tmp_path / "zero2t", accelerate("zero2"), 1, 8, tokens=TOKENS),
        "zero3 by tokens": launch(tmp_path / "zero3t", accelerate("zero3"), 1, 8, tokens=TOKENS),
        "single_gpu": launch(
            tmp_path / "single", accelerate("single_gpu", 1), rows=16, processes=1
        ),
        "one_cpu": launch(tmp_path / "one", ours("one_cpu"), rows=16, processes=1),
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Records of the same training in this process, without DeepSpeed."""
    trainer = make_trainer(
        tmp_path_factory.mktemp("alone"), per_device_train_batch_size=16, seed=11
    )
    trainer.add_callback(Validation(trainer, problems(13), steps=1))
    trainer.train()
    return records(trainer)


def test_every_launcher_is_started(runs):
    there = {path.stem for path in (ROOT / "configs/accelerate").glob("*.yaml")}
    assert there == {name.removesuffix(" in steps") for name in runs if "by" not in name} - {"ddp"}


def test_each_runs_as_what_it_was_asked_to_be(runs):
    kinds = {
        name: (r[0]["distributed_type"], r[0]["zero_stage"], r[0]["processes"])
        for name, r in runs.items()
    }
    assert kinds == {
        "ddp": ("MULTI_CPU", None, 2),
        "zero1": ("DEEPSPEED", 1, 2),
        "zero2": ("DEEPSPEED", 2, 2),
        "zero3": ("DEEPSPEED", 3, 2),
        "zero3-offload": ("DEEPSPEED", 3, 2),
        "cpu in steps": ("DEEPSPEED", 2, 2),
        "ddp by tokens": ("MULTI_CPU", None, 2),
        "zero2 by tokens": ("DEEPSPEED", 2, 2),
        "zero3 by tokens": ("DEEPSPEED", 3, 2),
        "single_gpu": ("DEEPSPEED", 2, 1),
        "one_cpu": ("NO", None, 1),
    }


BY_TOKENS = ["ddp by tokens", "zero2 by tokens", "zero3 by tokens"]


@pytest.mark.parametrize(
    "name", ["zero1", "zero2", "zero3", "zero3-offload", "cpu in steps", *BY_TOKENS]
)
def test_numbers_equal_those_of_ddp(runs, name):
    loss_of_last_row = name == "cpu in steps"  # the mean over that row alone
    _assert_equal(runs[name], runs["ddp"][0]["records"], {"loss"} if loss_of_last_row else set())


def test_prompts_are_scored_once_with_every_launcher(runs):
    assert all(rank["shares_prefixes"] for ranks in runs.values() for rank in ranks)


@pytest.mark.parametrize("name", ["single_gpu", "one_cpu"])
def test_numbers_on_one_rank_equal_those_of_this_process(runs, alone, name):
    _assert_equal(runs[name], alone)


def _assert_equal(ranks, expected, but=frozenset()):
    for record, want in zip(ranks[0]["records"], expected, strict=True):
        for key in want.keys() - but:
            assert record[key] == pytest.approx(want[key], abs=2e-4), (record["step"], key)


def test_ranks_share_out_a_validation_and_find_what_one_process_finds(runs, alone):
    """Under ZeRO-3 too, where all must answer as many: of 13 problems two ranks take 7 each."""
    names = ("validation_accuracy_t1", "validation_accuracy_t2")
    for name, ranks in runs.items():
        for rank in ranks:
            first = rank["records"][0]  # an update at the rate 0: still the shipped policy
            assert [first[n] for n in names] == [alone[0][n] for n in names], name


def test_weights_kept_while_training_goes_on_are_those_of_their_update(runs):
    assert [n for n, ranks in runs.items() if not ranks[0]["last_candidate_is_the_policy"]] == []


def test_ranks_sample_different_attempts(runs):
    for name, ranks in runs.items():
        if len(ranks) == 2:
            assert ranks[0]["attempts"] != ranks[1]["attempts"], name
            assert len(ranks[0]["attempts"]) == len(ranks[1]["attempts"]) == 16


def test_weights_that_are_shared_out_in_bfloat16_keep_their_rotary_frequencies(tmp_path):
    output = tmp_path / "frequencies.json"
    run([*accelerate("zero3"), str(ROOT / "tests/support/launched_rotary.py"), str(output)])
    told = json.loads(output.read_text())
    whole = load_policy(BASE, "bfloat16").named_buffers()
    expected = {n: [str(b.dtype), b.tolist()] for n, b in whole if "inv_freq" in n}
    assert told["shared"] and expected
    assert told["frequencies"] == expected
    assert all(dtype == "torch.float32" for dtype, _ in expected.values())


SAMPLING = {
    "task_type": "puzzle",
    "random_seed": 0,
    "num_turns": 2,
    "temperature": 0.0,
    "max_tokens": 10,
    "samples": 1,
    "batch_size": 4,
    "precision": "float32",
}


def test_two_ranks_share_out_what_is_sampled_and_find_what_one_finds(tmp_path, monkeypatch):
    """Of an adapter: merged under ZeRO-2, on weights that are shared out under ZeRO-3."""
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1")  # set by what is called
    rows = (ROOT / "data/puzzle/problems/train.jsonl").read_text().splitlines()[:13]
    (tmp_path / "problems.jsonl").write_text("\n".join(rows))
    (tmp_path / "settings.json").write_text(json.dumps(SAMPLING))
    adapter, problems = _adapter(tmp_path), read_problems(tmp_path / "problems.jsonl")
    settings = SampleSettings(**SAMPLING)
    one = sample_policy(SamplingPlan(settings, str(adapter), problems, []), tmp_path / "one")
    for name in ("cpu", "zero3"):
        attempts = tmp_path / f"{name}.parquet"
        flags = ["--settings", tmp_path / "settings.json", "--policy", adapter]
        flags += ["--problems", tmp_path / "problems.jsonl", "--attempts", attempts]
        flags += ["--shards", tmp_path / name]
        run([*accelerate(name), "-m", "score.sampling.sample", *map(str, flags)])
        assert pq.read_table(attempts).to_pylist() == one


def _adapter(folder):
    """An adapter on the shipped policy that changes what it says."""
    adapter = folder / "adapter"
    if not adapter.exists():
        base = str(ROOT / BASE)
        torch.manual_seed(0)
        policy = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base),
            LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False),
        )
        policy.save_pretrained(adapter)
        load_tokenizer(base).save_pretrained(adapter)
    return adapter


def test_deepspeed_that_is_silently_off_is_an_error(monkeypatch):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    require_deepspeed(accelerator)
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(RuntimeError, match="ACCELERATE_USE_CPU"):
        require_deepspeed(accelerator)
