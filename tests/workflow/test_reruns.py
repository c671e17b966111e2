"""The workflow: clean to its own tools, and rerunning what a change touches and nothing else."""

import ast
import contextlib
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ResourceSettings

REPOSITORY = Path(__file__).parents[1]
OVERLAYS = sorted({p.stem for p in (REPOSITORY / "configs").glob("*.yaml")} - {"config"})
OF_ATTEMPTS = {"compare_policies", "compare_with_paper", "test_claims", "analyse_changes"}
OF_ATTEMPTS |= {"analyse_lengths", "analyse_cost"}
OF_RECORDS = {"analyse_curves", "analyse_cost"}
EVALUATION = {"sample_attempts", "verify_attempts", *OF_ATTEMPTS}


@pytest.fixture(scope="module")
def finished(repository, dry_run):
    """Everything that the default config asks for is there, as Snakemake sees it."""
    for job in dry_run().values():
        for path in (repository / name for name in job.output):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix:
                path.touch()
            else:
                path.mkdir(exist_ok=True)
                (path / "weights").touch()
    dry_run(executor="touch")


@pytest.fixture
def restored(finished, dry_run):
    """For a test that makes the finished run another one."""
    yield
    dry_run(executor="touch")


def _trained_again(rule, policy):
    """The jobs that run when one policy is trained anew."""
    judged = [(name, policy, "test") for name in ("sample_attempts", "verify_attempts")]
    return {(rule, policy), *judged, *((name,) for name in OF_ATTEMPTS | OF_RECORDS)}


@pytest.fixture
def reruns(finished, dry_run):
    """Call it with an overlay for the jobs that run again."""
    return lambda overlay=None: {key for key, job in dry_run(overlay).items() if job.runs}


def _snakemake(repository, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
    )


def test_dry_run_with_the_default_profile_is_clean(repository):
    done = _snakemake(repository, "--dry-run", "--quiet", "rules")
    assert done.returncode == 0, done.stderr
    assert "Using workflow specific profile profiles/default" in done.stderr
    assert not re.search(r"warn|error|traceback", done.stdout + done.stderr, re.IGNORECASE)


def test_lint_finds_nothing(repository, capfd):
    with contextlib.chdir(repository), SnakemakeApi() as api:
        found = api.workflow(ResourceSettings(cores=1), snakefile=Path("Snakefile")).lint()
    assert not found, capfd.readouterr().out


def test_rules_are_formatted():
    checked = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow/rules"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr


def test_wrong_config_reaches_the_user_as_one_message_and_no_traceback(repository):
    done = _snakemake(repository, "--dry-run", "--config", 'training={"learning_rate": "1e-5"}')
    told = done.stdout + done.stderr
    assert done.returncode == 1
    assert told.count('training.learning_rate is "1e-5"; expected number. It is text to YAML') == 1
    assert "Traceback" not in told and "preflight" not in told
    assert len(told.strip().splitlines()) <= 5


@pytest.mark.parametrize("name", OVERLAYS)
def test_shipped_overlays_dry_run_without_network_and_reach_every_rule(dry_run, name):
    jobs = dry_run(configfile=f"configs/{name}.yaml")
    trained = {"train_stage_one", "train_stage_two"}
    assert {rule for rule, *_ in jobs} >= {"prepare_problems", *trained, *EVALUATION, *OF_RECORDS}
    assert all(path.startswith(f"results/{name}/") for job in jobs.values() for path in job.output)


def test_every_rule_that_runs_a_policy_is_launched_with_its_config(dry_run):
    jobs = dry_run(configfile="configs/comparison-smollm2.yaml")
    for (rule, *_), job in jobs.items():
        launched = "-m score.jobs.launch" in job.command
        assert launched == rule.startswith(("sample_", "train_", "fine_tune")), rule
        assert not launched or "--config configs/accelerate/cpu.yaml" in job.command


def test_overlay_that_changes_nothing_reruns_nothing(reruns, config):
    assert reruns() == set()
    assert reruns(config) == set()
    assert reruns(dict(reversed(config.items()))) == set()


@pytest.mark.parametrize(
    "overlay",
    [
        {"cache_dir": "elsewhere"},
        {"wandb_project_name": "curves"},
        {"report_to": ["wandb"]},
        {"verifier": {"verifier_workers": 7}},
        {"evaluation": {"vllm_gpu_memory_utilization": 0.5}},
        {"training": {"vllm_gpu_memory_utilization": 0.5, "vllm_server_url": "http://node1:8000"}},
    ],
)
def test_setting_on_which_no_result_depends_reruns_nothing(reruns, overlay):
    assert reruns(overlay) == set()


