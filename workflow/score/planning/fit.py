"""Which launcher and batch sizes a training and a sampling fit a number of GPUs with."""

from dataclasses import dataclass, replace
from math import ceil

from score.planning.devices import FILLED, Device
from score.planning.durations import Clock
from score.planning.memory import Setup, activations, sampling, states
from score.planning.shape import Shape
from score.planning.work import Conversation, Work


@dataclass(frozen=True)
class Fit:
    """How a job is laid out. micro, rows: rollouts of a backward pass and sampled at once, of each GPU.
    largest: the most that `micro` could be. Bytes of a GPU: held all the time, and beside that in a
    backward pass and while sampling, by what takes them. otherwise: activations with the other choice of
    gradient checkpointing. by_tokens: whether micro and largest are positions of a pass.
    """

    setup: Setup
    micro: int
    rows: int
    largest: int
    held: dict[str, float]
    training: dict[str, float]
    sampling: dict[str, float]
    otherwise: float = 0.0
    by_tokens: bool = False

    @property
    def total(self) -> float:
        """Bytes at the peak: sampling and training take turns."""
        return total(self.held, self.training, self.sampling)


def total(held: dict[str, float], *phases: dict[str, float]) -> float:
    """What is held, and the most of any phase."""
    return sum(held.values()) + max(sum(phase.values()) for phase in phases)


