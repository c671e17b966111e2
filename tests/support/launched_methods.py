"""GRPO and ThinkTwice in a launched process group, whole and interrupted; every rank writes what it saw.

accelerate launch … tests/support/launched_methods.py OUTPUT
"""

import json
import sys
from pathlib import Path

from score.jobs.distributed import allow_offload_without_compiler, join_launcher
from score.training.checkpoints import newest_whole_checkpoint
from training_runs import CLIPPED_LOSS, StopAfter, make_trainer, records, same, weights

CLIPPED = {
    **CLIPPED_LOSS,
    "max_steps": 8,
    "per_device_train_batch_size": 4,
    "save_strategy": "steps",
    "save_steps": 2,
}
METHODS = {
    "grpo": {**CLIPPED, "num_turns": 1, "dynamic_sampling_rounds": 2},
    "thinktwice": CLIPPED,
    "stage_two": {"corrections_per_attempt": 2, "per_device_train_batch_size": 10},
}


def main(output: Path) -> None:
    join_launcher()
    told = {}
    for name, settings in METHODS.items():
        whole = _trained(output / name / "whole", name, settings)
        told[name] = {"records": records(whole)}
        if "mini_batches" in settings:
            folder = output / name / "broken"
            _trained(folder, name, settings, StopAfter(2))
            resumed = make_trainer(folder, objective=name, **settings)
            resumed.train(resume_from_checkpoint=newest_whole_checkpoint(str(folder)))
            equal = records(resumed) == records(whole) and same(weights(resumed), weights(whole))
            told[name]["resumed_equals_whole"] = equal
    rank = whole.accelerator.process_index
    (output / f"rank{rank}.json").write_text(json.dumps(told))


def _trained(folder: Path, name: str, settings: dict, *callbacks):
    trainer = make_trainer(folder, objective=name, **settings)
    allow_offload_without_compiler(trainer.accelerator)
    for callback in callbacks:
        trainer.add_callback(callback)
    trainer.train()
    return trainer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
