"""Measurements of one part of a check or benchmark, on disk as soon as each of them is taken."""

import argparse
import gc
import time
import traceback
from collections.abc import Callable
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple

import torch

from score.benchmarks.machine import facts, load
from score.benchmarks.parts import allotted, write_json
from score.files.visible import in_markdown
from score.jobs.command import Command, optional

Left = Callable[[], float]  # the seconds that are left for a measurement


class Wanted(NamedTuple):
    """A measurement: its name, what takes it in the time that is left, and the seconds that it needs."""

    name: str
    measure: Callable[[Left], dict]
    needs: float = 0.0


class Measured:
    """A JSON file of measurements by name, written anew, whole, after each.

    A measurement that raises is one sentence under `failed`, and the next one goes on. One that the
    clock leaves no room for is one under `skipped`.
    """

    def __init__(self, path: Path, device: str, seconds: float):
        self.path, self.device, self.until = path, device, time.monotonic() + seconds
        self.results = {"machine": facts(device), "finished": False, "measurements": {}}
        self._write()

    def left(self) -> float:
        """Seconds until this part must be done."""
        return self.until - time.monotonic()

    def take_all(self, wanted: list[Wanted]) -> None:
        """Take one after the other, each in its share of the time that is left: too little for a quarter
        of it, and it is skipped."""
        for i, (name, measure, needs) in enumerate(wanted):
            seconds = allotted([one.needs for one in wanted[i:]], self.left())
            if seconds < needs / 4:
                self.put(name, {"skipped": _no_room(seconds, needs)})
            else:
                self.take(name, partial(measure, _until(time.monotonic() + seconds)))

    def take(self, name: str, measure: Callable[[], dict], needs: float = 0.0) -> dict:
        """What `measure` gives, recorded under `name`; needs: seconds it takes, or it is skipped."""
        start = time.monotonic()
        if self.left() < needs:
            values = {"skipped": _no_room(self.left(), needs)}
        else:
            try:
                values = measure()
            except torch.OutOfMemoryError as error:
                values = {"failed": f"Out of GPU memory: {str(error).partition('. GPU')[0]}."}
            except Exception as error:  # whatever it is, the other measurements go on
                traceback.print_exc()
                values = {"failed": f"{type(error).__name__}: {str(error).strip()[:300]}"}
        print(f"  {name}: {_said(values)}", flush=True)
        self.put(name, {**values, "took_seconds": round(time.monotonic() - start, 2)})
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
        return values

    def put(self, name: str, values: dict) -> None:
        """Record `values` under `name`, in place of what was there."""
        self.results["measurements"][name] = values
        self._write()

    def finish(self) -> None:
        self.results["machine"]["load_at_end"] = load()
        self.results["finished"] = True
        self._write()

    def _write(self) -> None:
        write_json(self.path, self.results)


def _until(end: float) -> Left:
    return lambda: end - time.monotonic()


def _no_room(left: float, needs: float) -> str:
    return f"{max(left, 0):.0f} s are left for it, and it takes {needs:.0f}."


def _said(values: dict) -> str:
    """A line of progress: the figures of a measurement, or why it has none."""
    for why in ("failed", "skipped"):
        if why in values:
            return f"{why}: {values[why]}"
    figures = {n: v for n, v in values.items() if isinstance(v, dict) and "unit" in v}
    told = [f"{name} {v['value']:.3g} {v['unit']}" for name, v in figures.items()]
    return "; ".join(told) or "measured"


def part_flags(spec: ModuleSpec, description: str) -> argparse.Namespace:
    """The flags that every part is started with; spec, description: of the part's module."""
    return Command(spec, description).flags(
        output={"type": Path, "required": True, "help": "JSON file to write"},
        seconds={"type": float, "required": True, "help": "until it must be done"},
        device=optional("default: cuda", choices=("cuda", "cpu"), default="cuda"),
        tiny=optional("smallest sizes, to test the check", action="store_true"),
        model=optional("folder of SmolLM2-135M-Instruct or the like"),
    )


_UNSHOWN = ("took_seconds", "examples", "records", "warm_up_loss")


_SHOWN_OF_MACHINE = (
    "card",
    "memory_gib",
    "cuda",
    "torch",
    "transformers",
    "trl",
    "deepspeed",
    "python",
)


def table(parts: dict[str, dict]) -> str:
    """A row a number. parts: what the JSON file of each part says, by its name."""
    machine = next((results["machine"] for results in parts.values() if "machine" in results), {})
    named = [
        f"{name} {machine[name]}" for name in _SHOWN_OF_MACHINE if machine.get(name) is not None
    ]
    lines = [f"GPU check: {', '.join(named) or 'nothing was measured'}.", ""]
    lines += ["| part | measurement | what | value |", "| --- | --- | --- | --- |"]
    for part, results in parts.items():
        for name, values in results.get("measurements", {}).items():
            for what, value in _flat(values):
                lines.append(f"| {part} | {name} | {what} | {value} |")
        if not results.get("finished"):
            lines.append(f"| {part} | | {_text(results.get('ended', 'not finished'))} | |")
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
    return in_markdown(str(value).replace("\n", " "), None)
