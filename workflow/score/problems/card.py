"""The data card: where the problems come from, what was dropped and why.

It holds no dates and nothing of the machine: the same inputs give the same bytes.
"""

import json
import re
from dataclasses import asdict

from score.files.visible import in_code, in_json, in_markdown
from score.problems.formats import plain_stem
from score.problems.settings import OFFENCES, PrepareSettings
from score.problems.sources import Source

SHOWN = 20  # dropped rows of a kind that the markdown form names; the JSON form names all
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


def data_card(
    settings: PrepareSettings,
    sources: list[tuple[str, Source]],
    dropped: dict[str, list[dict]],
    splits: dict[str, list],
    kept: int,
    notes: dict[str, int],
) -> dict:
    """What a reader needs to get the same problems again.

    sources: (role, Source), role `data` or `test`. dropped: by kind, rows of id and reason.
    splits: problems by name. kept: number of usable problems, of which sizes may leave some unused.
    notes: by what they are, the number of problems that were kept although something is odd.
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
        "notes": notes,
        "splits": {name: len(problems) for name, problems in splits.items()},
    }


def kept_text(card: dict) -> str:
    """How many of the rows that were read are problems: `21 kept (87.5 %)`."""
    return f"{card['rows_kept']} kept ({card['rows_kept'] / card['rows_read']:.1%})".replace(
        "%", " %"
    )


def licence_of(path: str) -> str | None:
    """Licence of a data set by its path or hub name; None where it is not known."""
    parts = re.split(r"[/\\:@]", path)
    names = [re.sub(r"[^a-z0-9]", "", (plain_stem(part) or part).lower()) for part in parts]
    return next((LICENCES[name] for name in names if name in LICENCES), None)


def card_json(card: dict) -> str:
    """The card as JSON with sorted keys."""
    return in_json(json.dumps(card, ensure_ascii=False, indent=2, sort_keys=True)) + "\n"


def card_markdown(card: dict) -> str:
    """The card as text for a person."""
    lines = [f"# Data card: {in_markdown(card['task_type'])}", "", "## Sources", ""]
    for source in card["sources"]:
        split = f", split {in_markdown(source['split'])}" if source["split"] else ""
        revision = f", revision {in_markdown(source['revision'])}" if source["revision"] else ""
        lines.append(
            f"* {source['role']}: {in_code(source['path'], None)}{split}{revision}: "
            f"{source['rows']} rows, licence {source['licence'] or 'unknown'}, "
            f"sha256 `{source['sha256']}`"
        )
    lines += _notes(card)
    lines += ["", "## Splits", "", "| split | problems |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in card["splits"].items()]
    lines += [
        "",
        f"{card['rows_read']} rows read, {kept_text(card)}, {card['rows_unused']} of them "
        f"unused. Split by a hash of the question with random_seed {card['random_seed']}.",
        "",
        "## Dropped",
        "",
    ]
    for kind, rows in card["dropped"].items():
        lines.append(f"* {kind}: {len(rows)} {OFFENCES[kind].meaning}")
        lines += [f"  * {in_code(row['id'], 100)}: {_reason(row)}" for row in rows[:SHOWN]]
        if len(rows) > SHOWN:
            lines.append(f"  * and {len(rows) - SHOWN} more, named in data_card.json")
    return "\n".join(lines) + "\n"


def _reason(row: dict) -> str:
    return in_markdown(row["reason"], 500)


def _notes(card: dict) -> list[str]:
    """What was changed or left out on the way from files to problems, and what was kept though odd."""
    notes = [
        f"* {in_code(source['path'], None)}: {count} {in_markdown(what, 500)}"
        for source in card["sources"]
        for what, count in source["notes"].items()
    ]
    notes += [f"* {count} {in_markdown(what, 500)}" for what, count in card["notes"].items()]
    return ["", "## Changed, left out, or odd", "", *notes] if notes else []
