"""`score.doctor` as a whole: it names what is amiss and the cure, and never hangs."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from findings import command
from places import ROOT
from score.doctor import __main__ as doctor
from score.doctor import machine as doctor_machine
from score.doctor.findings import ask, run_check


def test_check_that_breaks_down_is_a_finding_and_the_others_go_on(monkeypatch, capsys):
    def check_luck():
        yield doctor_machine.ok("luck: some")
        raise RuntimeError("out of it")

    monkeypatch.setattr(doctor, "CHECKS", (check_luck, doctor_machine.check_wandb))
    monkeypatch.setattr(sys, "argv", ["doctor"])
    assert doctor.main() == 1
    told = capsys.readouterr().out
    assert "FAIL  luck: the check broke down: RuntimeError('out of it')" in told
    assert "wandb" in told and "1 check failed." in told
    assert run_check(check_luck)[0].level == "FAIL"


def test_config_file_that_is_not_there_is_a_wrong_flag_and_no_finding(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["doctor", "--configfile", "no.yaml"])
    with pytest.raises(SystemExit) as ended:
        doctor.main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    assert "--configfile is no.yaml; expected an existing file" in told.err


def test_commands_that_are_missing_or_fail_are_answers(path):
    command(path, "torn", "echo first >&2; echo last >&2; exit 3")
    assert (ask("absent").error, ask("torn").error) == ("not found", "last")


@pytest.mark.slow
def test_bare_python_without_any_package_gets_a_report(tmp_path):
    """-S leaves out site-packages: torch, deepspeed and the rest can't be imported."""
    environment = {
        "PYTHONPATH": str(ROOT / "workflow"),
        "PATH": os.environ["PATH"],
        "HF_HUB_OFFLINE": "1",
    }
    code = "import runpy; runpy.run_module('score.doctor', run_name='__main__')"
    interpreter = os.path.realpath(sys.executable)
    done = subprocess.run(
        [interpreter, "-S", "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "FAIL  packages: torch" in done.stdout and "sandbox: limits" in done.stdout


def test_an_older_python_reads_all_that_the_doctor_imports():
    """Python 3.9, which evaluates no `int | None`, gets to the check that refuses it."""
    code = "import sys, score.doctor.__main__; print(*(m.__file__ for n, m in sys.modules.items() "
    code += "if n.startswith('score')), sep='\\n')"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for file in map(Path, told.stdout.split()):
        tree = ast.parse(file.read_text(), feature_version=(3, 9))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        annotations = [f.returns for f in functions]
        annotations += [one.annotation for f in functions for one in f.args.args]
        parts = [part for one in annotations if one is not None for part in ast.walk(one)]
        newer = any(isinstance(part, ast.BitOr) for part in parts)
        assert not newer or "from __future__ import annotations" in file.read_text(), file
