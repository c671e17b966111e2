"""Sampling token after token from conversations in a cache.

Legend of shapes: R rows of a batch, V vocabulary.
"""

from collections.abc import Callable

import torch
from transformers.integrations import is_deepspeed_zero3_enabled

from score.sampling.cached import Conversations, extend

# Rows that have ended leave the batch when they are so many of it: each time some rows are moved.
LEAVING = 0.25


def begin(
    model, prompts: list[list[int]], kept: Conversations | None
) -> tuple[Conversations, torch.Tensor]:
    """R prompts in a cache, and the logits (R, V) behind its rows; prompts that are alike are one pass.

    kept: conversations of a call before, which the prompts go on from where each begins with its own:
    C prompts in a row with each. They are changed, and their order is that of the rows.
    """
    if kept is not None and not _continue(kept.wake(), prompts):
        kept = None
    each = 1 if kept is None else len(prompts) // len(kept.ids)
    order = list(range(len(prompts)))
    if kept is not None:
        order = [place * each + c for place in kept.places for c in range(each)]
    number: dict[tuple[int, ...], int] = {}
    firsts = []  # of distinct prompts, the first of the prompts in that order that is it
    for at, i in enumerate(order):
        if number.setdefault(tuple(prompts[i]), len(firsts)) == len(firsts):
            firsts.append(at)
    if kept is None:
        rows = Conversations.none(len(firsts), model)
    else:
        rows = kept.rows([at // each for at in firsts])
    new = [list(prompt[len(ids) :]) for prompt, ids in zip(number, rows.ids, strict=True)]
    logits = extend(model, rows, new)
    chosen = [number[tuple(prompts[i])] for i in order]
    if len(firsts) < len(prompts):
        logits = logits[chosen]
    rows.rows(chosen).places = order
    return rows, logits


def _continue(kept: Conversations, prompts: list[list[int]]) -> bool:
    """Whether all prompts go on from the kept conversations, as many in a row from each."""
    each, rest = divmod(len(prompts), len(kept.ids))
    if rest:
        return False
    starts = dict(zip(kept.places, kept.ids, strict=True))
    return all(
        len(prompt) > len(starts[i // each])
        and list(prompt[: len(starts[i // each])]) == starts[i // each]
        for i, prompt in enumerate(prompts)
    )


# (logits (R', V), which rows of the batch these are, position in the attempt) -> R' tokens.
Choose = Callable[[torch.Tensor, list[int], int], list[int]]
HaveEnded = Callable[[list[list[int]]], list[bool]]


def decode(
    model,
    rows: Conversations,
    logits: torch.Tensor,
    choose: Choose,
    have_ended: HaveEnded,
    most: int,
    keep: bool = True,
) -> tuple[list[list[int]], Conversations | None]:
    """Attempts of R rows, by their places, and the conversations with all but the last token of each.

    None in place of these without `keep`, and where rows can't be passed over (`can_sleep`).
    logits (R, V): of first tokens. most: tokens of an attempt.
    """
    attempts: list[list[int]] = [[] for _ in rows.ids]
    here, going = list(rows.places), [True] * len(attempts)
    in_place = rows.can_sleep()
    for position in range(most):
        tokens = choose(logits, here, position)
        take_tokens(attempts, here, tokens, going, have_ended)
        if position + 1 == most or not _any_rank(any(going), logits.device):
            break
        gone = [i for i, goes in enumerate(going) if not goes]
        if LEAVING * len(here) <= len(gone) < len(here):
            if in_place:
                staying = rows.let_sleep(gone, keep)
            else:
                staying = [i for i, goes in enumerate(going) if goes]
                rows = rows.rows(staying)
            here, tokens = [here[i] for i in staying], [tokens[i] for i in staying]
            going = [True] * len(here)
        logits = extend(model, rows, [[token] for token in tokens], going)
    return attempts, rows if keep and in_place else None


def take_tokens(
    attempts: list[list[int]],
    places: list[int],
    tokens: list[int],
    going: list[bool],
    have_ended: HaveEnded,
) -> None:
    """Add the tokens (R',) of rows that go on to their attempts, and set in `going` which still do.

    places (R',): of each row the number of its attempt.
    """
    active = [i for i, goes in enumerate(going) if goes]
    for i in active:
        attempts[places[i]].append(tokens[i])
    for i, ended in zip(active, have_ended([attempts[places[i]] for i in active]), strict=True):
        going[i] = not ended


def _any_rank(going: bool, device) -> bool:
    """Whether rows go on, on any rank where weights are sharded: each pass then needs all ranks."""
    if not (is_deepspeed_zero3_enabled() and torch.distributed.is_initialized()):
        return going
    flag = torch.tensor(int(going), device=device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)
