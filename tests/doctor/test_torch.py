"""GPUs that torch can't use, and a DeepSpeed that can't be imported, are told with the cure."""

from findings import command, only
from score.doctor import torch as doctor_torch
from score.doctor.findings import Answer

FACTS = '{{"torch": "2.13.0", "cuda": {cuda}, "usable": {usable}, "gpus": {gpus}}}'


def _gpus(monkeypatch, path, driver=None, cuda='"13.0"', usable="false", gpus="[]"):
    """Findings where torch says this, and nvidia-smi knows a GPU with that driver."""
    answer = Answer(FACTS.format(cuda=cuda, usable=usable, gpus=gpus), None)
    monkeypatch.setattr(doctor_torch, "ask_python", lambda code: answer)
    if driver:
        command(path, "nvidia-smi", f"echo '{driver}, NVIDIA H100'")
    return list(doctor_torch.check_gpus())


def test_torch_that_cannot_use_the_gpu_is_told_why(monkeypatch, path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    only(_gpus(monkeypatch, path), "warn", "none here", "srun --gpus 1")
    only(_gpus(monkeypatch, path, "550.54.14"), "FAIL", "needs driver 580.65", "older CUDA")
    only(_gpus(monkeypatch, path, "580.82.07"), "FAIL", "can't use them", "torch.cuda.init")
    only(_gpus(monkeypatch, path, "580.82.07", cuda="null"), "FAIL", "without CUDA", "CUDA build")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    only(_gpus(monkeypatch, path, "580.82.07"), "warn", "hides them", "--gpus 1")


def test_gpus_are_listed_and_one_without_bfloat16_is_told(monkeypatch, path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    told = _gpus(monkeypatch, path, "580.82.07", '"13.0"', "true", '[["T4", 17179869184, false]]')
    only(told, "warn", "bfloat16: not every GPU", "precision: float32")
    assert "1: T4 (16 GiB); driver 580.82.07; CUDA_VISIBLE_DEVICES=3" in told[1].what


def test_broken_package_is_a_failure_of_its_check_alone(monkeypatch, tmp_path):
    (tmp_path / "deepspeed.py").write_text("raise ImportError('libaio.so is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    only(doctor_torch.check_deepspeed(), "FAIL", "libaio.so is missing", "requirements.txt")


def test_missing_compiler_matters_to_offload_alone(monkeypatch, path):
    monkeypatch.setattr(doctor_torch, "ask_python", lambda code: Answer("0.19.8", None))
    only(doctor_torch.check_deepspeed(), "warn", "no g++ and no ninja", "zero3-offload.yaml")
