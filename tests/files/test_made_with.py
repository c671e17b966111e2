"""Policies and attempts say which settings made them, and are refused under others."""

import json
from dataclasses import dataclass

import pandas as pd
import pyarrow.parquet as pq
import pytest
from score.files.digests import digest
from score.files.errors import SiteError
from score.files.made_with import (
    POLICY_SETTINGS,
    check_policy_settings,
    digests_of,
    mark_attempts,
    mark_policy,
)
from score.files.settings import Settings


@dataclass(kw_only=True)
class Example(Settings):
    learning_rate: float
    steps: int = 3
    cache_dir: str | None = None  # no result depends on it


@dataclass(kw_only=True)
class Named(Example):
    run_name: str


def told(**values) -> str:
    return json.dumps(Example.from_config(**values).provenance())


def test_policy_of_other_settings_is_refused_by_what_differs_and_with_the_cure(tmp_path):
    mark_policy(tmp_path, Example(learning_rate=0.0005, cache_dir="here"))
    check_policy_settings(str(tmp_path), told(learning_rate=0.0005, cache_dir="there"))
    with pytest.raises(
        ValueError, match=rf"learning_rate 0.0005, now 0.01, as .* anew: rm -r {tmp_path}$"
    ):
        check_policy_settings(str(tmp_path), told(learning_rate=0.01))


def test_weights_of_a_renamed_run_and_of_a_version_that_wrote_its_name_are_taken(tmp_path):
    settings = {"learning_rate": 0.1, "run_name": "before/score"}
    (tmp_path / POLICY_SETTINGS).write_text(json.dumps(settings))
    check_policy_settings(str(tmp_path), json.dumps({"learning_rate": 0.1}))
    assert Named(learning_rate=0.1, run_name="after/score").provenance() == {
        "learning_rate": 0.1,
        "steps": 3,
    }


def test_policy_that_does_not_say_what_it_was_trained_with_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not say what it was trained with"):
        check_policy_settings(str(tmp_path), told(learning_rate=0.01))
    check_policy_settings("a/hub-name", None)  # given, not trained


def test_settings_that_won_among_candidates_go_over_those_of_the_config(tmp_path):
    mark_policy(tmp_path, Example(learning_rate=0.1))
    (tmp_path / "tuned.json").write_text('{"learning_rate": 0.1}')
    check_policy_settings(str(tmp_path), told(learning_rate=0.5), str(tmp_path / "tuned.json"))


def test_attempts_say_on_disk_what_every_job_behind_them_was_set_to(tmp_path):
    sampling, path = Example(learning_rate=0.0), tmp_path / "attempts.parquet"
    frame = pd.DataFrame({"attempt": ["a"]})
    mark_attempts(frame, sampled=sampling, trained=told(learning_rate=0.1))
    frame.to_parquet(path)
    verified = pd.read_parquet(path).copy()
    mark_attempts(verified, verified=sampling, other=None)
    verified.to_parquet(path)
    assert digests_of(pq.read_schema(path).metadata) == {
        "sampled": digest(sampling.provenance()),
        "trained": digest(Example(learning_rate=0.1).provenance()),
        "verified": digest(sampling.provenance()),
    }


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (None, "can't be read any more"),
        ('{"learning_rate": 0.01}', "says something else"),
        ("", "can't be read any more"),
        ('{"learning_rate": 0.0005}', None),
    ],
)
def test_result_is_not_written_once_its_settings_file_is_gone_or_another(tmp_path, now, said):
    path = tmp_path / "settings.json"
    path.write_text('{"learning_rate": 0.0005, "steps": 3}')
    settings = Example.read(path)
    path.unlink() if now is None else path.write_text(now)
    if said is None:
        settings.require_file()
    else:
        with pytest.raises(SiteError, match=rf"settings.json {said}.* is not written"):
            settings.require_file()
