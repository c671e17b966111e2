"""How the seconds of an update grow with its rollouts and with the tokens of its rows.

t = c · n^e is fitted to the median seconds of each size by least squares of the logarithms: over all
sizes, and over the largest three, where what is constant weighs least. On a CPU a random Llama of 2 M
weights, on a GPU one of 0.5 B. A row has a prompt and two attempts of a quarter of its tokens each.
"""

import math
import tempfile
from functools import partial

from score.benchmarks.clock import by_turns
from score.benchmarks.figures import phases
from score.benchmarks.measured import Measured, part_flags
from score.benchmarks.models import random_policy
from score.benchmarks.trainers import OurUpdate, Size, precision_on

BATCHES, ROWS = [8, 16, 32, 64, 128, 256], [128, 256, 512, 1024, 2048]
AROUND = 20  # tokens of the template and of the message between attempts, about


def exponent(sizes: list[float], seconds: list[float]) -> float:
    """e of the fit t = c · n^e."""
    x, y = [[math.log(value) for value in values] for values in (sizes, seconds)]
    middle, height = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - middle) * (b - height) for a, b in zip(x, y, strict=True))
    return above / sum((a - middle) ** 2 for a in x)


def seconds_of(model: str, device: str, rollouts: int, tokens: int, rounds: int) -> dict:
    """The median seconds of an update's phases."""
    new = tokens // 4
    size = Size(rollouts, min(rollouts, 64), new, words=tokens - 2 * new - AROUND)
    update = OurUpdate(model, device, size)
    found = phases(by_turns({"update": update}, rounds)["update"])
    update.close()
    return found


def grow(measured: Measured, take, name: str, sizes: list[int], needs: float) -> None:
    """Measure each size while there is time, and the fits to what was measured."""
    done: dict[int, float] = {}
    for size in sizes:
        found = measured.take(f"{name} {size}", partial(take, size), needs)
        if "seconds" not in found:
            break
        done[size] = found["seconds"]
        needs = 2.5 * found["seconds"] * 4  # of twice the size, with its warm-up
    if len(done) > 1:
        fits = {"all sizes": [*done], "largest three": [*done][-3:]}
        told = {
            f"exponent, {which}": exponent(of, [done[size] for size in of])
            for which, of in fits.items()
        }
        measured.put(f"seconds over {name}", told)


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    device, tiny = flags.device, flags.tiny
    measured = Measured(flags.output, device, flags.seconds)
    shape = "tiny" if tiny else "0.5B" if device == "cuda" else "2M"
    batches, rows, rounds = ([8, 16], [64, 128], 1) if tiny else (BATCHES, ROWS, 3)
    with tempfile.TemporaryDirectory() as scratch:
        model = random_policy(shape, scratch, device, precision_on(device))
        of_batch = lambda n: seconds_of(model, device, n, rows[0], rounds)  # noqa: E731
        grow(measured, of_batch, "rollouts", batches, 5)
        of_rows = lambda n: seconds_of(model, device, batches[0], n, rounds)  # noqa: E731
        grow(measured, of_rows, "tokens of a row", rows, 5)
    measured.finish()


if __name__ == "__main__":
    main()
