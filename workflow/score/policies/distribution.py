"""A loaded policy is made to sample and to score by one distribution: that of its tokenizer's tokens.

Vendors fill up the embedding to a round number of rows, and every row of padding has a probability.
Token ids that no tokenizer knows would be sampled then, and decode to nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers.integrations import is_deepspeed_zero3_enabled

# A logit whose probability is 0 in float32, and which is finite: 0 times it is 0 in an entropy.
_NEVER = -1e9


def leave_out_padding_rows(policy, tokenizer) -> None:
    """Give ids beyond the tokenizer's the probability 0, in plain passes and in TRL's fused head.

    They get a bias in the head, which is no weight: it is neither trained nor saved. A head with a
    bias of its own has it filled in. Behind a soft cap of c their logit is −c: with Gemma's 30 that is
    less than 1e-13 of the likeliest token. ZeRO-3 has the heads that it shards without such a bias, so
    there the probability of padding stays what the vendor made it, for sampling and scoring alike.
    """
    head = policy.get_output_embeddings()
    head = getattr(head, "base_layer", head)  # below an adapter
    rows, tokens = getattr(head, "out_features", 0), 1 + max(tokenizer.get_vocab().values())
    if rows <= tokens or is_deepspeed_zero3_enabled():
        return
    if isinstance(head.bias, torch.nn.Parameter):
        head.bias.data[tokens:] = _NEVER
        return
    bias = torch.zeros(rows, dtype=head.weight.dtype, device=head.weight.device)
    bias[tokens:] = _NEVER
    if "bias" in head._parameters:
        del head._parameters["bias"]
    head.register_buffer("bias", bias, persistent=False)


def without_router_loss(policy):
    """The policy, not asked for the logits of its routers, which some vendors' configs ask for.

    With them transformers adds its own balancing loss to every pass, also to those that sample, and
    fails where the cache holds the earlier positions. No objective here has such a term.
    """
    for config in (policy.config, policy.config.get_text_config()):
        if getattr(config, "output_router_logits", False):
            config.output_router_logits = False
    return policy


@contextmanager
def without_dropout(policy) -> Iterator[None]:
    """Have the policy compute as in evaluation, without gradient checkpointing too; then as before."""
    training = policy.training
    policy.eval()
    try:
        yield
    finally:
        policy.train(training)
