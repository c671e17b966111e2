"""One process of a run is killed: what is left, and what the run says of it."""

import os
import signal

import pytest
from score.jobs.writer_lock import sole_writer
from soak import OVERLAY, RUN, Repository, cpu_time, pythons, wait_for

pytestmark = pytest.mark.slow
SAMPLED = f"{RUN}/base/test/sampled.parquet"
LOG = "base/test/sample.log"
POLICY = f"{RUN}/score_stage_one/policy"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    made = Repository(tmp_path_factory.mktemp("kills"))
    assert made.run(f"{RUN}/problems/train.jsonl") == 0, made.said()
    return made


def shell_of(repository, snakemake, log=LOG):
    def found():
        assert snakemake.poll() is None, repository.said()
        return repository.job(snakemake.pid, log)

    return wait_for(found)


def process_of(shell, words):
    return wait_for(lambda: next(iter(pythons(shell, words)), None))


@pytest.mark.parametrize("words", [" -m score.jobs.launch", "accelerate.commands.launch"])
def test_summary_names_the_cause_where_a_launcher_was_killed(repository, words):
    snakemake = repository.start(SAMPLED)
    shell = shell_of(repository, snakemake)
    victim = process_of(shell, words)
    process_of(shell, " -u -m score.sampling.sample")  # still imports, and has to end too
    victim.kill()
    assert snakemake.wait(timeout=900) == 1
    summary = repository.said().partition("Exiting because a job execution failed")[2]
    assert f"{RUN}/{LOG}: a process of the job ended without a message" in summary.replace(
        "score.jobs.launch: ", ""
    ), repository.said()
    repository.wait_until_gone()
    assert not repository.own_temporaries()


def test_training_ends_with_its_snakemake_and_one_of_other_settings_takes_its_place(repository):
    """The first would have written its policy later, for the next run to take for the second's."""
    snakemake = repository.start(POLICY)
    shell = shell_of(repository, snakemake, "score_stage_one/train.log")
    rank = process_of(shell, " -u -m score.training.train")
    started = cpu_time(shell)
    wait_for(lambda: cpu_time(shell) > started)
    assert rank.is_running()
    os.kill(snakemake.pid, signal.SIGKILL)
    snakemake.wait()
    repository.wait_until_gone()
    repository.unlock()
    training = {**OVERLAY["training"], "learning_rate": 0.01, "total_episodes": 16 * 4}
    repository.configure({**OVERLAY, "training": training})
    assert repository.run(POLICY) == 0, repository.said()
    made_with = (repository.folder / POLICY / "score_settings.json").read_text()
    assert '"learning_rate": 0.01' in made_with
    modes = [file.stat().st_mode & 0o777 for file in (repository.folder / POLICY).iterdir()]
    assert len(set(modes)) == 1, "weights can be read like what lies beside them"


def test_run_is_refused_before_it_deletes_anything_of_a_job_that_lives(repository):
    """As one on another machine may, which no Snakemake here ends."""
    folder = repository.folder / RUN / "base/test"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("sample.log", "sample_settings.json"):
        (folder / name).write_text("of the job that lives")
    with sole_writer(str(folder / "shards")):
        assert repository.run(SAMPLED) == 1
    assert "base/test/shards is in use by an earlier run's job" in repository.said()
    assert [(folder / name).exists() for name in ("sample.log", "sample_settings.json")] == [
        True
    ] * 2
