"""The sentence of the README: `snakemake --profile slurm` makes the table of `snakemake --cores all`."""

import os
from pathlib import Path

import pytest
from snakemakes import on_slurm, start, told

pytestmark = pytest.mark.cluster
TABLE = "results/puzzle/self_correction.csv"


def test_table_of_the_embedded_default_is_that_of_one_machine(slurm, checkout):
    """Against the table of `make run` where it is there; else that is made first."""
    alone = Path(__file__).parents[2]
    if not (alone / TABLE).is_file():
        alone = checkout("alone")
        assert start(alone, "--cores", "all", configfile=None).wait(timeout=900) == 0, told(alone)
    cluster = checkout("cluster")
    snakemake = start(cluster, *on_slurm(cpus=os.cpu_count()), configfile=None)
    assert snakemake.wait(timeout=900) == 0, told(cluster)
    assert (cluster / TABLE).read_bytes() == (alone / TABLE).read_bytes()
    assert "[score] stage_two step" in (cluster / "terminal").read_text()
