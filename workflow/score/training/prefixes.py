"""What sequences of a batch begin with alike: told apart from them, so that it is computed once.

Legend of shapes: S sequences of a batch, P different prefixes, L positions.

The prefix of a sequence is all before its first trained token but the last of it, at which the first
trained token is scored: the prompt, which the K rollouts of a problem have alike, and where a first
attempt was given also that.
"""

import torch

from score.sampling.rollout import Rollout, Sequence


def prefix_length(sequence: Sequence) -> int:
    """How many ids of a sequence are its prefix; 0 where it trains nothing."""
    first = next((i for i, turn in enumerate(sequence.turn) if turn), 0)
    return max(first - 1, 0)


def _prefixes(sequences: list[Sequence]) -> list[tuple[int, ...]]:
    """The prefix of each sequence; where no two have one in common, nothing of any."""
    found = [tuple(sequence.ids[: prefix_length(sequence)]) for sequence in sequences]
    return found if len(set(found)) < len(found) else [()] * len(found)


def positions_whole(sequences: list[Sequence]) -> int:
    """Positions, padding included, of a pass over whole sequences."""
    return len(sequences) * max(len(sequence.ids) for sequence in sequences)


def positions_apart(sequences: list[Sequence]) -> int:
    """Positions of a pass over the different prefixes and what follows them, which has no padding."""
    prefixes = _prefixes(sequences)
    rest = sum(len(s.ids) - len(p) for s, p in zip(sequences, prefixes, strict=True))
    return rest + sum(map(len, set(prefixes)))


def apart(sequences: list[Sequence], pad_id: int) -> tuple[dict[str, torch.Tensor], list[Sequence]]:
    """Prefixes, and the sequences without them.

    `prefix_ids` and `prefix_mask` (P, L), padded on the left, `prefix_of` (S,): which each follows. A
    prefix may be empty; where all are, L is 0.
    """
    prefixes = _prefixes(sequences)
    number = {prefix: i for i, prefix in enumerate(dict.fromkeys(prefixes))}
    length = max(map(len, number))
    ids = [[pad_id] * (length - len(p)) + [*p] for p in number]
    mask = [[0] * (length - len(p)) + [1] * len(p) for p in number]
    tensors = {
        "prefix_ids": torch.tensor(ids, dtype=torch.long),
        "prefix_mask": torch.tensor(mask, dtype=torch.long),
        "prefix_of": torch.tensor([number[prefix] for prefix in prefixes]),
    }
    rest = [
        Sequence(*(values[len(prefix) :] for values in sequence))
        for sequence, prefix in zip(sequences, prefixes, strict=True)
    ]
    return tensors, rest


def batch_order(rollouts: list[Rollout], size: int) -> list[int]:
    """An order of rollouts in which batches of `size` have few positions to compute.

    Either rollouts of similar length share a batch, each padded only to its own longest row, or those
    with one prompt lie side by side, whichever is less.
    """
    lengths = [len(rollout.tokens()[0]) for rollout in rollouts]
    by_length = sorted(range(len(rollouts)), key=lengths.__getitem__)
    longest: dict[tuple[int, ...], int] = {}
    prompts = [tuple(rollout.prompt) for rollout in rollouts]
    for prompt, length in zip(prompts, lengths, strict=True):
        longest[prompt] = max(length, longest.get(prompt, 0))
    first = {prompt: i for i, prompt in reversed([*enumerate(prompts)])}
    together = sorted(
        range(len(rollouts)), key=lambda i: (longest[prompts[i]], first[prompts[i]], lengths[i])
    )
    return min((by_length, together), key=lambda order: _positions(rollouts, order, size))


def _positions(rollouts: list[Rollout], order: list[int], size: int) -> int:
    sequences = [rollout.sequences()[0] for rollout in rollouts]
    chunks = [[sequences[i] for i in order[j : j + size]] for j in range(0, len(order), size)]
    return sum(min(positions_whole(chunk), positions_apart(chunk)) for chunk in chunks)
