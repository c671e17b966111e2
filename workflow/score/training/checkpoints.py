"""Checkpoints that can be trusted: whole ones of this very training, with one writer."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from score.files.atomic import replace_file, replace_folder
from score.files.errors import SiteError
from score.files.sizes import size_text
from score.jobs.distributed import is_first_process

_MANIFEST = "whole.json"
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
    except Exception as error:
        raise SiteError(
            f"the checkpoint of step {step} can't be written to {directory} ({error}); "
            f"{size_text(_free(top))} are free there. Make room and run again: training goes on "
            "from the newest whole checkpoint."
        ) from error
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        _seal(draft / f"checkpoint-{step}", top / f"checkpoint-{step}")
        steps = _checkpoints(top)
        for old in sorted(steps)[:-keep] if keep else []:
            shutil.rmtree(steps[old])
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


def _seal(draft: Path, final: Path) -> None:
    """The manifest comes last, then the name: a checkpoint with both has everything."""
    sizes = {str(p.relative_to(draft)): p.stat().st_size for p in draft.rglob("*") if p.is_file()}
    (draft / _MANIFEST).write_text(json.dumps(sizes, indent=1, sort_keys=True))
    replace_folder(draft, final)


def newest_whole_checkpoint(directory: str) -> str | None:
    """The whole checkpoint with the most steps, or None; torn ones are named and skipped."""
    for _, path in sorted(_checkpoints(Path(directory)).items(), reverse=True):
        torn = _torn(path)
        if not torn:
            return str(path)
        if is_first_process():
            print(f"{path} is torn ({torn}): it is skipped", flush=True)
    return None


def _torn(checkpoint: Path) -> str | None:
    """What a checkpoint lacks."""
    try:
        sizes = json.loads((checkpoint / _MANIFEST).read_text())
    except (OSError, ValueError):
        return f"no readable {_MANIFEST}"
    for name, size in sizes.items():
        path = checkpoint / name
        if not path.is_file() or path.stat().st_size != size:
            return f"{name} is not {size} bytes long"
    return None


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
    path = Path(directory) / _PROVENANCE
    if _checkpoints(path.parent):
        old = json.loads(path.read_text()) if path.is_file() else {}
        changed = [
            f"{key} {_short(old.get(key))}, now {_short(provenance.get(key))}"
            for key in sorted({*old, *provenance})
            if old.get(key) != provenance.get(key)
        ]
        if changed:
            raise ValueError(
                f"{directory} holds checkpoints of an unfinished training that was made with "
                f"{'; '.join(changed)}; expected the same. Go back to what it was made with, or give "
                f"it up: rm -r {directory}"
            )
    replace_file(path, json.dumps(provenance, indent=1, sort_keys=True).encode())


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
