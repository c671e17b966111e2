"""The measurements of all parts as one Markdown table."""

_UNSHOWN = ("took_seconds", "examples", "records", "warm_up_loss")
_TOLD_OF = ("card", "memory_gib", "cuda", "torch", "transformers", "trl", "deepspeed", "python")


def table(parts: dict[str, dict]) -> str:
    """A row a number. parts: what the JSON file of each part says, by its name."""
    machine = next((told["machine"] for told in parts.values() if "machine" in told), {})
    named = [f"{name} {machine[name]}" for name in _TOLD_OF if machine.get(name) is not None]
    lines = [f"GPU check: {', '.join(named) or 'nothing was measured'}.", ""]
    lines += ["| part | measurement | what | value |", "| --- | --- | --- | --- |"]
    for part, told in parts.items():
        for name, values in told.get("measurements", {}).items():
            for what, value in _flat(values):
                lines.append(f"| {part} | {name} | {what} | {value} |")
        if not told.get("finished"):
            lines.append(f"| {part} | | {told.get('ended', 'not finished')} | |")
    return "\n".join(lines) + "\n"


def _flat(values: dict) -> list[tuple[str, str]]:
    """Names and texts of values, those of dictionaries inside with both names."""
    rows = []
    for name, value in values.items():
        if name in _UNSHOWN or name.endswith(("_low", "_high")):
            continue
        if isinstance(value, dict):
            rows += [(f"{name}: {inner}", text) for inner, text in _flat(value)]
        elif isinstance(value, list):
            rows.append((name, " ".join(_text(v) for v in value)))
        elif f"{name}_low" in values:
            low, high = _text(values[f"{name}_low"]), _text(values[f"{name}_high"])
            rows.append((name, f"{_text(value)} [{low}, {high}]"))
        else:
            rows.append((name, _text(value)))
    return rows


def _text(value) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "/").replace("\n", " ")
