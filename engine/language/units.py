"""Quantities from one unit to another, exactly: as fractions, and written as a number only where one is equal or a
mapping says how to round.

Unit symbols are taken as they are written; `KG` is not guessed to be `kg` (`M` and `m`, `Mg` and `mg` are different
things), so a mapping says lower(unit) where a partner shouts. Beside them stand the codes of UN/CEFACT Recommendation
20; its own conversion factors are rounded to seven digits and are not used. Units that differ between countries carry
the country: there is no `gal`, `pt` or `ton`. Refused are units that measure nothing (`set`, `lump sum`), and packs,
which hold as many as a table says.
"""

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from types import MappingProxyType

from engine.language.errors import ConversionError
from engine.language.exact import Number, Rounding, bounded, is_number, loose_number, multiply, rounded, scaled

Unit = tuple[str, Fraction, Fraction]
"""(dimension, factor, shift): base = factor * value + shift. Bases are g, mm, mm2, ml, K and each."""

# The international yard and pound agreement of 1959: a pound is 0.45359237 kg, a yard 0.9144 m, so an inch 25.4 mm.
_POUND = Fraction("453.59237")
_INCH = Fraction("25.4")
_FOOT = 12 * _INCH
# The litre is the cubic decimetre (12th General Conference on Weights and Measures, 1964), so that a ml is a cm3.
_CUBIC_INCH = (_INCH / 10) ** 3
# The US gallon is 231 cubic inches, its fluid ounce the 128th part (NIST Handbook 44, appendix C); the imperial gallon
# is 4.54609 l, its fluid ounce the 160th part (UK, Units of Measurement Regulations 1995).
_GALLON_US = 231 * _CUBIC_INCH
_GALLON_UK = Fraction("4546.09")


def _plain(dimension: str, **factors: Fraction | int) -> dict[str, Unit]:
    return {symbol: (dimension, Fraction(factor), Fraction(0)) for symbol, factor in factors.items()}


