"""Starting a training or sampling as a process of its own, as the workflow does."""

import json
import os
import subprocess
import sys
from pathlib import Path

from places import ROOT


def run(command, **variables):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests/support"), str(ROOT / "workflow")]),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        **variables,
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr[-3000:]


def accelerate(name, processes=2):
    config = str(ROOT / "configs" / "accelerate" / f"{name}.yaml")
    flags = ["--config_file", config, "--num_processes", str(processes)]
    return [str(Path(sys.executable).with_name("accelerate")), "launch", *flags]


def ours(name):
    """The workflow's own launcher, which leaves accelerate's out where it would do nothing."""
    flags = ["--config", f"configs/accelerate/{name}.yaml", "--processes", "1", "--cpus", "1"]
    return [sys.executable, "-m", "score.jobs.launch", *flags, "-m", "launched_training"]


TRAINING = {
    "run_name": "test",
    "task_type": "puzzle",
    "objective": "stage_two",
    "random_seed": 5,
    "num_turns": 2,
    "number_output_initial_generations": 4,
    "temperature": 1.0,
    "max_tokens": 10,
    "per_device_train_batch_size": 16,
    "gradient_accumulation_steps": 1,
    "local_rollout_forward_batch_size": 16,
    "total_episodes": 16 * 40,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "linear",
    "num_warmup_steps": 4,
    "save_steps": 10,
    "init_kl_coef": 0.1,
    "corr_kl_coef": 0.1,
    "kl_estimator": "k1",
    "scale_advantages": True,
    "precision": "float32",
}


def start_training(folder):
    """`score.training.train` under its launcher, as the workflow starts it."""
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(TRAINING))
    base = str(ROOT / "data/puzzle/policy")
    flags = {
        "settings": folder / "settings.json",
        "init": base,
        "reference": base,
        "problems": folder.parent / "train.jsonl",
        "policy": folder / "policy",
        "records": folder / "training.jsonl",
        "checkpoints": folder / "checkpoints",
    }
    command = [sys.executable, "-m", "score.jobs.launch", "--config", "configs/accelerate/cpu.yaml"]
    command += ["--processes", "1", "--cpus", "1", "-m", "score.training.train"]
    command += [word for key, value in flags.items() for word in (f"--{key}", str(value))]
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env={**os.environ}
        )
