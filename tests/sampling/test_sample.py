"""Sampling can be interrupted, shared out and cut into batches: the rows are the same."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from places import ROOT
from sampling_runs import PROBLEMS, SETTINGS, sample, stored
from score.files.made_with import mark_attempts
from score.files.parquet import write_parquet
from score.problems.problem import write_problems
from score.sampling.sampling_plan import SamplingPlan
from training_runs import BASE


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Rows of one process that was not interrupted."""
    return sample(SETTINGS, PROBLEMS, tmp_path_factory.mktemp("whole"))


def test_rows_are_in_the_order_of_problems_and_samples(whole):
    asked = [(p.id, sample) for p in PROBLEMS for sample in (0, 1)]
    assert [(row["problem_id"], row["sample"]) for row in whole] == asked
    pairs = zip(whole[::2], whole[1::2], strict=True)
    assert sum(a["attempt_t1"] != b["attempt_t1"] for a, b in pairs) > 30


@pytest.mark.parametrize(("batch_size", "count"), [(1, 6), (7, 60)])
def test_batch_size_does_not_show(whole, tmp_path, batch_size, count):
    settings = replace(SETTINGS, batch_size=batch_size)
    rows = sample(settings, PROBLEMS[:count], tmp_path)
    assert rows == whole[: 2 * count]


def test_attempts_in_bfloat16_are_mostly_those_of_float32(whole, tmp_path):
    settings = replace(SETTINGS, precision="bfloat16")
    rows = sample(settings, PROBLEMS[:20], tmp_path)
    assert rows == sample(settings, PROBLEMS[:20], tmp_path / "again")
    same = [
        one["attempt_t1"] == other["attempt_t1"] for one, other in zip(rows, whole, strict=False)
    ]
    assert 0.5 < sum(same) / 40 < 1


def test_choice_of_problems_does_not_show(whole, tmp_path):
    rows = sample(SETTINGS, PROBLEMS[7:20], tmp_path)
    assert rows == whole[14:40]


def test_another_seed_shows(whole, tmp_path):
    rows = sample(replace(SETTINGS, random_seed=6), PROBLEMS, tmp_path)
    assert sum(a["attempt_t1"] != b["attempt_t1"] for a, b in zip(rows, whole, strict=True)) > 60


