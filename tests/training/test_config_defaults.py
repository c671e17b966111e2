"""SCoReConfig() in Python trains the algorithm of `make run`: its defaults are those of config.yaml.

Its KL weights are the paper's, which config.yaml names in brackets behind those of the puzzles.
"""

import dataclasses
import re
from pathlib import Path

import pytest
import yaml
from score import SCoReConfig
from score.training import config

TEXT = (Path(__file__).parents[2] / "configs/config.yaml").read_text()
CONFIG = yaml.safe_load(TEXT)
# What the algorithm is; rates and sizes are those of an experiment.
ALGORITHM = {
    "training": (
        "kl_estimator",
        "scale_advantages",
        "temperature",
        "importance_ratio_cap",
        "sampler_ratios",
        "corrections_per_attempt",
    ),
    "stage_one": ("init_kl_target",),
    "stage_two": ("stage2_alpha", "offline_first_attempts"),
}


@pytest.mark.parametrize(
    ("section", "name"), [(section, name) for section, names in ALGORITHM.items() for name in names]
)
def test_a_default_in_python_is_the_one_of_the_workflow(section, name):
    defaults = {field.name: field.default for field in dataclasses.fields(SCoReConfig)}
    assert defaults[name] == CONFIG[section][name]


@pytest.mark.parametrize("objective", ["stage_one", "stage_two"])
@pytest.mark.parametrize("name", ["init_kl_coef", "corr_kl_coef"])
def test_kl_weight_in_python_is_that_of_the_paper(tmp_path, objective, name):
    section = TEXT.partition(f"\n{objective}:\n")[2]
    stated = re.search(rf"  {name}: .*\[([\d.]+)\]", section)[1]
    config = SCoReConfig(output_dir=str(tmp_path), objective=objective, use_cpu=True, bf16=False)
    assert getattr(config, name) == float(stated)


@pytest.mark.parametrize("able", [True, False])
def test_precision_is_what_the_machine_can_do_where_it_is_not_given(able, monkeypatch, tmp_path):
    monkeypatch.setattr(config, "is_torch_bf16_gpu_available", lambda: able)
    monkeypatch.setattr("transformers.training_args.is_torch_bf16_gpu_available", lambda: able)
    made = SCoReConfig(output_dir=str(tmp_path))
    assert (made.bf16, made.sampler_ratios) == (able, able)
    assert not SCoReConfig(output_dir=str(tmp_path), bf16=False).bf16
