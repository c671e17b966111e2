"""A change of the config or of a file reruns what it touches and nothing else."""

import json
import os
import shutil
import time

import pytest
from score.status.run import open_run
from score.status.table import look_at

OF_ATTEMPTS = {"compare_policies", "compare_with_paper", "test_claims", "analyse_changes"}
OF_ATTEMPTS |= {"analyse_lengths", "analyse_revisions", "analyse_cost", "report_run"}
OF_RECORDS = {"analyse_curves", "analyse_token_budget", "analyse_cost"}
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
        {"evaluation": {"vllm_gpu_memory_utilization": 0.5, "vllm_tensor_parallel_size": 2}},
        {"evaluation": {"vllm_prefix_caching": False}},
        {"training": {"stop_when_nothing_to_learn": 5, "second_opinions": 0}},
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
        {"reasoning_tags": None},
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
    changed = dry_run({**drop, "verifier": {"reasoning_tags": None}})
    assert changed["prepare_problems",].runs
    assert not dry_run({**drop, "verifier": {"verifier_workers": 7}})["prepare_problems",].runs


GIVEN = {
    "data/puzzle/problems/train.jsonl": (
        "prepare_problems",
    ),  # larger than Snakemake's own digests
    "data/puzzle/policy/config.json": ("sample_attempts", "base", "test"),
    "data/puzzle/policy/chat_template.jinja": ("train_stage_two", "score"),
    "few_shots/mine/puzzle_initial.json": ("train_stage_one", "score_stage_one"),
    "few_shots/mine/template.jinja": ("sample_attempts", "score", "test"),
    "data/published_rows.csv": ("compare_with_paper",),
}
PROMPTED = {
    "few_shot_dir": "few_shots/mine",
    "prompts": {"chat_template": "few_shots/mine/template.jinja"},
}


@pytest.fixture
def moved(repository, restored, dry_run):
    """A finished run with worked examples and a template of its own, in a clone that is newer."""
    mine = repository / "few_shots/mine"
    mine.mkdir(exist_ok=True)
    example = [{"role": "user", "content": "4 7 make 11"}, {"role": "assistant", "content": "-4"}]
    (mine / "puzzle_initial.json").write_text(json.dumps(example))
    own = (repository / "data/puzzle/policy/chat_template.jinja").read_text()
    (mine / "template.jinja").write_text(own + "{# mine #}")
    dry_run(PROMPTED, executor="touch")
    _date(repository, time.time() + 100)
    yield
    _date(repository, 1_000_000_000)
    shutil.rmtree(mine)


def _date(repository, date):
    for folder in ("configs", "data", "few_shots", "workflow"):
        for path in (repository / folder).rglob("*"):
            os.utime(path, (date, date))


def test_finished_run_in_a_newer_clone_has_nothing_to_do(moved, reruns):
    assert reruns(PROMPTED) == set()


def test_results_that_lost_their_dates_have_nothing_to_do_once_all_have_one(
    repository, moved, reruns
):
    results = [repository / "results", *(repository / "results").rglob("*")]
    for number, path in enumerate(sorted(results, reverse=True)):
        os.utime(path, (1_000_000_000 + number,) * 2)
    assert reruns(PROMPTED)
    for path in results:
        os.utime(path, (1_000_000_000,) * 2)
    assert reruns(PROMPTED) == set()


def test_changed_file_reruns_what_reads_it_even_where_it_is_older_than_the_run(
    repository, moved, reruns
):
    for name, first in GIVEN.items():
        content = (repository / name).read_bytes()
        more = b"{# more #}" if name.endswith(".jinja") else b"\n"
        (repository / name).write_bytes(content + more)
        _date(repository, 1_000_000_000)
        assert first in reruns(PROMPTED), name
        (repository / name).write_bytes(content)
    assert reruns(PROMPTED) == set()


def test_the_jobs_are_listed_in_order_for_those_who_watch_the_run(finished, repository, dry_run):
    run = open_run(repository / "results/puzzle")
    jobs = dry_run()
    assert {(job.rule, *filter(None, job.name.split("/"))) for job in run.jobs} == set(jobs)
    for job in run.jobs:
        told = jobs[(job.rule, *filter(None, job.name.split("/")))]
        assert job.outputs == [repository / output for output in told.output]
        assert job.log.suffix == ".log"
    order = [job.rule for job in run.jobs]
    assert order.index("prepare_problems") < order.index("train_stage_one")
    assert order.index("train_stage_one") < order.index("train_stage_two")
    assert {job["state"] for job in look_at(run)["jobs"]} == {"done"}
