"""Whether a policy can be trained and sampled here, told in milliseconds before any job starts.

It is one look at the folder: its JSON files, the heads of its weights and the shapes that these name.
Nothing is loaded. Of a hub policy it looks at the config alone.
"""

from pathlib import Path

from score.policies.shapes import check_shapes
from score.policies.weight_files import (
    ADAPTER,
    check_file,
    gguf_message,
    policy_shapes,
    read_object,
    tensor_shapes,
)

_ADAPTER_CONFIG = "adapter_config.json"
_OBJECTS = ("generation_config.json", "tokenizer_config.json", "special_tokens_map.json")
_LOOKED_AT = (".json", ".model", ".txt", ".jinja", ".safetensors")
# One of these is enough for a tokenizer.
_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "tekken.json",
    "*.tiktoken",
)
_NOT_TRUSTED = (
    "expected a policy whose code is part of transformers, since code that comes with a policy runs "
    "with all that you may do. Read it and set trust_remote_code: true, or take another policy"
)


def check_policy(
    path: str, cache_dir: str | None = None, trust_remote_code: bool = False
) -> int | None:
    """Refuse a policy that can't run; the number of rows of its embedding, None where that is not known.

    path: a folder or a hub name. cache_dir: of the Hugging Face hub. ValueError names the file that is
    missing, cut off or not what it should be, or the code that the policy would need and that is
    neither trusted nor there.
    """
    place = Path(path)
    if place.is_file():
        raise ValueError(_file_message(place))
    if not place.is_dir():
        config = hub_config(path, cache_dir)
        if config is not None:
            _check_kind(config, path, trust_remote_code)
        return None
    try:
        return _check_folder(place, cache_dir, trust_remote_code)
    except OSError as error:
        raise ValueError(
            f"{error.filename or path} can't be read ({error.strerror}); expected a readable folder. "
            "Change that."
        ) from None


def check_vocabulary(tokenizer, rows: int | None) -> None:
    """ValueError where a token has no row in the embedding. rows: of it; None where that's not known."""
    vocabulary = tokenizer.get_vocab().items()
    beyond = [token for token, i in vocabulary if rows is not None and i >= rows]
    # Gemma 3's models of text alone leave out the last token of its tokenizer, that for an image.
    beyond = [token for token in beyond if "image" not in token]
    if beyond:
        more = f" and {len(beyond) - 1} more" if beyond[1:] else ""
        raise ValueError(
            f"the tokenizer has tokens beyond the {rows} rows of the policy's embedding ({beyond[0]!r}"
            f"{more}); expected a row for each. Take the tokenizer that belongs to the weights, or call "
            "resize_token_embeddings and save both."
        )


def _check_folder(folder: Path, cache_dir: str | None, trust_remote_code: bool) -> int | None:
    for file in sorted(folder.iterdir()):
        if not file.is_dir() and file.suffix in _LOOKED_AT:
            check_file(file)
    if (folder / _ADAPTER_CONFIG).is_file():
        return _check_adapter(folder, cache_dir, trust_remote_code)
    if not (folder / "config.json").is_file():
        raise ValueError(_no_config(folder))
    config = read_object(folder / "config.json")
    own = _check_kind(config, str(folder / "config.json"), trust_remote_code)
    _check_code(folder, own)
    shapes = policy_shapes(folder)
    try:
        # What the tensors of a policy with code of its own should be, that code alone knows.
        rows = None if own else check_shapes(config, shapes)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    _check_tokenizer(folder, trust_remote_code)
    return rows


def _check_code(folder: Path, own: list[str]) -> None:
    """The code that a policy's folder names is in it; `repository--module.Class` is fetched."""
    for name in own:
        file = folder / f"{name.rpartition('.')[0]}.py"
        if "--" not in name and not file.is_file():
            raise ValueError(
                f"{folder} names code that it does not hold, {name} (auto_map); expected {file.name} "
                "there. Copy it beside config.json, from where the policy was taken."
            )


def _check_adapter(folder: Path, cache_dir: str | None, trust_remote_code: bool) -> int | None:
    """The adapter's own file is whole, and so is the policy that it was trained on."""
    base = read_object(folder / _ADAPTER_CONFIG).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ValueError(
            f"{folder / _ADAPTER_CONFIG} has base_model_name_or_path {base!r}; expected the policy that "
            "the adapter was trained on. Write its folder or hub name there."
        )
    if not (folder / ADAPTER).is_file():
        raise ValueError(
            f"{folder} has an {_ADAPTER_CONFIG} and no {ADAPTER}; expected both. Save the adapter "
            "again, with save_pretrained."
        )
    tensor_shapes(folder / ADAPTER)
    if not Path(base).exists() and (base.startswith(("/", ".", "~")) or base.count("/") > 1):
        raise ValueError(
            f"{folder / _ADAPTER_CONFIG} names the base {base!r}, which is not there; expected an "
            "existing folder or a hub name. Write where the base is now."
        )
    _check_tokenizer(folder, trust_remote_code)
    return check_policy(base, cache_dir, trust_remote_code)


