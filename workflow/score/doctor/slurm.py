"""What `score.doctor` checks of Slurm, as snakemake --profile slurm needs it."""

import re
import shutil
from collections.abc import Iterator

from score.doctor.findings import PATIENCE, Finding, ask, fail, ok, warn
from score.files.places import REPOSITORY

COMMANDS = ("sbatch", "squeue", "scontrol", "sinfo")
SECONDS_REMEMBERED = 180  # of an ended job, so that Snakemake still finds it when it asks next


def check_slurm(patience: float = PATIENCE) -> Iterator[Finding]:
    """Commands, controller, partitions, accounting and the settings that make runs hang."""
    missing = [name for name in COMMANDS if not shutil.which(name)]
    if len(missing) == len(COMMANDS):
        yield warn(
            "Slurm: no commands here",
            "Nothing to do for snakemake --cores all. For --profile slurm log in where sbatch is.",
        )
        return
    if missing:
        yield fail(
            f"Slurm: {', '.join(missing)} missing", "Install all of Slurm's client commands."
        )
        return
    answer = ask("scontrol", "show", "config", patience=patience)
    if answer.error:
        yield fail(
            f"Slurm: scontrol show config: {answer.error}",
            "Ask for the controller (scontrol ping), and that /etc/slurm/slurm.conf names it.",
        )
        return
    config = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", answer.text, re.MULTILINE))
    yield ok(f"Slurm: {config.get('SLURM_VERSION', 'some version')}, the controller answers")
    yield from _partitions(patience)
    accounting = ask("sacct", "--noheader", "--allocations", patience=patience).error is None
    yield from _accounting(accounting)
    yield from _settings(config, accounting)


def _partitions(patience: float) -> Iterator[Finding]:
    answer = ask("sinfo", "--noheader", "--format=%P|%a|%l|%D|%G", patience=patience)
    if answer.error:
        yield fail(f"Slurm: sinfo: {answer.error}", "Ask the site why sinfo does not answer.")
        return
    rows = [line.split("|") for line in answer.text.splitlines() if line.count("|") == 4]
    if not rows:
        yield fail("Slurm: no partition is open to you", "Ask the site for access to one.")
        return
    shown = [
        f"{name} (up to {limit}{', GPUs' if 'gpu' in gres else ''})"
        for name, _, limit, _, gres in rows
    ]
    yield ok(f"Slurm: partitions {', '.join(dict.fromkeys(shown))}")
    with_gpus = sorted({row[0].rstrip("*") for row in rows if "gpu" in row[4]})
    default = [row[0].rstrip("*") for row in rows if row[0].endswith("*")]
    if not with_gpus:
        yield warn(
            "Slurm: no node has GPUs (sinfo shows no gres/gpu)",
            "Rules that ask for GPUs will be refused: run them with --set-resources RULE:gpu=0, or "
            "ask the site for GresTypes=gpu.",
        )
    elif not set(default) & set(with_gpus):
        yield warn(
            f"Slurm: the default partition ({', '.join(default) or 'none'}) has no GPUs",
            f"Pass --default-resources slurm_partition={with_gpus[0]}.",
        )


def _accounting(accounting: bool) -> Iterator[Finding]:
    if accounting:
        yield ok("Slurm: accounting answers (sacct)")
    elif _profile_needs_no_accounting():
        yield ok("Slurm: no accounting; the profile asks the controller. Leave slurm_account unset")
    else:
        yield fail(
            "Slurm: no accounting (sacct fails), and Snakemake would wait for ever",
            "Write slurm-status-command: squeue in slurm/config.yaml.",
        )


def _profile_needs_no_accounting() -> bool:
    profile = REPOSITORY / "slurm" / "config.yaml"
    asks_squeue = profile.is_file() and re.search(
        r"^slurm-status-command:\s*squeue\b", profile.read_text(), re.MULTILINE
    )
    return bool(asks_squeue) or (REPOSITORY / "slurm" / "bin" / "sacct").is_file()


def _settings(config: dict[str, str], accounting: bool) -> Iterator[Finding]:
    """Settings of the site's administrator with which a run would wait for ever."""
    if config.get("EnforcePartLimits", "NO") == "NO":
        yield warn(
            "Slurm: EnforcePartLimits=NO: a job that asks for too much is queued and never starts",
            "Keep runtime and gpu below the partition's limits, or ask for EnforcePartLimits=ALL.",
        )
    remembered = int((re.match(r"\d+", config.get("MinJobAge", "300")) or [300])[0])
    if remembered < SECONDS_REMEMBERED and not accounting:
        yield fail(
            f"Slurm: MinJobAge={remembered} s: ended jobs are forgotten before Snakemake asks",
            f"Ask the site for MinJobAge={SECONDS_REMEMBERED} or more, or for accounting.",
        )
    if config.get("PreemptMode", "OFF").startswith("CANCEL"):
        yield warn(
            "Slurm: PreemptMode=CANCEL: preempted jobs are ended, not requeued",
            "Choose a partition without preemption, or run snakemake again: training goes on.",
        )
