r"""One notation for what people and models write: Unicode, Markdown and LaTeX's ways to space.

    ½ x² √2 60° −5 ≤   ->   \frac{1}{2} x^{2} \sqrt2 60^\circ -5 \le
    1\,000  1{,}000  1,\!000   ->   1 000 with a separator that is never a comma of a list
    **5**  `5`  $5$  \left(  \dfrac  5.   ->   5 5 5 ( \frac 5

Nothing that carries meaning is dropped: a sign, a unit and an unknown command stay.
"""

import re
import unicodedata
from functools import lru_cache

SEPARATOR = "\ue000"  # stands for a thousands separator that can be nothing else
MONEY = "\ue001"  # stands for an escaped dollar or another currency's sign
NEW_ROW = "\ue002"  # stands for the end of a matrix row

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", "0123456789+-=()")
_RAISED = re.compile(f"[{''.join(map(chr, _SUPERSCRIPTS))}]+")
_LOWERED = re.compile(f"[{''.join(map(chr, _SUBSCRIPTS))}]+")
_VULGAR = re.compile("[¼½¾⅐-⅞]")
_BARRED = re.compile("(?:\\d[\u0304\u0305\u0307])+")  # digits that repeat: 0.3̅
_SIGNS = {
    "−": "-", "–": "-", "‐": "-", "‑": "-", "×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ",
    "∙": r"\cdot ", "÷": r"\div ", "⁄": "/", "∕": "/", "≤": r"\le ", "⩽": r"\le ", "≥": r"\ge ",
    "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ",
    "∈": r"\in ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "±": r"\pm ",
    "√": r"\sqrt ", "∛": r"\sqrt[3] ", "°": r"^\circ ", "º": r"^\circ ", "′": "'", "’": "'",
    "…": r"\ldots ", "⋯": r"\ldots ", "≡": r"\equiv ", "→": r"\to ", "⇒": r"\Rightarrow ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "€": MONEY + "eur ",
    "£": MONEY + "gbp ", "¥": MONEY + "jpy ", "₹": MONEY + "inr ",
}  # fmt: skip
_SIGNS |= {"¢": " cents "}
_GREEK = {
    "π": "pi", "θ": "theta", "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "λ": "lambda",
    "φ": "phi", "ω": "omega", "μ": "mu", "σ": "sigma", "Δ": "Delta", "ρ": "rho", "ε": "epsilon",
    "τ": "tau", "ψ": "psi",
}  # fmt: skip
_SIGNS |= {char: rf"\{name} " for char, name in _GREEK.items()}

