"""The longest row that a training can meet, which a budget of tokens must have room for."""

from collections.abc import Sequence


def longest_row(prompt: int, between: Sequence[int], turns: int, limit: int) -> int:
    """Tokens of a conversation whose attempts all reach `limit`.

    prompt: tokens of the longest prompt. between: of each message from one attempt to the next, after
    which the policy writes up to `limit` tokens: a correction, or a critique or verdict and then that.
    """
    return prompt + limit + (turns - 1) * sum(message + limit for message in between)


def check_budget(budget: int | None, longest: int) -> None:
    """ValueError where a row of `longest` tokens would not fit a budget; None: there is none."""
    if budget is not None and budget < longest:
        raise ValueError(
            f"micro_batch_tokens is {budget}; expected {longest} or more, the tokens of the longest row "
            "that this training can meet: its prompt, every attempt at max_tokens, and the messages "
            "between them. Raise it, lower max_tokens, or set it to null for micro-batches by rows."
        )
