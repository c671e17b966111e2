"""Every command of the package explains itself, and those that a person types are console scripts."""

import argparse
import importlib
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
from places import ROOT
from score.files import places

PACKAGE = ROOT / "workflow/score"
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def _modules() -> list[str]:
    """Modules that are commands, as `python -m` takes them; the GPU check's parts have one in common."""
    files = [path for path in PACKAGE.rglob("*.py") if "\nCOMMAND = " in path.read_text()]
    names = [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in files]
    return sorted([name.removesuffix(".__main__") for name in names] + ["score.doctor"])


class Parsed(Exception):
    """The flags were read, so the command would begin its work."""


def _main_of(module: str):
    return importlib.import_module(
        f"{module}.__main__" if (ROOT / "workflow" / module.replace(".", "/")).is_dir() else module
    ).main


def _stop_behind_flags(monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parsed(self, *arguments):
        parse(self, *arguments)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)


def _examples(help_text: str, module: str) -> list[list[str]]:
    """The words behind `-m module` of each command in the help's example."""
    shown = help_text.partition("\nexample:\n\n")[2]
    block = re.match(r"(?: {4}.*\n)+", shown)
    lines = block[0].replace("\\\n", " ").splitlines() if block else []
    commands = [shlex.split(line, comments=True) for line in lines if f"-m {module} " in f"{line} "]
    return [words[words.index(module) + 1 :] for words in commands]


@pytest.mark.parametrize("module", _modules())
def test_help_of_every_command_has_an_example_that_parses_and_its_exit_statuses(
    module, monkeypatch, capsys
):
    main = _main_of(module)
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().out
    assert ended.value.code == 0 and "exit status: 0 " in told
    examples = _examples(told, module)
    assert examples
    _stop_behind_flags(monkeypatch)
    for words in examples:
        monkeypatch.setattr(sys, "argv", [module, *words])
        with pytest.raises(Parsed):
            main()


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_calls_its_command_by_the_name_that_was_typed(script, monkeypatch, capsys):
    module, _, function = SCRIPTS[script].partition(":")
    monkeypatch.setattr(sys, "argv", [f"/somewhere/bin/{script}", "--help"])
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(module), function)()
    told = capsys.readouterr().out
    assert ended.value.code == 0 and told.startswith(f"usage: {script} ")
    if module != "score.doctor.__main__":
        assert f"    {script} " in told.partition("\nexample:\n")[2]


def test_scripts_start_without_the_seconds_that_torch_takes():
    modules = [target.partition(":")[0] for target in SCRIPTS.values()]
    code = f"import sys, {', '.join(modules)}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "workflow")},
    )
    assert done.stdout == "False\n"


def test_files_of_the_repository_are_found_in_a_clone_or_else_in_the_wheel(tmp_path):
    installed = tmp_path / "site-packages" / "score"
    assert places._repository(PACKAGE, tmp_path) == ROOT == places.REPOSITORY
    assert places._repository(installed, ROOT) == ROOT
    assert places._repository(installed, tmp_path) == installed / "repository"
