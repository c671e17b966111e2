"""Rollouts as padded tensors, and the log-probabilities of their tokens.

Legend of shapes: B rollouts, N turns, S sequences of a batch, T positions. A sequence holds a whole
conversation, [prompt][attempt 1][bridge][attempt 2]…, padded on the right, so one forward pass serves
both turns, and S = B. Where later attempts don't see earlier ones as they were sampled, a rollout has a
sequence for each attempt, [what it was sampled on][attempt], and S = N B.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch.utils.data import Sampler

from score.sampling.rollout import Rollout, Sequence
from score.training.prefixes import apart, positions_apart, positions_whole

IGNORED = -100


def sequences_of(rollouts: list[Rollout], offline: list[bool] | None = None) -> list[Sequence]:
    """The sequences of B rollouts, in their order. offline: whose first attempt was given: it is
    context then, of turn 0."""
    found = []
    for rollout, given in zip(rollouts, offline or [False] * len(rollouts), strict=True):
        for sequence in rollout.sequences():
            turn = [0 if given and t == 1 else t for t in sequence.turn]
            found.append(sequence._replace(turn=turn))
    return found


def pad_sequences(sequences: list[Sequence], pad_id: int) -> dict[str, torch.Tensor]:
    """`input_ids`, `attention_mask` and `turn`, (S, T) each; masks come from lengths.

    `sampler_logps` (S, T) too, where the sampler reports them.
    """
    length = max(len(sequence.ids) for sequence in sequences)

    def pad(values: list, filler) -> list:
        return values + [filler] * (length - len(values))

    batch = {
        "input_ids": torch.tensor([pad(s.ids, pad_id) for s in sequences]),
        "attention_mask": torch.tensor([pad([1] * len(s.ids), 0) for s in sequences]),
        "turn": torch.tensor([pad(s.turn, 0) for s in sequences]),
    }
    if sequences[0].sampler_logps:
        batch["sampler_logps"] = torch.tensor([pad(s.sampler_logps, 0.0) for s in sequences])
    return batch


def pad_rollouts(
    rollouts: list[Rollout], pad_id: int, offline: list[bool] | None = None
) -> dict[str, torch.Tensor]:
    """`pad_sequences` of all sequences of rollouts."""
    return pad_sequences(sequences_of(rollouts, offline), pad_id)


def pad_batches(
    rollouts: list[Rollout],
    size: int,
    pad_id: int,
    device,
    offline: list[bool] | None = None,
    share: bool = False,
) -> list[dict[str, torch.Tensor]]:
    """The sequences of rollouts in batches of as many as `size` rollouts have, on `device`.

    Where a rollout has several, those of similar length share a batch, whichever rollouts they are of.
    `rollout` (S,) tells of each which rollout it is of. share: whether what sequences of a batch begin
    with alike is apart from them (`apart`), where that saves computing.
    """
    sequences, each = sequences_of(rollouts, offline), len(rollouts[0].sequences())
    order = [*range(len(sequences))]
    if each > 1:
        order.sort(key=lambda i: len(sequences[i].ids))
    chunks = [order[start : start + size * each] for start in range(0, len(order), size * each)]
    return [pad_chosen(sequences, chosen, each, pad_id, device, share) for chosen in chunks]


def pad_chosen(
    sequences: list[Sequence], chosen: list[int], each: int, pad_id: int, device, share: bool
) -> dict[str, torch.Tensor]:
    """A batch of the chosen ones of the sequences of an update, each rollout of which has `each`."""
    rows, prefixes = [sequences[i] for i in chosen], None
    if share and positions_apart(rows) < positions_whole(rows):
        prefixes, rows = apart(rows, pad_id)
    batch = pad_sequences(rows, pad_id) | (prefixes or {})
    batch["rollout"] = torch.tensor([i // each for i in chosen])
    return {key: value.to(device) for key, value in batch.items()}


def rows_of(batch: dict[str, torch.Tensor], start: int, count: int) -> dict[str, torch.Tensor]:
    """What `token_logps` reads of `count` rows of a batch."""
    part = {
        key: batch[key][start : start + count] for key in ("input_ids", "attention_mask", "turn")
    }
    if "prefix_of" in batch:
        used, of = batch["prefix_of"][start : start + count].unique(return_inverse=True)
        part |= {"prefix_of": of}
        part |= {key: batch[key][used] for key in ("prefix_ids", "prefix_mask")}
    return part


def token_logps(model, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability and entropy (B, T) of every attempt token; 0 at all other tokens.

    `model` has TRL's fused head, which divides the logits by the sampling temperature and scores
    only the labelled positions, so the (B, T, vocabulary) logits never exist at once. Where a batch has
    prefixes apart it has `add_shared_prefixes` too.
    """
    labels = batch["input_ids"].masked_fill(batch["turn"] == 0, IGNORED)
    prefix = {key: batch[f"prefix_{key}"] for key in ("ids", "mask", "of") if "prefix_of" in batch}
    out = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        labels=labels,
        fused_lm_head=True,
        **({"prefix": prefix} if prefix else {}),
    )
    shift = torch.nn.functional.pad
    entropy = out.entropy if out.entropy is not None else torch.zeros_like(out.log_probs)
    return shift(out.log_probs, (1, 0)), shift(entropy, (1, 0))


