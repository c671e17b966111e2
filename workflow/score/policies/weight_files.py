"""What lies in a policy's folder, told by its JSON files and the heads of its weights.

A safetensors file begins with the length of its header and then the header, a JSON object with the
shape and the place of each tensor. So files that were cut off, missing shards and shapes are seen in
milliseconds, whatever the size, and nothing is loaded. No torch here.
"""

import json
import math
from pathlib import Path

from score.files.heads import head_of, refuse_stand_in

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
ADAPTER = "adapter_model.safetensors"
# Of other kinds of weights, for the message about a folder that has none of ours.
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2}
_LARGEST_HEADER = 100 * 10**6  # bytes; the format's own limit

Shapes = dict[str, tuple[int, ...]]


def check_file(file: Path) -> None:
    """ValueError where a file can't be read, or something else lies in its place."""
    if file.is_symlink() and not file.exists():
        raise ValueError(
            f"{file} is a link to {file.readlink()}, which is not there; expected the file itself. Copy "
            "the folder with its links followed (cp -rL), or fetch it again."
        )
    try:
        head = head_of(file)
    except OSError as error:
        raise ValueError(
            f"{file} can't be read ({error.strerror}); expected a readable file. Change that."
        ) from None
    if not head:
        raise ValueError(f"{file} is empty; expected its content. Fetch it again.")
    refuse_stand_in(file, head, kind="model")


def read_object(file: Path) -> dict:
    """The object in a JSON file. ValueError where it is no such file."""
    check_file(file)
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{file} is not JSON ({error}); expected an object. Fetch it again."
        ) from None
    if not isinstance(value, dict):
        raise ValueError(
            f"{file} holds a {type(value).__name__}; expected an object. Fetch it again."
        )
    return value


def policy_shapes(folder: Path) -> Shapes:
    """Name and shape of every tensor of the whole weights in a folder.

    ValueError where there are none, or where a shard is missing, cut off or not what the index says.
    """
    if _is_there(folder / WHOLE):
        return tensor_shapes(folder / WHOLE)
    if not _is_there(folder / INDEX):
        raise ValueError(_no_weights(folder))
    parts = read_object(folder / INDEX).get("weight_map")
    if not isinstance(parts, dict) or not all(isinstance(part, str) for part in parts.values()):
        raise ValueError(
            f"{folder / INDEX} has no weight_map; expected the file of each tensor. Fetch it again."
        )
    shards = sorted(set(parts.values()))
    missing = [name for name in shards if not _is_there(folder / name)]
    if missing:
        raise ValueError(
            f"{folder} lacks {len(missing)} of its {len(shards)} shards of weights ({_some(missing)}); "
            f"expected all that {INDEX} names. Fetch the folder again: hf download goes on where it "
            "stopped."
        )
    held = {name: tensor_shapes(folder / name) for name in shards}
    lost = [name for name, shard in parts.items() if name not in held[shard]]
    if lost:
        raise ValueError(
            f"{folder} lacks tensors that {INDEX} names ({_some(lost)}); expected each in its shard. "
            "Fetch the folder again: its shards and its index are of different policies."
        )
    return {name: shape for shapes in held.values() for name, shape in shapes.items()}


def tensor_shapes(file: Path) -> Shapes:
    """Name and shape of every tensor of a safetensors file; ValueError where it is no whole one."""
    check_file(file)
    size = file.stat().st_size
    start, tensors = _header(file, size)
    try:
        shapes = {name: tuple(tensor["shape"]) for name, tensor in tensors.items()}
        places = {name: tensor["data_offsets"] for name, tensor in tensors.items()}
        end = start + max((stop for _, stop in places.values()), default=0)
        sizes = {name: _BYTES.get(tensor["dtype"]) for name, tensor in tensors.items()}
        wrong = [
            name
            for name, (first, stop) in places.items()
            if sizes[name] and stop - first != sizes[name] * math.prod(shapes[name])
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(_not_safetensors(file)) from None
    if size < end:
        raise ValueError(_cut_off(file, size, f"{end:,}"))
    if size > end or wrong:
        which = f", with other shapes than places ({_some(wrong)})" if wrong else ""
        raise ValueError(
            f"{file} has {size:,} bytes and its header tells of {end:,}{which}; expected the two to "
            "agree. Fetch it again."
        )
    if not shapes:
        raise ValueError(f"{file} holds no tensors; expected weights. Fetch or save it again.")
    return shapes


def _header(file: Path, size: int) -> tuple[int, dict]:
    """Where the tensors of a safetensors file begin, and what its header says of each."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if size < 8 or length > _LARGEST_HEADER:
            raise ValueError(_not_safetensors(file))
        header = opened.read(length)
    if len(header) < length:
        raise ValueError(_cut_off(file, size, f"more than {8 + length:,}"))
    try:
        tensors = json.loads(header.decode("utf-8"))
        tensors.pop("__metadata__", None)
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise ValueError(_not_safetensors(file)) from None
    return 8 + length, tensors


def _not_safetensors(file: Path) -> str:
    return (
        f"{file} has a header that can't be read; expected weights in the safetensors format. Fetch it "
        "again."
    )


def _is_there(file: Path) -> bool:
    return file.is_file() or file.is_symlink()


def _cut_off(file: Path, size: int, expected: str) -> str:
    return (
        f"{file} is cut off: it has {size:,} bytes, and its header tells of {expected}; expected the "
        "whole file. Fetch it again."
    )


def _no_weights(folder: Path) -> str:
    """Why a folder without safetensors can't be a policy, by what lies there instead."""
    gguf, names = sorted(folder.glob("*.gguf")), sorted(path.name for path in folder.iterdir())
    pickled = [path.name for pattern in _PICKLED for path in sorted(folder.glob(pattern))]
    if gguf:
        return gguf_message(gguf[0])
    if [name for name in pickled if name != "training_args.bin"]:
        return (
            f"{folder} has its weights in pickled files alone ({_some(pickled)}); expected {WHOLE}, "
            "since unpickling runs what is in the file. Convert weights that you trust: python -c "
            f"\"from transformers import AutoModelForCausalLM as M; M.from_pretrained('{folder}', "
            f"dtype='auto').save_pretrained('{folder}')\""
        )
    found = f"{_some(names)} there" if names else "the folder is empty"
    return (
        f"{folder} has no weights ({found}); expected {WHOLE}, or {INDEX} and its shards. Name the "
        "folder that a policy was saved to, or fetch it again."
    )


def gguf_message(file: Path) -> str:
    return (
        f"{file} is a GGUF file; expected a folder as transformers saves it. Convert it: python -m "
        f"score.policies.gguf --input {file} --output {file.stem}"
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
