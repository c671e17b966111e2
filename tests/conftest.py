"""Fixtures: signals as before, for all tests; for the workflow's a config to spoil, and dry runs."""

import contextlib
import copy
import json
import os
import shlex
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

# Before any import reads them: tests need no network, and their policies are so small that a second
# thread only waits for the first.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import yaml
from places import DEFAULT, ROOT
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness, RerunTrigger
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings


@pytest.fixture(autouse=True)
def signals():
    """Signals act as before the test: a training in this process would leave it deaf to them."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def config():
    """The config of the embedded default, to be changed at will."""
    return copy.deepcopy(DEFAULT)


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    """A copy of what Snakemake reads, since a run locks and writes the folder it is started in."""
    copied = tmp_path_factory.mktemp("repository")
    for name in ("configs", "data", "few_shots", "profiles", "workflow/rules", "workflow/schemas"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, copied / name)
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, copied)
    return copied


@pytest.fixture(scope="session")
def dry_run(repository):
    """Call it with an overlay for the jobs of a dry run, by rule and policy.

    A job has command (its shell text), settings, flags, input, output and runs (whether it would).
    The executor "touch" marks every output as made instead.
    """

    def run(overlay=None, *, configfile=None, executor="dryrun"):
        profile = yaml.safe_load((repository / "profiles/default/config.yaml").read_text())
        triggers = {RerunTrigger.parse_choice(name) for name in profile["rerun-triggers"]}
        quiet = OutputSettings(quiet={Quietness.ALL})
        # The workflow sets variables for its jobs, which no other test is to see.
        with contextlib.chdir(repository), patch.dict(os.environ), SnakemakeApi(quiet) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=2),
                config_settings=ConfigSettings(
                    config=overlay or {}, configfiles=[Path(configfile)] if configfile else []
                ),
                snakefile=Path("Snakefile"),
            )
            dag = workflow.dag(
                DAGSettings(rerun_triggers=frozenset(triggers), forceall=executor == "touch")
            )
            dag.execute_workflow(executor=executor)
            graph = workflow._workflow.dag
            jobs = [job for job in graph.jobs if job.rule.shellcmd]
            return {(job.rule.name, *job.wildcards): _as_told(job, graph) for job in jobs}

    return run


def _as_told(job, graph) -> SimpleNamespace:
    words = shlex.split(job.shellcmd)
    flags, name = {}, None
    for word in words[len(words) - words[::-1].index("-m") :]:
        if word.startswith("--"):
            name = word.removeprefix("--").replace("-", "_")
            flags[name] = []
        elif name is not None:
            flags[name].append(word)
    return SimpleNamespace(
        command=job.shellcmd,
        settings=json.loads(words[words.index("printf") + 2]) if "printf" in words else {},
        flags={key: " ".join(values) for key, values in flags.items()},
        input=list(job.input),
        output=list(job.output),
        runs=graph.needrun(job),
    )
