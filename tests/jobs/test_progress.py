"""Progress is told as people tell it, and not too often."""

import time

import pytest
from score.jobs.progress import Countdown, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3569, "59 min"),
        (3590, "1 h 0 min"),
        (4320, "1 h 12 min"),
        (86_390, "1 d 0 h"),
        (183_600, "2 d 3 h"),
        (-3, "0 s"),
    ],
)
def test_time_left_is_told_as_people_tell_it(seconds, text):
    assert duration(seconds) == text


def test_long_work_counts_down_every_ten_seconds_and_short_work_is_silent(monkeypatch, capsys):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for pace in (0.1, 5.0):
        countdown = Countdown("judged", "answers")
        for done in range(1, 6):
            now += pace
            countdown(done, 5)
    assert capsys.readouterr().out.splitlines() == [
        "judged 3 of 5 answers, 10 s left",
        "judged 5 of 5 answers, 0 s left",
    ]
