"""The figures of all parts as tables in Markdown: all of them, and those with targets in few lines.

    python -m score.benchmarks.table --folder results/benchmarks

They are read from what `python -m score.benchmarks` has left in the folder.
"""

import json
from pathlib import Path

from score.files.visible import in_markdown
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)
_PINS = ("torch", "transformers", "trl", "accelerate", "deepspeed", "python")
_COLUMNS = [
    *("part", "of", "figure", "median", "lowest to highest", "rounds", "by CPU time"),
    *("seconds", "CPU seconds", "target", ""),
]
SEVERAL = 6  # measurements of a part with one figure and target of which only the worst is told


def table(parts: dict[str, dict], quick: bool = False) -> str:
    """A row a figure. parts: what the JSON file of each part says, by its name. quick: sizes are those
    of a test, so no target is judged."""
    lines = [*_about(parts), ""]
    if quick:
        lines += ["Smallest sizes, to test the parts: these figures say nothing.", ""]
    lines += [_row(*_COLUMNS), _row(*["---"] * len(_COLUMNS))]
    for part, results in parts.items():
        for name, values in results.get("measurements", {}).items():
            lines += [_full_row(part, name, *cells) for cells in _figures(values, quick)]
        if not results.get("finished"):
            lines.append(_full_row(part, "", results.get("ended", "not finished")))
    return "\n".join(lines) + "\n"


def table_of_targets(parts: dict[str, dict], quick: bool = False) -> str:
    """A row a figure with a target: what it is, its median and spread, and the target with its verdict.

    Of SEVERAL or more measurements of a part with the same figure and target, the worst.
    """
    groups: dict[tuple[str, str, str], list[tuple[str, dict]]] = {}
    for part, results in parts.items():
        for name, values in results.get("measurements", {}).items():
            for what, value in values.items():
                if isinstance(value, dict) and "target" in value:
                    groups.setdefault((part, what, value["target"]), []).append((name, value))
    lines = [_row("figure", "median (lowest to highest)", "target"), _row(*["---"] * 3)]
    for (_, what, target), found in groups.items():
        worst_first = sorted(
            found, key=lambda pair: pair[1]["value"], reverse=target.startswith("at most")
        )
        told = [(f"{name}: {what}", value) for name, value in found]
        if len(found) >= SEVERAL:
            name, value = worst_first[0]
            told = [(f"{what}, the worst of {len(found)}: {name}", value)]
        for name, value in told:
            verdict = "" if quick else ": met" if value["verdict"] == "passed" else ": missed"
            spread = f"{_number(value['value_low'])} to {_number(value['value_high'])}"
            cell = f"{_number(value['value'])} {value['unit']} ({spread})"
            lines.append(_row(name, cell, f"{target}{verdict}"))
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
    """The cells of each figure of a measurement, from the third column on."""
    for why in ("failed", "skipped"):
        if why in values:
            return [[f"{why}: {values[why]}"]]
    rows = []
    for what, value in values.items():
        if isinstance(value, dict) and "unit" in value:
            cpu = value.get("by_cpu_time")
            rows.append(
                [
                    what,
                    f"{_number(value['value'])} {value['unit']}",
                    f"{_number(value['value_low'])} to {_number(value['value_high'])}",
                    value["rounds"],
                    "" if cpu is None else f"{_number(cpu)} x",
                    _both_sides(value, "seconds"),
                    "" if cpu is None else _both_sides(value, "cpu_seconds"),
                    value.get("target", ""),
                    "" if quick else value.get("verdict", ""),
                ]
            )
        elif what.startswith("exponent"):
            rows.append([what, _number(value)])
    return rows


def _both_sides(value: dict, name: str) -> str:
    """What the two sides of a ratio took."""
    if name not in value:
        return ""
    return f"{_number(value[name])} against {_number(value[f'{name}_of_the_other'])}"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _row(*cells) -> str:
    return f"| {' | '.join(in_markdown(str(c).replace(chr(10), ' '), None) for c in cells)} |"


def _full_row(*cells) -> str:
    """A row of the large table, its last cells empty where not all are given."""
    return _row(*cells, *[""] * (len(_COLUMNS) - len(cells)))


def main() -> None:
    flags = COMMAND.flags(
        folder=optional(
            "what score.benchmarks wrote; default: results/benchmarks",
            type=Path,
            default=Path("results/benchmarks"),
        )
    )
    parts = {
        path.stem: json.loads(path.read_text()) for path in sorted(flags.folder.glob("*.json"))
    }
    if not parts:
        COMMAND.end(
            f"{flags.folder} holds no figures; expected those of python -m score.benchmarks."
        )
    print(f"{table_of_targets(parts)}\n{table(parts)}", end="")


if __name__ == "__main__":
    COMMAND.run(main)
