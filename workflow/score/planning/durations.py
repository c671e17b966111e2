"""How long sampling and training take on a device: seconds of what a GPU does for its share of a job.

A pass takes its operations over the share of the device's peak that passes reach. Decoding a token for
every row takes the longest of three: starting the kernels of all layers, reading weights and cache, and
the operations. A batch is decoded until its longest attempt has reached the limit; rows that have ended
leave it. Messages between GPUs are not hidden behind computing. Verifiers, files, loading and whatever
a processor does meanwhile are left out.
"""

from dataclasses import dataclass
from math import ceil

from score.planning.devices import NETWORK, NODE, VLLM_LAUNCHING, Device
from score.planning.memory import Setup
from score.planning.shape import Shape
from score.planning.work import Conversation, Turn, Work

# How often keys and values are moved for a token: read, copied to where there is room for one more.
COPIED = 3
# Bytes that the optimizer moves for a weight: it reads and writes 16, and the gradient and weight.
STEPPED = 2 * 16 + 4 + 2


@dataclass(frozen=True)
class Clock:
    """Seconds of a policy's work on one GPU of a setup."""

    shape: Shape
    setup: Setup
    device: Device
    share: float = 0.5
    vllm: bool = False

    @property
    def link(self) -> float:
        """Bytes a second to the other GPUs; the slower way where there are several nodes."""
        return self.device.link if self.setup.gpus <= NODE else NETWORK

    def sampling(self, conversation: Conversation, rollouts: float, rows: int) -> float:
        """Of so many rollouts, `rows` of them at once, in whole batches."""
        if not conversation.turns or not rollouts:
            return 0.0
        rows = min(rows, max(1, ceil(rollouts)))
        batches = ceil(rollouts / rows)
        return batches * sum(self.turn(turn, conversation, rows) for turn in conversation.turns)

    def turn(self, turn: Turn, conversation: Conversation, rows: int) -> float:
        """Of one attempt of every row of a batch."""
        count: float = max(1.0, rows * turn.taken)
        shape, device, limit = self.shape, self.device, conversation.limit
        mean = self.share * limit
        asked = max(1.0, count * turn.distinct) * turn.asked
        prefill = shape.operations(asked, turn.before + turn.asked / 2, count)
        going, context = count * self.share, turn.before + turn.asked + mean / 2
        moved: float = self.setup.width * (shape.layers * shape.layer_weights + shape.embedding)
        moved += shape.cache(self.setup.width) * going * context * (1 if self.vllm else COPIED)
        step = max(
            shape.layers * (VLLM_LAUNCHING if self.vllm else device.launching),
            moved / (device.bandwidth * device.read),
            shape.operations(going, context, going) / (device.operations * device.scored),
        )
        return prefill / (device.operations * device.scored) + limit * step

    def scoring(self, conversation: Conversation, rows: int, each: int) -> float:
        """Of one pass without gradient over a micro-batch."""
        operations = self._operations(conversation, rows, each)
        computing = operations / (self.device.operations * self.device.scored)
        return max(computing, self.shape.layers * self.device.launching) + self._gathered(1)

    def training(self, conversation: Conversation, rows: int, each: int) -> float:
        """Of forward and backward of a micro-batch: an adapter needs no gradient of most weights."""
        forwards = 3 if self.setup.rank is None else 2
        again = 1 if self.setup.checkpointing else 0
        operations = (forwards + again) * self._operations(conversation, rows, each)
        computing = operations / (self.device.operations * self.device.trained)
        launching = (forwards + again) * self.shape.layers * self.device.launching
        return max(computing, launching) + self._gathered(2 + again) + self._reduced(each_pass=True)

    def step(self) -> float:
        """Of the optimizer, and what is exchanged once an update."""
        trained = self._trained()
        shared = 1 if self.setup.launcher in (None, "single_gpu") else self.setup.gpus
        moved = STEPPED * trained / shared / self.device.bandwidth
        back = self.setup.width * trained / self.link if shared > 1 else 0.0
        return moved + back + self._reduced(each_pass=False)

    def rows(self, conversation: Conversation, budget: int, each: int) -> int:
        """How many rollouts a pass of at most so many positions has."""
        prompt = conversation.prompt / (each if self.setup.shares_prefixes else 1)
        return max(1, int(budget / (conversation.tokens - conversation.prompt + prompt)))

    def _operations(self, conversation: Conversation, rows: int, each: int) -> float:
        """Of a forward pass of a micro-batch; prompts are one pass for the rollouts of a problem where
        layers are neither computed again nor shared out."""
        own = conversation.tokens - conversation.prompt
        prompts = ceil(rows / each) if self.setup.shares_prefixes else rows
        tokens = rows * own + prompts * conversation.prompt
        return self.shape.operations(tokens, conversation.tokens / 2, rows * conversation.trained)

    def _trained(self) -> float:
        rank = self.setup.rank
        return self.shape.weights if rank is None else self.shape.adapter(rank)

    def _gathered(self, passes: int) -> float:
        """Weights that come from other GPUs in each pass."""
        if not self.setup.sharded or self.setup.gpus == 1:
            return 0.0
        return passes * self.setup.width * self.shape.weights / self.link

    def _reduced(self, each_pass: bool) -> float:
        """Gradients that are summed: after every backward pass where they are shared out, else once."""
        shared_out = self.setup.launcher in ("zero2", "zero3", "zero3-offload")
        if self.setup.gpus == 1 or shared_out != each_pass:
            return 0.0
        return self.setup.width * self._trained() / self.link


def seconds_of(work: Work, clock: Clock, micro: int, rows: int) -> dict[str, float]:
    """Seconds of a job by what they are spent on.

    micro: rollouts of a backward pass of a GPU, with a budget its positions. rows: rollouts that a GPU
    samples at once.
    """
    gpus, spent = (
        clock.setup.gpus,
        {"sampling": 0.0, "scoring": 0.0, "training": 0.0, "optimizer": 0.0},
    )
    for one in work.conversations:
        in_set = work.rollouts * one.share / gpus / (work.sets * one.share)
        spent["sampling"] += work.sets * one.share * clock.sampling(one, in_set, rows)
        if work.updates:
            own = ceil(work.batch / gpus)
            taken = micro if work.budget is None else clock.rows(one, micro, work.each)
            passes = ceil(own / taken)
            backwards, taken = work.updates * one.share * passes, ceil(own / passes)
            spent["training"] += backwards * clock.training(one, taken, work.each)
            spent["scoring"] += backwards * work.passes * clock.scoring(one, taken, work.each)
    if work.validated:
        one = work.conversations[-1]
        checked = work.validated / gpus
        spent["sampling"] += clock.sampling(one, checked, rows)
    if work.updates:
        spent["optimizer"] = work.updates * clock.step()
    return spent


def tokens_of(work: Work, share: float) -> dict[str, float]:
    """Tokens of a job: `generated`, and `scored` in passes with and without gradient."""
    generated = scored = 0.0
    for one in work.conversations:
        rollouts = work.rollouts * one.share
        taken = sum(turn.taken for turn in one.turns)
        generated += (rollouts + work.validated * one.share) * taken * share * one.limit
        if work.updates:
            scored += rollouts * one.tokens * (1 + work.passes)
    return {"generated": generated, "scored": scored}
