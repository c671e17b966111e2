"""Units: a closed list. A unit measures a dimension, and units of one dimension can be converted.

`pieces` of something (18 dollars, 5 apples) have dimensions of their own. What is not in the list is no
unit, whatever stands behind a number: quarters, dozens and "times ten" change its value.
"""

from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """dimension: what is measured, with its power. factor: how many of the dimension's base unit."""

    dimension: str
    factor: Fraction = Fraction(1)


_SCALES: dict[str, dict[str, int | str]] = {  # dimension: {names separated by |: factor}
    "length": {
        "m|meter|metre": 1, "cm|centimeter|centimetre": "1/100", "mm|millimeter|millimetre": "1/1000",
        "km|kilometer|kilometre": 1000, "in|inch|inche": "0.0254", "ft|foot|feet": "0.3048",
        "yd|yard": "0.9144", "mi|mile": "1609.344", "nm|nanometer": "1/1000000000",
    },
    "time": {
        "s|sec|second": 1, "min|minute": 60, "h|hr|hour": 3600, "day": 86400, "week": 604800,
        "ms|millisecond": "1/1000",
    },
    "calendar": {"month": 1, "yr|year": 12, "decade": 120},
    "distance": {
        "angstrom": "1e-10", "au": "1.495978707e11", "pc|parsec": "3.0856775814914e16",
        "kpc": "3.0856775814914e19", "mpc": "3.0856775814914e22", "lightyear|ly": "9.4607304725808e15",
    },
    "arc": {"arcsec|arcsecond": 1, "arcmin|arcminute": 60},
    "mass": {
        "g|gm|gram": 1, "kg|kilogram": 1000, "mg|milligram": "1/1000", "lb|pound": "453.59237",
        "oz|ounce": "28.349523125", "ton|tonne": 1000000,
    },
    "volume": {
        "l|liter|litre": 1, "ml|milliliter|millilitre": "1/1000", "gal|gallon": "3.785411784",
        "quart": "0.946352946", "pint": "0.473176473", "cup": "0.2365882365",
    },
    "speed": {"mph": "0.44704", "kph|kmh": "1/3.6"},
    "dollar": {"usd|dollar|buck": 1, "cent|¢": "1/100"},
    "eur": {"eur|euro": 1}, "gbp": {"gbp": 1, "pence|pp": "1/100"}, "jpy": {"jpy|yen": 1},
    "inr": {"inr|rupee": 1},
    "angle": {"degree|deg": 1}, "radian": {"radian|rad": 1},
    "temperature": {"celsius": 1}, "fahrenheit": {"fahrenheit": 1}, "kelvin": {"k|kelvin": 1},
    "energy": {"j|joule": 1, "kj|kilojoule": 1000, "ev": "1.602176634e-19", "erg": "1e-7"},
    "force": {"n|newton": 1}, "power": {"w|watt": 1, "kw|kilowatt": 1000}, "pressure": {"pa|pascal": 1},
    "frequency": {"hz|hertz": 1}, "charge": {"coulomb": 1},
    "area": {"acre": 1, "hectare": "2.4710538"},
    "amount": {"mol|mole": 1}, "bit": {"bit": 1, "byte": 8},
}  # fmt: skip
_COUNTED = frozenset(
    """
    unit piece point person people man men woman women child children boy girl student teacher
    player way path route choice possibility outcome arrangement combination permutation
    solution value number integer digit term factor multiple divisor zero root element subset
    triangle square rectangle circle polygon diagonal side edge face vertice vertex angle line
    cube block tile coin card dice marble ball book page letter word song apple orange banana
    egg cookie candy candies cake pizza slice box boxe bag basket ticket car bus buse train
    tree flower plant dog cat cow horse chicken duck fish animal bird toy doll pen pencil
    chair table room house game team match goal run lap step mark vote penny pennies shirt
    shoe sock hat dress dresse glass glasse bottle can jar meal trip item object thing friend
    guest member worker employee customer family families passenger stamp photo picture
    sticker balloon bead crayon brownie muffin donut doughnut sandwich sandwiche bracelet
    necklace rose petal leaf leaves question problem answer class classe lesson night shot
    daps
    """.split()
)
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}


def _tabulate() -> dict[str, Unit]:
    table: dict[str, Unit] = {}
    for dimension, names in _SCALES.items():
        for spellings, factor in names.items():
            top, _, bottom = str(factor).partition("/")
            unit = Unit(dimension, Fraction(top) / Fraction(bottom or 1))
            table |= dict.fromkeys(spellings.split("|"), unit)
    return table


_TABLE = _tabulate()


def find(words: list[str], power: int = 1) -> Unit | None:
    """The unit that these words name, None where they name none. power: of a written exponent.

    Both "square feet" and "feet" with power 2 are square feet.
    """
    if not 1 <= power <= 6:
        return None
    words = [word.casefold().strip(".").strip() for word in words]
    if "per" in words:
        return _quotient(words, power)
    if words and words[0] in _POWERS and len(words) > 1:
        power, words = power * _POWERS[words[0]], words[1:]
    if words and words[-1] in ("squared", "cubed") and len(words) > 1:
        power, words = power * {"squared": 2, "cubed": 3}[words[-1]], words[:-1]
    if words[:1] == ["degrees"] and words[1:] in (["celsius"], ["fahrenheit"]):
        words = words[1:]
    if len(words) != 1:
        found = [unit for word in words if (unit := _single(word)) is not None]
        if power != 1 or not len(found) == len(words) == 2:
            return None
        first, second = found
        return Unit(f"{first.dimension} {second.dimension}", first.factor * second.factor)
    if words[0] in ("unit", "units"):
        return Unit(f"unit^{power}" if power != 1 else "unit")
    unit = _single(words[0])
    if unit is None or power == 1:
        return unit
    return Unit(f"{unit.dimension}^{power}", unit.factor**power)


def _single(word: str) -> Unit | None:
    for name in (word, word.removesuffix("s"), word.removesuffix("es")):
        if name in _TABLE:
            return _TABLE[name]
        if name in _COUNTED:
            return Unit(f"number of {name}")
    return None


def _quotient(words: list[str], power: int) -> Unit | None:
    """miles per hour and the like; mph is one of them. power: of the unit below."""
    place = words.index("per")
    above, below = find(words[:place]), find(words[place + 1 :], power)
    if above is None or below is None:
        return None
    if (above.dimension, below.dimension) == ("length", "time"):
        return Unit("speed", above.factor / below.factor)
    return Unit(f"{above.dimension} per {below.dimension}", above.factor / below.factor)
