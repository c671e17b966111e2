"""Folders that every rank writes into, with a manifest by which all ranks find damage together.

A checkpoint of a large policy has hundreds of gigabytes, in files of all ranks. Each rank reads a
share of them, of about as many bytes as any other's, whoever wrote them.
"""

from pathlib import Path

import torch

from score.files.atomic import replace_folder
from score.files.errors import SiteError
from score.files.manifest import (
    MANIFEST,
    damage,
    file_sizes,
    marked,
    read_checked,
    write_checked,
)
from score.jobs.distributed import is_first_process


def seal(draft: Path, final: Path, made_with: dict | None = None) -> None:
    """Give what all ranks have written to `draft` its manifest, and then its final name.

    Every rank must ask, as in `write_manifest`.
    """
    write_manifest(draft, made_with)
    if is_first_process():
        replace_folder(draft, final)


def write_manifest(draft: Path, made_with: dict | None = None) -> None:
    """List what all ranks have written to `draft`, with digests.

    Every rank must ask, when all have written. made_with: what the manifest tells of its origin beside.
    """
    sizes = everyone(file_sizes(draft) if is_first_process() else None)[0]
    mine = [name for name in _share(sizes) if (draft / name).is_file()]
    marks = everyone(marked(draft, mine))
    if is_first_process():
        files = {name: mark for of_rank in marks for name, mark in of_rank.items()}
        # A shared disk may show other nodes a new file late, or not yet all of it.
        late = [name for name, size in sizes.items() if name not in files or files[name][0] != size]
        files |= marked(draft, late)
        write_checked(draft / MANIFEST, {"files": files, "made_with": made_with})


def damage_found(folder: Path) -> str | None:
    """What damage the ranks find in a sealed folder, one and the same on all of them; None for none.

    Every rank must ask. SiteError on all of them where one is not allowed to read it.
    """
    try:
        files = read_checked(folder / MANIFEST)["files"]
        share = _share({name: size for name, (size, _) in files.items()})
        found, refused = damage(folder, {name: files[name] for name in share}), None
    except PermissionError as error:
        found, refused = None, error.filename
    except ValueError as error:
        found, refused = str(error), None
    told = everyone((found, refused))
    for _, path in told:
        if path is not None:
            raise SiteError(unreadable(path, folder))
    return next((text for text, _ in told if text is not None), None)


def unreadable(path: str, folder: Path) -> str:
    """The message for a file, or the folder itself, that permissions don't let be read."""
    return (
        f"{path} can't be read (permission denied); expected files of this very user. Make it "
        f"readable, chmod -R u+rwX {folder}, or do without it, rm -r {folder}, and run again."
    )


def everyone(value) -> list:
    """The values of all ranks, in their order. Every rank must ask."""
    if not torch.distributed.is_initialized():
        return [value]
    values = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values


def _share(sizes: dict[str, int]) -> list[str]:
    """The files that this rank reads, where every rank is told the same sizes."""
    grouped = torch.distributed.is_initialized()
    ranks = torch.distributed.get_world_size() if grouped else 1
    return share_of(sizes, torch.distributed.get_rank() if grouped else 0, ranks)


def share_of(sizes: dict[str, int], rank: int, ranks: int) -> list[str]:
    """The files of one rank, by name: each file, the largest first, goes to the rank with least."""
    bytes_of, shares = [0] * ranks, [[] for _ in range(ranks)]
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        least = bytes_of.index(min(bytes_of))
        bytes_of[least] += sizes[name]
        shares[least].append(name)
    return shares[rank]