@dataclass(frozen=True)
class Room:
    """What jobs have to fit: a policy on GPUs of one kind.

    launcher: of the config; others are tried behind it. engine: share of the memory that vLLM takes
    in training; 0: sampled through transformers. share: mean attempt over its limit. compiled: whether
    decoding is.
    """

    shape: Shape
    device: Device
    launcher: str | None
    width: int = 2
    engine: float = 0.0
    share: float = 0.5
    compiled: bool = False

    def training(self, work: Work, gpus: int) -> Fit | None:
        """The layout of a training; None where it does not fit."""
        for launcher in self._launchers(gpus):
            settings = work.settings
            rank = settings["lora_rank"] if settings["use_lora"] else None
            setup = Setup(
                launcher,
                gpus,
                self.width,
                rank,
                settings["gradient_checkpointing"],
                copied=bool(rank) and not self.engine and _merges(settings),
                compiled=self.compiled,
            )
            if (fit := self._with_batches(work, setup)) is not None:
                return fit
        return None

    def _launchers(self, gpus: int) -> list[str]:
        possible = ("single_gpu",) if gpus == 1 else ("zero2", "zero3")
        ours = self.launcher
        first = [ours] if ours in ("zero1", "zero2", "zero3") and gpus > 1 else []
        return list(dict.fromkeys([*first, *possible]))

    def _with_batches(self, work: Work, setup: Setup) -> Fit | None:
        held, budget = self._held(work, setup), work.budget
        stated = budget or work.settings["per_device_train_batch_size"]
        possible = micro_batches(work.batch, setup.gpus)
        if budget is not None and possible:
            longest = max(map(self._longest, work.conversations))
            possible = budgets(budget, longest, work.batch // setup.gpus)
        fitting = [
            micro for micro in possible if self._fits(held, self._trained(work, setup, micro))
        ]
        micro = max((size for size in fitting if size <= stated), default=None)
        rows = self._rows(work, setup, held)
        if micro is None or rows is None:
            return None
        other = replace(setup, checkpointing=not setup.checkpointing)
        return Fit(
            setup,
            micro,
            rows,
            max(fitting),
            held,
            self._trained(work, setup, micro),
            self._sampled(work, setup, rows),
            self._trained(work, other, micro)["activations"],
            budget is not None,
        )

    def _held(self, work: Work, setup: Setup) -> dict[str, float]:
        held = states(self.shape, setup)
        if not work.passes:
            held["reference"] = 0.0  # fine-tuning has none
        return held | ({"engine": self.engine * self.device.memory} if self.engine else {})

    def _trained(self, work: Work, setup: Setup, micro: int) -> dict[str, float]:
        """Bytes of a backward pass of the longest conversations, or of the most positions."""
        if work.budget is not None:
            needs = [self._of_positions(work, setup, one, micro) for one in work.conversations]
            return max(needs, key=lambda need: sum(need.values()))
        needs = [
            activations(self.shape, setup, micro * self._longest(one), micro * self._most(one))
            for one in work.conversations
        ]
        return max(needs, key=lambda need: sum(need.values()))

    def _of_positions(
        self, work: Work, setup: Setup, one: Conversation, budget: int
    ) -> dict[str, float]:
        """Bytes of a pass whose positions reach the budget, with keys and values that its rows have of
        prompts which they share."""
        need = activations(self.shape, setup, budget, budget)
        rows = Clock(self.shape, setup, self.device).rows(one, budget, work.each)
        layers = 1 if setup.checkpointing else self.shape.layers
        need["activations"] += 2 * setup.width * self.shape.queries * layers * rows * one.prompt
        return need

    def _longest(self, one: Conversation) -> float:
        return one.longest(self.share * one.limit)

    def _most(self, one: Conversation) -> float:
        return one.trained / self.share

    def _sampled(self, work: Work, setup: Setup, rows: int) -> dict[str, float]:
        """Bytes of decoding the longest conversations, `rows` at once."""
        if self.engine or not any(one.turns for one in work.conversations):
            return {}
        longest = max(work.conversations, key=self._longest)
        asked = rows * max(turn.asked * turn.distinct for turn in longest.turns)
        return sampling(self.shape, setup, rows, self._longest(longest), asked)

    def _rows(self, work: Work, setup: Setup, held: dict[str, float]) -> int | None:
        """Rollouts that are sampled at once: the config's, or as many of them as fit."""
        mine = ceil(work.rollouts / work.sets / setup.gpus)
        rows = max(1, min(work.rows, mine))
        while rows and not self._fits(held, self._sampled(work, setup, rows)):
            rows //= 2
        return rows or None

    def _fits(self, held: dict[str, float], phase: dict[str, float]) -> bool:
        return total(held, phase) <= FILLED * self.device.memory

    def sampling(self, work: Work, gpus: int) -> Fit | None:
        """The layout of a job that only samples: on one GPU, or with its weights shared out over all."""
        for launcher, number in (("single_gpu", 1), ("zero3", gpus)):
            held = {"weights": self.width * self.shape.weights / number}
            if number > 1:
                held["weights"] += 2 * self.width * self.shape.largest
            # Without a launcher, since no weights are gathered ahead.
            ungathered = Setup(None, number, self.width, compiled=self.compiled)
            rows = replace(self, engine=0.0)._rows(work, ungathered, held)
            if rows is not None:
                phase = replace(self, engine=0.0)._sampled(work, ungathered, rows)
                return Fit(Setup(launcher, number, self.width), 0, rows, 0, held, {}, phase)
        return None


def _merges(settings: dict) -> bool:
    """Whether a training samples from a copy with its adapter merged (score.training.sampling_copy)."""
    wanted = (settings.get("sampling_copy"), settings.get("sampler_ratios"))
    return "sampling_copy" in settings and False not in wanted


def micro_batches(batch: int, gpus: int) -> list[int]:
    """Sizes of a backward pass with which an update of `batch` rollouts shares evenly over GPUs."""
    own = 0 if batch % gpus else batch // gpus
    return [size for size in range(1, own + 1) if own % size == 0]


def budgets(stated: int, longest: float, rows: int) -> list[int]:
    """Budgets of a pass by halves and doubles of the stated one, from the longest row to all rows."""
    least, most = int(longest), max(int(rows * longest), stated)
    sizes = [stated // 2**i for i in range(stated.bit_length()) if stated // 2**i >= least]
    sizes += [stated * 2**i for i in range(1, 64) if stated * 2**i < 2 * most]
    return sorted(min(size, most) for size in sizes)
