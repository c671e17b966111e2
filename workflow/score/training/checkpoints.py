"""Checkpoints that can be trusted: whole ones of this very training, with one writer."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from score.files.atomic import remove_folder, sweep
from score.files.errors import SiteError
from score.files.manifest import MANIFEST, read_checked, write_checked
from score.files.sizes import size_text
from score.jobs.distributed import is_first_process
from score.training.whole_folders import damage_found, everyone, seal, unreadable

_PROVENANCE = "made_with.json"
_WRITING = "writing"


@contextmanager
def writing_checkpoint(
    directory: str, step: int, accelerator, keep: int | None = None
) -> Iterator[None]:
    """What the body writes to `written_to(directory)` becomes `directory`/checkpoint-{step}.

    It gets its name once every rank has written and the files are on disk, so a checkpoint of that
    name is whole. Then all but the `keep` newest are deleted (None: none). RuntimeError where it
    can't be written; earlier checkpoints are still there then.
    """
    top, draft = Path(directory), Path(written_to(directory))
    if accelerator.is_main_process:
        shutil.rmtree(draft, ignore_errors=True)
        earlier = _checkpoints(top)
        if earlier:
            require_free_disk(directory, _size(earlier[max(earlier)]))
    accelerator.wait_for_everyone()
    try:
        yield
        accelerator.wait_for_everyone()
        made_with = _made_with(top) if accelerator.is_main_process else None
        seal(draft / f"checkpoint-{step}", top / f"checkpoint-{step}", made_with)
    except Exception as error:
        raise SiteError(
            f"the checkpoint of step {step} can't be written to {directory} ({error}); "
            f"{size_text(_free(top))} are free there. Make room and run again: training goes on "
            "from the newest whole checkpoint."
        ) from error
    if accelerator.is_main_process:
        steps = _checkpoints(top)
        for old in sorted(steps)[:-keep] if keep else []:
            remove_folder(steps[old])
    accelerator.wait_for_everyone()


def written_to(directory: str) -> str:
    """Where a checkpoint lies until it is whole."""
    return str(Path(directory) / _WRITING)


class WholeCheckpoints:
    """Mixin for a transformers Trainer: its checkpoints are written by `writing_checkpoint`."""

    def _get_output_dir(self, trial):
        return written_to(self.args.output_dir)

    def _save_checkpoint(self, model, trial):
        args = self.args
        step, keep = self.state.global_step, args.save_total_limit
        with writing_checkpoint(args.output_dir, step, self.accelerator, keep):
            super()._save_checkpoint(model, trial)


def newest_whole_checkpoint(directory: str) -> str | None:
    """The whole checkpoint with the most steps, or None: training starts anew.

    Every rank must ask. Torn ones, whose files are not those that were written, are named and set aside
    as `torn-checkpoint-{step}`. SiteError where one may not be read.
    """
    newest, torn = None, False
    for step, path in everyone(sorted(_checkpoints(Path(directory)).items(), reverse=True))[0]:
        found = damage_found(path)
        if found is None:
            newest = str(path)
            break
        torn = True
        if is_first_process():
            aside = path.with_name(f"torn-checkpoint-{step}")
            remove_folder(aside)
            path.rename(aside)
            print(f"{path} is torn ({found}): it is set aside as {aside.name}", flush=True)
    if torn and is_first_process():
        none = "no whole checkpoint is left: training starts anew"
        print(f"training goes on from {newest}" if newest else none, flush=True)
    return newest


def _checkpoints(directory: Path) -> dict[int, Path]:
    found = directory.glob("checkpoint-*")
    return {int(path.name.split("-")[1]): path for path in found if path.name[11:].isdecimal()}


def checkpoint_steps(directory: str) -> list[int]:
    """The steps of the checkpoints that training may go on from."""
    return sorted(_checkpoints(Path(directory)))


def open_checkpoints(directory: str, provenance: dict) -> None:
    """Make the folder, or check that its checkpoints belong to this training; else ValueError.

    provenance: all that the weights depend on, with the number of processes. Only the first process
    may call this, before the others look for a checkpoint.
    """
    top = Path(directory)
    sweep(top)
    if steps := _checkpoints(top):
        old = _made_with(top)
        if old is not None:
            _refuse_other(directory, old, provenance)
        elif any(map(_manifest, steps.values())):  # else none is whole, and training starts anew
            raise ValueError(
                f"{directory} holds checkpoints of an unfinished training, and {_PROVENANCE} there, "
                "which says what it was made with, is not what was written; expected it whole. Give "
                f"the training up: rm -r {directory}"
            )
    if _recorded(top) != provenance:
        write_checked(top / _PROVENANCE, provenance)


def _refuse_other(directory: str, old: dict, new: dict) -> None:
    """ValueError where a training was made with something else than this one is."""
    changed = [
        f"{key} {_short(old.get(key))}, now {_short(new.get(key))}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    if changed:
        raise ValueError(
            f"{directory} holds checkpoints of an unfinished training that was made with "
            f"{'; '.join(changed)}; expected the same. Go back to what it was made with, or give "
            f"it up: rm -r {directory}"
        )


def _made_with(top: Path) -> dict | None:
    """What the training of these checkpoints was made with; None where nothing whole tells it.

    `made_with.json` says it, and so does each checkpoint's manifest, should that file be damaged.
    """
    recorded = _recorded(top)
    if recorded is not None:
        return recorded
    for _, path in sorted(_checkpoints(top).items(), reverse=True):
        told = (_manifest(path) or {}).get("made_with")
        if told is not None:
            return told
    return None


def _recorded(top: Path) -> dict | None:
    try:
        return read_checked(top / _PROVENANCE)
    except ValueError:
        return None


def _manifest(checkpoint: Path) -> dict | None:
    try:
        return read_checked(checkpoint / MANIFEST)
    except PermissionError as error:
        raise SiteError(unreadable(error.filename, checkpoint)) from None
    except ValueError:
        return None


def _short(value) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


def checkpoint_size(policy) -> int:
    """Bytes of a policy's checkpoint, at most: weights, and Adam's numbers for each trained one."""
    # a parameter that ZeRO-3 shards out tells its size as ds_numel
    sizes = [(getattr(p, "ds_numel", p.numel()), p) for p in policy.parameters()]
    adapted = hasattr(policy, "peft_config")
    weights = sum(n * p.element_size() for n, p in sizes if p.requires_grad or not adapted)
    return weights + 12 * sum(n for n, p in sizes if p.requires_grad)


def require_free_disk(directory: str, needed: int) -> None:
    """RuntimeError unless `needed` bytes are free where `directory` is or will be."""
    free = _free(Path(directory))
    if free < needed:
        raise SiteError(
            f"{directory} has {size_text(free)} free; expected {size_text(needed)} for the next "
            "checkpoint. Make room and run again; whole checkpoints are kept."
        )


def _free(path: Path) -> int:
    while not path.exists():
        path = path.absolute().parent
    return shutil.disk_usage(path).free


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
