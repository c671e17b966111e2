"""Which words change from one attempt to the next."""

import re

from rapidfuzz.distance import Indel

from score.report.text_pieces import pieces, units

MOST_WORDS = 20_000  # of a text; memory grows with the product of both lengths, to 50 MB
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


def word_runs(before: str, after: str) -> list[int] | None:
    """[kept, removed, added, kept, removed, added, ...] in UTF-16 units; None for texts too long for it.

    `kept` and `removed` add up to the length of `before`, `kept` and `added` to that of `after`. A
    formula is one word. Words that are removed or added around a single kept space are joined.
    """
    first, second = words(before), words(after)
    if max(len(first), len(second)) > MOST_WORDS:
        return None
    runs: list[int] = []
    for step in Indel.opcodes(first, second):
        removed = "".join(first[step.src_start : step.src_end])
        added = "".join(second[step.dest_start : step.dest_end])
        _add(runs, step.tag, removed, added)
    return runs


def words(text: str) -> list[str]:
    """The text cut into words, spaces, single signs and whole formulas."""
    found, end = [], 0
    for start, stop, kind, _ in pieces(text):
        if kind in ("math", "display"):
            found += _WORDS.findall(text[end:start])
            found.append(text[start:stop])
            end = stop
    return found + _WORDS.findall(text[end:])


def _add(runs: list[int], change: str, removed: str, added: str) -> None:
    if change == "equal":
        if runs and removed.isspace() and (runs[-2] or runs[-1]):
            runs[-2] += units(removed)  # a space between changed words is changed with them
            runs[-1] += units(added)
        elif runs and not (runs[-2] or runs[-1]):
            runs[-3] += units(removed)
        else:
            runs += [units(removed), 0, 0]
        return
    if not runs:
        runs += [0, 0, 0]
    runs[-2] += 0 if change == "insert" else units(removed)
    runs[-1] += 0 if change == "delete" else units(added)
