"""Start a command, `-m MODULE …`, on every GPU of a job: one machine, or the nodes of a Slurm job.

    python -m score.jobs.launch --config configs/accelerate/zero2.yaml --processes 8 --cpus 64 \\
        -m score.training.train --settings settings.json …

On one machine this is `accelerate launch`, or the command itself where a single process on the CPU
uses no DeepSpeed: that starts some seconds sooner. In the batch shell of a Slurm job it is one
`srun` task a node, each of which is `accelerate launch` with its rank and the first node's address.
Training that was told to stop and has saved (score.jobs.interruption) is put back into Slurm's queue
as the same job.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import yaml

from score.jobs.command import Command, optional
from score.jobs.failures import without_message
from score.jobs.lifeline import STOPPED_EARLY, TOLD_BY, end_with_parent, ending_with_me

COMMAND = Command(__spec__, __doc__)


def accelerate_command(flags: Namespace, environment: Mapping[str, str]) -> list[str]:
    """`accelerate launch` for this node.

    ValueError where the processes can't be shared out over nodes and the GPUs that Slurm gave.
    """
    nodes, each = flags.nodes, flags.gpus_each
    here, left = divmod(flags.processes, nodes)
    if left or not here:
        raise ValueError(
            f"resource gpu is {flags.processes} on {nodes} nodes; expected a multiple of them, "
            "since each node takes as many processes. Set gpu to nodes × GPUs of a node."
        )
    given = given_gpus(environment)
    if given is not None and given != here * each:
        per = f" of {each} GPUs each" if each > 1 else ""
        raise ValueError(
            f"Slurm gave {given} GPUs to {environment.get('SLURMD_NODENAME', 'this node')}, but "
            f"{here} processes{per} are to run there; expected as many. Set gpu to nodes × GPUs of a "
            "node."
        )
    # this Python's own accelerate, also where its scripts are not on the PATH
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", flags.config]
    command += ["--num_processes", str(flags.processes)]
    command += ["--num_cpu_threads_per_process", str(threads_of_rank(flags))]
    if nodes > 1:
        command += ["--num_machines", str(nodes), "--machine_rank", environment["SLURM_NODEID"]]
        command += ["--main_process_ip", first_host(environment["SLURM_STEP_NODELIST"])]
        command += ["--main_process_port", str(port_of(environment))]
        command += ["--deepspeed_multinode_launcher", "standard"]
    return command


def processes_on(gpus: int, nodes: int, each: int) -> int:
    """How many processes share the GPUs of all nodes, `each` of one node for every process."""
    if each > 1 and (gpus % nodes or (gpus // nodes) % each):
        raise ValueError(
            f"resource gpu is {gpus} on {nodes} nodes, and vllm_tensor_parallel_size {each}; expected a "
            "multiple of it on each node, since every process samples on so many GPUs. Set gpu to "
            "nodes × a multiple of vllm_tensor_parallel_size."
        )
    return gpus // each


def without_launcher(flags: Namespace) -> bool:
    """Whether the command is one process on the CPU, for which a launcher would do nothing.

    ValueError where the launcher's file is none.
    """
    try:
        config = yaml.safe_load(Path(flags.config).read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise ValueError(
            f"--config is {flags.config}; expected an accelerate config in YAML. Mend it: {error}"
        ) from None
    if not isinstance(config, dict):
        raise ValueError(
            f"--config is {flags.config}, which holds no keys; expected an accelerate config. Take "
            "one of configs/accelerate/*.yaml."
        )
    alone = flags.processes == flags.nodes == 1
    return alone and config.get("distributed_type") == "NO" and bool(config.get("use_cpu"))


def alone_command(words: list[str]) -> list[str]:
    """The command itself, with the variables that `accelerate launch` would set."""
    variables = ["ACCELERATE_USE_CPU=true", "ACCELERATE_MIXED_PRECISION=no"]
    return ["env", *variables, sys.executable, *words]


def given_gpus(environment: Mapping[str, str]) -> int | None:
    """How many GPUs Slurm gave to this task; None outside a task, or where it handed out none."""
    by_slurm = environment.get("SLURM_STEP_GPUS") or environment.get("SLURM_GPUS_ON_NODE")
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    return len(visible.split(",")) if by_slurm and visible else None


def first_host(nodelist: str) -> str:
    """The first of Slurm's compact list of hosts, e.g. n1 of n[1-2]."""
    hosts = subprocess.run(
        ["scontrol", "show", "hostnames", nodelist], capture_output=True, text=True, check=True
    )
    return hosts.stdout.split()[0]


