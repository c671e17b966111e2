"""Write, from the first rank, the rotary frequencies of the shipped policy, loaded in bfloat16.

accelerate launch … tests/support/launched_rotary.py OUTPUT.json
"""

import json
import sys
from pathlib import Path

from score.jobs.distributed import is_first_process, join_launcher, leave_launcher
from score.policies.load import load_policy
from score.training.config import SCoReConfig
from training_runs import BASE


def main(output: Path) -> None:
    join_launcher()
    # As in a training: as long as it lives, ZeRO-3 shares out weights while they are loaded.
    settings = {"per_device_train_batch_size": 8, "bf16": True, "use_cpu": True}
    args = SCoReConfig(output_dir=str(output.parent), **settings)
    policy = load_policy(BASE, "bfloat16")
    shared = args.bf16 and all(hasattr(weight, "ds_id") for weight in policy.parameters())
    told = {
        name: [str(buffer.dtype), buffer.tolist()]
        for name, buffer in policy.named_buffers()
        if "inv_freq" in name
    }
    if is_first_process():
        output.write_text(json.dumps({"shared": shared, "frequencies": told}))
    leave_launcher()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
