"""SCoReConfig() in Python trains the algorithm of `make run`: its defaults are those of config.yaml."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from score import SCoReConfig

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "configs/config.yaml").read_text())
# What the algorithm is; rates, sizes and KL weights are those of an experiment.
ALGORITHM = {
    "training": ("kl_estimator", "scale_advantages", "temperature", "importance_ratio_cap"),
    "stage_one": ("init_kl_target",),
    "stage_two": ("stage2_alpha", "offline_first_attempts"),
}


@pytest.mark.parametrize(
    ("section", "name"), [(section, name) for section, names in ALGORITHM.items() for name in names]
)
def test_a_default_in_python_is_the_one_of_the_workflow(section, name):
    defaults = {field.name: field.default for field in dataclasses.fields(SCoReConfig)}
    assert defaults[name] == CONFIG[section][name]