def port_of(environment: Mapping[str, str]) -> int:
    """A port that all nodes of a job agree on and other jobs are unlikely to use."""
    return 20000 + int(environment["SLURM_JOB_ID"]) % 10000


def in_batch_shell(environment: Mapping[str, str]) -> bool:
    """Whether this is the batch shell of a Slurm job, and no step of it or a container without srun."""
    outside = "SLURM_JOB_ID" in environment and "SLURM_STEP_ID" not in environment
    return outside and shutil.which("srun") is not None


def srun_command(flags: Namespace, words: list[str]) -> list[str]:
    """One task a node, with all the CPUs and memory of the job there."""
    nodes = str(flags.nodes)
    command = ["srun", "--nodes", nodes, "--ntasks", nodes, "--ntasks-per-node", "1"]
    command += ["--cpus-per-task", str(flags.cpus), "--mem", "0", "--kill-on-bad-exit=1"]
    return [*command, sys.executable, "-m", "score.jobs.launch", *words]


def threads_of_rank(flags: Namespace) -> int:
    """How many of this node's CPUs each process may use for itself."""
    return max(1, flags.cpus // (flags.processes // flags.nodes))


def run_here(command: list[str], threads: int) -> int:
    """Run `accelerate launch` on this node and pass signals on; its status, or STOPPED_EARLY.

    threads: of each process. Set in the environment as well, since under DeepSpeed accelerate does
    not pass its own flag on to the processes: each would then use all CPUs.
    """
    told = []  # SIGUSR2 of a rank that has saved before its end
    signal.signal(signal.SIGUSR2, lambda *_: told.append(True))
    tied = {TOLD_BY: str(os.getpid()), **ending_with_me()}
    environment = {**os.environ, **tied, "OMP_NUM_THREADS": str(threads)}
    # accelerate and torchrun would die of SIGUSR1; ranks that save on it handle it themselves
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    launched = subprocess.Popen(command, env=environment, preexec_fn=end_with_parent)
    signal.signal(signal.SIGUSR1, lambda *_: _pass_to_ranks(launched.pid))
    signal.signal(signal.SIGTERM, lambda *_: launched.terminate())
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C reaches the ranks by itself
    status = launched.wait()
    if told:
        return STOPPED_EARLY
    if status < 0:  # or the log of the job would end in its last line of progress
        ended = without_message(signal.Signals(-status).name)
        print(f"{COMMAND.name}: {ended}", file=sys.stderr, flush=True)
    return status if status >= 0 else 128 - status


def _pass_to_ranks(launcher: int) -> None:
    import psutil

    for child in psutil.Process(launcher).children(recursive=True):
        try:
            child.send_signal(signal.SIGUSR1)
        except psutil.NoSuchProcess:
            continue


def run_job(command: list[str]) -> int:
    """Run srun; where training stopped early, put the job back into the queue and wait for that."""
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the steps get them too, and handle them
    step = subprocess.Popen(command, preexec_fn=_default_signals)
    status = step.wait()
    if status != STOPPED_EARLY:
        return status
    job = os.environ["SLURM_JOB_ID"]
    print(f"saved before its end: job {job} goes back into the queue to go on", flush=True)
    signal.signal(
        signal.SIGTERM, signal.SIG_DFL
    )  # so that it ends with its job without cgroups too
    if subprocess.run(["scontrol", "requeue", job]).returncode == 0:
        time.sleep(600)  # Slurm ends this shell as it takes the job back
    return status


def _default_signals() -> None:
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def main() -> None:
    words = sys.argv[1:]
    at = words.index("-m") if "-m" in words else len(words)
    flags = COMMAND.flags(
        words[:at],
        config="accelerate's file: configs/accelerate/…",
        processes={"type": int, "required": True, "help": "GPUs of all nodes, a process for each"},
        gpus_each=optional("GPUs of one process, which are then fewer", type=int, default=1),
        nodes=optional("of the Slurm job", type=int, default=1),
        cpus=optional("of each node", type=int, default=os.cpu_count()),
    )
    if in_batch_shell(os.environ):
        sys.exit(run_job(srun_command(flags, words)))
    with COMMAND.errors():
        flags.processes = processes_on(flags.processes, flags.nodes, flags.gpus_each)
        if without_launcher(flags):
            command = alone_command(words[at:])
        else:
            command = [*accelerate_command(flags, os.environ), *words[at:]]
    sys.exit(run_here(command, threads_of_rank(flags)))


if __name__ == "__main__":
    COMMAND.run(main)
