"""The plan of a run on a number of GPUs: memory, tokens and hours, and what fits where it does not."""

from dataclasses import dataclass, replace

from score.planning.devices import DEVICES, Device
from score.planning.durations import Clock, seconds_of, tokens_of
from score.planning.fit import Fit, Room, micro_batches
from score.planning.work import Work

HOUR = 3600
TRIED = tuple(2**i for i in range(11))  # numbers of GPUs that are looked through for one that fits


@dataclass(frozen=True)
class PlannedJob:
    """A job with its layout. seconds: by what they are spent on. tokens: generated and scored."""

    work: Work
    fit: Fit
    seconds: dict[str, float]
    tokens: dict[str, float]

    @property
    def hours(self) -> float:
        return sum(self.seconds.values()) / HOUR

    @property
    def gpu_hours(self) -> float:
        return self.hours * self.fit.setup.gpus


@dataclass(frozen=True)
class RunPlan:
    """The jobs of a run on `gpus`. Trainings take all of them, one after another; jobs that only sample
    take one each, side by side."""

    gpus: int
    jobs: list[PlannedJob]

    @property
    def hours(self) -> float:
        alone = [
            job for job in self.jobs if job.fit.setup.gpus == 1 and job.work.kind == "sampling"
        ]
        others = [job for job in self.jobs if job not in alone]
        sampled = [job.hours for job in alone]
        beside = max(sum(sampled) / self.gpus, max(sampled, default=0.0))
        return sum(job.hours for job in others) + beside

    @property
    def gpu_hours(self) -> float:
        return sum(job.gpu_hours for job in self.jobs)

    def tokens(self, kind: str) -> float:
        return sum(job.tokens[kind] for job in self.jobs)

    @property
    def largest(self) -> PlannedJob:
        """The job that needs most memory: of the trainings, where there are any."""
        trained = [job for job in self.jobs if job.work.kind == "training"]
        return max(trained or self.jobs, key=lambda job: job.fit.total)


def plan_run(works: list[Work], room: Room, gpus: int, vllm: bool = False) -> RunPlan:
    """The plan; ValueError where a job does not fit, with what would."""
    jobs = []
    for work in works:
        fit = _fit(work, room, gpus)
        if fit is None:
            raise ValueError(_does_not_fit(work, room, gpus))
        clock = Clock(room.shape, fit.setup, room.device, room.share, vllm)
        seconds = seconds_of(work, clock, max(1, fit.micro), fit.rows)
        jobs.append(PlannedJob(work, fit, seconds, tokens_of(work, room.share)))
    return RunPlan(gpus, jobs)


def _fit(work: Work, room: Room, gpus: int) -> Fit | None:
    return room.training(work, gpus) if work.kind == "training" else room.sampling(work, gpus)


def _does_not_fit(work: Work, room: Room, gpus: int) -> str:
    name, device = work.name, room.device
    if work.kind == "training" and not micro_batches(work.batch, gpus):
        fair = max(number for number in range(1, gpus) if work.batch % number == 0)
        return (
            f"{name}: an update has {work.batch} rollouts (per_device_train_batch_size × "
            f"gradient_accumulation_steps), which {gpus} GPUs can't share evenly; expected a multiple "
            f"of {gpus}. Take {fair} GPUs, or change one of the two."
        )
    if (most := _too_long(work, room, gpus)) is not None:
        need = f"{most / 1e9:.0f} GB for one rollout at a time"
    else:
        need = "more"
    would = _would_fit(work, room, gpus)
    return (
        f"{name} does not fit {gpus} × {device.name} of {device.memory / 1e9:.0f} GB: it needs {need}. "
        f"Would fit: {'; '.join(would) if would else 'nothing that is known here'}."
    )


def _too_long(work: Work, room: Room, gpus: int) -> float | None:
    """Bytes that the least layout of a training takes on each GPU."""
    roomy = replace(room, device=replace(room.device, memory=1e15))
    least = replace(work, settings={**work.settings, "per_device_train_batch_size": 1}, rows=1)
    least = replace(least, budget=None)
    fits = [_fit(least, replace(roomy, launcher=name), gpus) for name in ("zero2", "zero3")]
    return min((fit.total for fit in fits if fit is not None), default=None)


def _would_fit(work: Work, room: Room, gpus: int) -> list[str]:
    """Other numbers and kinds of GPUs, and changes of the config, with which a job fits."""
    found = []
    for number in TRIED:
        if number != gpus and (fit := _fit(work, room, number)) is not None:
            found.append(f"{number} × {room.device.name} with {fit.setup.launcher}")
            break
    for device in _larger(room.device):
        if (fit := _fit(work, replace(room, device=device), gpus)) is not None:
            found.append(f"{gpus} × {device.name} with {fit.setup.launcher}")
    if work.kind == "training":
        for key, value in (("gradient_checkpointing", True), ("use_lora", True)):
            changed = replace(work, settings={**work.settings, key: value})
            if not work.settings[key] and _fit(changed, room, gpus) is not None:
                found.append(f"{key}: true")
    return found


def _larger(device: Device) -> list[Device]:
    return [other for other in DEVICES.values() if other.memory > device.memory]
