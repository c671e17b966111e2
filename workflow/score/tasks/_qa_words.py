"""Answers of question answering as the words in which they are compared.

`squad` is SQuAD's normalize_answer (Rajpurkar et al., 2016): lower case, punctuation deleted, the
articles a, an, the deleted, white space folded. It makes 314 of 3.14, 3 of -3 and c of C++. `normalise`
does the same save where a sign changes what is said:

| written | read as | which is not |
| --- | --- | --- |
| 3.14; .5 and 0.5; 3.10, for it may be a version | `3.14`; `0.5`; `3.10` | 314; 5; 3.1 |
| -3, −3, minus 3, -$3; +3 | `−3`; `3` | 3; -3 |
| 1,000, 10 000, 1'000 and 1000; 1,5 | digits alone; `1,5` | 1; 15 |
| $1.5 million, US$ 1.5m, 1,500,000; US$ 5 | `1500000`; `5`, without $ as by SQuAD | 1.5; 15 million |
| € 5 and €5 | `€5`, as by SQuAD | 5 |
| 50%, 50 percent and 50 per cent | `50％` | 50, 0.5 |
| 9/11, 10:30, 3.1.1, 2018-01-22, 3-1, 6'2 | as written | 911, 1030, … |
| 1914–1918 and 1914 - 1918 | `1914-1918` | 19141918, 1918 |
| 10⁶; 1e-5; ½; 2½ | `10^6`; `1e−5`; `1/2`; `2` `1/2` | 106; 1e5; 12; 21/2 |
| C++, C#, A+, A-, Cl⁻, UTC-9, UTC+9 | as written | C, A, Cl, UTC9 |

Everything else goes by SQuAD, so 1st is not first, 5km not 5 km, 1914 to 1918 not 1914-1918. Signs that
stay behind a word become characters that NFKC leaves in no text, ＋ ＃ ％, and a minus becomes −.
"""

import re
import string
import unicodedata

