"""The weights that may become the policy, on disk until it is decided.

They lie in the scratch folder of checkpoints as `candidate-{step}`, each a whole policy. One is
deleted when no checkpoint that training may go on from still wants it, so that an interruption never
loses the best weights.
"""

import shutil
from pathlib import Path

from transformers import TrainerCallback

from score.files.atomic import remove_folder, replace_folder, written_to
from score.files.errors import SiteError
from score.files.manifest import damage_of
from score.training.checkpoints import checkpoint_steps
from score.training.selection import Selection, is_update
from score.training.whole_folders import seal


class AlreadyTrained(Exception):
    """The newest checkpoint is that of the end of a training: no update is left to make."""


class EndsOnce(TrainerCallback):
    """Ends a training where its selection says so, and doesn't let one that has ended go on.

    Without this callback a training that is resumed from its last checkpoint makes one more update.
    """

    def __init__(self, selection: Selection | None = None):
        self.selection = selection

    def on_train_begin(self, args, state, control, **kwargs):
        early = self.selection is not None and self.selection.stops_early(state.log_history)
        if state.global_step >= state.max_steps or early:
            raise AlreadyTrained

    def on_log(self, args, state, control, **kwargs):
        records = state.log_history
        if self.selection is None or not is_update(records[-1]):
            return
        if state.global_step < state.max_steps and self.selection.stops_early(records):
            control.should_training_stop = control.should_save = True
            if state.is_world_process_zero:
                print(
                    f"stopped early at update {state.global_step}: {self._why(records)}", flush=True
                )

    def _why(self, records: list[dict]) -> str:
        if self.selection.spent(records):
            return f"{self.selection.tokens} tokens or more were sampled (total_tokens)"
        highest = max(self.selection.validations(records).values())
        return f"{self.selection.patience} validations without a new best of {highest:.3f}"


class Candidates(TrainerCallback):
    """Saves the weights of candidates while they are wanted, and hands out what was chosen."""

    def __init__(self, trainer, selection: Selection, checkpoints: str):
        self.trainer, self.selection, self.folder = trainer, selection, Path(checkpoints)

    def on_train_begin(self, args, state, control, **kwargs):
        if not state.is_world_process_zero:
            return
        if state.global_step == 0:
            self._delete_all_but(set())  # those of a training that never came to a checkpoint
        for step in self.selection.wanted(state.log_history) if state.global_step else ():
            self._require_whole(step)  # or the damage would be found when training has ended

    def on_log(self, args, state, control, **kwargs):
        records = state.log_history
        wanted = is_update(records[-1]) and self.selection.wanted(records)
        if wanted and state.global_step in wanted:
            self._save(state.global_step)

    def on_save(self, args, state, control, **kwargs):
        if not state.is_world_process_zero:
            return
        wanted = set()
        for step in checkpoint_steps(str(self.folder)):
            wanted |= self.selection.wanted([r for r in state.log_history if r["step"] <= step])
        self._delete_all_but(wanted)

    def copy(self, step: int, folder: Path) -> None:
        """Copy a candidate to `folder`. RuntimeError where it is not what was saved."""
        self._require_whole(step)
        shutil.copytree(self._path(step), folder)

    def _require_whole(self, step: int) -> None:
        path = self._path(step)
        found = damage_of(path)
        if found is not None:
            raise SiteError(
                f"{path} is damaged ({found}); expected the weights of update {step}, which were saved "
                f"there. Give the training up, and train again: rm -r {self.folder}"
            )

    def chosen(self) -> tuple[int, float]:
        """The update that was chosen, and the value it was chosen by."""
        return self.selection.chosen(self.trainer.state.log_history)

    def chosen_step(self) -> int | None:
        """The update whose candidate was chosen; None where its weights are the trainer's own."""
        return None if self.selection.by == "last" else self.chosen()[0]

    def leave(self, policy: str) -> None:
        """Copy the last candidates to `kept/step-{step}` beside the policy, each whole."""
        kept = Path(policy).parent / "kept"
        remove_folder(kept)
        for step in self.selection.last_candidates(self.trainer.state.log_history):
            draft = kept / "writing"
            with written_to(draft):
                self.copy(step, draft)
            replace_folder(draft, kept / f"step-{step}")

    def _path(self, step: int) -> Path:
        return self.folder / f"candidate-{step}"

    def _save(self, step: int) -> None:
        accelerator, draft = self.trainer.accelerator, self.folder / "writing-candidate"
        if accelerator.is_main_process:
            shutil.rmtree(draft, ignore_errors=True)
        accelerator.wait_for_everyone()
        with written_to(draft):
            write_policy(self.trainer, draft)
            accelerator.wait_for_everyone()
            seal(draft, self._path(step))
        accelerator.wait_for_everyone()

    def _delete_all_but(self, wanted: set[int]) -> None:
        keep = {self._path(step) for step in wanted}
        for path in self.folder.glob("candidate-*"):
            if path not in keep:
                remove_folder(path)


def write_policy(trainer, folder: Path) -> None:
    """Weights, tokenizer and chat template of a trainer's policy, as a folder; every rank takes part."""
    trainer.save_model(str(folder))
    if trainer.accelerator.is_main_process:
        trainer.processing_class.save_pretrained(folder)
