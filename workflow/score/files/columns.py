"""Texts in columns of a terminal, whose characters are not all of one width."""

import unicodedata


def width_of(text: str) -> int:
    """How many columns a text takes: two for a wide character, none for a mark on the one before."""
    return sum(map(_width, text))


def fitted(text: str, width: int, from_end: bool = False) -> str:
    """The text in exactly `width` columns: filled up with spaces, or cut with … in place of the rest.

    from_end: whether what is kept of a longer text is its end.
    """
    room = width - width_of(text)
    if room >= 0:
        return text + " " * room
    kept, used = [], 1  # the …
    for character in reversed(text) if from_end else text:
        if used + _width(character) > width:
            break
        kept.append(character)
        used += _width(character)
    shown = f"…{''.join(reversed(kept))}" if from_end else f"{''.join(kept)}…"
    return shown + " " * (width - used)


def _width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) == "Me":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