ARTICLES = {"a", "an", "the"}

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))
_GLYPHS = str.maketrans(
    "‘’´`′“”″♯⁄∶\u2010\u2011\u2012\u2013\u2015", "'''''\"\"\"#/:----\u2014"
)  # U+2015 is a longer em dash
_P = f"[{re.escape(string.punctuation)}]"
_BREAK = f"[{re.escape(''.join(set(string.punctuation) - set('.,:/-+*^=')))}]"
_MONEY = "[$€£¥₹₩₽]"
_LETTER = r"[^\W\d_]"
_POWERS = {"hundred": 2, "thousand": 3, "lakh": 5, "million": 6, "crore": 7, "billion": 9}
_POWERS |= {"trillion": 12, "k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9, "tn": 12}
_SCALES = "hundred|thousand|lakh|million|crore|billion|trillion"


def squad(text: str) -> str:
    """SQuAD's normalize_answer, exactly."""
    text = "".join(char for char in text.lower() if char not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def normalise(text: str) -> str:
    """The words of an answer, casefolded and joined by single spaces; numbers keep their value."""
    text = text.translate(_INVISIBLE)
    for pattern, replacement in _BEFORE_FOLDING:
        text = pattern.sub(replacement, text)
    text = unicodedata.normalize("NFKC", text).casefold().translate(_GLYPHS)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return " ".join(word for word in text.split() if word not in ARTICLES)


def _without(signs: str):
    """A replacement that deletes these signs from what was matched."""
    return lambda match: re.sub(f"[{signs}]", "", match[0])


def _range(match: re.Match) -> str:
    """1914 - 1918 is a range; 1914 - 5 and 1914 -5 may be anything, and stay as they are."""
    first, last = match.groups()
    return f"{first}-{last}" if len(first) == len(last) else match[0]


def _scaled(match: re.Match) -> str:
    """1.5 million, or $1.5m, in digits."""
    whole, part, scale = match.groups()
    places = sum(_POWERS[word] for word in re.findall(f"{_SCALES}|[a-z]+", scale) if word != "s")
    part = (part or "").ljust(places, "0")
    rest = part[places:].rstrip("0")
    return ((whole + part[:places]).lstrip("0") or "0") + (f".{rest}" if rest else "")


def _compiled(rules: list[tuple]) -> list[tuple]:
    return [(re.compile(pattern), replacement) for pattern, replacement in rules]


# NFKC would join an exponent and a fraction to the digits before them.
_BEFORE_FOLDING = _compiled(
    [
        (r"(?<=\d)(?=[⁰¹²³⁴-⁹⁺⁻])", "^"),  # 10⁶
        (r"(?<=\d)(?=[¼-¾⅐-⅞↉])", " "),  # 2½
        (r"(?<!\d)\d{1,3}(?:[\u00a0\u2007\u2009\u202f]\d{3})+(?!\d)", _without(r"\s")),
    ]
)

# In this order. What each is for stands in the table above.
_RULES = _compiled(
    [
        # Dashes: a minus behind a letter is no hyphen, an em dash outside of numbers parts words.
        (rf"(?<!{_LETTER})−", "-"),
        (r"(?<=\d)\s?—\s?(?=\d)", "-"),
        ("—", " "),
        # Digits: 9 / 11, May 5,1972, 1,000 and 1,00,000, 1'000, 10 000, .5, 1e-5
        (r"(?<=\d)\s*/\s*(?=\d)", "/"),
        (r"(?<![\d.,])(\d{1,2}),(?=\d{4}(?!\d))", r"\1 "),
        (r"(?<![\d.,])\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d|,\d)", _without(",")),
        (r"(?<![\d.,'_])\d{1,3}(?:['_]\d{3})+(?!\d)", _without("'_")),
        (r"(?<![\d.,])(?<!\d\s)\d{1,3}(?: \d{3})* 000(?!\d)", _without(" ")),
        (r"(?<![\w.])\.(?=\d)", "0."),
        (r"(?<=\d)e-(?=\d)", "e−"),
        # Ranges, then signs
        (r"(?<![\d.,:/-])(\d+)\s?-\s?(\d+)(?![\d/:-]|[.,]\d)", _range),
        (r"(?:(?<=\butc)|(?<=\bgmt))\s*-\s*(?=\d)", "−"),
        (r"(?:(?<=\butc)|(?<=\bgmt))\s*\+\s*(?=\d)", "＋"),
        (rf"(?:^|(?<=[\s(\[{{\"'$€£¥₹₩₽=<>~≈≤≥*:;,/^|]))-(?={_MONEY}?\d)", "−"),
        (rf"(?<!\d\s)\b(?:minus|negative)\s+(?={_MONEY}?\d)", "−"),
        # Money and magnitude
        (r"\bu\.?s\.?\s?\$", "$"),
        (rf"(?<={_MONEY})\s+(?=[−\d])", ""),
        (rf"(?<={_MONEY})(\d+)(?:\.(\d+))?\s?(k|mn?|bn?|tn)\b", _scaled),
        (rf"(?<![\w.,:/^'-])(\d+)(?:\.(\d+))?((?:[\s-](?:{_SCALES})s?\b)+)", _scaled),
        (r"(?<=\d)\s*(?:%|per ?cent\b)", "％"),
        # Words that end in a sign
        (rf"(?<={_LETTER})\+\+(?!{_LETTER})", "＋＋"),
        (rf"(?<={_LETTER})\+(?!{_LETTER}|\+)", "＋"),
        (rf"(?<={_LETTER})#(?!\w)", "＃"),
        (r"(?<!\w)(ab|[abcdfo])-(?!\w)", r"\1−"),
        # All other punctuation goes, save a single sign between two digits.
        (rf"(?<=[\d％])(?:{_BREAK}|{_P}{{2,}})(?=[\d−])", " "),
        (rf"(?<![\d％]){_P}|{_P}(?![\d−])", ""),
    ]
)
