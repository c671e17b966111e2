"""Config files are read strictly, before Snakemake reads them, and refused with line and cure."""

import json
import subprocess
import sys

import pytest
from places import ROOT
from refusals import refusal, says
from score.experiment.config_files import check_command_line, check_config_files, read_config

ARM = "{init: base, objective: stage_one}"
BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}\n" for i in range(1, 40)
)
LIST_BOMB = "a0: &a0 [x, y]\n" + "".join(
    f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)
)
CHAIN = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{x: *a{i - 1}}}\n" for i in range(1, 400))

WRONG_FILES = [
    # keys
    ("run_name: a\nrun_name: b\n", ["line 2", "'run_name' again, after line 1", "Remove one"]),
    ("training:\n  top_k: 0\n  top_k: 5\n", ["line 3: training holds the key 'top_k' again"]),
    (f"policies:\n  a: {ARM}\n  a: {ARM}\n", ["line 3: policies", "'a' again"]),
    ('{"run_name": "a", "run_name": "b"}', ["the key 'run_name' twice", "Remove one"]),
    ("1: 2\n", ["line 1: the config holds the key '1', which is a number", "in quotes"]),
    (f"policies:\n  null: {ARM}\n", ["line 2: policies holds the key 'null', which is null"]),
    (f"policies:\n  2024-01-01: {ARM}\n", ["the key '2024-01-01', which is a date"]),
    (f"policies:\n  on: {ARM}\n", ["policies holds the key 'on', which is a boolean"]),
    (f"policies:\n  1.5: {ARM}\n", ["policies holds the key '1.5', which is a number"]),
    (f"policies:\n  [a, b]: {ARM}\n", ["policies holds the key in brackets"]),
    ("policies:\n  score: {~: 1}\n", ["policies.score holds the key '~', which is null"]),
    ("tuning: {candidates: [{1: 2}]}", ["tuning.candidates.0 holds the key '1'"]),
    ("pathvars: {a: b}\n", ["'pathvars', which Snakemake takes for itself", "Remove it"]),
    ("__use_yte__: true\n", ["'__use_yte__', which Snakemake takes for itself"]),
    # texts
    ('few_shot_dir: "a\\e[2J"\n', ["few_shot_dir holds the character U+001B"]),
    ('model_path: "a\\u202eb"\n', ["model_path holds the character U+202E", "can be printed"]),
    # numbers
    (
        "random_seed: 010\n",
        ["line 1: random_seed is 010, which YAML reads as 8 (octal)", "Write 8"],
    ),
    ("seeds: [1, 007]\n", ["seeds.1 is 007, which YAML reads as 7"]),
    ("run_name: 1:30\n", ["run_name is 1:30, which YAML reads as 90", '"1:30"']),
    ("run_name: 1:30.5\n", ["run_name is 1:30.5, which YAML reads as 90.5"]),
    ("run_name: 2024-13-45\n", ["run_name is 2024-13-45", "none that exists", "in quotes"]),
    (f"random_seed: 1{'0' * 5000}\n", ["random_seed is a number of 5001 characters"]),
    # nesting and aliases
    (f"a: {'[' * 100_000}", ["nested more than 20 levels deep", "brackets"]),
    (f"a: {'[' * 500}{']' * 500}", ["nested more than 20 levels deep"]),
    (f'{{"a": {"[" * 100_000}{"]" * 100_000}}}', ["nested more than 20 levels deep"]),
    (f'{{"a": {"[" * 300}{"]" * 300}}}', ["nested more than 20 levels deep"]),
    (CHAIN, ["nested more than 20 levels deep"]),
    (BOMB, ["aliases multiply to more than 20000 values", "Write the values out"]),
    (LIST_BOMB, ["aliases multiply"]),
    ("training: &a {x: *a}\n", ["line 1: *a stands inside of what it stands for"]),
    ("training: &a\n  <<: *a\n", ["line 2: *a stands inside"]),
    ("a: &a [1, *a]\n", ["*a stands inside"]),
    # what is no YAML, or no config
    ("", ["is empty; expected keys and values", "leave the file out"]),
    ("# nothing\n---\n", ["is empty"]),
    ("- a\n- b\n", ["holds a list; expected keys and values"]),
    ("hello\n", ["holds one value; expected keys"]),
    ("training: {\n", ["line 2 is not YAML", "Correct it"]),
    ("training:\n\ttop_k: 0\n", ["line 2 is not YAML", "Indent with spaces"]),
    (
        "run_name: a: b\n",
        ["line 1 is not YAML: mapping values", "in quotes where they hold a colon"],
    ),
    ("a: 1\n---\nb: 2\n", ["not YAML: expected a single document"]),
    ("a: *nope\n", ["not YAML: found undefined alias 'nope'"]),
    ("run_name: !!python/name:os.system\n", ["run_name has the tag !!python/name:os.system"]),
    ('model_path: "a\\0b"\n', ["model_path holds the character U+0000"]),
    ("run_name: café\n".encode("latin-1"), ["line 1: byte 0xe9 is not UTF-8", "iconv -f LATIN1"]),
    ("run_name: x\n".encode("utf-16"), ["is UTF-16; expected UTF-8", "iconv -f UTF-16 -t UTF-8"]),
    ("run_name: x\n".encode("utf-16-le"), ["is UTF-16; expected UTF-8"]),
    (b"\x7fELF\0\0\0\1\2\3", ["is a binary file; expected YAML"]),
    (b"#" * 2_000_000, ["has 2000000 bytes; expected a config of at most"]),
]


