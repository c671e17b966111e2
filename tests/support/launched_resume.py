"""A small training, and the same gone on with from three of its checkpoints; tells what differs.

accelerate launch … tests/support/launched_resume.py OUTPUT KIND...

KIND: full or lora, each in a folder of its own below OUTPUT.
"""

import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from peft import LoraConfig
from safetensors.torch import load_file
from score.jobs.distributed import join_launcher, require_deepspeed
from score.training.candidates import AlreadyTrained, EndsOnce
from training_runs import make_trainer, records

UPDATES, UPDATES_AN_EPOCH = 5, 2
LORA = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")


def resume(output: Path, kind: str) -> None:
    def run(folder, checkpoint=None):
        trainer = make_trainer(
            folder,
            peft_config=LORA if kind == "lora" else None,
            per_device_train_batch_size=16,
            gradient_accumulation_steps=2,  # an update's rollouts serve two micro-batches
            num_generations=2,
            max_steps=UPDATES,
            save_strategy="steps",
            save_steps=1,
        )
        require_deepspeed(trainer.accelerator)
        trainer.add_callback(EndsOnce())
        with suppress(AlreadyTrained):
            trainer.train(resume_from_checkpoint=checkpoint)
        trainer.save_model(str(folder / "policy"))
        plugin = trainer.accelerator.state.deepspeed_plugin
        return records(trainer), plugin.zero_stage

    whole, stage = run(output / "whole")
    told = {"stage": stage, "updates": len(whole), "records": {}, "weights": {}}
    # inside an epoch, at its end, and at the end of training
    for step in (UPDATES_AN_EPOCH - 1, UPDATES_AN_EPOCH, UPDATES):
        folder = output / f"from{step}"
        name = f"checkpoint-{step}"
        shutil.copytree(output / "whole" / name, folder / name)
        resumed, _ = run(folder, str(folder / name))
        told["records"][step] = resumed == whole
        told["weights"][step] = same_files(output / "whole/policy", folder / "policy")
    (output / "told.json").write_text(json.dumps(told))


def same_files(one: Path, other: Path) -> bool:
    """Whether two saved policies hold the same numbers."""
    files = sorted(path.name for path in one.glob("*.safetensors"))
    assert files
    pairs = [(load_file(one / name), load_file(other / name)) for name in files]
    return all(a.keys() == b.keys() and all(a[k].equal(b[k]) for k in a) for a, b in pairs)


if __name__ == "__main__":
    join_launcher()
    for kind in sys.argv[2:]:
        resume(Path(sys.argv[1]) / kind, kind)
