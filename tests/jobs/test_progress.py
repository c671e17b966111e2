"""Progress is told as people tell it, and not too often."""

import io
import sys
import time
from types import SimpleNamespace

import pytest
from score.jobs.command import Command
from score.jobs.progress import Countdown, draw, duration


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


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    return sys.stderr


def test_on_a_terminal_a_bar_takes_the_place_of_lines_and_is_gone_in_the_end(monkeypatch, capsys):
    now, terminal = 0.0, on_terminal(monkeypatch)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    countdown = Countdown("judged", "answers")
    for done in range(41):
        now += 0.5
        countdown(done, 40)
    *frames, last = terminal.getvalue().split("\x1b[K")
    assert frames[0].strip("\r").startswith("[#...................] judged 2 of 40 answers")
    assert "[##########..........] judged 20 of 40 answers, 10 s left" in "".join(frames)
    assert frames[-1].strip("\r") == last == "", "erased"
    assert capsys.readouterr().out == ""


def test_quick_work_draws_nothing_and_an_error_stands_in_a_clean_line(monkeypatch):
    terminal = on_terminal(monkeypatch)
    countdown = Countdown("judged", "answers")
    for done in range(100):
        countdown(done, 100)
    assert terminal.getvalue() == ""
    command = Command(SimpleNamespace(name="score.x"), "")
    draw("x" * 200)
    assert terminal.getvalue() == "\r" + "x" * 79 + "\x1b[K\r"
    with pytest.raises(SystemExit), command.errors():
        raise ValueError("no")
    assert terminal.getvalue().endswith("\x1b[K\r\r\x1b[Kscore.x: no\n")


@pytest.mark.parametrize("term", ["dumb", None])
def test_nothing_is_drawn_where_nobody_sees_it(monkeypatch, term):
    on_terminal(monkeypatch)
    if term is None:
        monkeypatch.setattr(sys, "stderr", io.StringIO())
    else:
        monkeypatch.setenv("TERM", term)
    draw("checking")
    assert sys.stderr.getvalue() == ""
