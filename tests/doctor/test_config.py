"""What a config needs of this machine."""

import shutil

import yaml
from findings import amiss, command, only
from places import ROOT
from score.doctor import config as doctor_config
from score.doctor.findings import Answer


def _config(tmp_path, **changes):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(changes))
    return list(doctor_config.check_config_file(str(tmp_path / "mine.yaml")))


def test_default_experiment_needs_nothing(tmp_path):
    assert amiss(_config(tmp_path, run_name="mine")) == []


def test_config_that_is_refused_is_told_in_the_words_of_the_check(tmp_path):
    only(_config(tmp_path, random_seed="one"), "FAIL", 'random_seed is "one"', "snakemake -n")


def test_policy_that_can_not_run_fails_with_the_file_that_is_wrong(tmp_path):
    policy = shutil.copytree(ROOT / "data/puzzle/policy", tmp_path / "policy")
    weights = policy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    only(_config(tmp_path, model_path=str(policy)), "FAIL", f"{weights} is cut off", "snakemake -n")


def test_policy_out_of_reach_fails_with_the_download_that_mends_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    told = _config(tmp_path, model_path="nobody/policy")
    only(told, "FAIL", "nobody/policy: not in the cache", f"HF_HOME={tmp_path} hf download nobody")


def test_gpu_launcher_wants_a_gpu_or_slurm(monkeypatch, path):
    config = {"launcher": "configs/accelerate/zero2.yaml"}
    monkeypatch.setattr(doctor_config, "ask_python", lambda code: Answer("0", None))
    only(doctor_config._gpus(config), "FAIL", "no GPU here and no Slurm", "cpu.yaml")
    command(path, "sbatch", "exit 0")
    assert amiss(doctor_config._gpus(config)) == []


def test_flash_attention_wants_a_gpu_that_it_has_kernels_for(monkeypatch):
    config = {"attn_implementation": "flash_attention_3", "compile_decoding": False}

    def told(capabilities):
        monkeypatch.setattr(doctor_config, "ask_python", lambda code: Answer(capabilities, None))
        return doctor_config._kernels(config)

    assert amiss(told("[[9, 0], [10, 0]]")) == []
    only(told("[[9, 0], [8, 0]]"), "FAIL", "capability 8.0, and it wants an H100", "to null")
    only(told("[]"), "warn", "no GPU here", "srun --gpus 1")
    config["attn_implementation"] = "flash_attention_2"
    assert amiss(told("[[8, 0]]")) == []
    only(told("[[7, 5]]"), "FAIL", "capability 7.5, and it wants an A100", "to null")


def test_compiled_decoding_wants_a_compiler(monkeypatch, path):
    config = {"attn_implementation": None, "compile_decoding": True}
    monkeypatch.delenv("CXX", raising=False)
    only(doctor_config._kernels(config), "FAIL", "no C++ compiler here", "compile_decoding: false")
    command(path, "g++", "exit 0")
    assert amiss(doctor_config._kernels(config)) == []
