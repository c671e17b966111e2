"""`python -m score.status`: where each job of a run is, on whole runs, half ones and what is none."""

import json
import os
import subprocess
import sys
import time

import pytest
from places import ROOT
from score.files.columns import width_of
from score.jobs.listing import JOBS
from score.jobs.writer_lock import sole_writer
from score.status import __main__ as status
from score.status import details, states
from score.training.live_records import LIVE
from watched_runs import (
    ELSEWHERE,
    GONE,
    HERE,
    PREPARE,
    RECORD,
    SAMPLE,
    TRAIN,
    job,
    make_run,
    write,
    write_progress,
)

ERROR = "score.training.train: the policy can't be read. Mend it.\n"


def asked(capsys, *arguments):
    """The exit status, what is printed, and the jobs by name where that is JSON."""
    try:
        code = status.main([*map(str, arguments)])
    except SystemExit as ended:
        code = ended.code
    out, err = capsys.readouterr()
    told = json.loads(out) if "--json" in arguments and code != 2 else {"jobs": []}
    return code, out + err, {one["rule"]: one for one in told["jobs"]}


def state_of(capsys, run, rule="train_stage_two"):
    code, _, jobs = asked(capsys, run, "--json")
    return code, jobs[rule]["state"]


def test_a_whole_run_is_done(tmp_path, capsys):
    run = make_run(tmp_path, GONE, PREPARE, TRAIN)
    for name in ("problems/test.jsonl", "score/training.jsonl"):
        write(tmp_path / name, json.dumps({"step": 9, **RECORD}) + "\n")
    (tmp_path / "score/policy").mkdir()
    code, told, jobs = asked(capsys, run, "--json")
    assert code == 0 and {one["state"] for one in jobs.values()} == {"done"}
    assert jobs["train_stage_two"]["record"]["reward_t2"] == 0.5
    code, told, _ = asked(capsys, run)
    assert "2 of 2 jobs done" in told and "no Snakemake" not in told


def test_outputs_of_before_do_not_count_where_they_are_made_anew(tmp_path, capsys):
    write(tmp_path / "problems/test.jsonl", at=-200)
    run = make_run(tmp_path, HERE, PREPARE)
    assert state_of(capsys, run, "prepare_problems") == (0, "waiting")
    make_run(tmp_path, HERE, {**PREPARE, "runs": False})
    assert state_of(capsys, run, "prepare_problems") == (0, "done")


def test_a_running_training_says_how_far_it_is_and_how_it_goes(tmp_path, capsys):
    run = make_run(tmp_path, HERE, TRAIN)
    write(tmp_path / "score/train.log", "stage_two step 1/100  reward 0.1  9 min left\n")
    write_progress(tmp_path / "score", range(1, 41), pace=2.0, ago=1.0, equal_groups_t2=0.5)
    (tmp_path / "score/checkpoints/checkpoint-25").mkdir()
    code, told, jobs = asked(capsys, run, "--json")
    found = jobs["train_stage_two"]
    assert (code, found["state"], found["update"], found["updates"]) == (0, "running", 40, 100)
    assert found["seconds_left"] == pytest.approx(2 * 60 - 1, abs=1)
    assert found["age"] == pytest.approx(1, abs=1) and found["checkpoint"] == 25
    told = asked(capsys, run)[1]
    assert "update 40 of 100, about 2 min left, last record 1 s ago" in told
    assert "reward 0.250/0.500  kl 0.010  unchanged 0.700  equal_groups –/0.500" in told
    assert "nothing to learn" not in told and "no record for" not in told


def test_time_left_follows_from_the_last_updates_of_this_very_process(tmp_path, capsys):
    """Neither a slow start nor the night between an interruption and its end counts."""
    run = make_run(tmp_path, HERE, TRAIN)
    write(tmp_path / "score/train.log")
    write_progress(tmp_path / "score", range(1, 31), pace=60.0, ago=10_000)
    path = tmp_path / "score/checkpoints" / LIVE
    before = path.read_text().replace('"started": 5.0', '"started": 4.0')
    write_progress(tmp_path / "score", range(31, 41), pace=3.0, ago=0.0)
    thinned = path.read_text().splitlines(keepends=True)[::3]
    path.write_text(before + "".join(thinned))
    found = asked(capsys, run, "--json")[2]["train_stage_two"]
    assert found["seconds_left"] == pytest.approx(180, abs=2)


def test_a_training_that_stands_still_or_learns_nothing_says_so(tmp_path, capsys):
    run = make_run(tmp_path, HERE, TRAIN)
    write(tmp_path / "score/train.log")
    write_progress(tmp_path / "score", range(1, 41), pace=2.0, ago=600.0, nothing=12)
    code, told, _ = asked(capsys, run)
    assert code == 0
    assert "no record for 10 min, where an update took 2.0 s" in told
    assert "nothing to learn for 12 updates" in told


