"""Where an exported policy comes from: its base and its licence, its training, data and numbers."""

from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import hf_hub_download, metadata_load

from score.chat.policy_folder import PolicyFolder
from score.comparison.instances import arm_of
from score.files.digests import file_digest
from score.files.made_with import POLICY_SETTINGS
from score.policies.load import LINEAGE, base_of, is_adapter
from score.report.run_folder import DESCRIPTION, RunFolder, read_object

_HUB_LICENCES = 60  # characters: a longer one is no identifier


@dataclass
class Origin:
    """What is known of an exported policy; None or empty where nothing is.

    base: hub name or folder of the policy it was trained from. licence: the SPDX-like identifier of the
    base's card. settings: of its training. rows: of the run's table, base's first. sources, splits: of
    the data, as the run's data card and digests tell. changed: whether the weights differ from those
    that the run's report tells of. commit: of the code that made the report.
    """

    name: str
    instance: str | None
    base: str | None
    licence: str | None
    settings: dict
    rows: list[dict] = field(default_factory=list)
    sources: list[dict] = field(default_factory=list)
    splits: dict[str, dict] = field(default_factory=dict)
    changed: bool | None = None
    commit: str | None = None


def origin_of(folder: PolicyFolder, cache_dir: str | None = None) -> Origin:
    """All of it, of the run that the policy belongs to and of the policy's own files."""
    weights = Path(folder.weights)
    settings = read_object(weights / POLICY_SETTINGS)
    if folder.run is None:
        base = base_of(folder.weights) if is_adapter(folder.weights) else _reference(weights)
        return Origin(
            weights.name, None, base, _licence(base or folder.weights, cache_dir), settings
        )
    run = RunFolder(folder.run, read_object(folder.run / DESCRIPTION))
    instance = str(folder.instance.relative_to(folder.run))
    base = run.config.get("model_path") or _reference(weights)
    rows = [row for row in run.rows() if row["policy"] in ("base", arm_of(instance))]
    told = run.json("provenance.json")
    return Origin(
        name=f"{run.name}-{instance.replace('/', '-')}",
        instance=instance,
        base=base,
        licence=_licence(base, cache_dir),
        settings=settings,
        rows=sorted(rows, key=lambda row: row["policy"] != "base"),
        sources=run.json("problems/data_card.json").get("sources") or [],
        splits=_splits(run),
        changed=_changed(weights, told.get("policies", {}).get(instance, {}).get("files")),
        commit=told.get("code", {}).get("commit"),
    )


def is_hub_name(base: str | None) -> bool:
    """Whether this names a repository of the hub: `owner/name`, and no folder here."""
    parts = (base or "").split("/")
    return len(parts) == 2 and all(parts) and not Path(base).exists() and base[0] not in "./~"


def _reference(weights: Path) -> str | None:
    return read_object(weights / LINEAGE).get("reference")


def _splits(run: RunFolder) -> dict[str, dict]:
    counts = run.json("problems/data_card.json").get("splits", {})
    return {
        file.stem: {"problems": counts.get(file.stem), "sha256": file_digest(file)}
        for file in sorted(run.path.glob("problems/*.jsonl"))
    }


def _changed(weights: Path, files: dict | None) -> bool | None:
    """Whether a file of weights is not the one that the report has the digest of; None: it has none."""
    reported = {name: sha for name, sha in (files or {}).items() if name.endswith(".safetensors")}
    if not reported:
        return None
    there = ((weights / name, sha) for name, sha in reported.items())
    return any(not file.is_file() or file_digest(file) != sha for file, sha in there)


def _licence(base: str | None, cache_dir: str | None) -> str | None:
    """The licence in the head of the base's README.md, here or on the hub; None where none is known."""
    if base is None:
        return None
    card = Path(base) / "README.md"
    try:
        if is_hub_name(base):
            card = Path(hf_hub_download(base, "README.md", cache_dir=cache_dir))
        told = metadata_load(card) if card.is_file() else None
    except Exception:  # no network, no such file, a head that is no YAML: the hub raises many kinds
        return None
    licence = told.get("license") if isinstance(told, dict) else None
    return licence if isinstance(licence, str) and len(licence) <= _HUB_LICENCES else None
