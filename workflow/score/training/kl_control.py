"""Adaptive β2: the KL weight of the first attempt that holds its KL at a target in Stage I.

The proportional controller of Ziegler et al. 2019 (arXiv 1909.08593, §2.2). It has no state of its
own: the weight of an update follows from the records of the updates before, which checkpoints carry.
"""

GAIN = 0.1  # most that the weight changes by in an update is GAIN × LARGEST_ERROR, 2 %
LARGEST_ERROR = 0.2  # relative errors count up to here: the KL of one batch is a noisy estimate


def next_weight(weight: float, kl: float, target: float) -> float:
    """β2 after an update at `weight` whose first attempts were `kl` nats from the reference."""
    error = min(max(kl / target - 1, -LARGEST_ERROR), LARGEST_ERROR)
    return weight * (1 + GAIN * error)


def current_weight(records: list[dict], start: float, target: float | None) -> float:
    """β2 of the next update: `start`, or what follows from the last record; fixed without a target.

    Records hold init_kl_coef, the weight of their update, and kl_t1.
    """
    adapted = [record for record in records if "init_kl_coef" in record]
    if target is None or not adapted:
        return start
    return next_weight(adapted[-1]["init_kl_coef"], adapted[-1]["kl_t1"], target)