def test_a_training_that_is_just_starting_again_is_not_one_that_stands_still(tmp_path, capsys):
    run = make_run(tmp_path, HERE, TRAIN)
    write(tmp_path / "score/train.log")
    write_progress(tmp_path / "score", range(1, 41), ago=900.0)
    (tmp_path / "score/checkpoints/checkpoint-25").mkdir()
    write(tmp_path / "score/settings.json", "{}", at=-20)
    told = asked(capsys, run)[1]
    assert (
        "update 40 of 100, goes on from the checkpoint of update 25, and is just starting" in told
    )
    assert "no record for" not in told and " left" not in told


@pytest.mark.parametrize(
    ("snakemake", "log", "held", "expected"),
    [
        (HERE, None, False, (0, "waiting")),
        (HERE, ("", -50), False, (0, "running")),  # imports, before it takes its lock
        (HERE, ("", -150), False, (0, "waiting")),  # of a start before
        (HERE, (ERROR, -150), False, (0, "waiting")),
        (HERE, (ERROR, -50), False, (1, "failed")),
        (HERE, (ERROR, -50), True, (0, "running")),
        (GONE, None, False, (1, "waiting")),
        (GONE, ("", -5), False, (1, "interrupted")),
        (GONE, ("score.training.train: interrupted\n", -5), False, (1, "interrupted")),
        (GONE, (ERROR, -5), False, (1, "failed")),
        (GONE, ("", -5000), True, (0, "running")),
        (ELSEWHERE, None, False, (0, "waiting")),
        (ELSEWHERE, ("", -5), False, (0, "running")),
        (ELSEWHERE, ("", -5000), False, (1, "interrupted")),
        (ELSEWHERE, (ERROR, -5), False, (1, "failed")),
    ],
)
def test_state_follows_from_lock_log_and_snakemake(
    tmp_path, capsys, snakemake, log, held, expected
):
    run = make_run(tmp_path, snakemake, TRAIN)
    if log is not None:
        write(tmp_path / "score/train.log", *log)
    if held:
        with sole_writer(str(tmp_path / "score/checkpoints")):
            assert state_of(capsys, run) == expected
    else:
        assert state_of(capsys, run) == expected


