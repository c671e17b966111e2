"""Sampling token after token from conversations in a cache.

Legend of shapes: R rows of a batch, V vocabulary.
"""

from collections.abc import Callable

import torch
from transformers.integrations import is_deepspeed_zero3_enabled

from score.sampling.cached import Conversations, extend, joined

# Rows that have ended leave the batch when they are so many of it: each time costs a copy of the rest.
LEAVING = 0.25


def begin(
    model, prompts: list[list[int]], kept: Conversations | None
) -> tuple[Conversations, torch.Tensor]:
    """R prompts in a cache, and the logits (R, V) behind them; prompts that are alike are one pass.

    kept: conversations of a call before, which the prompts go on from where each begins with its own:
    C prompts in a row with each. They are changed.
    """
    distinct: dict[tuple[int, ...], int] = {}
    for i, prompt in enumerate(prompts):
        distinct.setdefault(tuple(prompt), i)
    rows = _continued(kept, distinct, len(prompts)) or Conversations.none(len(distinct), model)
    new = [list(prompt[len(ids) :]) for prompt, ids in zip(distinct, rows.ids, strict=True)]
    logits = extend(model, rows, new)
    if len(distinct) < len(prompts):
        number = {prompt: row for row, prompt in enumerate(distinct)}
        places = [number[tuple(prompt)] for prompt in prompts]
        rows, logits = rows.rows(places), logits[places]
    return rows, logits


def _continued(
    kept: Conversations | None, distinct: dict[tuple[int, ...], int], prompts: int
) -> Conversations | None:
    """The kept row that each distinct prompt begins with; None where one does not."""
    if kept is None or prompts % len(kept.ids):
        return None
    rows = [place * len(kept.ids) // prompts for place in distinct.values()]
    for prompt, row in zip(distinct, rows, strict=True):
        ids = kept.ids[row]
        if len(prompt) <= len(ids) or list(prompt[: len(ids)]) != ids:
            return None
    return kept.rows(rows)


# (logits (R', V), which rows of the batch these are, position in the attempt) -> R' tokens.
Choose = Callable[[torch.Tensor, list[int], int], list[int]]


def decode(
    model,
    rows: Conversations,
    logits: torch.Tensor,
    choose: Choose,
    have_ended: Callable[[list[list[int]]], list[bool]],
    most: int,
    keep: bool = True,
) -> tuple[list[list[int]], Conversations | None]:
    """Attempts of R rows, and the conversations with all but the last token of each.

    None in their place without `keep`, and where rows can't be taken from a batch and put back
    (`can_be_parted`). logits (R, V): of first tokens. most: tokens of an attempt.
    """
    attempts: list[list[int]] = [[] for _ in rows.ids]
    here, going = list(range(len(attempts))), [True] * len(attempts)
    gone: list[Conversations] = []
    gone_places: list[int] = []
    keep = keep and rows.can_be_parted()
    for position in range(most):
        tokens = choose(logits, here, position)
        active = [i for i, goes in enumerate(going) if goes]
        for i in active:
            attempts[here[i]].append(tokens[i])
        for i, ended in zip(active, have_ended([attempts[here[i]] for i in active]), strict=True):
            going[i] = not ended
        if position + 1 == most or not _any_rank(any(going), logits.device):
            break
        still = [i for i, goes in enumerate(going) if not goes]
        if LEAVING * len(here) <= len(still) < len(here):
            if keep:
                gone.append(rows.part(still))
                gone_places += [here[i] for i in still]
            staying = [i for i, goes in enumerate(going) if goes]
            rows = rows.rows(staying)
            here, tokens = [here[i] for i in staying], [tokens[i] for i in staying]
            going = [True] * len(here)
        logits = extend(model, rows, [[token] for token in tokens], going)
    return attempts, joined([*gone, rows], gone_places + here) if keep else None


def _any_rank(going: bool, device) -> bool:
    """Whether rows go on, on any rank where weights are sharded: each pass then needs all ranks."""
    if not (is_deepspeed_zero3_enabled() and torch.distributed.is_initialized()):
        return going
    flag = torch.tensor(int(going), device=device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)