# (attempts, reference answers) -> one score in [0, 1] each, or objects that float() turns into one.
Score = Callable[[list[str], list], list]


class Scored(NamedTuple):
    """What a verifier says of B rollouts of N attempts.

    scores: (B, N) in [0, 1]. texts, stated, verdicts: B rows of N; stated answers (None: nothing was
    stated; the texts where the verifier doesn't tell) and names of verdicts.
    """

    scores: torch.Tensor
    texts: list[list[str]]
    stated: list[list]
    verdicts: list[list[str]]


def ask(verifier: Score, texts: list[str], problems: list[dict]) -> list:
    """A verdict for each text, an attempt at the problem of the same place: `answer`, `question`."""
    answers = [problem["answer"] for problem in problems]
    questions = questions_of(verifier, problems)
    return verifier(texts, answers, **({} if questions is None else {"questions": questions}))


def questions_of(verifier: Score, problems: list[dict]) -> list[str] | None:
    """What the problems ask, for a verifier that reads it; None where it does not, or one lacks it."""
    if getattr(verifier, "reads_questions", False) and all("question" in p for p in problems):
        return [problem["question"] for problem in problems]
    return None


def as_scored(texts: list[list[str]], verdicts: list) -> Scored:
    """What the verdicts on B rollouts of N texts say, given in the order of the texts."""
    flat, turns = [text for row in texts for text in row], len(texts[0])
    stated = [getattr(v, "extracted", t) for v, t in zip(verdicts, flat, strict=True)]
    names = [getattr(v, "verdict", "correct" if float(v) == 1.0 else "incorrect") for v in verdicts]
    scores = torch.tensor([float(verdict) for verdict in verdicts]).view(-1, turns)
    starts = range(0, len(flat), turns)
    return Scored(
        scores,
        texts,
        [stated[i : i + turns] for i in starts],
        [names[i : i + turns] for i in starts],
    )


class ProblemSampler(Sampler[int]):
    """Indices of `size` problems, each `k` times in a row, `problems` of them for an update.

    What an update samples is handed out `steps` times, once for each of its accumulation steps. The
    order follows from seed and epoch alone (`epoch` tells the current one), so that training resumed
    in a later epoch sees its problems in that epoch's order. Problems left over at the end of an
    epoch wait for another.
    """

    def __init__(
        self, size: int, problems: int, k: int, steps: int, seed: int, epoch: Callable[[], int]
    ):
        self.size, self.problems, self.k, self.steps = size, problems, k, steps
        self.seed, self.epoch = seed, epoch

    def __iter__(self) -> Iterator[int]:
        order = epoch_order(self.size, self.seed, self.epoch())
        for start in range(0, self.size - self.size % self.problems, self.problems):
            for _ in range(self.steps):
                for index in order[start : start + self.problems]:
                    yield from [index] * self.k

    def indices_of_set(self, number: int) -> list[int]:
        """The indices of one set of a training, counted from 0 over all epochs, once."""
        epoch, place = divmod(number, self.size // self.problems)
        order = epoch_order(self.size, self.seed, epoch)
        problems = order[place * self.problems : (place + 1) * self.problems]
        return [index for index in problems for _ in range(self.k)]

    def __len__(self) -> int:
        return self.size // self.problems * self.problems * self.k * self.steps


def epoch_order(size: int, seed: int, epoch: int) -> list[int]:
    """The indices 0 … size − 1 as one epoch shuffles them."""
    generator = torch.Generator().manual_seed(seed + 1_000_003 * epoch)
    return torch.randperm(size, generator=generator).tolist()


def whole_order(size: int, count: int, seed: int) -> list[int]:
    """The first `count` indices of one epoch after another, each shuffled anew.

    Training that is given this as its one epoch can't mistake which epoch it is resumed in.
    """
    epochs = -(-count // size)
    return [i for epoch in range(epochs) for i in epoch_order(size, seed, epoch)][:count]
