"""Three updates of the puzzle policy in a launched process; leaves its weights.

    python -m score.jobs.launch --config configs/accelerate/zero2.yaml --processes 1 \\
        -m score.gpu_check.launched OUTPUT.safetensors DEVICE
"""

import sys
import tempfile

from safetensors.torch import save_file

from score.benchmarks.machine import exact_float32
from score.gpu_check.trainers import puzzle_trainer
from score.jobs.distributed import (
    allow_offload_without_compiler,
    join_launcher,
    leave_launcher,
    require_deepspeed,
)


def main(output: str, device: str) -> None:
    join_launcher()
    exact_float32()
    with tempfile.TemporaryDirectory() as folder:
        trainer = puzzle_trainer(folder, device)
        require_deepspeed(trainer.accelerator)
        allow_offload_without_compiler(trainer.accelerator)
        trainer.train()
    policy = trainer.accelerator.unwrap_model(trainer.model)
    weights = {name: p.detach().cpu().clone() for name, p in policy.named_parameters()}
    save_file(weights, output)
    leave_launcher()


if __name__ == "__main__":
    main(*sys.argv[1:])
