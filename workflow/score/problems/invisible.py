"""Characters that nobody sees: they must not hide that two questions are the same.

Removed are format and control characters (zero-width spaces and joiners, soft hyphen, byte order mark,
directions of text, tags) and what else Unicode calls Default_Ignorable_Code_Point: variation selectors,
the combining grapheme joiner, fillers of Hangul, Khmer and Mongolian. White space is left to others.
"""

import unicodedata
from functools import cache

_IGNORABLE = (  # of Default_Ignorable_Code_Point, those that are not in category Cf
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065),
    (0x2800, 0x2800),  # the blank of Braille, which Unicode does not count among them
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF),
)  # fmt: skip
# Format characters that are drawn: signs in front of Arabic, Syriac and Kaithi numbers.
_DRAWN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


@cache
def _hidden() -> dict[int, None]:
    """The code points that nobody sees, as str.translate takes them to remove them."""
    hidden = {code for first, last in _IGNORABLE for code in range(first, last + 1)}
    for code in range(0x20000):  # beyond this only the tags are format characters
        kind = unicodedata.category(chr(code))
        if (kind == "Cf" and code not in _DRAWN) or (kind == "Cc" and not chr(code).isspace()):
            hidden.add(code)
    return dict.fromkeys(hidden)


def has_invisible(text: str) -> bool:
    return without_invisible(text) != text


def without_invisible(text: str) -> str:
    """The text without characters that nobody sees; white space stays."""
    return text.translate(_hidden())


def plain_form(text: str) -> str:
    """NFKC of the text, without characters that nobody sees."""
    text = unicodedata.normalize("NFKC", without_invisible(text))
    return without_invisible(text)  # some come of NFKC: a half-width filler becomes a filler
