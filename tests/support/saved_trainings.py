"""Checkpoints as an interrupted training leaves them, with small files in the place of weights."""

from types import SimpleNamespace

from score.training.checkpoints import open_checkpoints, writing_checkpoint

ALONE = SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: None)
MADE_WITH = {"alpha": 10.0, "processes": 1}


def saved_training(folder):
    """Checkpoints of steps 2 and 4, each with three files."""
    open_checkpoints(str(folder), MADE_WITH)
    for step in (2, 4):
        with writing_checkpoint(str(folder), step, ALONE):
            for name in ("model.safetensors", "optimizer.pt", "rank/0.pt"):
                path = folder / "writing" / f"checkpoint-{step}" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{name} of step {step}, " * 20)
    return folder
