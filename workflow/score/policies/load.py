"""Loading a policy, whole or as an adapter on its base.

A policy folder is what transformers or peft save: weights, or an adapter that names its base.
`score.policies.gguf` makes such a folder of a GGUF file.
"""

from functools import cache
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PretrainedConfig
from transformers.integrations import is_deepspeed_zero3_enabled

from score.files.digests import digest, file_digest
from score.files.errors import SiteError
from score.files.made_with import POLICY_SETTINGS
from score.files.manifest import MANIFEST, read_checked
from score.policies.distribution import without_router_loss
from score.policies.rotary import restore_rotary_frequencies

# Of weights, by precision; mixed has its products in bfloat16.
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "mixed": torch.float32}
LINEAGE = "score_policy.json"  # what `score.policies.lineage` says of a policy
# files beside a policy that hold paths, say what it was trained with, or are made from the others
_NO_WEIGHTS = ("training_args.bin", "README.md", LINEAGE, POLICY_SETTINGS, MANIFEST)


def is_adapter(path: str) -> bool:
    """Whether `path` holds an adapter and not whole weights."""
    return (Path(path) / "adapter_config.json").is_file()


def load_policy(
    path: str,
    precision: str,
    cache_dir: str | None = None,
    *,
    trainable: bool = False,
    attn_implementation: str | None = None,
    trust_remote_code: bool = False,
):
    """The policy at `path`: a PreTrainedModel, or a PeftModel where `path` is an adapter.

    An adapter keeps its base apart when `trainable`, so that the base can serve as the reference; for
    sampling it is merged, which gives the same distribution faster, unless ZeRO-3 has sharded the
    weights. precision: a key of DTYPES. cache_dir: of the Hugging Face hub. attn_implementation: as
    transformers names it, None for its own choice. trust_remote_code: whether code that comes with
    the policy may run. SiteError where an implementation is not installed.
    """
    how = {
        "dtype": DTYPES[precision],
        "cache_dir": cache_dir,
        "attn_implementation": attn_implementation,
        "trust_remote_code": trust_remote_code,  # None would ask y/N on the terminal
    }
    if not is_adapter(path):
        return _load_weights(path, how)
    from peft import PeftModel  # slow to import, and whole policies need none of it

    base = _load_weights(base_of(path), how)
    policy = PeftModel.from_pretrained(base, path, is_trainable=trainable)
    apart = trainable or is_deepspeed_zero3_enabled()
    return policy if apart else policy.merge_and_unload()


def load_asked(path: str, settings, *, trainable: bool = False):
    """`load_policy` as the settings of a job say: precision, cache_dir, attention and trusted code."""
    return load_policy(
        path,
        settings.precision,
        settings.cache_dir,
        trainable=trainable,
        attn_implementation=settings.attn_implementation,
        trust_remote_code=settings.trust_remote_code,
    )


def base_of(path: str) -> str:
    """The path or name of the weights that the adapter at `path` was trained on."""
    from peft import PeftConfig

    return PeftConfig.from_pretrained(path).base_model_name_or_path


def local_folder(path: str, cache_dir: str | None = None, trust_remote_code: bool = False) -> str:
    """The folder itself, or the folder in the cache of a hub name, downloaded where it is not there."""
    if Path(path).is_dir():
        return path
    wanted = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
    wanted += ["*.py"] * trust_remote_code
    return snapshot_download(path, cache_dir=cache_dir, allow_patterns=wanted)


def declared_generation(
    path: str, cache_dir: str | None = None, trust_remote_code: bool = False
) -> GenerationConfig:
    """The generation config of a policy that is not loaded, as `load_policy` would find it."""
    path = base_of(path) if is_adapter(path) else path
    try:
        return GenerationConfig.from_pretrained(path, cache_dir=cache_dir)
    except OSError:  # the policy comes without one
        return GenerationConfig.from_model_config(_config(path, cache_dir, trust_remote_code))


def vocabulary_size(
    path: str, cache_dir: str | None = None, trust_remote_code: bool = False
) -> int:
    """How many token ids a policy that is not loaded knows."""
    path = base_of(path) if is_adapter(path) else path
    return _config(path, cache_dir, trust_remote_code).get_text_config().vocab_size


def _config(path: str, cache_dir: str | None, trust_remote_code: bool):
    return AutoConfig.from_pretrained(
        path, cache_dir=cache_dir, trust_remote_code=trust_remote_code
    )


def _load_weights(path: str, how: dict):
    try:
        policy = without_router_loss(AutoModelForCausalLM.from_pretrained(path, **how))
    except ImportError as error:  # a kernel, or a package that the policy's own code imports
        raise SiteError(f"the policy {path!r} can't be loaded here: {error}") from error
    if is_deepspeed_zero3_enabled():
        restore_rotary_frequencies(policy)
    return policy


@cache
def policy_digest(path: str, cache_dir: str | None = None) -> str:
    """A text that differs for other weights: the commit of a hub policy, else a SHA-256.

    The latter is of the folder's files and, for an adapter, of its base. ValueError where weights of a
    training here are not what it saved.
    """
    if not Path(path).is_dir():
        return str(PretrainedConfig.get_config_dict(path, cache_dir=cache_dir)[0]["_commit_hash"])
    files = sorted(p for p in Path(path).rglob("*") if p.is_file() and p.name not in _NO_WEIGHTS)
    digests = {str(file.relative_to(path)): file_digest(file) for file in files}
    _refuse_damaged_weights(Path(path), digests)
    parts = [f"{name} {of_file}" for name, of_file in digests.items()]
    if is_adapter(path):
        parts.append(policy_digest(base_of(path), cache_dir))
    return digest(parts)


def _refuse_damaged_weights(folder: Path, digests: dict[str, str]) -> None:
    """ValueError where a manifest tells of other weights. digests: of the folder's files, by name."""
    if not (folder / MANIFEST).exists():
        return  # not trained here
    cure = f"Restore or train it again; if you changed it yourself, delete {folder / MANIFEST}."
    try:
        saved = read_checked(folder / MANIFEST)["files"]
    except ValueError as error:
        raise ValueError(f"the policy {str(folder)!r} is damaged: {error}. {cure}") from None
    for name, (_, of_file) in saved.items():
        if name.endswith(".safetensors") and digests.get(name) != of_file:
            raise ValueError(
                f"{folder / name} is not what was saved there; expected the weights of the training. "
                f"{cure}"
            )
