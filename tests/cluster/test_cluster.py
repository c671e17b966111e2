"""`snakemake --profile slurm` on a real Slurm, disturbed in every way we know of, loses nothing.

One run goes through all of them, test after test: Stage I on two nodes, Stage II on one, then
sampling. At the end weights, records and table are those of `snakemake --cores 2` undisturbed.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from snakemakes import on_slurm, start, told

pytestmark = pytest.mark.cluster
KEY = "4fd6e0b2" * 5  # as long as a real one
TWO_NODES = ["train_stage_one:nodes=2", "train_stage_one:gpu=2", "train_stage_two:gpu=1"]


@pytest.fixture(scope="module")
def runs(slurm, checkout):
    """Two copies: one is run undisturbed on this machine, the other on the cluster."""
    alone, cluster = checkout("alone"), checkout("cluster")
    done = start(alone, "--cores", "2", "--set-resources", "train_stage_one:gpu=2")
    assert done.wait(timeout=600) == 0, told(alone)
    return SimpleNamespace(alone=alone / "results/quick", cluster=cluster / "results/quick")


def go_on(runs, *own, retries=6, target=None):
    """Start Snakemake on the cluster's copy, with curves for wandb and a key that must not show."""
    words = [target] if target else []
    words += ["--retries", str(retries), *on_slurm(*TWO_NODES, *own)]
    words += ["--config", "wandb_project_name=mine"]
    return start(runs.cluster.parents[1], *words, WANDB_API_KEY=KEY, WANDB_MODE="offline")


def finish(runs, snakemake, seconds=600):
    assert snakemake.wait(timeout=seconds) == 0, told(runs.cluster.parents[1])


def newest_step(runs, policy):
    """The step of the newest whole checkpoint; 0 without one."""
    marks = (runs.cluster / policy / "checkpoints").glob("checkpoint-*/whole.json")
    return max((int(mark.parent.name[11:]) for mark in marks), default=0)


def after_step(slurm, runs, policy, step):
    """Wait until a checkpoint of `step` or a later one is whole."""
    what = f"a checkpoint of step {step}: {told(runs.cluster.parents[1])}"
    slurm.wait_for(lambda: newest_step(runs, policy) >= step, 300, what)


def running_job(slurm):
    slurm.wait_for(lambda: "RUNNING" in slurm.jobs().values(), 90, "a running job")
    return next(job for job, state in slurm.jobs().items() if state == "RUNNING")


def preempt(slurm):
    """Have the running job make way; again, where it has just gone back into the queue itself."""
    everything = ["sbatch", "--nodes=2", "--exclusive", "--time=1", "--output=/dev/null"]
    for _ in range(5):
        running_job(slurm)
        subprocess.run([*everything, "--wrap", "sleep 5"], check=True, capture_output=True)
        try:
            return slurm.wait_for(lambda: "PREEMPTED" in slurm.jobs().values(), 15, "preemption")
        except RuntimeError:
            continue
    pytest.fail("no job was preempted")


def members(module, rank=None):
    """Live processes of a launched module in jobs of Slurm; `rank` picks one of its ranks."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            words = process.cmdline()
        except psutil.Error:
            continue
        if "SLURM_JOB_ID" not in environment or module not in words:
            continue  # somebody else's training, which is not to be killed
        if rank is None or environment.get("RANK") == str(rank):
            found.append(process)
    return found


def wake_to_save(process):
    """Resume a suspended process for which SIGUSR1 waits; Slurm may have woken it already."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:  # it has ended, perhaps while it was read
        return
    pending = int(status.partition("ShdPnd:")[2].split()[0], 16)
    if pending >> (signal.SIGUSR1 - 1) & 1:
        process.resume()


def same_policy(runs, policy):
    weights = [side / policy / "policy/model.safetensors" for side in (runs.alone, runs.cluster)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    records = [
        [json.loads(line) for line in (side / policy / "training.jsonl").read_text().splitlines()]
        for side in (runs.alone, runs.cluster)
    ]
    for record in (*records[0], *records[1]):
        del record["step_time"]
    assert records[0] == records[1]


def test_stage_one_on_two_nodes_survives_requeue_kills_and_a_failed_node(slurm, runs):
    policy = "score_stage_one"
    snakemake = go_on(runs, target="results/quick/score_stage_one/policy")

    after_step(slurm, runs, policy, 5)
    job = running_job(slurm)
    script = subprocess.run(["scontrol", "write", "batch_script", job, "-"], capture_output=True)
    assert b"snakemake" in script.stdout
    assert KEY.encode() not in script.stdout
    subprocess.run(["scontrol", "requeue", job], check=True)

    after_step(slurm, runs, policy, 10)
    members("score.training.train", rank=1)[0].send_signal(signal.SIGKILL)

    after_step(slurm, runs, policy, 15)
    subprocess.run(["scancel", running_job(slurm)], check=True)

    after_step(slurm, runs, policy, 20)
    members("score.jobs.launch")[0].send_signal(signal.SIGKILL)

    after_step(slurm, runs, policy, 25)
    slurm.fail_node("n2")
    slurm.wait_for(lambda: "RUNNING" not in slurm.jobs().values(), 60, "the node's failure")
    slurm.start_node("n2")

    finish(runs, snakemake)
    same_policy(runs, policy)
    curves = [path.name for path in (runs.cluster / policy / "wandb").glob("offline-run-*")]
    assert len(curves) > 4
    assert len({name.rpartition("-")[2] for name in curves}) == 1  # one run in many pieces


def test_stage_two_survives_time_limits_preemption_and_an_outage_of_the_controller(slurm, runs):
    snakemake = go_on(
        runs,
        "train_stage_two:runtime=1",
        "train_stage_two:slurm_extra='--signal=USR1@10'",  # Slurm's clock: up to 30 s sooner
        "train_stage_two:slurm_partition=cancelled",
        target="results/quick/score/policy",
    )
    after_step(slurm, runs, "score", 5)
    [training] = members("score.training.train", rank=0)
    training.suspend()  # or a fast machine would be done before its minute is up

    def back_in_the_queue():
        wake_to_save(training)
        return slurm.restarts("cancelled") > 0

    slurm.wait_for(back_in_the_queue, 120, "the training to be queued before its minute is up")

    preempt(slurm)

    after_step(slurm, runs, "score", newest_step(runs, "score") + 3)  # it runs again
    slurm.stop_controller()
    time.sleep(25)
    slurm.start_controller()

    finish(runs, snakemake)
    same_policy(runs, "score")
    slurm.wait_for(
        lambda: not members("score.training.train"), 60, "every process of the training to end"
    )


def test_jobs_left_by_a_killed_snakemake_are_not_started_twice_and_the_table_is_the_same(
    slurm, runs
):
    snakemake = go_on(runs)
    running_job(slurm)
    os.killpg(snakemake.pid, signal.SIGKILL)
    snakemake.wait()
    folder = runs.cluster.parents[1]
    assert start(folder, "--unlock").wait(timeout=60) == 0
    assert go_on(runs).wait(timeout=60) != 0
    assert "scancel" in told(folder)
    left = [job for job, state in slurm.jobs().items() if state in ("RUNNING", "PENDING")]
    subprocess.run(["scancel", *left], check=True)
    slurm.wait_for(
        lambda: not {"RUNNING", "COMPLETING"} & set(slurm.jobs().values()), 60, "scancel"
    )

    finish(runs, go_on(runs))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    table = "self_correction.csv"
    assert (runs.cluster / table).read_bytes() == (runs.alone / table).read_bytes()
