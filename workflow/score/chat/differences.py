"""What changes from one attempt to the next, as texts and as lines for a terminal."""

from score.files.visible import visible_lines
from score.report.differences import word_runs

# Around words that are removed and added: as `git diff --word-diff` writes them, and in colour.
_MARKS = {"removed": ("[-", "-]"), "added": ("{+", "+}")}
_COLOURS = {"removed": ("\x1b[31;9m", "\x1b[0m"), "added": ("\x1b[32;1m", "\x1b[0m")}


def changes(before: str, after: str) -> list[list[str]] | None:
    """[[kind, text], …] with kind kept, removed or added; None for texts too long to compare.

    The kept and removed texts put together are `before`, the kept and added ones `after`.
    """
    runs = word_runs(before, after)
    if runs is None:
        return None
    # Lengths are in UTF-16 units.
    old, new = (text.encode("utf-16-le", "surrogatepass") for text in (before, after))
    found, i, j = [], 0, 0
    for kept, removed, added in zip(runs[::3], runs[1::3], runs[2::3], strict=True):
        for kind, source, start, length in (
            ("kept", old, i, kept),
            ("removed", old, i + kept, removed),
            ("added", new, j + kept, added),
        ):
            if length:
                part = source[2 * start : 2 * (start + length)]
                found.append([kind, part.decode("utf-16-le", "surrogatepass")])
        i, j = i + kept + removed, j + kept + added
    return found


def shown_changes(found: list[list[str]] | None, colours: bool) -> str:
    """The changes as text: removed words as [-…-], added ones as {+…+}, or in colour."""
    if found is None:
        return "the attempts are too long to be compared word by word"
    if all(kind == "kept" for kind, _ in found):
        return "nothing"
    around = _COLOURS if colours else _MARKS
    parts = []
    for kind, text in found:
        begin, end = around.get(kind, ("", ""))
        parts.append(f"{begin}{visible_lines(text)}{end}")
    return "".join(parts)