@pytest.mark.parametrize(
    ("names", "change"),
    [
        ("temperature", {"settings": replace(SETTINGS, temperature=0.5)}),
        ("random_seed", {"settings": replace(SETTINGS, random_seed=6)}),
        ("problems, prompts", {"problems": PROBLEMS[1:]}),
        ("prompts", {"few_shot": [{"role": "user", "content": "1"}]}),
        ("first_prompt, prompts", {"settings": replace(SETTINGS, first_prompt="{question} ?")}),
        ("corrections", {"settings": replace(SETTINGS, corrections=2)}),
        ("first attempts", {"first_attempts": "given.parquet"}),
        ("policy", {"path": "other"}),
        ("", {"settings": replace(SETTINGS, batch_size=3, cache_dir="x")}),
    ],
)
def test_shards_are_told_apart_by_all_that_attempts_depend_on(whole, tmp_path, names, change):
    other = shutil.copytree(BASE, tmp_path / "other")
    with (other / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, os.SEEK_END)
        weights.write(b"\x01")
    asked = {"settings": SETTINGS, "path": BASE, "problems": PROBLEMS, "few_shot": []}
    told = SamplingPlan(**asked).provenance()
    changed = {**asked, **change}
    changed["path"] = str(other) if changed["path"] == "other" else BASE
    if "first_attempts" in changed:
        changed["first_attempts"] = stored(whole, tmp_path / changed["first_attempts"])
    new = SamplingPlan(**changed).provenance()
    assert ", ".join(key for key in told if told[key] != new[key]) == names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0, "samples": 2}, "samples is 2 at temperature 0; expected 1"),
        ({"temperature": 0, "samples": 1, "corrections": 2}, "corrections is 2 at temperature 0"),
        ({"num_turns": 1, "corrections": 2}, "corrections is 2 with num_turns 1"),
        ({"num_turns": 0}, "num_turns is 0; expected at least 1"),
        ({"corrections": 0}, "corrections is 0; expected at least 1"),
        ({"history": "first"}, "history is 'first'; expected 'whole' or 'last'"),
        ({"prompting": "refine"}, "prompting is 'refine'; expected 'correction' or 'self_refine'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SETTINGS, **change)


# -------------------------------------------------------------------------------- real processes
SMALL = replace(SETTINGS, batch_size=4)  # 30 batches, so that there is a middle to be killed in


def launch(folder, launcher=(sys.executable,), shards="shards"):
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(asdict(SMALL)))
    write_problems(folder / "problems.jsonl", PROBLEMS)
    flags = {
        "settings": folder / "settings.json",
        "policy": BASE,
        "problems": folder / "problems.jsonl",
        "shards": folder / shards,
        "attempts": folder / "sampled.parquet",
    }
    command = [*launcher, "-m", "score.sampling.sample"]
    command += [text for name, value in flags.items() for text in (f"--{name}", str(value))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with (folder / "log").open("w") as log:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def finish(started, folder):
    """The log of a run that ends well, leaves its rows and no shards."""
    assert started.wait(timeout=150) == 0, (folder / "log").read_text()[-3000:]
    assert not (folder / "shards").exists()
    return (folder / "log").read_text()


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder whose sampling was killed without a warning when some shards were there."""
    folder = tmp_path_factory.mktemp("killed")
    started = launch(folder)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("shards/*.json"))) < 6 and started.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    started.send_signal(signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL, (folder / "log").read_text()[-3000:]
    assert not (folder / "sampled.parquet").exists()
    return folder


def deepspeed(tmp_path, stage):
    config = yaml.safe_load((ROOT / "configs/accelerate/cpu.yaml").read_text())
    config["deepspeed_config"]["zero_stage"] = stage
    path = tmp_path / "launcher.yaml"
    path.write_text(yaml.safe_dump(config))
    accelerate = str(Path(sys.executable).with_name("accelerate"))
    return [accelerate, "launch", "--config_file", str(path), "--num_processes", "2"]


def found(folder):
    """Rollouts in the whole shards of a folder."""
    shards = [p for p in folder.glob("shards/*.json") if p.name != "made_with.json"]
    return sum(len(json.loads(path.read_text())) for path in shards)


@pytest.mark.slow
def test_killed_sampling_goes_on_and_ends_with_the_same_file(killed, whole, tmp_path):
    folder = shutil.copytree(killed, tmp_path / "again")
    had = found(folder)
    assert 0 < had < 120
    log = finish(launch(folder), folder)
    assert f"sample: {had} of 120 rollouts found in shards" in log
    assert f"sample: 120 of 120 rollouts ({had} found in shards), 0 s left" in log
    expected = tmp_path / "expected.parquet"
    frame = pd.DataFrame(whole)
    mark_attempts(frame, sampled=SMALL)
    write_parquet(expected, frame)
    assert (folder / "sampled.parquet").read_bytes() == expected.read_bytes()


@pytest.mark.slow
def test_two_ranks_of_zero3_share_what_is_missing_unevenly(killed, whole, tmp_path):
    folder = shutil.copytree(killed, tmp_path / "again")
    shards = sorted(p for p in folder.glob("shards/*.json") if p.name != "made_with.json")
    if len(shards) % 2 == 0:  # 30 batches: an odd number is to be left for two ranks
        shards[0].unlink()
    log = finish(launch(folder, deepspeed(tmp_path, 3)), folder)
    assert "120 of 120" in log
    assert pq.read_table(folder / "sampled.parquet").to_pylist() == whole


@pytest.mark.slow
def test_two_ranks_without_deepspeed_make_the_same_rows(whole, tmp_path):
    torchrun = [str(Path(sys.executable).with_name("torchrun")), "--nproc_per_node=2"]
    log = finish(launch(tmp_path, [*torchrun, "--standalone"]), tmp_path)
    assert log.count("sample: 0 of 120") == 1
    assert pq.read_table(tmp_path / "sampled.parquet").to_pylist() == whole


@pytest.mark.slow
def test_second_writer_of_a_shards_folder_is_refused(killed, tmp_path):
    from score.jobs.writer_lock import sole_writer

    with sole_writer(str(tmp_path / "shards")):
        started = launch(tmp_path)
        assert started.wait(timeout=100) != 0
    assert "is in use by another" in (tmp_path / "log").read_text()
