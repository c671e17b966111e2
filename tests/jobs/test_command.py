"""A command ends in one message where a person can mend what is wrong, else in a traceback."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from score.files.errors import SiteError
from score.jobs.command import Command
from score.tasks import load_task

COMMAND = Command(SimpleNamespace(name="score.some.command"), "Does something.")


def _end(main):
    with pytest.raises(SystemExit) as ended:
        COMMAND.run(main)
    return ended.value


def test_file_that_can_not_be_opened_and_a_machine_in_the_way_are_told_in_one_message(tmp_path):
    gone = _end(lambda: open(tmp_path / "gone.csv"))
    assert str(gone).startswith(
        f"score.some.command: {tmp_path}/gone.csv can't be read or written (No such"
    )
    directory = _end(lambda: open(tmp_path))
    assert "(Is a directory)" in str(directory)
    assert (gone.code, directory.code) == (2, 2)

    def full():
        raise SiteError("the disk is full; expected 1 GB. Make room.")

    ended = _end(full)
    assert str(ended) == "score.some.command: the disk is full; expected 1 GB. Make room."
    assert ended.code == 1


def test_full_disk_is_told_as_one_whoever_met_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def to_device():
        with open("/dev/full", "w") as file:
            file.write("x")

    def in_words():
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    full = (
        "can't be written: the disk is full, or your share of it; expected room for it. Make room"
    )
    assert _end(to_device).code == 1
    assert str(_end(to_device)).startswith(f"score.some.command: a file of this command {full}")
    assert str(_end(in_words)).startswith(f"score.some.command: {tmp_path} {full}")


def test_ctrl_c_ends_a_command_as_shells_expect(capsys):
    def interrupted():
        raise KeyboardInterrupt

    assert _end(interrupted).code == 130
    assert capsys.readouterr().err == "score.some.command: interrupted\n"


def test_fault_of_the_code_keeps_its_traceback():
    with pytest.raises(KeyError):
        COMMAND.run(lambda: {}["x"])


def test_what_a_task_of_the_users_own_raises_is_told_with_its_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("""
FIRST_PROMPT = "{question}"
CORRECTION_PROMPT = MARKER = ""
EVALUATOR_FUNCTIONS = ("exact",)
state = extract = grade = str
def parse_gold(raw):
    return raw["gold"]
""")
    told = str(_end(lambda: load_task(str(path)).parse_gold({})))
    assert "the task's own code raised KeyError: 'gold'" in told and f"({path}, line 7)" in told


def test_reader_that_is_gone_ends_a_command_without_a_word():
    """As in `python -m score.policies.memory | head -1`."""
    code = (
        "from types import SimpleNamespace as S; from score.jobs.command import Command; "
        "Command(S(name='score.x'), '').run(lambda: print('line\\n' * 100_000))"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    command.stdout.readline()
    command.stdout.close()
    assert (command.stderr.read(), command.wait(timeout=60)) == (b"", 141)


def test_message_and_traceback_show_what_would_steer_the_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    hostile = "id \x1b[2J\u202e"

    def refuses():
        with COMMAND.errors():
            raise ValueError(f"{hostile} is wrong.\nMend it.")

    ended, told = _end(refuses), "score.some.command: id \\x1b[2J\\u202e is wrong.\nMend it."
    assert (str(ended), ended.code, capsys.readouterr().err) == (told, 2, f"{told}\n")
    with pytest.raises(KeyError) as raised:
        COMMAND.run(lambda: {}[hostile])
    sys.excepthook(RuntimeError, RuntimeError(hostile), raised.value.__traceback__)
    told = capsys.readouterr().err
    assert told.endswith("RuntimeError: id \\x1b[2J\\u202e\n") and "\nTraceback" in f"\n{told}"
