"""The KL weight β2 of Stage I, where it is moved to hold a KL of first attempts (init_kl_target)."""

GAIN = 0.1  # most that β2 changes by in an update is GAIN × LARGEST_ERROR, 2 %
LARGEST_ERROR = 0.2  # relative errors count up to here: the KL of one batch is a noisy estimate


def next_weight(weight: float, kl: float, target: float) -> float:
    """β2 after an update at `weight` whose first attempts were `kl` nats from the reference.

    The proportional controller of Ziegler et al. 2019 (arXiv 1909.08593, §2.2).
    """
    error = min(max(kl / target - 1, -LARGEST_ERROR), LARGEST_ERROR)
    return weight * (1 + GAIN * error)


def current_weight(records: list[dict], start: float, target: float | None) -> float:
    """β2 of the next update: `start`, or what follows from the last record; fixed without a target.

    records: of the updates before, with init_kl_coef, the weight of their update, and kl_t1. They are
    all the state there is, so that it resumes with the checkpoint.
    """
    adapted = [record for record in records if "init_kl_coef" in record]
    if target is None or not adapted:
        return start
    return next_weight(adapted[-1]["init_kl_coef"], adapted[-1]["kl_t1"], target)