def test_a_slurm_job_that_holds_a_lock_which_is_not_seen_here_runs(tmp_path, capsys, monkeypatch):
    run = make_run(tmp_path / "run", ELSEWHERE, TRAIN)
    write(run / "score/train.log", at=-5000)
    write(run / "score/checkpoints.lock", "Slurm job 41 on node3")
    squeue = write(tmp_path / "squeue", "#!/bin/sh\necho 41\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    code, _, jobs = asked(capsys, run, "--json")
    assert (code, jobs["train_stage_two"]["by"]) == (0, "Slurm job 41 on node3")


def test_a_failed_job_is_named_with_its_log_and_cause_and_an_interrupted_one_with_its_checkpoint(
    tmp_path, capsys
):
    run = make_run(tmp_path, GONE, TRAIN, SAMPLE)
    write(tmp_path / "score/train.log", "told to stop: a checkpoint of step 25 is made\n")
    write_progress(tmp_path / "score", range(1, 26))
    (tmp_path / "score/checkpoints/checkpoint-25").mkdir()
    write(tmp_path / "score/test/sample.log", ERROR.replace("training.train", "sampling.sample"))
    code, told, _ = asked(capsys, run)
    flat = " ".join(told.split())
    assert code == 1 and "0 of 2 jobs done, 1 failed, 1 interrupted" in flat
    assert "update 25 of 100, goes on from the checkpoint of update 25" in flat
    assert f"{tmp_path}/score/test/sample.log: score.sampling.sample: the policy can't" in flat
    assert "no Snakemake runs: start it again" in flat


def test_a_sampling_counts_its_shards(tmp_path, capsys):
    run = make_run(tmp_path, HERE, SAMPLE)
    write(tmp_path / "problems/test.jsonl", "{}\n" * 30)
    told = {"batch_size": 8, "samples": 2, "num_problems": 21}
    write(tmp_path / "score/test/sample_settings.json", json.dumps(told))
    write(tmp_path / "score/test/sample.log", "sample: 9 of 42 rollouts (0 found), 4 min left\n")
    for name in ("made_with", "a", "b"):
        write(tmp_path / f"score/test/shards/{name}.json")
    told = asked(capsys, run)[1]
    assert "2 of 6 shards" in told and "9 of 42 rollouts (0 found), 4 min left" in told


def test_a_run_without_a_list_shows_what_was_started(tmp_path, capsys):
    """As one of an older version, or one whose list is torn."""
    write(tmp_path / JOBS, '{"jobs": [{')
    for name in ("problems/prepare.log", "problems/train.jsonl", "problems/test.jsonl"):
        write(tmp_path / name)
    write(tmp_path / "score/train.log", ERROR, at=-5000)
    write(tmp_path / "base/test/sample.log", at=-5)
    write(tmp_path / "analyses/changes.log", at=-5000)
    code, _, jobs = asked(capsys, tmp_path, "--json")
    assert code == 1 and {rule: one["state"] for rule, one in jobs.items()} == {
        "prepare_problems": "done",
        "train": "failed",
        "sample_attempts": "running",
        "analyse_changes": "interrupted",
    }
    assert "no jobs.json: only jobs that were started are known" in asked(capsys, tmp_path)[1]


@pytest.mark.parametrize("content", [None, "", "[]", '{"jobs": 3, "snakemake": {}}', "{}" * 2, "["])
def test_a_folder_that_is_no_run_is_refused_in_one_line(tmp_path, capsys, content):
    if content is not None:
        write(tmp_path / JOBS, content)
    for place in (tmp_path, tmp_path / "none", ROOT / "pyproject.toml"):
        code, told, _ = asked(capsys, place)
        assert code == 2 and told.count("\n") == 1 and told.startswith("score.status: ")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_wrong_interval_is_refused(tmp_path, capsys, seconds):
    with pytest.raises(SystemExit) as ended:
        status.main([str(tmp_path), "--watch", seconds])
    assert ended.value.code == 2


def test_the_run_started_last_is_the_one_that_is_meant(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert asked(capsys)[0] == 2
    make_run(tmp_path / "results/old", HERE, PREPARE, began=-1000)
    make_run(tmp_path / "results/new", HERE, PREPARE, began=-10)
    (tmp_path / "results/newest").mkdir()
    assert "results/new: 0 of 1" in asked(capsys)[1]


def test_watching_ends_with_the_run_and_with_ctrl_c(tmp_path, capsys, monkeypatch):
    run = make_run(tmp_path, HERE, PREPARE)
    looks = []

    def wait(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            write(tmp_path / "problems/test.jsonl", at=0)

    monkeypatch.setattr(time, "sleep", wait)
    assert status.main([str(run), "--watch", "7", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert looks == [7.0] * 3 and [json.loads(x)["counts"]["done"] for x in lines] == [0, 0, 0, 1]

    def interrupt(seconds):
        raise KeyboardInterrupt

    make_run(tmp_path, HERE, TRAIN)
    monkeypatch.setattr(time, "sleep", interrupt)
    assert status.main([str(run), "--watch", "7"]) == 0


def test_hostile_texts_neither_steer_nor_break_the_table(tmp_path, capsys):
    name = "\x1b[2J\u202e" + "x" * 300
    write_progress(tmp_path / "score", [1], reward_t1="\x1b[2J", kl_t1=float("nan"), kl_tail=1.0)
    spoilt = (
        '{"step": 2, "updates": 9, "time": NaN, "started": 1, "nothing_to_learn": 0, "record": {}}'
    )
    run = make_run(
        tmp_path, {**HERE, "pid": "x"}, job("rule\n\x1b", name, "score/train.log", "o"), TRAIN
    )
    write(
        tmp_path / "score/train.log",
        "Traceback (most recent call last):\nValueError: \x1b[31m" + "y" * 9000,
    )
    with (tmp_path / "score/checkpoints" / LIVE).open("a") as file:
        file.write(f"{spoilt}\n[1]\n{{")
    code, told, _ = asked(capsys, run)
    assert code == 1 and "\x1b" not in told and "\u202e" not in told
    assert max(map(width_of, told.splitlines())) <= 100
    assert (
        "update 1 of 100, no checkpoint yet, so it starts anew" in told and "reward –/0.500" in told
    )
    status.main([str(run), "--json"])
    json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_looking_does_not_get_in_the_way_of_a_job_that_starts(tmp_path):
    """Who looks at a lock holds it for a moment."""
    folder = tmp_path / "checkpoints"
    held = (tmp_path / "checkpoints.lock").open("w")
    code = (
        "import fcntl, time; fcntl.flock(0, fcntl.LOCK_SH); print('', flush=True); time.sleep(.3)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=held, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        held.close()
        with sole_writer(str(folder)):
            pass


def test_it_loads_nothing_heavy(tmp_path):
    run = make_run(tmp_path, HERE, PREPARE)
    code = "import sys; from score.status.__main__ import main; main([sys.argv[1]])\n"
    code += "heavy = {'torch', 'transformers', 'numpy', 'pandas', 'snakemake'} & set(sys.modules)\n"
    code += "print(heavy)"
    told = subprocess.run(
        [sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]
    assert told == "set()"


def test_both_sides_call_the_live_records_alike():
    assert details.LIVE == LIVE and states.QUIET > 60
