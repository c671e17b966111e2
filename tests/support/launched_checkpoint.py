"""Checkpoints that several ranks write, one of them damaged; every rank tells which it goes on from.

torchrun … tests/support/launched_checkpoint.py OUTPUT
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import torch
from score.training.checkpoints import (
    newest_whole_checkpoint,
    open_checkpoints,
    writing_checkpoint,
)

BYTES = 10_000


def main(output: Path) -> None:
    torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
    rank, folder = torch.distributed.get_rank(), output / "checkpoints"
    if rank == 0:
        open_checkpoints(str(folder), {"processes": torch.distributed.get_world_size()})
    torch.distributed.barrier()
    accelerator = SimpleNamespace(
        is_main_process=rank == 0, wait_for_everyone=torch.distributed.barrier
    )
    for step in (2, 4, 6):
        with writing_checkpoint(str(folder), step, accelerator, keep=3):
            draft = folder / "writing" / f"checkpoint-{step}"
            draft.mkdir(parents=True, exist_ok=True)
            (draft / f"optimizer_of_rank_{rank}.pt").write_bytes(bytes([step + rank]) * BYTES)
    torch.distributed.barrier()
    if rank == 0:  # of either rank's file, so one is in each rank's share
        (folder / "checkpoint-6/optimizer_of_rank_0.pt").write_bytes(bytes(BYTES))
        (folder / "checkpoint-4/optimizer_of_rank_1.pt").write_bytes(bytes(BYTES))
    torch.distributed.barrier()
    found = newest_whole_checkpoint(str(folder))
    (output / f"rank{rank}.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
