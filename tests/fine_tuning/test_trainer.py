"""Fine-tuning on corrections: whose tokens count, in which order, and gone on with bit for bit."""

import pytest
import torch
from peft import LoraConfig
from places import ROOT
from score.fine_tuning.examples import Example
from score.fine_tuning.trainer import CorrectionConfig, CorrectionTrainer
from score.policies.load import load_policy
from score.sampling.tokenizers import load_tokenizer
from score.training.batches import whole_order
from score.training.checkpoints import newest_whole_checkpoint
from training_runs import StopAfter, close, same, weights

BASE = str(ROOT / "data/puzzle/policy")


LORA = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")


THINNED = LoraConfig(r=4, lora_dropout=0.2, target_modules="all-linear", task_type="CAUSAL_LM")


# Contexts and corrections of many lengths; the ids need not mean anything.
EXAMPLES = [
    Example("p", i, 0, "k", [(7 * i + j) % 140 + 1 for j in range(5 + 2 * i)], 2 + i)
    for i in range(7)
]


def make_trainer(folder, model=BASE, examples=EXAMPLES, peft_config=None, **changes):
    settings = {
        "per_device_train_batch_size": 4,
        "max_steps": 2,
        "learning_rate": 1e-3,
        "gradient_checkpointing": False,
        "bf16": False,
        "use_cpu": True,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": 3,
    }
    return CorrectionTrainer(
        model=model,
        args=CorrectionConfig(output_dir=str(folder), **{**settings, **changes}),
        examples=examples,
        processing_class=load_tokenizer(BASE),
        peft_config=peft_config,
    )


def records(trainer):
    """The records of all updates, without what the clock decides."""
    return [
        {key: value for key, value in record.items() if key != "step_time"}
        for record in trainer.state.log_history
        if "learning_rate" in record
    ]


def naive_loss(policy, examples):
    """Mean of −log p over the correction tokens of all examples, one example at a time, unpadded."""
    logps = []
    for example in examples:
        ids = torch.tensor(example.input_ids)
        table = policy(ids[None]).logits[0].float().log_softmax(-1)
        logps += [table[i - 1, ids[i]] for i in range(example.context, len(ids))]
    return -torch.stack(logps).mean()


def taken(update, batch):
    """The examples of one update."""
    order = whole_order(len(EXAMPLES), (update + 1) * batch, 3)
    return [EXAMPLES[i] for i in order[update * batch :]]


@pytest.mark.parametrize("rows", [4, 1], ids=["4 rows at once", "1 row, 4 times"])
def test_loss_and_gradient_are_those_of_the_correction_tokens_alone(tmp_path, rows):
    """Plain gradient descent, so that the step tells the gradient; pad is not among the examples."""
    steps = 4 // rows
    trainer = make_trainer(
        tmp_path,
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=steps,
        max_steps=1,
        optim="sgd",
        learning_rate=1.0,
        max_grad_norm=0.0,
    )
    policy = load_policy(BASE, "float32")
    loss = naive_loss(policy, taken(0, 4))
    loss.backward()
    trainer.train()
    assert records(trainer)[0]["loss"] == pytest.approx(loss.item(), abs=1e-5)
    for name, before in policy.named_parameters():
        moved = before - trainer.model.get_parameter(name)
        assert torch.allclose(moved, before.grad, atol=1e-5), name


def test_padding_with_the_end_of_turn_token_changes_nothing(tmp_path):
    """Corrections end with it, and rows are padded with it; its first place counts, the rest doesn't."""
    tokenizer = load_tokenizer(BASE)
    end = tokenizer.eos_token_id
    examples = [Example("p", i, 0, "k", [5, 6, end, 7] + [8] * i + [end], 4) for i in range(4)]
    trainer = make_trainer(tmp_path, examples=examples, max_steps=1)
    trainer.processing_class.pad_token = tokenizer.eos_token
    trainer.data_collator.pad_token_id = end
    expected = naive_loss(load_policy(BASE, "float32"), examples).item()
    trainer.train()
    assert records(trainer)[0]["loss"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("peft_config", [None, LORA], ids=["full", "lora"])
def test_corrections_become_likelier_and_an_adapter_leaves_its_base_alone(tmp_path, peft_config):
    before = weights(make_trainer(tmp_path / "before", peft_config=peft_config))
    trainer = make_trainer(
        tmp_path,
        peft_config=peft_config,
        max_steps=30,
        learning_rate=5e-3,
        lr_scheduler_type="cosine",
    )
    trainer.train()
    told = records(trainer)
    assert told[-1]["loss"] < told[0]["loss"] - 1
    assert set(told[0]) >= {"loss", "learning_rate", "grad_norm", "entropy", "mean_token_accuracy"}
    moved = {n for n, p in weights(trainer).items() if not torch.equal(p, before[n])}
    assert moved and all(("lora" in name) == (peft_config is not None) for name in moved)


def test_updates_and_rates_do_not_depend_on_how_a_batch_is_accumulated(tmp_path):
    runs = []
    for rows, steps in ((4, 1), (1, 4)):
        trainer = make_trainer(
            tmp_path / str(rows),
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=steps,
            max_steps=6,
            warmup_steps=2,
        )
        trainer.train()
        runs.append(trainer)
    one, other = (records(run) for run in runs)
    assert [r["learning_rate"] for r in one] == [r["learning_rate"] for r in other]
    assert [r["loss"] for r in one] == pytest.approx([r["loss"] for r in other], abs=1e-4)
    assert close(weights(runs[0]), weights(runs[1]), atol=2e-5)


@pytest.mark.parametrize("peft_config", [None, THINNED], ids=["full", "lora with dropout"])
def test_resumed_fine_tuning_equals_an_uninterrupted_one_bit_for_bit(tmp_path, peft_config):
    """Also in a later epoch and inside one: 7 examples of which an update takes 4."""
    changes = {
        "max_steps": 8,
        "save_strategy": "steps",
        "save_steps": 2,
        "peft_config": peft_config,
    }
    changes |= {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    whole = make_trainer(tmp_path / "whole", **changes)
    whole.train()
    broken = make_trainer(tmp_path / "broken", **changes)
    broken.add_callback(StopAfter(5))
    broken.train()
    (tmp_path / "broken" / "checkpoint-6").mkdir()  # torn: nothing in it
    checkpoint = newest_whole_checkpoint(str(tmp_path / "broken"))
    assert checkpoint.endswith("checkpoint-4")
    resumed = make_trainer(tmp_path / "broken", **changes)
    resumed.train(resume_from_checkpoint=checkpoint)
    assert same(weights(resumed), weights(whole))
    assert records(resumed) == records(whole)
    assert len(records(whole)) == 8


def test_every_epoch_has_every_example_once_and_an_order_of_its_own():
    order = whole_order(5, 13, seed=1)
    assert [sorted(order[i : i + 5]) for i in (0, 5)] == [[0, 1, 2, 3, 4]] * 2
    assert len(order) == 13 and len(set(order[10:])) == 3
    assert order[:5] != order[5:10]
    assert order[:7] == whole_order(5, 7, seed=1) != whole_order(5, 7, seed=2)


def test_fewer_examples_than_an_update_covers_are_repeated(tmp_path):
    trainer = make_trainer(tmp_path, examples=EXAMPLES[:3], per_device_train_batch_size=8)
    trainer.train()
    seen = [len(ids) for ids in trainer.train_dataset["input_ids"]]
    assert len(seen) == 16 and {seen.count(n) for n in (5, 7, 9)} <= {5, 6}
    assert [record["epoch"] for record in records(trainer)] == pytest.approx([8 / 3, 16 / 3])