_SYMBOLS: dict[str, Unit] = {
    **_plain("mass", mg=Fraction(1, 1000), g=1, kg=1000, t=1_000_000, oz=_POUND / 16, lb=_POUND),
    **_plain("length", mm=1, cm=10, dm=100, m=1000, km=1_000_000),
    "in": ("length", _INCH, Fraction(0)),  # a word of Python's, and so no keyword argument
    **_plain("length", ft=_FOOT, yd=3 * _FOOT, mi=5280 * _FOOT),
    **_plain("area", mm2=1, cm2=100, m2=1_000_000, in2=_INCH**2, ft2=_FOOT**2, yd2=(3 * _FOOT) ** 2),
    **_plain("volume", ml=1, cl=10, dl=100, l=1000, hl=100_000, cm3=1, dm3=1000, m3=1_000_000),
    **_plain("volume", in3=_CUBIC_INCH, ft3=1728 * _CUBIC_INCH, yd3=46_656 * _CUBIC_INCH),
    **_plain("volume", gal_us=_GALLON_US, qt_us=_GALLON_US / 4, pt_us=_GALLON_US / 8, fl_oz_us=_GALLON_US / 128),
    **_plain("volume", gal_uk=_GALLON_UK, pt_uk=_GALLON_UK / 8, fl_oz_uk=_GALLON_UK / 160),
    # 0 C is 273.15 K, and 32 F (SI brochure, 2.3.1); a degree Fahrenheit is 5/9 K.
    "K": ("temperature", Fraction(1), Fraction(0)),
    "C": ("temperature", Fraction(1), Fraction("273.15")),
    "F": ("temperature", Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    # Recommendation 20 counts a score as 20, a gross as 12 times 12.
    **_plain("count", each=1, pair=2, dozen=12, score=20, hundred=100, gross=144, thousand=1000),
}


def _codes(text: str) -> dict[str, str]:
    words = text.replace(",", " ").split()
    return dict(zip(words[::2], words[1::2], strict=True))


# UN/CEFACT Recommendation 20, annexes II and III (revision 17). H87 (piece), C62 (one) and EA (each) are one thing.
_CODES = _codes("""
    MGM mg, GRM g, KGM kg, TNE t, ONZ oz, LBR lb,
    MMT mm, CMT cm, DMT dm, MTR m, KMT km, INH in, FOT ft, YRD yd, SMI mi,
    MMK mm2, CMK cm2, MTK m2, INK in2, FTK ft2, YDK yd2,
    MLT ml, CLT cl, DLT dl, LTR l, HLT hl, CMQ cm3, DMQ dm3, MTQ m3, INQ in3, FTQ ft3, YDQ yd3,
    GLL gal_us, QTL qt_us, PTL pt_us, OZA fl_oz_us, GLI gal_uk, PTI pt_uk, OZI fl_oz_uk,
    KEL K, CEL C, FAH F,
    EA each, H87 each, C62 each, PR pair, NPR pair, DZN dozen, SCO score, CEN hundred, GRO gross, MIL thousand
""")
UNITS: Mapping[str, Unit] = MappingProxyType(_SYMBOLS | {code: _SYMBOLS[symbol] for code, symbol in _CODES.items()})
EACH = UNITS["each"]

# Recommendation 21 (revision 12). Where a unit of Recommendation 20 could stand as well, documents write its codes with
# an X before them (UBL, Peppol). PF and LR are Recommendation 20's, from before packages left it, and X12's.
_PACKAGES = _codes("BG bag, BX box, BE bundle, CT carton, CS case, CR crate, PK pack, PX pallet, PU tray")
PACKS: Mapping[str, str] = MappingProxyType(
    _PACKAGES | {f"X{code}": name for code, name in _PACKAGES.items()} | {"PF": "pallet", "LR": "layer"}
)
"""A partner's code of a pack → the name of its column in a table of pack sizes."""
PACK_NAMES = frozenset(PACKS.values())


def closest_unit(name: str) -> str:
    """The mend for a unit that does not exist."""
    near = get_close_matches(name, UNITS, n=1, cutoff=0.75)
    known = f"units: {', '.join(_SYMBOLS)}, and codes of UN/CEFACT Recommendation 20"
    return f"did you mean `{near[0]}`? {known}" if near else known


def convert_unit(value: object, source: object, target: str, how: Rounding | None = None, digits: int = 0) -> Number:
    """A quantity (number or text) in the unit `target`: an int where it is whole, else a Decimal, always exact, or
    rounded to so many digits behind the point as `how` says.

    An error where the units measure different things, or where no finite decimal is equal (1 C in F is 33.8, 1 F in C
    is not finite).
    """
    if type(value) is int and source == target:
        return bounded(value)
    if not isinstance(source, str) or source not in UNITS:
        what = "null" if source is None else "not one we know"
        raise ConversionError("unit", f"the unit is {what}", closest_unit(""))
    dimension, factor, shift = UNITS[source]
    wanted, target_factor, target_shift = UNITS[target]
    if dimension != wanted:
        raise ConversionError("unit", f"a {dimension} cannot be given in {target}, which measures {wanted}")
    return _number((Fraction(_quantity(value)) * factor + shift - target_shift) / target_factor, target, how, digits)


def pieces(value: object, size: int, how: Rounding | None = None, digits: int = 0) -> Number:
    """How many pieces a quantity of packs is that hold `size` each."""
    return _number(Fraction(_quantity(value)) * size, "each", how, digits)


def _quantity(value: object) -> Number:
    number = loose_number(value) if isinstance(value, str) else value
    if not is_number(number):
        raise ConversionError("unit", "a quantity is a number, or a text such as 12.5")
    return bounded(number)


def _number(exact: Fraction, target: str, how: Rounding | None, digits: int) -> Number:
    if exact.denominator == 1:
        return bounded(exact.numerator)
    if how is not None:
        units, places = rounded(exact, digits, how), digits
        while places and units % 10 == 0:
            units, places = units // 10, places - 1
        return scaled(units, places) if places else units
    twos, rest = _divide_out(exact.denominator, 2)
    fives, rest = _divide_out(rest, 5)
    if rest != 1:
        raise ConversionError("unit", f"the quantity in {target} has no end of digits, and `round` does not say how")
    places = max(twos, fives)
    return multiply(exact.numerator * (10**places // exact.denominator), Decimal((0, (1,), -places)))


def _divide_out(number: int, prime: int) -> tuple[int, int]:
    """(how often the prime divides the number, what remains)."""
    count = 0
    while number % prime == 0:
        number //= prime
        count += 1
    return count, number
