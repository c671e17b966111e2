"""An update of training against TRL's, against its floor, and against itself with nothing shared.

All of a case run by turns in one process on the same model and sizes: SCoRe's update of Stage II, an
update of TRL's GRPOTrainer with as many tokens and a reference pass (score.benchmarks.trainers), the
floor (score.benchmarks.floor), SCoRe's update with transformers' `generate` for each turn and whole
rows in every pass, and SCoRe's update with a setting that is off by default.
"""

import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from score.benchmarks.clock import by_turns
from score.benchmarks.figures import Target, phases, ratio
from score.benchmarks.floor import floor_of
from score.benchmarks.measured import Left, Measured, Wanted, part_flags
from score.benchmarks.models import PUZZLE, random_policy, smollm2
from score.benchmarks.trainers import OurUpdate, Size, precision_on, updates

OTHERS = {
    "trl": "time over TRL's",
    "floor": "time over the floor's",
    "plain": "time over that with nothing shared",
}


class Case(NamedTuple):
    """A model, what its update is compared with and the targets of these, seconds that it takes, rounds
    before those that count, rounds at most, and settings by the name of the update that has them: its
    time is told over that of the update without."""

    name: str
    model: str
    size: Size
    targets: dict[str, Target | None]
    needs: float
    warm_up: int = 1
    rounds: int = 5
    switches: tuple[tuple[str, dict], ...] = ()


EQUAL, RAGGED = Target(most=0.6), Target(most=0.4)
MIXED = (("precision: mixed", {"bf16": True, "sampler_ratios": None}),)


def cases(device: str, tiny: bool) -> list[Case]:
    """The cases of a device: those with targets first."""
    both = {"trl": EQUAL, "floor": None}, {"trl": RAGGED}
    if tiny:
        small = Size(16, 8, 6, words=20)
        switches = (("micro_batch_tokens", {"micro_batch_tokens": 200}),)
        return [
            Case("tiny, equal lengths", "tiny", small, {**both[0], "plain": None}, 0),
            Case(
                "tiny, ragged", "tiny", small._replace(equal=False), both[1], 0, switches=switches
            ),
        ]
    if device == "cuda":
        large = Size(64, 16, 128)
        return [
            Case("1.5B, equal lengths", "1.5B", large, both[0], 200),
            Case("1.5B, ragged", "1.5B", large._replace(equal=False), both[1], 150),
        ]
    puzzle, middle = Size(64, 64, 10, words=20), Size(16, 16, 64)
    short, small = Size(64, 64, 8, words=40), Size(16, 16, 8, words=40)
    long = small._replace(rollouts=8, rows=8, new=128)
    of_short, of_long = {"floor": Target(most=1.5)}, {"floor": Target(most=1.25)}
    of_small = {"plain": Target(most=0.4), "trl": EQUAL}
    return [
        Case("17M, equal lengths", "17M", middle, both[0], 125),
        Case("17M, ragged", "17M", middle._replace(equal=False), both[1], 50),
        Case("SmolLM2, 64 rollouts of 8 + 8", "smollm2", short, of_short, 220, 0),
        Case("SmolLM2, 8 rollouts of 128 + 128", "smollm2", long, of_long, 200, 0),
        # Of 16 rollouts, since 64 with nothing shared take four times as long.
        Case("SmolLM2, 16 rollouts of 8 + 8", "smollm2", small, of_small, 200, 0),
        Case("SmolLM2, 16 rollouts, mixed", "smollm2", small, {}, 60, 0, 5, MIXED),
        Case(
            "17M, ragged, 32 rollouts, 8 a pass",
            "17M",
            middle._replace(rollouts=32, rows=8, equal=False),
            {},
            60,
            0,
            # About the positions of 8 rows of the longest attempts and their prompt.
            switches=(("micro_batch_tokens: 1300", {"micro_batch_tokens": 1300}),),
        ),
        Case("puzzle, equal lengths", PUZZLE, puzzle, both[0], 12),
        Case("puzzle, ragged", PUZZLE, puzzle._replace(equal=False), both[1], 10),
    ]


def measure(case: Case, find, device: str, rounds: int, left: Left) -> dict:
    """The case's figures: a ratio of its update to each of the others, and the seconds of its phases."""
    model = find(case.model)
    names = [name for name in case.targets if name != "floor"]
    measured = updates(model, device, case.size, ["score", *names])
    for name, settings in case.switches:
        measured[name] = OurUpdate(model, device, case.size, settings=settings)
    calls = dict(measured)
    if "floor" in case.targets:
        calls["floor"] = floor_of(measured["score"], model)
    taken = by_turns(calls, min(rounds, case.rounds), case.warm_up, left)
    told = {
        OTHERS[name]: ratio(taken["score"], taken[name], target)
        for name, target in case.targets.items()
    }
    told |= {
        f"time with {n} over without": ratio(taken[n], taken["score"]) for n, _ in case.switches
    }
    told |= {f"seconds, {name}": phases(taken[name]) for name in calls}
    told |= {f"sampled tokens, {name}": update.sampled for name, update in measured.items()}
    for update in measured.values():
        update.close()
    return told


def model_finder(device: str, scratch: str, given: str | None):
    """From the name of a model in a case to its folder, made once."""

    @cache
    def find(name: str) -> str:
        if name == PUZZLE:
            folder = Path(scratch) / "puzzle"
            folder.mkdir(exist_ok=True)
            for file in Path(PUZZLE).iterdir():
                (folder / file.name).symlink_to(file)
            return str(folder)
        if name == "smollm2":
            return smollm2(given, scratch)
        return random_policy(name, str(Path(scratch) / name), device, precision_on(device))

    return find


def measure_cases(spec, doc: str, cases, measure: Callable[..., dict]) -> None:
    """A part that measures its cases one by one. cases, measure: as those of this module."""
    flags = part_flags(spec, doc)
    measured, rounds = Measured(flags.output, flags.device, flags.seconds), 1 if flags.tiny else 5
    with tempfile.TemporaryDirectory() as scratch:
        find = model_finder(flags.device, scratch, flags.model)
        measured.take_all(
            [
                Wanted(case.name, partial(measure, case, find, flags.device, rounds), case.needs)
                for case in cases(flags.device, flags.tiny)
            ]
        )
    measured.finish()


if __name__ == "__main__":
    measure_cases(__spec__, __doc__, cases, measure)
