"""Where the marker of a final answer stands in a text."""

import re
from collections import deque
from functools import lru_cache


def after_last_marker(text: str, marker: str) -> int | None:
    """The place behind the last marker; None where there is none, or the marker is blank."""
    if not marker.strip():
        return None
    match = last(_pattern(marker), text)
    return None if match is None else match.end()


def last(pattern: re.Pattern, text: str) -> re.Match | None:
    """The last match of a pattern."""
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)


@lru_cache(maxsize=16)
def _pattern(marker: str) -> re.Pattern:
    """The marker; one of several words in any case, with Markdown in it, and without its colons."""
    words = marker.split()
    if len(words) == 1:
        return re.compile(r"(?<!\w)" + re.escape(words[0]))
    between = r"(?:[:*_`]|\s)+"
    pattern = between.join(re.escape(word.rstrip(":")) for word in words)
    return re.compile(
        r"(?<![^\W_])" + pattern + ("[:*_`]*:" if words[-1].endswith(":") else ""), re.IGNORECASE
    )
