"""What a job's command becomes on one machine and on the nodes of a Slurm job."""

import sys
from types import SimpleNamespace

import pytest
from score.jobs import launch
from score.jobs.failures import cause

STEP = {
    "SLURM_JOB_ID": "12345",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "n[1-2]",
    "SLURM_NODEID": "1",
    "SLURM_STEP_GPUS": "0,1",
    "CUDA_VISIBLE_DEVICES": "0,1",
}


def flags(processes, nodes=1, cpus=8, each=1):
    told = {"config": "zero2.yaml", "nodes": nodes, "cpus": cpus, "gpus_each": each}
    return SimpleNamespace(processes=launch.processes_on(processes, nodes, each), **told)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe"])
def test_launcher_that_is_no_config_ends_the_command_in_one_message(tmp_path, content):
    (tmp_path / "zero.yaml").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"--config is .*zero\.yaml.*; expected an accelerate config"
    ):
        launch.without_launcher(SimpleNamespace(config=tmp_path / "zero.yaml"))


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV")])
def test_command_that_a_signal_ends_leaves_a_message_behind_its_progress(capfd, number, name):
    code = f"import os; print('step 1/9  3 s left', flush=True); os.kill(os.getpid(), {number})"
    assert launch.run_here([sys.executable, "-c", code], threads=1) == 128 + number
    said = capfd.readouterr()
    assert cause(said.out + said.err).startswith("score.jobs.launch: a process of the job ended")
    assert name in said.err


@pytest.fixture(autouse=True)
def hosts(monkeypatch):
    monkeypatch.setattr(launch, "first_host", lambda nodelist: {"n[1-2]": "n1"}[nodelist])


def test_one_machine_is_accelerate_alone():
    command = launch.accelerate_command(flags(4), {})
    assert command == [
        sys.executable,
        *"-m accelerate.commands.launch --config_file zero2.yaml".split(" "),
        *"--num_processes 4 --num_cpu_threads_per_process 2".split(" "),
    ]


def test_nodes_of_a_job_meet_at_the_first_with_their_own_rank():
    command = " ".join(launch.accelerate_command(flags(4, nodes=2), STEP))
    assert "--num_processes 4 --num_cpu_threads_per_process 4 --num_machines 2" in command
    assert "--machine_rank 1 --main_process_ip n1 --main_process_port 22345" in command


@pytest.mark.parametrize(
    ("processes", "nodes", "environment", "said"),
    [
        (3, 2, STEP, "gpu is 3 on 2 nodes; expected a multiple"),
        (1, 2, STEP, "gpu is 1 on 2 nodes; expected a multiple"),
        (2, 2, STEP, "gave 2 GPUs to this node, but 1 processes"),
        (4, 1, {**STEP, "SLURMD_NODENAME": "n7"}, "gave 2 GPUs to n7, but 4 processes"),
    ],
)
def test_gpus_that_do_not_fit_the_processes_are_refused(processes, nodes, environment, said):
    with pytest.raises(ValueError, match=said):
        launch.accelerate_command(flags(processes, nodes), environment)


def test_processes_of_several_gpus_each_are_fewer_and_share_what_slurm_gave():
    command = " ".join(launch.accelerate_command(flags(4, each=2), {}))
    assert "--num_processes 2 --num_cpu_threads_per_process 4" in command
    assert "--num_processes 2 --num" in " ".join(
        launch.accelerate_command(flags(4, nodes=2, each=2), STEP)
    )
    with pytest.raises(ValueError, match="gave 2 GPUs to this node, but 2 processes of 2 GPUs"):
        launch.accelerate_command(flags(4, each=2), STEP)


@pytest.mark.parametrize(("gpus", "nodes"), [(1, 1), (3, 1), (2, 2)])
def test_gpus_that_processes_of_two_can_not_share_are_refused(gpus, nodes):
    said = f"gpu is {gpus} on {nodes} nodes, and vllm_tensor_parallel_size 2; expected a multiple"
    with pytest.raises(ValueError, match=said):
        flags(gpus, nodes, each=2)


def test_gpus_of_a_person_who_uses_no_slurm_are_their_own_affair():
    command = launch.accelerate_command(flags(1), {"CUDA_VISIBLE_DEVICES": "0,1"})
    assert command == launch.accelerate_command(flags(1), {})


def test_processes_hear_how_many_threads_are_theirs(monkeypatch, capfd):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")  # what Snakemake exports: the whole job's
    told = "import os; print('threads', os.environ['OMP_NUM_THREADS'])"
    threads = launch.threads_of_rank(flags(4, nodes=2, cpus=8))
    assert launch.run_here([sys.executable, "-c", told], threads) == 0
    assert "threads 4" in capfd.readouterr().out
    assert launch.threads_of_rank(flags(8, cpus=2)) == 1


@pytest.mark.parametrize(
    ("environment", "batch"),
    [({}, False), ({"SLURM_JOB_ID": "1"}, True), ({"SLURM_JOB_ID": "1", **STEP}, False)],
)
def test_only_the_shell_of_a_job_starts_steps(environment, batch, monkeypatch):
    monkeypatch.setattr(launch.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert launch.in_batch_shell(environment) == batch


def test_a_job_that_is_one_container_without_slurm_in_it_starts_none(monkeypatch):
    monkeypatch.setattr(launch.shutil, "which", lambda name: None)
    assert not launch.in_batch_shell({"SLURM_JOB_ID": "1"})
