"""A small run of the workflow in a folder of its own, killed at moments that a seed chooses.

A moment is a share of the processor time that a job took in an undisturbed run, so that it lies at the
same place of the job on a slow machine and on a busy one.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from places import ROOT

RUN = "results/soak"
TABLE = f"{RUN}/self_correction.csv"
OVERLAY = {
    "run_name": "soak",
    "problems": {"train_size": 32, "validation_size": 4, "test_size": 30},
    "evaluation": {"batch_size": 5, "bootstrap_samples": 100},
    "training": {
        "number_output_initial_generations": 4,
        "per_device_train_batch_size": 16,
        "local_rollout_forward_batch_size": 16,
        "num_warmup_steps": 2,
        "save_steps": 3,
        "validation_steps": None,
        "total_episodes": 16 * 20,
    },
    "stage_two": {"total_episodes": 16 * 20},
}
# In the order of a run: a log, which names the job, and what the kill may hit.
JOBS = [
    "problems/prepare.log",
    "base/test/sample.log",
    "base/test/verify.log",
    "score_stage_one/train.log",
    "score_stage_one/test/sample.log",
    "score_stage_one/test/verify.log",
    "score/train.log",
    "score/test/sample.log",
    "score/test/verify.log",
    "compare.log",
]
VICTIMS = ("group", "Snakemake", "launcher")
PATIENCE = 1200.0  # seconds for what has to come


class Repository:
    """What Snakemake reads, copied to a folder in which it may lock, write and be killed."""

    def __init__(self, folder: Path, overlay: dict = OVERLAY):
        self.folder, self.temporary = folder / "repository", folder / "tmp"
        for name in (
            "configs",
            "data",
            "few_shots",
            "profiles",
            "workflow/rules",
            "workflow/schemas",
        ):
            shutil.copytree(ROOT / name, self.folder / name)
        for name in ("Snakefile", "environment.yml"):
            shutil.copy(ROOT / name, self.folder)
        self.temporary.mkdir()
        self.configure(overlay)

    def configure(self, overlay: dict) -> None:
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))

    def start(self, *words: str) -> subprocess.Popen:
        """Snakemake in a process group of its own; all that it prints goes to said.txt."""
        command = [sys.executable, "-m", "snakemake", *(words or (TABLE,))]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        own = {"PATH": path, "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT / "workflow")}
        with (self.folder / "said.txt").open("w") as said:
            return subprocess.Popen(
                [*command, "--cores=1", "--configfile=overlay.yaml"],
                cwd=self.folder,
                env={**os.environ, **own},
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def run(self, *words: str) -> int:
        return self.start(*words).wait(timeout=PATIENCE)

    def said(self) -> str:
        return (self.folder / "said.txt").read_text(errors="replace")

    def unlock(self) -> None:
        if self.locks():
            assert self.run("--unlock") == 0, self.said()

    def locks(self) -> list[Path]:
        return [*(self.folder / ".snakemake/locks").glob("*")]

    def own_temporaries(self) -> list[Path]:
        """Files that this package has left for the system to clean up; torch leaves some of its own."""
        return [*self.temporary.glob("score-*")]

    def processes(self) -> list[psutil.Process]:
        """All processes that work in this folder, whoever started them."""
        return [one for one in psutil.process_iter() if _folder_of(one) == str(self.folder)]

    def wait_until_gone(self) -> None:
        """AssertionError that names the processes which a kill has left."""
        wait_for(
            lambda: not self.processes(), lambda: f"left: {list(map(_line, self.processes()))}"
        )

    def job(self, snakemake: int, log: str | None) -> psutil.Process | None:
        """The shell of the job with this log, or of any job, while it runs."""
        try:
            shells = psutil.Process(snakemake).children()
        except psutil.NoSuchProcess:
            return None
        tee = "tee " if log is None else f"tee {RUN}/{log}"
        return next((one for one in shells if tee in _line(one)), None)


def wait_for(condition, message=lambda: "did not come"):
    ends = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < ends, message()
        time.sleep(0.02)
    return found


def cpu_time(shell: psutil.Process) -> float:
    """Seconds of processor that a job has taken by now, those of ended children included."""
    total = 0.0
    for one in _tree(shell):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def kill(victim: str, snakemake: int, shell: psutil.Process) -> None:
    """SIGKILL. launcher: of the job, or its command where that has none."""
    if victim == "group":
        os.killpg(snakemake, signal.SIGKILL)
    elif victim == "Snakemake":
        os.kill(snakemake, signal.SIGKILL)
    else:
        launcher_of(shell).kill()


def launcher_of(shell: psutil.Process) -> psutil.Process:
    return wait_for(lambda: next(iter(pythons(shell, " -m score.")), None))


def pythons(shell: psutil.Process, words: str) -> list[psutil.Process]:
    """The interpreters of a job with these words on their command line, the outermost first."""
    return [p for p in _tree(shell) if words in (line := _line(p)) and " -c set " not in line]


@dataclass
class Kill:
    log: str
    share: float
    victim: str


def plan_kills(count: int, seed: int) -> list[Kill]:
    """In the order of a run; each stage and each victim before any comes again."""
    rng = random.Random(seed)

    def drawn(choices):
        decks = (rng.sample(choices, len(choices)) for _ in range(count))
        return [one for deck in decks for one in deck][:count]

    pairs = zip(sorted(drawn(JOBS), key=JOBS.index), drawn(VICTIMS), strict=True)
    return [Kill(log, rng.uniform(0.02, 0.98), victim) for log, victim in pairs]


def undisturbed(repository: Repository) -> dict[str, float]:
    """Run to the end; the processor time of each job."""
    snakemake, took = repository.start(), {}
    while snakemake.poll() is None:
        for log in JOBS:
            shell = repository.job(snakemake.pid, log)
            if shell is not None:
                took[log] = max(took.get(log, 0.0), cpu_time(shell))
        time.sleep(0.02)
    assert snakemake.returncode == 0, repository.said()
    return took


def disturb(repository: Repository, kills: list[Kill], took: dict[str, float]) -> Counter:
    """Run and kill, again and again, with no step between but --unlock; what was killed how often.

    Where a job is over before its moment comes, what runs then is hit.
    """
    done = Counter()
    for planned in kills:
        repository.unlock()
        snakemake = repository.start()
        shell = wait_for(lambda s=snakemake, p=planned: _moment(repository, s, p, took))
        if shell == "ended":
            assert snakemake.returncode == 0, repository.said()
            done["nothing, the run was over"] += 1
            continue
        stage = _stage(shell)
        kill(planned.victim, snakemake.pid, shell)
        snakemake.wait(timeout=PATIENCE)
        repository.wait_until_gone()
        done[f"{planned.victim} in {stage}"] += 1
        if planned.victim == "launcher" and snakemake.returncode:
            assert "ended without a message of its own" in repository.said(), repository.said()
    return done


def _moment(repository, snakemake, planned: Kill, took) -> psutil.Process | str | None:
    """The shell to kill once the moment has come, "ended" where Snakemake has."""
    if snakemake.poll() is not None:
        return "ended"
    shell = repository.job(snakemake.pid, planned.log)
    if shell is not None:
        return shell if cpu_time(shell) >= planned.share * took[planned.log] else None
    later = JOBS[JOBS.index(planned.log) + 1 :]
    passed = (repository.job(snakemake.pid, log) for log in later)
    return next((one for one in passed if one is not None), None)


def _stage(shell: psutil.Process) -> str:
    line = _line(shell)
    return next((Path(log).stem for log in JOBS if f"tee {RUN}/{log}" in line), "?")


def _tree(shell: psutil.Process) -> list[psutil.Process]:
    try:
        return [shell, *shell.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _folder_of(process: psutil.Process) -> str | None:
    try:
        return process.cwd()
    except (psutil.Error, OSError):
        return None