_REWRITTEN = [  # (pattern, what takes its place), in this order
    (re.compile(r"\\\\(?:\[[^\]]*\])?"), NEW_ROW),
    (re.compile(r"\\(?:\$|textdollar(?![a-zA-Z]))"), MONEY + "usd "),
    (re.compile(r"\$|\\[()\[\]](?![a-zA-Z])"), " "),
    (re.compile(r"(?<=\d)(?:\{,\}|,\\!|\\!,|\{\\,\}|,\{\})\s*(?=\d{3}(?!\d))"), SEPARATOR),
    (re.compile(r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|biggl?|biggr|middle)(?![a-zA-Z])\.?"), " "),
    (re.compile(r"\\(?:displaystyle|textstyle|limits|nolimits|rm|bf|it)(?![a-zA-Z])"), " "),
    (re.compile(r"\\(?:tiny|small|normalsize|[lL]arge|LARGE|[hH]uge)(?![a-zA-Z])"), " "),
    (re.compile(r"\\(?:text)?color ?\{\w+\}"), " "),
    (re.compile(r"\\(?:underline|bm|boldsymbol|ensuremath)(?= ?\{)"), " "),
    (re.compile(r"\\(?:begin|end) ?\{(?:aligned|align\*?|gathered|equation\*?)\}"), " "),
    (re.compile(r"\\text ?\{[ .]*\}"), " "),
    (re.compile(r"\{([^{}]*)\\over(?![a-zA-Z])([^{}]*)\}"), r"\\frac{\1}{\2}"),
    (re.compile(r"^([^{}]*)\\over(?![a-zA-Z])([^{}]*)$"), r"\\frac{\1}{\2}"),
    (re.compile(r"_ ?\{ ?\\text ?\{ ?base ?\} ?(\w+) ?\}"), r"_{\1}"),
    (re.compile(r" ?(?:\\text ?\{ ?)?\(?(?:in )?base (?:\} ?)?(\w+)\)? ?\}? ?$"), r"_{\1}"),
    (re.compile(r"(\^\\circ) ?([CF])(?![a-zA-Z])"), r"\1\\text{ \2}"),
    (re.compile(r"\\!"), ""),
    (re.compile(r"\\[,;: >]|~|\\(?:quad|qquad|enspace|thinspace|hfill)(?![a-zA-Z])"), " "),
    (re.compile(r"\\[hv]?space\*?\{[^{}]*\}|\\[hv]?phantom\{[^{}]*\}|\\phantom\s*[^\\{]"), " "),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac "),
    (re.compile(r"\\[dt]binom(?![a-zA-Z])"), r"\\binom "),
    (re.compile(r"\\(?:leqslant|leqq|leq|le)(?![a-zA-Z])"), r"\\le "),
    (re.compile(r"\\(?:geqslant|geqq|geq|ge)(?![a-zA-Z])"), r"\\ge "),
    (re.compile(r"\\(?:neq|not\s*=)"), r"\\ne "),
    (re.compile(r"\\p?mod(?![a-zA-Z]) ?\{? ?(\w+) ?\}?"), r"\\pmod \1 "),
    (re.compile(r"\\colon(?![a-zA-Z])"), ":"),
    (re.compile(r"\\(?:lor|vee)(?![a-zA-Z])"), r"\\text{ or }"),
    (re.compile(r"\\(?:land|wedge)(?![a-zA-Z])"), r"\\text{ and }"),
    (re.compile(r"\\lt(?![a-zA-Z])"), "<"),
    (re.compile(r"\\gt(?![a-zA-Z])"), ">"),
    (re.compile(r"<="), r"\\le "),
    (re.compile(r">="), r"\\ge "),
    (re.compile(r"!="), r"\\ne "),
    (re.compile(r"\\(?:dots|cdots|dotsc|dotsb)(?![a-zA-Z])|\.\.\.+"), r"\\ldots "),
    (re.compile(r"\^\s*\{?\s*\\(?:circ|degree)\s*\}?|\\degree(?![a-zA-Z])"), r"^\\circ "),
    (re.compile(r"\\(?:varnothing|emptyset)(?![a-zA-Z])"), r"\\emptyset "),
    (re.compile(r"\\(?:mathbb|Bbb|mathbf)\s*\{?\s*R\s*\}?|\\R(?![a-zA-Z])"), r"\\reals "),
    (re.compile(r"\\[lr]vert(?![a-zA-Z])|\\mid(?![a-zA-Z])"), "|"),
    (re.compile(r"\\lbrace(?![a-zA-Z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![a-zA-Z])"), r"\\}"),
    (re.compile(r"\\prime(?![a-zA-Z])|\^\s*\{?\s*\\prime\s*\}?"), "'"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\s+"), " "),
]  # fmt: skip
_POWER = re.compile(r"(?<=[\w)])\*\*(?:(-?\w+)|(?=\())")  # Python's, and no Markdown
_MARKDOWN = re.compile(r"\*\*|__|`")
_LEAD = re.compile(
    r"\s*(?:=|\\approx|\\sim|\\therefore|\\implies|\\boxed(?=\s*\{)|\\fbox(?=\s*\{)"
    r"|(?:\\text\s*\{\s*)?(?:(?:about|exactly|approximately|approx\.?|roughly)(?![a-zA-Z])"
    r"|(?:(?:so|thus|hence|therefore),? )?(?:the )?(?:final )?answer(?: is|:| =)+)(?:\s*:?\s*\})?)\s*:?",
    re.IGNORECASE,
)


@lru_cache(maxsize=20_000)  # a text is read, compared and counted in votes
def normalise(text: str) -> str:
    """The text in one notation. It may be empty."""
    text = _VULGAR.sub(_fraction, re.sub("[\ue000-\ue002]", "", text))
    text = _BARRED.sub(lambda m: rf"\overline{{{m[0][::2]}}}", text)
    text = _RAISED.sub(lambda m: f"^{{{m[0].translate(_SUPERSCRIPTS)}}}", text)
    text = _LOWERED.sub(lambda m: f"_{{{m[0].translate(_SUBSCRIPTS)}}}", text)
    text = "".join(_SIGNS.get(char, char) for char in text)
    text = unicodedata.normalize("NFKC", text)
    # once more, since full-width forms have become the signs that they stand for
    text = "".join(_SIGNS.get(c, c) for c in text if unicodedata.category(c) not in ("Cf", "Mn"))
    text = _POWER.sub(lambda m: f"^{{{m[1]}}}" if m[1] else "^", text)
    text = _MARKDOWN.sub(" ", text)
    for pattern, replacement in _REWRITTEN:
        text = pattern.sub(replacement, text)
    return _without_frame(text)


def _fraction(match: re.Match) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", match[0]).partition("⁄")
    return rf"\frac{{{top}}}{{{bottom}}}"


def _without_frame(text: str) -> str:
    """The text without what leads to an answer, and without the punctuation behind it."""
    for _ in range(4):  # a bold, boxed and bracketed answer has no more layers
        text = text.strip()
        text = text[lead.end() :] if (lead := _LEAD.match(text)) else text
        text = re.sub(r"(?<!\\)[.,;:]+$", "", text.strip()).strip()
        text = re.sub(r'^(["*])(.*)\1$', r"\2", text)
        if text.startswith("{") and _closes_at(text) == len(text) - 1:
            text = text[1:-1]
    return text


def _closes_at(text: str) -> int:
    """Where the brace that opens `text` closes; -1 if it does not."""
    depth = 0
    for place, char in enumerate(text):
        if char in "{}" and text[place - 1 : place] != "\\":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return place
    return -1
