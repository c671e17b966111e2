"""A small training in a launched process group; writes records and what ran, from every rank.

torchrun or accelerate launch … tests/support/launched_training.py OUTPUT ROWS STEPS [TOKENS]
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from launched_resume import same_files
from score.jobs.distributed import allow_offload_without_compiler, join_launcher, require_deepspeed
from score.training.candidates import Candidates, write_policy
from score.training.selection import Selection
from score.training.validation import Validation
from training_runs import judge, make_trainer, problems, records

# All three updates are validated, and the last one's weights are kept.
CHOICE = SimpleNamespace(
    select_checkpoint="validation",
    keep_checkpoints=1,
    save_steps=3,
    updates=3,
    early_stop=None,
    total_tokens=None,
    mini_batches=1,
    num_turns=2,
)


def main(output: Path, rows: int, accumulation: int, tokens: int | None = None) -> None:
    join_launcher()
    seen = []

    def watch(attempts, answers):
        seen.append(attempts)
        return judge(attempts, answers)

    trainer = make_trainer(
        output,
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=accumulation,
        micro_batch_tokens=tokens,
        verifier=watch,
        seed=11,
    )
    require_deepspeed(trainer.accelerator)
    allow_offload_without_compiler(trainer.accelerator)
    selection = Selection(CHOICE)
    trainer.add_callback(Validation(trainer, problems(13), steps=1))
    trainer.add_callback(Candidates(trainer, selection, str(output)))
    trainer.train()
    write_policy(trainer, output / "policy")
    trainer.accelerator.wait_for_everyone()
    plugin = trainer.accelerator.state.deepspeed_plugin
    told = {
        "distributed_type": trainer.accelerator.distributed_type.value,
        "zero_stage": plugin.zero_stage if plugin else None,
        "processes": trainer.accelerator.num_processes,
        "records": records(trainer),
        "attempts": seen[0],
        "shares_prefixes": trainer._shares_prefixes,
        "last_candidate_is_the_policy": same_files(output / "candidate-3", output / "policy"),
    }
    rank = trainer.accelerator.process_index
    (output / f"rank{rank}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
