"""README and pages name what there is: commands, paths, functions, settings and links."""

import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml
from pages import PAGES, anchors, commands, fences, inline_code, name_of
from places import DEFAULT, ROOT

README = ROOT / "README.md"
YOURS = {"configs/mine.yaml"}  # a file that the reader writes
TOP = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"results", "site"}
TOP_LEVEL = re.compile(rf"^({'|'.join(map(re.escape, sorted(TOP)))})/[\w./*-]*$")
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@each_page
def test_a_page_names_paths_that_exist(page):
    words = {word.strip("'\"`,;") for code in commands(page) for word in code.split()}
    paths = {word.partition("=")[2] or word for word in words}
    missing = [p for p in paths - YOURS if TOP_LEVEL.match(p) and not [*ROOT.glob(p.strip("/"))]]
    assert not missing


@each_page
def test_a_page_names_make_targets_that_exist(page):
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {found[1] for code in commands(page) if (found := re.match(r"make ([a-z-]+)", code))}
    assert named <= targets


@each_page
def test_a_page_names_commands_that_exist(page):
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"].get("scripts", {})
    for code in commands(page):
        for module in re.findall(r"python3? -m (score[\w.]*)", code):
            found = importlib.util.find_spec(module)
            if found and found.submodule_search_locations:
                found = importlib.util.find_spec(f"{module}.__main__")
            assert found, module
            assert "__main__" in Path(found.origin).read_text() + found.name, module
        if script := re.match(r"score-[a-z-]+", code):
            assert script[0] in scripts


@each_page
def test_a_page_names_functions_that_exist(page):
    for code in inline_code(page):
        if re.fullmatch(r"score(\.\w+)+", code):
            pkgutil.resolve_name(code)


@each_page
def test_a_page_names_settings_that_exist(page):
    sections = [name for name, value in DEFAULT.items() if isinstance(value, dict)]
    for code in inline_code(page):
        path = re.fullmatch(rf"(({'|'.join(sections)})(\.[a-z]\w*)+)(: .*)?", code)
        if not path or path[2] == "policies" or path[3] in (".json", ".jsonl"):
            continue
        rule = SCHEMA
        for part in path[1].split("."):
            assert part in rule["properties"], code
            rule = rule["properties"][part]


def partly(rule):
    """A rule of the schema without the keys that an overlay leaves to the default."""
    if isinstance(rule, dict):
        return {name: partly(part) for name, part in rule.items() if name != "required"}
    return rule


@each_page
def test_overlays_of_a_page_are_what_the_schema_allows(page):
    for overlay in fences(page, "yaml"):
        jsonschema.validate(yaml.safe_load(overlay), partly(SCHEMA))


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent == ROOT], ids=name_of)
def test_links_lead_to_files_and_headings(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for link in links:
        if not link.startswith(("http:", "https:")):
            path, _, heading = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not heading or heading in anchors(target), link


def test_readme_can_be_read_in_ten_minutes():
    assert len(README.read_text("utf-8").splitlines()) <= 150


def test_every_experiment_is_in_the_list_of_experiments():
    listed = {code for code in inline_code(ROOT / "docs/experiments.md") if code.endswith(".yaml")}
    assert {path.name for path in ROOT.glob("configs/*.yaml")} <= listed


def test_every_method_is_described():
    from score.experiment.plan import PROMPTED
    from score.fine_tuning.settings import FINE_TUNED
    from score.training.methods import METHODS

    described = set(inline_code(ROOT / "docs/methods.md"))
    assert {*METHODS, *FINE_TUNED, *PROMPTED} <= described


def test_layout_has_every_room():
    (layout,) = fences(ROOT / "CONTRIBUTING.md", "text")
    rooms = {path.parent.name for path in ROOT.glob("workflow/score/*/__init__.py")}
    assert set(re.findall(r"^  (\w+)/", layout, re.MULTILINE)) == rooms


@pytest.mark.slow
def test_readme_example_trains_on_a_machine_without_a_gpu(tmp_path):
    (example,) = fences(README, "python")
    (tmp_path / "data").symlink_to(ROOT / "data")
    without = {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT / "workflow")}
    once_more = example.replace("data/puzzle/policy", "results/from_python")
    for code in (example, once_more.replace("stage_one", "stage_two")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, **without},
            capture_output=True,
            text=True,
            timeout=150,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert (tmp_path / "results/from_python/model.safetensors").is_file()
