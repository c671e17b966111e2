"""Following logs: new progress is told, rarely enough, and no log can stop a workflow."""

import os
import threading
import time

import pytest
from score.jobs.follow import Follower

LINE = "stage_two step 12/100  reward_t1 0.500  reward_t2 0.625  1 h 12 min left\n"
TOLD = "[score] " + LINE.strip()


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "run/score/train.log"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def following(log):
    """Call it for a follower of the run that looks often, and the lines it tells."""
    followers = []

    def start(least=0.0, say=None, remote=True):
        told = []
        follower = Follower(str(log.parents[1]), say or told.append, every=0.02, least=least)
        follower.start(remote)
        followers.append(follower)
        return follower, told

    yield start
    for follower in followers:
        follower.stop()


def _until(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def _add(path, text):
    with path.open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def test_progress_written_after_the_start_is_told_once_with_its_policy(log, following):
    _add(log, LINE.replace("12/", "11/"))
    _, told = following()
    _add(log, "Loading weights: 3/30\nwandb: nothing\n" + LINE + "half a line 13/100 of")
    assert _until(lambda: told)
    _add(log, " it, 3 s left\n")
    assert _until(lambda: len(told) > 1)
    time.sleep(0.1)
    assert told == [TOLD, "[score] half a line 13/100 of it, 3 s left"]


def test_new_log_a_replaced_one_and_a_shortened_one_are_read_from_their_start(log, following):
    _add(log, "x" * 5000)
    _, told = following()
    _add(log.with_name("sample.log"), "sampled 40 of 200 attempts, 3 min left\n")
    assert _until(lambda: told == ["[score] sampled 40 of 200 attempts, 3 min left"])
    log.unlink()
    _add(log, LINE)
    assert _until(lambda: told[1:] == [TOLD])
    os.truncate(log, 0)
    time.sleep(0.1)
    _add(log, "stage_two: resumed after step 10\n")
    assert _until(lambda: told[2:] == ["[score] stage_two: resumed after step 10"])


def test_folders_of_seeds_rounds_and_evaluations_are_followed_by_name(log, following):
    _, told = following()
    deep = log.parents[1] / "star/seed0/iteration2/sample.log"
    deep.parent.mkdir(parents=True)
    _add(deep, "sampled 40 of 200 attempts, 3 min left\n")
    assert _until(
        lambda: told == ["[star/seed0/iteration2] sampled 40 of 200 attempts, 3 min left"]
    )


def test_logs_of_the_run_itself_are_followed_and_known_to_have_changed(log, following):
    follower, told = following()
    own = log.parents[1] / "compare.log"
    _add(own, "sampled 40 of 200 attempts, 3 min left\n")
    assert _until(lambda: told == ["[compare] sampled 40 of 200 attempts, 3 min left"])
    assert follower.changed() == [own]


def test_policy_is_told_of_rarely_and_then_its_newest_line(log, following):
    follower, told = following(least=3600.0)
    other = log.parents[1] / "base/sample.log"
    other.parent.mkdir()
    _add(log, LINE)
    assert _until(lambda: told)
    for step in (13, 14, 15):
        _add(log, LINE.replace("12/", f"{step}/"))
        time.sleep(0.05)
    _add(other, "sampled 1 of 2 attempts, 5 s left\n")
    assert _until(lambda: len(told) > 1)
    assert told == [TOLD, "[base] sampled 1 of 2 attempts, 5 s left"]
    follower.stop()
    assert told[2:] == [TOLD.replace("12/", "15/")]


def test_junk_and_vanishing_logs_do_not_stop_it(log, following):
    _, told = following()
    log.with_name("a.log").mkdir()
    log.with_name("b.log").symlink_to("nowhere")
    _add(log, os.urandom(1 << 20).replace(b"\n", b""))  # longer than a look reads, with no line end
    time.sleep(0.1)
    _add(log, b"\n\x1b[2J\xff\xfe 5/6 " + b"y" * 9999 + b" 1/2 \x1b]0;title\x07 9 s left\n")
    assert _until(lambda: told)
    assert all(character.isprintable() for character in told[0]) and len(told[0]) < 250
    log.unlink()
    log.parent.joinpath("b.log").unlink()
    time.sleep(0.1)
    _add(log, LINE)
    assert _until(lambda: told[1:] == [TOLD])


def test_broken_terminal_ends_nothing(log, following):
    heard = []

    def say(line):
        heard.append(line)
        raise BrokenPipeError

    follower, _ = following(say=say)
    for step in (1, 2):
        _add(log, LINE.replace("12/", f"{step}/"))
        assert _until(lambda step=step: len(heard) == step)
    follower.stop()
    assert len(heard) == 2


def test_jobs_of_this_machine_are_not_followed_but_their_changed_logs_are_known(log, following):
    old = log.with_name("verify.log")
    for path in (old, log):
        _add(path, LINE)
    follower, told = following(remote=False)
    _add(log, LINE)
    new = log.with_name("sample.log")
    _add(new, LINE)
    assert not any(thread.name == "score.jobs.follow" for thread in threading.enumerate())
    assert follower.changed() == [new, log]
    follower.stop()
    assert told == []
