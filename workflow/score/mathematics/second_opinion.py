r"""A second opinion on math verdicts: are the two one text, once both are normalised?

It shares nothing with the verifier, so a disagreement is worth a look. It knows no algebra, so it finds
most equivalent forms different; where it alone finds two equal, one of both is likely wrong.
"""

import re
from fractions import Fraction

_DROPPED = re.compile(
    r"\\(?:left|right|displaystyle|big+|Big+|[!,;: ])(?![a-zA-Z])|\\?%|\\?\$|\^\{?\\circ\}?|~|\s+"
    r"|\\(?:text|mbox|mathrm)\{\s*[a-z .]+(?:\^\d)?\}(?=$|\^)"
)
_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mbox)\{([^{}]*)\}")
_SHORT_FRACTION = re.compile(r"\\frac\s*(?:\{(-?\w+)\}|(\w))\s*(?:\{(\w+)\}|(\w))")


def opinion(stated: str, reference: str) -> bool:
    """Whether the two are one text once both are normalised. For a report, never a reward."""
    if max(len(stated), len(reference)) > 500:
        return stated == reference
    left, right = _canonical(stated), _canonical(reference)
    if left == right:
        return bool(left)
    values = _value(left), _value(right)
    return None not in values and values[0] == values[1]


def _canonical(text: str) -> str:
    text = text.strip().replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    if not _WORDS.fullmatch(text):
        text = _DROPPED.sub("", text)
    text = _WORDS.sub(lambda match: match[1], text).strip().rstrip(".")
    text = _SHORT_FRACTION.sub(lambda m: f"{m[1] or m[2]}/{m[3] or m[4]}", text)
    text = re.sub(r"\\sqrt(\w)", r"\\sqrt{\1}", text.replace("{,}", ","))
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text) if "(" not in text else text
    text = text.removeprefix("(").removesuffix(")") if re.fullmatch(r"\([A-Z]\)", text) else text
    name, equals, value = text.partition("=")
    return (value if equals and len(name) == 1 else text).casefold().replace(" ", "")


def _value(text: str) -> Fraction | None:
    if len(text) > 40 or not re.fullmatch(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:/\d+)?", text, re.ASCII):
        return None
    top, _, bottom = text.partition("/")
    return Fraction(top) / int(bottom or 1) if int(bottom or 1) else None