def test_changed_intervals_only_judge_again(reruns):
    again = reruns({"evaluation": {"bootstrap_samples": 500}})
    assert {rule for rule, *_ in again} == {"verify_attempts", *OF_ATTEMPTS}


@pytest.mark.parametrize(
    "overlay",
    [{"max_tokens": 12}, {"batch_size": 3}, {"temperature": 0.7}, {"temperature": 1, "samples": 4}],
)
def test_changed_evaluation_samples_again_and_never_retrains(reruns, overlay):
    assert {rule for rule, *_ in reruns({"evaluation": overlay})} == EVALUATION


def test_changed_alpha_retrains_stage_two_only(reruns):
    again = _trained_again("train_stage_two", "score")
    assert reruns({"stage_two": {"stage2_alpha": 5.0}}) == again
    assert reruns({"policies": {"score": {"stage2_alpha": 5.0}}}) == again


def test_new_policy_trains_and_evaluates_that_policy_only(reruns):
    entry = {"init": "score_stage_one", "objective": "stage_two", "stage2_alpha": 0.0}
    assert reruns({"policies": {"no_bonus": entry}}) == _trained_again(
        "train_stage_two", "no_bonus"
    )


@pytest.mark.parametrize(
    "overlay",
    [
        {"evaluator_mode": "final", "evaluator_answer_marker": "So:"},
        {"evaluator_answer_marker": "so:"},
        {"evaluator_function": None},
        {"verifier_deadline": 9.0},
    ],
)
def test_changed_verifier_judges_again_without_sampling(reruns, overlay):
    again = reruns({"verifier": overlay})
    assert ("verify_attempts", "base", "test") in again
    assert ("sample_attempts", "base", "test") not in again and ("prepare_problems",) not in again
    # It is the reward too: the trained policies are trained, and so sampled, again.
    assert ("train_stage_one", "score_stage_one") in again


def test_changed_verifier_prepares_again_where_it_decides_which_problems_are_dropped(
    restored, dry_run
):
    drop = {"problems": {"on_bad_gold": "drop"}}
    dry_run(drop, executor="touch")
    changed = dry_run(
        {**drop, "verifier": {"evaluator_mode": "final", "evaluator_answer_marker": "So:"}}
    )
    assert changed["prepare_problems",].runs
    assert not dry_run({**drop, "verifier": {"verifier_workers": 7}})["prepare_problems",].runs


@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("data/puzzle/problems/train.jsonl", ("prepare_problems",)),
        ("data/puzzle/policy/config.json", ("sample_attempts", "base", "test")),
    ],
)
def test_changed_file_in_a_folder_of_the_config_reruns_what_reads_it(
    repository, restored, reruns, file, first
):
    with (repository / file).open("a") as written:
        written.write("\n")
    assert first in reruns()


LAYERS = (
    {"tasks", "puzzle", "workers", "sandbox", "problems", "sources", "verifiers", "prompts"},
    {"rewards", "metrics", "pairs", "examples"},
    {"rollout", "objective", "batches"},
    {"config", "trainer", "correction_trainer"},
)
MODULES = {path.stem: path for path in (REPOSITORY / "workflow/score").glob("*.py")}
MODULES["tasks"] = MODULES.pop("__init__").parent / "tasks/__init__.py"


def _imports(path: Path) -> set[str]:
    """Every module that the file imports anywhere, `score.x` as `score.x`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_imports_go_one_way():
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    commands = {name for name, path in MODULES.items() if "def main(" in path.read_text()}
    for name, path in MODULES.items():
        ours = {i.split(".")[1] for i in _imports(path) if i.startswith("score.")}
        if name in level:
            above = {n for n in ours if level.get(n, 0) > level[name] or n in commands}
            assert not above, f"{name} imports {above}"
        elif name not in commands | {"preflight"}:
            assert not ours & commands, f"{name} imports a command"


def test_only_the_trainers_and_their_config_import_trl():
    users = {n for n, p in MODULES.items() if any(i.split(".")[0] == "trl" for i in _imports(p))}
    assert users == {"trainer", "config", "correction_trainer"}


def test_conda_installs_the_same_pins():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    (pip,) = (part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    others = [part for part in environment["dependencies"] if isinstance(part, str)]
    assert pip == ["-r requirements.txt", "-e ."]
    assert {part.split("=")[0] for part in others} == {"python", "pip"}


def test_every_requirement_is_pinned_to_what_is_installed():
    for line in (REPOSITORY / "requirements.txt").read_text().splitlines():
        package, _, version = line.partition("#")[0].partition("==")
        assert not package or metadata.version(package).partition("+")[0] == version.strip(), line
