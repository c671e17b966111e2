"""The folder of an exported policy: written beside its place, checked there, and then given its name."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transformers import GenerationConfig

from score.chat.tried import TriedPolicy
from score.files.atomic import replace_folder, written_to
from score.files.errors import SiteError
from score.files.made_with import POLICY_SETTINGS
from score.files.sizes import size_text

CARD = "README.md"


def check_output(output: Path) -> None:
    """ValueError where nothing may be written there: asked before the work."""
    if output.exists() and not output.is_dir():
        raise ValueError(
            f"--output is {output}, which is a file; expected a new folder. Name another."
        )
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(
            f"--output is {output}, which is not empty; expected a new folder, since nothing there is "
            "overwritten. Name another, or delete it."
        )
    if not output.absolute().parent.is_dir():
        raise ValueError(
            f"--output is {output}, whose folder is not there; expected an existing one. Make it: mkdir "
            f"-p {output.parent}"
        )


@contextmanager
def draft_of(output: Path) -> Iterator[Path]:
    """A folder to write to, which becomes `output` when the body is done, and is gone if it fails."""
    draft = output.absolute().with_name(f".{output.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)  # of an export that was killed
    try:
        with written_to(output):
            draft.mkdir()
            yield draft
            replace_folder(draft, output.absolute())
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_room(place: Path, policy) -> None:
    """SiteError where the disk is too full for the weights."""
    needed = sum(p.numel() * p.element_size() for p in policy.parameters())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise SiteError(
            f"the weights take {size_text(needed)}, and {place} has {size_text(free)} left; expected "
            "room for them. Make room, or name another --output."
        )


def save(tried: TriedPolicy, weights: str, temperature: float, draft: Path) -> None:
    """Write weights as safetensors, tokenizer, chat template, generation config, training settings."""
    policy, tokenizer = tried.policy, tried.plan.tokenizer
    check_room(draft, policy)
    policy.generation_config = generation_config(tried, temperature)
    policy.save_pretrained(draft)
    tokenizer.save_pretrained(draft)
    settings = Path(weights) / POLICY_SETTINGS
    if settings.is_file():
        shutil.copyfile(settings, draft / POLICY_SETTINGS)


def generation_config(tried: TriedPolicy, temperature: float) -> GenerationConfig:
    """As evaluated: every token at which attempts end, the most tokens, greedy or the full softmax."""
    tokenizer = tried.plan.tokenizer
    how: dict = {"do_sample": False}
    if temperature > 0:
        how = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    rows, tokens = tried.embedding_rows(), 1 + max(tokenizer.get_vocab().values())
    if rows > tokens:  # rows that fill up the embedding, which no tokenizer knows
        how["suppress_tokens"] = list(range(tokens, rows))
    return GenerationConfig(
        eos_token_id=sorted(tried.stop_ids),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        max_new_tokens=tried.asking.sampling.max_tokens,
        **how,
    )


def listing(folder: Path) -> str:
    """Its files with their sizes, and the sum."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    sizes = [file.stat().st_size for file in files]
    lines = [
        f"  {size_text(size):>9}  {file.relative_to(folder)}"
        for file, size in zip(files, sizes, strict=True)
    ]
    return "\n".join([*lines, f"  {size_text(sum(sizes)):>9}  in all"])
