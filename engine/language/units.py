"""Quantities from one unit to another, exactly: as fractions, and written as a number only where one is equal.

Unit symbols and the codes of UN/CEFACT Recommendation 20 are taken as they are written; `KG` is not guessed to be `kg`
(`M` and `m`, `Mg` and `mg` are different things), so a mapping says lower(unit) where a partner shouts.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from engine.language.errors import ConversionError
from engine.language.exact import Number, bounded, is_number, loose_number, multiply

# Symbol → (dimension, factor, shift): base = factor * value + shift. Bases are g, mm, ml, K and each.
# The pound is 453.59237 g and the inch 25.4 mm by definition (international agreement of 1959).
_POUND = Fraction("453.59237")
_SYMBOLS: dict[str, tuple[str, Fraction, Fraction]] = {
    "mg": ("mass", Fraction(1, 1000), Fraction(0)),
    "g": ("mass", Fraction(1), Fraction(0)),
    "kg": ("mass", Fraction(1000), Fraction(0)),
    "t": ("mass", Fraction(1_000_000), Fraction(0)),
    "lb": ("mass", _POUND, Fraction(0)),
    "oz": ("mass", _POUND / 16, Fraction(0)),
    "mm": ("length", Fraction(1), Fraction(0)),
    "cm": ("length", Fraction(10), Fraction(0)),
    "m": ("length", Fraction(1000), Fraction(0)),
    "in": ("length", Fraction("25.4"), Fraction(0)),
    "ft": ("length", Fraction("304.8"), Fraction(0)),
    "ml": ("volume", Fraction(1), Fraction(0)),
    "l": ("volume", Fraction(1000), Fraction(0)),
    "K": ("temperature", Fraction(1), Fraction(0)),
    "C": ("temperature", Fraction(1), Fraction("273.15")),
    "F": ("temperature", Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "each": ("count", Fraction(1), Fraction(0)),
}
_CODES = {
    "MGM": "mg",
    "GRM": "g",
    "KGM": "kg",
    "TNE": "t",
    "LBR": "lb",
    "ONZ": "oz",
    "MMT": "mm",
    "CMT": "cm",
    "MTR": "m",
    "INH": "in",
    "FOT": "ft",
    "MLT": "ml",
    "LTR": "l",
    "KEL": "K",
    "CEL": "C",
    "FAH": "F",
    "EA": "each",
    "H87": "each",
    "C62": "each",
}
UNITS: Mapping[str, tuple[str, Fraction, Fraction]] = MappingProxyType(
    _SYMBOLS | {code: _SYMBOLS[symbol] for code, symbol in _CODES.items()}
)


def convert_unit(value: object, source: object, target: str) -> Number:
    """A quantity (number or text) in the unit `target`: an int where it is whole, else a Decimal, always exact.

    An error where the units measure different things, or where no finite decimal is equal (1 C in F is 33.8, 1 F in C
    is not finite).
    """
    if not isinstance(source, str) or source not in UNITS:
        what = "null" if source is None else "not one we know"
        raise ConversionError("unit", f"the unit is {what}", f"known units: {', '.join(sorted(UNITS))}")
    dimension, factor, shift = UNITS[source]
    wanted, target_factor, target_shift = UNITS[target]
    if dimension != wanted:
        raise ConversionError("unit", f"a {dimension} cannot be given in {target}, which measures {wanted}")
    number = loose_number(value) if isinstance(value, str) else value
    if not is_number(number):
        raise ConversionError("unit", "a quantity is a number, or a text such as 12.5")
    if source == target and isinstance(number, int):
        return bounded(number)
    exact = (Fraction(bounded(number)) * factor + shift - target_shift) / target_factor
    return _number(exact, target)


def _number(exact: Fraction, target: str) -> Number:
    if exact.denominator == 1:
        return bounded(exact.numerator)
    twos, rest = _divide_out(exact.denominator, 2)
    fives, rest = _divide_out(rest, 5)
    if rest != 1:
        raise ConversionError("unit", f"the quantity in {target} has no end of digits, and nothing is rounded here")
    places = max(twos, fives)
    return multiply(exact.numerator * (10**places // exact.denominator), Decimal((0, (1,), -places)))


def _divide_out(number: int, prime: int) -> tuple[int, int]:
    """(how often the prime divides the number, what remains)."""
    count = 0
    while number % prime == 0:
        number //= prime
        count += 1
    return count, number
