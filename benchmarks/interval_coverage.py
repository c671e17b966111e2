"""How often 95 % intervals cover the truth, by simulated arms whose seeds differ by a known amount.

    python benchmarks/interval_coverage.py --problems 500 1000 2000

Two arms answer the same problems in two attempts and start, seed by seed, from the same policy. Whether
an attempt is right is drawn from a Gaussian copula: outcomes of one problem go together over arms, seeds
and attempts, as those of greedy policies do. Seeds shift the probability of being right, so that each
quantity of a seed has the stated standard deviation. Printed beside the intervals of
score.comparison.uncertainty: one t quantile with Satterthwaite's degrees of freedom, and the normal
quantile.
"""

import argparse

import numpy as np
from scipy.special import ndtri, stdtrit
from score.comparison.uncertainty import TAIL, SeedPart, half_width, variance_parts

SEEDS = (2, 3, 5, 9)
DEVIATIONS = (0, 1, 2, 4)  # points
RIGHT = np.array([[0.55, 0.60], [0.50, 0.53]])  # of (arm, attempt), on average
# What decides an outcome: the problem, and with it the arm, the arm's attempt, the arm's seed, chance
SHARES = (0.55, 0.10, 0.05, 0.15, 0.15)


def outcomes(replicates: int, problems: int, deviation: float, seed: int = 0) -> np.ndarray:
    """(replicates, arm, attempt, seeds, problems) booleans, as many seeds as the most of SEEDS.

    deviation: standard deviation over seeds of an accuracy, of Δ and of the difference of two arms in
    either, in points. The same `seed` gives the same problems and chance for every deviation.
    """
    rng, seeds = np.random.default_rng(seed), max(SEEDS)
    common, of_arm, of_attempt, of_seed, chance = (share**0.5 for share in SHARES)

    def normal(*shape):
        return rng.standard_normal((replicates, *shape, problems), dtype=np.float32)

    latent = normal(2, 2, seeds)
    latent *= chance
    latent += of_seed * normal(2, 1, seeds)
    latent += of_attempt * normal(2, 2, 1)
    latent += of_arm * normal(2, 1, 1) + common * normal(1, 1, 1)
    # correlation of 0.5 between arms and between attempts: every difference then deviates as much
    halves = np.linalg.cholesky([[1, 0.5], [0.5, 1]])
    shifts = rng.standard_normal((replicates, 2, 2, seeds))
    shifts = np.einsum("ab,tu,rbus->rats", halves, halves, shifts)
    right = RIGHT[:, :, None] + deviation / 100 * shifts
    return latent < ndtri(np.clip(right, 1e-6, 1 - 1e-6))[..., None].astype(np.float32)


def quantities(rights: np.ndarray) -> dict[str, tuple[float, np.ndarray]]:
    """Name -> truth, and (replicates, seeds, problems) values, of four quantities."""
    second = rights[:, :, 1].astype(np.float32)
    delta = second - rights[:, :, 0]
    gains = RIGHT[:, 1] - RIGHT[:, 0]
    return {
        "Acc@t2": (RIGHT[0, 1], second[:, 0]),
        "Δ": (gains[0], delta[:, 0]),
        "difference of Acc@t2": (RIGHT[0, 1] - RIGHT[1, 1], second[:, 0] - second[:, 1]),
        "difference of Δ": (gains[0] - gains[1], delta[:, 0] - delta[:, 1]),
    }


def half_widths(values: np.ndarray, tail: float = TAIL) -> dict[str, np.ndarray]:
    """Way of making intervals -> (replicates,) half widths. values: (replicates, seeds, problems)."""
    of_problems, of_seeds = variance_parts(values)
    degrees = values.shape[1] - 1
    total = of_problems + of_seeds
    t = -stdtrit(degrees * (total / of_seeds) ** 2, tail)
    return {
        "own quantiles": half_width(tail, of_problems, [SeedPart(of_seeds, degrees)]),
        "Satterthwaite": t * np.sqrt(total),
        "normal": -ndtri(tail) * np.sqrt(total),
    }


def coverage(
    replicates: int, problems: int, seed: int = 0, tail: float = TAIL
) -> dict[tuple, float]:
    """(quantity, number of seeds, deviation in points, way) -> share of intervals with the truth.

    tail: how often an interval may miss the truth on each side.
    """
    covered = {}
    for deviation in DEVIATIONS:
        for name, (truth, values) in quantities(
            outcomes(replicates, problems, deviation, seed)
        ).items():
            for seeds in SEEDS:
                part = values[:, :seeds].astype(float)
                error = np.abs(part.mean(axis=(1, 2)) - truth)
                for way, widths in half_widths(part, tail).items():
                    covered[name, seeds, deviation, way] = float((error <= widths).mean())
    return covered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, nargs="+", default=[500, 1000, 2000])
    parser.add_argument("--replicates", type=int, default=4000, help="of each cell")
    parser.add_argument("--tail", type=float, default=TAIL, help="beyond each end of an interval")
    flags = parser.parse_args()
    for problems in flags.problems:
        pieces = [
            coverage(500, problems, seed, flags.tail) for seed in range(-(-flags.replicates // 500))
        ]
        print(
            f"\n{problems} problems, {500 * len(pieces)} replicates: % covered, where "
            f"{100 - 200 * flags.tail:g} is right, by how many points seeds deviate"
        )
        for way in ("own quantiles", "Satterthwaite", "normal"):
            print(f"\n{way:34}" + "".join(f"{deviation:>7}" for deviation in DEVIATIONS))
            for name in dict.fromkeys(cell[0] for cell in pieces[0]):
                for seeds in SEEDS:
                    cells = [
                        np.mean([piece[name, seeds, deviation, way] for piece in pieces])
                        for deviation in DEVIATIONS
                    ]
                    shares = "".join(f"{100 * share:7.1f}" for share in cells)
                    print(f"{name:22}{seeds:3} seeds   {shares}")


if __name__ == "__main__":
    main()
