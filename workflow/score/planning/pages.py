"""A plan as a page for people and as JSON for programs."""

from dataclasses import asdict

from score.comparison.tables import markdown_table
from score.planning.devices import SOURCES
from score.planning.fit import Fit, Room
from score.planning.memory import Setup, node_states
from score.planning.plan import PlannedJob, RunPlan
from score.planning.work import Lengths

HELD = ("weights", "gradients", "optimizer", "reference")


def page(title: str, plans: dict[int, RunPlan | str], price: float | None, notes: list[str]) -> str:
    """A row a number of GPUs, its memory, then the jobs of each. plans: or why there is none."""
    made = [plan for plan in plans.values() if isinstance(plan, RunPlan)]
    head = ["GPUs", "launcher", "micro-batch", "most that fits", "sampled at once", "generated"]
    head += ["scored", "hours", "GPU hours", *["cost"] * (price is not None)]
    parts = [title, markdown_table([head, *(_row(plan, price) for plan in made)])]
    parts += ["GB of each GPU in the training that needs most:\n", _memory(made)]
    parts += [f"{_number(gpus)}: {why}\n" for gpus, why in plans.items() if isinstance(why, str)]
    parts += [_jobs(plan) for plan in made]
    parts += ["".join(f"* {note}\n" for note in notes)]
    return "\n".join(parts)


def _number(gpus: int) -> str:
    return "1 GPU" if gpus == 1 else f"{gpus} GPUs"


def _row(plan: RunPlan, price: float | None) -> list[str]:
    fit = plan.largest.fit
    cells = [
        str(plan.gpus),
        str(fit.setup.launcher),
        _passes(fit.micro, fit),
        _passes(fit.largest, fit),
        str(fit.rows),
    ]
    cells += [_millions(plan.tokens(kind)) for kind in ("generated", "scored")]
    cells += [_hours(plan.hours), _hours(plan.gpu_hours)]
    return cells + ([] if price is None else [f"{price * plan.gpu_hours:,.0f}"])


def _passes(size: int, fit: Fit) -> str:
    return f"{size:,} tokens" if fit.by_tokens else str(size)


def _memory(plans: list[RunPlan]) -> str:
    head = ["GPUs", *HELD, "activations", "with the other checkpointing", "logits"]
    rows = [[*head, "sampling: cache", "logits", "weights gathered", "peak"]]
    for plan in plans:
        fit = plan.largest.fit
        cells = [fit.held.get(name, 0.0) for name in HELD]
        cells[0] += fit.held.get("engine", 0.0)
        cells += [
            fit.training.get("activations", 0.0),
            fit.otherwise,
            fit.training.get("logits", 0.0),
        ]
        cells += [fit.sampling.get(name, 0.0) for name in ("cache", "logits", "gathered")]
        rows.append([str(plan.gpus), *(f"{held / 1e9:.1f}" for held in (*cells, fit.total))])
    return markdown_table(rows)


def _jobs(plan: RunPlan) -> str:
    head = [
        "job",
        "GPUs",
        "generated",
        "scored",
        "hours",
        "of these sampling",
        "scoring",
        "training",
    ]
    return f"{_number(plan.gpus)}:\n\n" + markdown_table([head, *map(_job, plan.jobs)])


def _job(job: PlannedJob) -> list[str]:
    cells = [job.work.name, str(job.fit.setup.gpus)]
    cells += [_millions(job.tokens[kind]) for kind in ("generated", "scored")]
    training = job.seconds["training"] + job.seconds["optimizer"]
    spent = job.seconds["sampling"], job.seconds["scoring"], training
    return [*cells, _hours(job.hours), *(_hours(seconds / 3600) for seconds in spent)]


def _millions(tokens: float) -> str:
    return f"{tokens / 1e6:,.1f} M"


def _hours(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 1 else f"{hours:.2g}"


def title(model: str, room: Room, config: str) -> str:
    device = room.device
    return (
        f"{model} ({room.shape.weights / 1e6:,.0f} M weights), {config}, {device.name}: "
        f"{device.memory / 1e9:.0f} GB, {device.operations / 1e12:.0f} TFLOP/s, "
        f"{device.bandwidth / 1e12:.2f} TB/s ({SOURCES[device.name]}, where not given)\n"
    )


def assumptions(room: Room, lengths: Lengths, vllm: bool) -> list[str]:
    """What the numbers rest on, a sentence each."""
    device = room.device
    return [
        f"Assumed: prompts of {lengths.prompt:g} tokens, messages of {lengths.message:g}, attempts of "
        f"{100 * lengths.share:.0f} % of max_tokens on average, of which each batch has one that "
        "reaches the limit (--prompt-tokens, --message-tokens, --attempt-share).",
        f"Shares of the peak: {device.trained:g} in training, {device.scored:g} in scoring, "
        f"{device.read:g} of the bandwidth in decoding, at least "
        f"{'0.1' if vllm else format(1e3 * device.launching, 'g')} ms a layer and token "
        "(docs/planning.md says where they come from, and how far predictions were off).",
        "Trainings take all GPUs, one after another; what only samples takes one each, side by side. "
        "Verifiers, loading, checkpoints and waiting for machines are left out.",
        f"zero3-offload: {node_states(room.shape, _offload(room)) / 1e9:.0f} GB of a node's memory hold "
        "the states of any number of GPUs; slow, and never chosen here.",
    ]


def _offload(room: Room) -> Setup:
    return Setup("zero3-offload", 1, room.width)


def as_json(plans: dict[int, RunPlan | str], price: float | None) -> list[dict]:
    """An object for each number of GPUs: bytes, tokens, hours."""
    return [
        _plan(plan, price) if isinstance(plan, RunPlan) else {"gpus": gpus, "does_not_fit": plan}
        for gpus, plan in plans.items()
    ]


def _plan(plan: RunPlan, price: float | None) -> dict:
    totals: dict[str, float]
    totals = {kind: round(plan.tokens(kind)) for kind in ("generated", "scored")}
    totals |= {"hours": plan.hours, "gpu_hours": plan.gpu_hours}
    if price is not None:
        totals["cost"] = price * plan.gpu_hours
    return {"gpus": plan.gpus, **totals, "jobs": [_job_object(job) for job in plan.jobs]}


def _job_object(job: PlannedJob) -> dict:
    fit = job.fit
    tokens = {kind: round(count) for kind, count in job.tokens.items()}
    return {
        "job": job.work.name,
        "kind": job.work.kind,
        **asdict(fit.setup),
        "micro_batch": fit.micro,
        "largest_micro_batch": fit.largest,
        "micro_batches_are_of": "tokens" if fit.by_tokens else "rollouts",
        "sampled_at_once": fit.rows,
        "bytes_held": _rounded(fit.held),
        "bytes_of_training": _rounded(fit.training),
        "activations_with_the_other_checkpointing": round(fit.otherwise),
        "bytes_of_sampling": _rounded(fit.sampling),
        "bytes_at_the_peak": round(fit.total),
        **tokens,
        "seconds": job.seconds,
        "hours": job.hours,
        "gpu_hours": job.gpu_hours,
    }


def _rounded(memory: dict[str, float]) -> dict[str, int]:
    return {name: round(held) for name, held in memory.items()}
