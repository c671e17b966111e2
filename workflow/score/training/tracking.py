"""Training curves for wandb, tensorboard and trackio; keys come from the environment alone."""

import os
import secrets
from importlib import metadata
from pathlib import Path

from score.files.atomic import remove_folder
from score.files.manifest import read_checked, write_checked
from score.training.settings import TrainSettings

TRACKERS = ("wandb", "tensorboard", "trackio")
PROJECT = "score"
_RUN_ID = "wandb_run_id"


def trackers(report_to: str | list, wandb_project_name: str | None) -> list[str]:
    """The trackers that a config asks for; the name of a wandb project asks for wandb."""
    names = [report_to] if isinstance(report_to, str) else list(report_to)
    names += ["wandb"] if wandb_project_name is not None else []
    return [name for name in dict.fromkeys(names) if name != "none"]


def check_trackers(names: list[str]) -> None:
    """ValueError for a tracker that is unknown or not installed."""
    for name in names:
        if name not in TRACKERS:
            raise ValueError(
                f"report_to is {name!r}; expected none or some of {', '.join(TRACKERS)}. "
                "Correct the name."
            )
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            raise ValueError(
                f"report_to is {name!r}, which is not installed; expected an installed tracker. "
                f"Install it where jobs run, pip install {name}, or set report_to: none."
            ) from None


def track(settings: TrainSettings, folder: str | Path) -> list[str]:
    """The trainer's `report_to`; trackers keep their files in the policy's folder.

    Must come before the trainer is made. wandb is offline unless the environment holds a key or says
    otherwise. What the environment says about places and modes already, wins.
    """
    names = trackers(settings.report_to, settings.wandb_project_name)
    if "wandb" in names:
        os.environ["WANDB_PROJECT"] = settings.wandb_project_name or PROJECT
        os.environ.setdefault("WANDB_DIR", str(folder))  # wandb adds a folder `wandb`
        if not os.environ.get("WANDB_API_KEY"):
            os.environ.setdefault("WANDB_MODE", "offline")
    if "tensorboard" in names:  # its own choice is the checkpoints' folder, which goes in the end
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(Path(folder) / "tensorboard"))
    return names


def continue_run(names: list[str], checkpoints: str, resumed: bool) -> None:
    """Training that goes on from a checkpoint goes on in the same curves, other training in new ones.

    wandb's run id lies among the checkpoints: both live from the start of a training, over its
    interruptions, to its end. Call it on the first process only, before training.
    """
    folder = Path(checkpoints)
    if "wandb" in names:
        path = folder / _RUN_ID
        try:
            kept = read_checked(path) if resumed else None
        except ValueError:  # the curves go on as those of another run
            kept = None
        if kept is None:
            kept = secrets.token_hex(4)
            write_checked(path, kept)
        os.environ.update(WANDB_RUN_ID=kept, WANDB_RESUME="allow")
    if "tensorboard" in names and not resumed:
        remove_folder(folder.parent / "tensorboard")
