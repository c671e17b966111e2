"""What a failed job's log says of the cause: logs of real failures, shortened by hand."""

import os

import pytest
from score.jobs.failures import cause, failures, failures_soon, no_room

LAUNCHER = """\
E1122 22:47:27.895000 9123 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: {code}) local_rank: 0 (pid: 9144) of binary: python3
Traceback (most recent call last):
  File "bin/accelerate", line 8, in <module>
    sys.exit(main())
             ^^^^^^
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError: 
============================================================
score.training.train FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-22_22:47:27
  rank      : 0 (local_rank: 0)
  exitcode  : {code} (pid: 9144) {signal}
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================
"""  # noqa: E501
FAILED = LAUNCHER.format(code=1, signal="")
WARNING = "[2026-11-22 22:47:26,243] [WARNING] [real_accelerator.py:213:get_accelerator] CPU.\n"
PROGRESS = "stage_two step 7/40  reward_t1 0.312  reward_t2 0.250  39 s left\n"
OURS = "score.training.train: total_episodes is 5; expected a multiple of 16. Try 16."
OF_RANKS = """\
Loading weights:   0%|          | 0/30 [00:00<?, ?it/s]\rLoading weights: 100%|#| 30/30 [00:00<00:00]
[rank1]: Traceback (most recent call last):
[rank0]: Traceback (most recent call last):
[rank1]:   File "workflow/score/training/train.py", line 188, in <module>
[rank0]:   File "workflow/score/training/train.py", line 188, in <module>
[rank0]:     main()
[rank0]: RuntimeError: Connection closed by peer
[rank1]:     main()
[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.
"""
CHAINED = """\
Traceback (most recent call last):
  File "a.py", line 3, in fetch
    return table[name]
           ~~~~~^^^^^^
KeyError: 'puzzle'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 5, in load
    raise OSError(28, "No space left on device")
OSError: [Errno 28] No space left on device
"""
PREPARE = """\
score.problems.prepare: rows.jsonl can't be prepared; expected every row to be a problem.
bad_gold: 1 row. Correct it, or set on_bad_gold: drop.
  row-3: gold '' does not verify against itself
"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (WARNING + OURS + "\n" + FAILED, OURS),
        (f"{OURS}\n{OURS}\n" + FAILED, OURS),  # from two ranks
        (PREPARE, PREPARE.strip()),
        (WARNING + OF_RANKS + FAILED, "torch.OutOfMemoryError: CUDA out of memory. Tried to "),
        (PROGRESS + CHAINED + FAILED, "OSError: [Errno 28] No space left on device"),
        (PROGRESS + LAUNCHER.format(code=-9, signal="(SIGKILL)"), "a process of the job ended"),
        ("bash: line 3: accelerate: command not found\n", "bash: line 3: accelerate: command"),
        (PROGRESS + "slurmstepd: error: *** JOB 7 ON n1 CANCELLED ***\n", "slurmstepd: error: *"),
        (CHAINED.replace("\n", "\r\n"), "OSError: [Errno 28]"),
        (CHAINED[:60], "its traceback was cut off"),
        (CHAINED + PROGRESS + FAILED, "OSError: [Errno 28]"),  # the other rank went on for a step
        (OURS + "\n" + PROGRESS + "srun: error: n1: task 1: Exited with exit code 1\n", OURS),
        (CHAINED + PROGRESS + LAUNCHER.format(code=-9, signal="(SIGKILL)"), "a process of the job"),
        (CHAINED + PROGRESS + "slurmstepd: error: *** JOB 7 ON n1 CANCELLED ***\n", "slurmstepd"),
        (
            PROGRESS + "bash: line 9: 77 Killed   python -m score.evaluation.verify",
            "a process of the",
        ),
        (
            PROGRESS + "bash: line 9: 77 Segmentation fault      (core dumped) python",
            "a process of",
        ),
        (
            PROGRESS + "Terminated\n",
            "a process of the job ended without a message of its own (Term",
        ),
        (f"{PROGRESS}{OURS[:-1]}: 3/4 of them are left", OURS[:-1]),
    ],
)
def test_cause_is_told_and_not_what_launchers_say_after_it(log, expected):
    found = cause(log)
    assert found is not None and found.startswith(expected)
    assert "ChildFailedError" not in found and "====" not in found and "s left" not in found


def test_process_that_was_killed_is_told_by_its_signal():
    found = cause(PROGRESS + LAUNCHER.format(code=-9, signal="(SIGKILL)"))
    assert "exitcode : -9 (pid: 9144) (SIGKILL)" in found and "memory" in found


@pytest.mark.parametrize(
    "log",
    [
        "",
        PROGRESS,
        WARNING + PROGRESS + "verifier of rank 0: 3 correct, 0 error\n",
        CHAINED + PROGRESS,  # it went on
        "Exception ignored in: <function Worker.__del__>\n" + CHAINED.partition("\n\n")[0],
        "wandb: ERROR is no command of ours\n",
    ],
)
def test_log_that_does_not_end_in_an_error_has_no_cause(log):
    assert cause(log) is None


def test_only_logs_that_end_in_an_error_are_named_whatever_the_others_hold(tmp_path):
    contents = {"good": PROGRESS.encode(), "junk": bytes(range(256)) * 999, "bad": OURS.encode()}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in ("good", "junk", "gone", "bad", "")]
    assert list(failures(paths)) == [f"{tmp_path / 'bad'}: {OURS}"]


def test_what_a_log_holds_of_others_can_not_steer_the_terminal(tmp_path):
    log = tmp_path / "train.log"
    log.write_text(f"score.a.b: id is \x1b]0;title\x07 \x9b31m\u202e{'x' * 9000}\n  and more\n")
    (told,) = failures([log])
    first, second = told.split("\n")
    assert r"id is \x1b]0;title\x07 \x9b31m\u202exxx" in first and len(first) < 2200
    assert second == "  and more"


@pytest.mark.parametrize(
    ("blocks", "files", "said"),
    [(10**6, 10**6, None), (3, 10**6, "12.3 kB and 1000000 files are free"), (10**6, 0, "0 files")],
)
def test_full_disk_is_named_by_the_run_since_no_log_on_it_can(monkeypatch, blocks, files, said):
    values = [4096, 4096, 10**9, blocks, blocks, 10**6, files, files, 0, 255]
    monkeypatch.setattr(os, "statvfs", lambda place: os.statvfs_result(values))
    found = no_room("results/not/there/yet")
    if said is None:
        assert found is None
    else:
        assert found.startswith("results/not/there/yet (") and said in found
        assert "the disk is full" in found and "is whole and is not made again" in found


def test_cause_that_is_written_behind_the_end_of_a_job_is_waited_for(tmp_path):
    log, asked = tmp_path / "compare.log", []
    log.write_text("")

    def changed():
        asked.append(1)
        if len(asked) == 3:
            log.write_text("/usr/bin/bash: line 4:  9300 Killed       python -m score.a.b\n")
        return [log]

    (told,) = failures_soon(changed, patience=60)
    assert "Killed" in told and len(asked) == 3
    log.write_text("all is well\n")
    assert failures_soon(lambda: [log], patience=0.0) == []
