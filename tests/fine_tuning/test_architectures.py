"""Policies of today's architectures are fine-tuned by the probabilities of their own logits."""

import pytest
import torch
from architectures import ARCHITECTURES, SECOND_END, saved_policy
from score.fine_tuning.examples import Example
from score.fine_tuning.trainer import CorrectionConfig, CorrectionTrainer
from score.policies.load import load_policy
from score.sampling.tokenizers import load_tokenizer
from transformers import AutoModelForCausalLM

# Contexts and corrections of several lengths, longer than the sliding window; ends of turn among them.
EXAMPLES = [
    Example("p", i, 0, "k", [*range(20, 30 + 2 * i), 1, *range(60, 70), SECOND_END], 8 + i)
    for i in range(4)
]


def mean_loss(policy):
    """−log p of the correction tokens, one example at a time, without padding."""
    logps = []
    for example in EXAMPLES:
        ids = torch.tensor(example.input_ids)
        table = policy(ids[None], use_cache=False).logits[0, :-1].log_softmax(-1)
        logps.append(table.gather(1, ids[1:, None]).squeeze(1)[example.context - 1 :])
    return -torch.cat(logps).mean()


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_loss_of_an_update_is_that_of_plain_logits(tmp_path, kind):
    path = saved_policy(kind, tmp_path)
    settings = {"use_cpu": True, "bf16": False, "report_to": "none", "save_strategy": "no"}
    settings |= {"gradient_checkpointing": False, "disable_tqdm": True}
    trainer = CorrectionTrainer(
        model=load_policy(path, "float32"),
        args=CorrectionConfig(
            str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=4, **settings
        ),
        examples=EXAMPLES,
        processing_class=load_tokenizer(path),
    )
    trainer.train()
    policy = AutoModelForCausalLM.from_pretrained(path).eval()
    policy.config.output_router_logits = False
    record = trainer.state.log_history[0]
    assert record["loss"] == pytest.approx(mean_loss(policy).item(), abs=1e-4)
    assert record["grad_norm"] > 0
