"""The last sections of the page: the settings of the run, and where its numbers come from."""

import json
from pathlib import Path
from xml.etree.ElementTree import Element

from score.comparison.instances import by_arm
from score.report.elements import element, folded
from score.report.markdown import table_element
from score.report.run_folder import RunFolder, natural

NAMED = ("torch", "transformers", "trl", "accelerate", "deepspeed", "peft", "vllm", "snakemake")
SHOWN = 4  # files of a policy's weights that are named with their digests
TOLD = "Code, packages and machine are those that made this report; others may have trained."


def settings_section(run: RunFolder) -> Element:
    """The whole config, the settings of each training, and those that tuning put in their place."""
    parts = [_json("config, overlay included", run.config)] if run.config else []
    for arm, folders in by_arm({name: run.path / name for name in run.instances()}).items():
        for file in (file for folder in folders for file in _settings_of(folder)):
            name = file.relative_to(run.path).as_posix()
            parts.append(_json(name, run.json(name)))
        if tuned := run.json(f"{arm}/tuned.json"):
            parts.append(_json(f"{arm}/tuned.json, which wins over the settings of {arm}", tuned))
    told = None if parts else element("p", "No settings were found.")
    return element("section", element("h2", "Settings"), told, parts, id="settings")


def _settings_of(instance: Path) -> list[Path]:
    """Of its training, or of the fine-tuning of each of its rounds."""
    rounds = sorted(instance.glob("iteration*/settings.json"), key=lambda file: natural(str(file)))
    return [file for file in (instance / "settings.json", *rounds) if file.is_file()]


def _json(title: str, value: dict) -> Element:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return folded(title, element("pre", text, tabindex="0"))


def provenance_section(origin: dict) -> Element:
    """The main parts of provenance.json as a table, and all of it folded."""
    versions = [
        f"{name} {origin['packages'][name]}" for name in NAMED if name in origin["packages"]
    ]
    rows = [
        ["code", _code(origin["code"])],
        ["packages", ", ".join([f"Python {origin['python']}", *versions])],
        ["machine of this report", _machine(origin["machine"])],
        ["config", f"SHA-256 {origin['config']['sha256'] or 'not known'}"],
    ]
    for name, told in origin["data"]["splits"].items():
        rows.append([f"problems, {name}", f"SHA-256 {told['sha256']}"])
    for name, told in origin["policies"].items():
        rows.append([f"policy {name}", f"{told['path']}{_weights(told['files'] or {})}"])
    title, table = element("h2", "Provenance"), table_element(["what", "which"], rows)
    parts = [title, element("p", TOLD), table, _json("provenance.json", origin)]
    return element("section", parts, id="provenance")


def _code(code: dict) -> str:
    if not code["commit"]:
        return f"commit not known: {code.get('why', 'git does not say')}"
    changed = f"with {len(code['changed'] or [])} files changed"
    return f"commit {code['commit']}, {'as committed' if code['clean'] else changed}"


def _machine(machine: dict) -> str:
    gpus = ", ".join(machine["gpus"] or []) or "none found"
    return f"{machine['system']}; {machine['cores']} cores of {machine['processor']}; GPUs: {gpus}"


def _weights(files: dict[str, str]) -> str:
    weights = [pair for pair in files.items() if pair[0].endswith(".safetensors")]
    return "".join(f"; {name} SHA-256 {told}" for name, told in weights[:SHOWN])