@pytest.mark.parametrize(("content", "parts"), WRONG_FILES, ids=[p[0] for _, p in WRONG_FILES])
def test_config_file_is_refused_with_its_name(tmp_path, content, parts):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = refusal(check_config_files, [path])
    says(message, parts)
    assert message.startswith(str(path)) and len(message) < 600


def test_folder_or_missing_file_is_no_config(tmp_path):
    says(refusal(check_config_files, [tmp_path]), ["is a folder; expected a file"])
    says(refusal(check_config_files, ["no.yaml"]), ["no.yaml is not there", "Correct the path"])


@pytest.mark.parametrize(
    ("content", "config"),
    [
        ("random_seed: 0\nrun_name: '010'\n", {"random_seed": 0, "run_name": "010"}),
        ("\ufeffrun_name: bom\r\n", {"run_name": "bom"}),
        ('{"training":\t{"learning_rate": 1e-5}}', {"training": {"learning_rate": 1e-5}}),
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n", {"a": {"x": 1, "y": 2}, "b": {"y": 3, "x": 1}}),
        ("a: [1_000, 0.5, -3, 1.0e-5, .5]\n", {"a": [1000, 0.5, -3, 1e-5, 0.5]}),
        ("a: 2024-07-26 is text\n'on': |\n  two\n  lines\n", None),
        ("{}", {}),
    ],
    ids=["quoted", "bom", "json", "merge", "numbers", "texts", "nothing stated"],
)
def test_odd_but_right_file_is_read_as_yaml_says(tmp_path, content, config):
    path = tmp_path / "mine.yaml"
    path.write_text(content, encoding="utf-8", newline="")
    expected = {"a": "2024-07-26 is text", "on": "two\nlines\n"} if config is None else config
    assert read_config(path) == expected


def test_shipped_configs_are_read():
    check_config_files(sorted((ROOT / "configs").rglob("*.yaml")))


@pytest.mark.parametrize(
    ("entries", "parts"),
    [
        (
            ["training.top_k=3"],
            ["--config holds 'training.top_k=3'; expected KEY=VALUE", "`training: {top_k: 3}`"],
        ),
        (["run_name"], ["--config holds 'run_name'; expected KEY=VALUE"]),
        ([""], ["--config holds ''; expected KEY=VALUE"]),
        (["1=2"], ["--config holds '1=2'"]),
        (["run_name=a", "run_name=b"], ["--config gives run_name twice", "Remove one"]),
        (["pathvars=3"], ["'pathvars', which Snakemake takes for itself"]),
        (["training={top_k: 0, top_k: 1}"], ["--config training, line 1", "'top_k' again"]),
        (["training={a: &a {b: *a}}"], ["--config training", "*a stands inside"]),
        (["training={a: ["], ["--config training, line 1 is not YAML"]),
    ],
    ids=str,
)
def test_wrong_entry_of_the_command_line_ends_snakemake_with_a_sentence(entries, parts):
    with pytest.raises(SystemExit) as end:
        check_command_line(["-n", "--configfile", "configs/claims.yaml", "--config", *entries])
    says(end.value.code, ["Error: ", *parts])


def test_right_command_line_goes_on():
    check_command_line(["-n", "--cores", "1", "-C", "run_name=mine", "seeds=", "--quiet"])
    check_command_line(["--configfiles", "configs/claims.yaml", "configs/config.yaml"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("run_name: a\nrun_name: b\n", ["'run_name' again, after line 1"]),
        (BOMB, ["aliases multiply"]),
        (f"a: {'[' * 100_000}", ["nested more than"]),
        ("training: &a {x: *a}\n", ["*a stands inside"]),
        ("run_name: x\n".encode("utf-16"), ["is UTF-16"]),
        ('{"run_name": "a\\nb"}', ['run_name is "a\\nb"; expected a name of letters']),
        (json.dumps({"task_type": "ends.py"}), ["ends.py", "ends the program with exit code 0"]),
    ],
    ids=["twins", "bomb", "deep", "cycle", "utf-16", "newline", "task that exits"],
)
def test_snakemake_says_so_in_a_few_lines(repository, content, parts):
    (repository / "ends.py").write_text("import os\nos._exit(0)\n")
    path = repository / "wrong.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--configfile", "wrong.yaml"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=60)
    told = done.stdout + done.stderr
    assert done.returncode == 1
    says(told, parts)
    assert "Traceback" not in told and len(told.strip().splitlines()) <= 5