def _check_tokenizer(folder: Path, trust_remote_code: bool) -> None:
    if not any(next(folder.glob(name), None) for name in _TOKENIZERS):
        raise ValueError(
            f"{folder} has no tokenizer; expected {', '.join(_TOKENIZERS[:4])} or another of its files. "
            "Save it there: tokenizer.save_pretrained."
        )
    for name in _OBJECTS:
        if (folder / name).is_file():
            read_object(folder / name)
    settings = folder / "tokenizer_config.json"
    own = _own_classes(read_object(settings), "AutoTokenizer") if settings.is_file() else []
    if own and trust_remote_code:
        _check_code(folder, own)
    elif own and not any(_in_transformers(name) for name in own):
        raise ValueError(
            f"{settings} asks for code of its own, {own[0]} (auto_map); {_NOT_TRUSTED}, or save its "
            "tokenizer with one of transformers' classes."
        )


def _check_kind(config: dict, where: str, trust_remote_code: bool) -> list[str]:
    """The policy is a causal language model, of transformers or of trusted code; that code's classes."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = config.get("model_type") if isinstance(config.get("model_type"), str) else None
    own = [
        *_own_classes(config, "AutoConfig", CONFIG_MAPPING_NAMES.get(kind)),
        *_own_classes(config, "AutoModelForCausalLM", MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind)),
    ]
    if own and not trust_remote_code:
        raise ValueError(f"{where} asks for code of its own, {own[0]} (auto_map); {_NOT_TRUSTED}.")
    if _own_classes(config, "AutoModelForCausalLM") and own:
        return own
    if kind not in CONFIG_MAPPING_NAMES:
        raise ValueError(
            f"{where} has model_type {config.get('model_type')!r}; expected one that transformers "
            f"{transformers.__version__} knows. Take another policy, or a "
            "transformers that knows this one."
        )
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise ValueError(
            f"{where} has model_type {kind!r}, which is no causal language model; expected a policy "
            "that continues a text. Take an instruction-tuned language model."
        )
    return own


def _own_classes(config: dict, key: str, known: str | None = None) -> list[str]:
    """The classes that auto_map names for `key`, where they are not the one that is known already."""
    auto_map = config.get("auto_map")
    named = auto_map.get(key) if isinstance(auto_map, dict) else None
    named = named if isinstance(named, list) else [named]
    return [name for name in named if isinstance(name, str) and name.rpartition(".")[2] != known]


def _in_transformers(name: str) -> bool:
    import transformers

    return hasattr(transformers, name.rpartition(".")[2])


def config_of(path: str, cache_dir: str | None = None) -> dict | None:
    """The config.json of a policy or of an adapter's base; None where a hub policy is out of reach."""
    folder = Path(path)
    if not folder.is_dir():
        return hub_config(path, cache_dir)
    if (folder / _ADAPTER_CONFIG).is_file():
        base = read_object(folder / _ADAPTER_CONFIG)["base_model_name_or_path"]
        return config_of(base, cache_dir)
    return read_object(folder / "config.json")


def hub_config(path: str, cache_dir: str | None) -> dict | None:
    """The config.json of a hub policy, from the cache or the hub; None where neither has it now."""
    from transformers.utils import cached_file

    try:
        file = cached_file(path, "config.json", cache_dir=cache_dir)
    except OSError:
        return None  # out of reach, or no name that the hub knows; loading its tokenizer says so
    return read_object(Path(file))


def _no_config(folder: Path) -> str:
    """Why a folder without config.json is no policy, by what lies there instead."""
    names = sorted(path.name for path in folder.iterdir())
    gguf = sorted(folder.glob("*.gguf"))
    if gguf:
        return gguf_message(gguf[0])
    below = sorted(file.parent for file in folder.glob("snapshots/*/config.json"))
    below += sorted(file.parent for file in folder.glob("*/config.json"))
    if below:
        return f"{folder} has no config.json; expected a policy's folder. Name {below[-1]}."
    found = f"it has {', '.join(names[:4])}" if names else "the folder is empty"
    return (
        f"{folder} has no config.json ({found}); expected a folder as transformers saves it. Name the "
        "folder that a policy was saved to, or fetch it again."
    )


def _file_message(file: Path) -> str:
    if file.suffix == ".gguf":
        return gguf_message(file)
    return (
        f"{file} is a file; expected a policy's folder or hub name. Name the folder that it is in."
    )
