"""The figures of all parts as one table in Markdown."""

from score.files.visible import in_markdown

_PINS = ("torch", "transformers", "trl", "accelerate", "deepspeed", "python")


def table(parts: dict[str, dict], quick: bool = False) -> str:
    """A row a figure. parts: what the JSON file of each part says, by its name. quick: sizes are those
    of a test, so no target is judged."""
    lines = [*_about(parts), ""]
    if quick:
        lines += ["Smallest sizes, to test the parts: these figures say nothing.", ""]
    lines += ["| part | of | figure | median | lowest to highest | by CPU time | target | |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for part, results in parts.items():
        for name, values in results.get("measurements", {}).items():
            lines += [_row(part, name, *cells) for cells in _figures(values, quick)]
        if not results.get("finished"):
            lines.append(_row(part, "", results.get("ended", "not finished"), *[""] * 5))
    return "\n".join(lines) + "\n"


def failed(parts: dict[str, dict]) -> list[str]:
    """Names of parts that did not finish, and `part: measurement` of measurements that failed."""
    names = [part for part, results in parts.items() if not results.get("finished")]
    for part, results in parts.items():
        measurements = results.get("measurements", {})
        names += [f"{part}: {name}" for name, told in measurements.items() if "failed" in told]
    return names


def _about(parts: dict[str, dict]) -> list[str]:
    """What it was measured on."""
    machines = [results["machine"] for results in parts.values() if "machine" in results]
    if not machines:
        return ["Nothing was measured."]
    first, last = machines[0], machines[-1]
    pins = ", ".join(f"{name} {first[name]}" for name in _PINS if first.get(name))
    commit = (first.get("commit") or "unknown")[:12]
    changed = "" if first.get("as_committed") else ", with changes that are not committed"
    where = "" if first["card"] == first["processor"] else f"{first['card']}; "
    return [
        f"{where}{first['processor']}, {first['cores']} cores, {first['threads']} threads of torch; "
        f"load average {first['load_at_start'][0]} at the start, {_end(last)} at the end. {pins}. "
        f"Commit {commit}{changed}."
    ]


def _end(machine: dict) -> float:
    return machine.get("load_at_end", machine["load_at_start"])[0]


def _figures(values: dict, quick: bool) -> list[list[str]]:
    """The cells of each figure of a measurement: what, median, spread, by CPU time, target, verdict."""
    for why in ("failed", "skipped"):
        if why in values:
            return [[f"{why}: {values[why]}", *[""] * 5]]
    rows = []
    for what, value in values.items():
        if isinstance(value, dict) and "unit" in value:
            cpu = value.get("by_cpu_time")
            rows.append(
                [
                    what,
                    f"{_number(value['value'])} {value['unit']}",
                    f"{_number(value['value_low'])} to {_number(value['value_high'])}",
                    "" if cpu is None else f"{_number(cpu)} x",
                    value.get("target", ""),
                    "" if quick else value.get("verdict", ""),
                ]
            )
        elif what.startswith("exponent"):
            rows.append([what, _number(value), *[""] * 4])
    return rows


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(in_markdown(str(c).replace(chr(10), ' '), None) for c in cells)} |"
