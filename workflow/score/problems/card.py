"""The data card: where the problems come from, what was dropped and why. No dates, no machine."""

import json
import re
from dataclasses import asdict

from score.problems.sources import Source, plain_stem

SHOWN = 20  # dropped rows of a kind named in the markdown form; the JSON form names all
MEANING = {
    "bad_gold": "rows that hold no question with a gold that verifies against itself",
    "duplicate": "rows that ask what another row asks",
    "leakage": "rows whose question or id is a test problem's",
}
_HENDRYCKS = "MIT (Hendrycks MATH); under a DMCA notice: do not redistribute the problems"
LICENCES = {  # by file, folder or hub name, letters and digits only
    "gsm8k": "MIT (OpenAI GSM8K)",
    "humaneval": "MIT (OpenAI HumanEval)",
    "openaihumaneval": "MIT (OpenAI HumanEval)",
    "mbpp": "CC BY 4.0 (Google MBPP)",
    "sanitizedmbpp": "CC BY 4.0 (Google MBPP)",
    "nqopen": "CC BY-SA 3.0 (Natural Questions open)",
    "math": _HENDRYCKS,
    "math500": _HENDRYCKS,
    "competitionmath": _HENDRYCKS,
    "hendrycksmath": _HENDRYCKS,
    "hendrycksmathbenchmark": _HENDRYCKS,
}


def data_card(settings, sources: list[tuple[str, Source]], dropped, splits, kept: int) -> dict:
    """What a reader needs to get the same problems again.

    sources: (role, Source), role `data` or `test`. dropped: kind -> rows of id and reason.
    splits: name -> problems. kept: usable problems, of which sizes may leave some unused.
    """
    return {
        "task_type": settings.task_type,
        "random_seed": settings.random_seed,
        "evaluator_function": settings.evaluator_function,
        "evaluator_mode": settings.evaluator_mode,
        "sources": [
            {"role": role, "licence": licence_of(source.path), **asdict(source)}
            for role, source in sources
        ],
        "rows_read": sum(source.rows for _, source in sources),
        "rows_kept": kept,
        "rows_unused": kept - sum(map(len, splits.values())),
        "rows_dropped": {kind: len(rows) for kind, rows in dropped.items()},
        "dropped": dropped,
        "splits": {name: len(problems) for name, problems in splits.items()},
    }


def licence_of(path: str) -> str | None:
    """Licence of a known data set, told from its path or hub name; None when it is not known."""
    for part in re.split(r"[/\\:@]", path):
        stem = plain_stem(part)
        name = re.sub(r"[^a-z0-9]", "", (part if stem is None else stem).lower())
        if name in LICENCES:
            return LICENCES[name]
    return None


def card_bytes(card: dict) -> bytes:
    """The card as JSON with sorted keys."""
    return (json.dumps(card, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def card_markdown(card: dict) -> str:
    """The card as text for a person."""
    lines = [f"# Data card: {card['task_type']}", "", "## Sources", ""]
    for source in card["sources"]:
        split = f", split {source['split']}" if source["split"] else ""
        revision = f", revision {source['revision']}" if source["revision"] else ""
        lines.append(
            f"* {source['role']}: `{source['path']}`{split}{revision}: {source['rows']} rows, "
            f"licence {source['licence'] or 'unknown'}, sha256 `{source['sha256']}`"
        )
    lines += ["", "## Splits", "", "| split | problems |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in card["splits"].items()]
    lines += [
        "",
        f"{card['rows_read']} rows read, {card['rows_kept']} kept, {card['rows_unused']} of them "
        f"unused. Split by a hash of the question with random_seed {card['random_seed']}.",
        "",
        "## Dropped",
        "",
    ]
    for kind, rows in card["dropped"].items():
        lines.append(f"* {kind}: {len(rows)} {MEANING[kind]}")
        lines += [f"  * `{row['id']}`: {row['reason']}" for row in rows[:SHOWN]]
        if len(rows) > SHOWN:
            lines.append(f"  * and {len(rows) - SHOWN} more, named in data_card.json")
    return "\n".join(lines) + "\n"
