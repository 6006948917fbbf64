"""Numbers, exactly: int of any size and Decimal, from text, to text, and added, subtracted and multiplied.

Nothing here rounds, except `rounded`, which is told how, and `average`, whose 34 digits are those of IEEE 754
decimal128. Python's own Decimal operators are avoided on purpose: they round to the 28 digits of a context that belongs
to the thread. Every number is bounded, because `1e1000000` is nine characters long and takes seconds to write out. A
float is no number here.
"""

import decimal
import math
import re
from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeGuard

DIGITS_MAX = 1_000
EXPONENT_MAX = 400
AVERAGE_DIGITS = 34
PLACES_MAX = 30
"""How many digits behind the point may be kept where something is rounded; no partner takes more."""

# Digits of the longest sum of two bounded numbers: from 1e400 down to the last digit of one 1000 digits below 1e-400.
_EXACT = decimal.Context(
    prec=4 * DIGITS_MAX,
    Emax=decimal.MAX_EMAX,
    Emin=decimal.MIN_EMIN,
    traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow],
)
_AVERAGE = decimal.Context(prec=AVERAGE_DIGITS, rounding=decimal.ROUND_HALF_EVEN, traps=[decimal.InvalidOperation])
_INT_LIMIT = 10**DIGITS_MAX
_PLAIN = 10**18
"""An int nearer to zero needs no further look: sums and products of any number that fits in memory are far from the
limit. Nearly every int is."""
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LOOSE_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TEXT_MAX = DIGITS_MAX + 20

Number = int | Decimal

Rounding = Literal["half_up", "half_even", "half_down", "up", "down", "ceiling", "floor"]
"""How what lies between two numbers becomes one of them. `up` is away from zero and `down` towards it, as in the
decimal arithmetic of IEEE 754 and in Java; `ceiling` and `floor` are towards the larger and the smaller number. The
`half_` ones take the nearer number, and say what becomes of a tie."""


class BoundsError(Exception):
    """A value this room refuses to work with. Callers say where, in an error of their own; it never leaves the room.

    `kind` is that of the ExpressionError it becomes.
    """

    kind = "invalid-value"


class NumberSizeError(BoundsError):
    """A number has more than 1000 digits, or lies beyond 1e±400."""

    def __init__(self) -> None:
        super().__init__(f"a number has more than {DIGITS_MAX} digits or lies beyond 1e±{EXPONENT_MAX}")


def is_number(value: object) -> TypeGuard[Number]:
    """An int or a finite Decimal; True and False are no numbers, nor is a float."""
    return type(value) is int or (type(value) is Decimal and value.is_finite())


def bounded(number: Number) -> Number:
    """The number itself, or `NumberSizeError`."""
    if isinstance(number, int):
        fits = -_INT_LIMIT < number < _INT_LIMIT
    else:
        # Few characters hold few digits, and are cheaper to count. The exponent goes first: it bounds the text.
        fits = abs(number.adjusted()) <= EXPONENT_MAX and (
            len(str(number)) <= DIGITS_MAX or len(number.as_tuple().digits) <= DIGITS_MAX
        )
    if not fits:
        raise NumberSizeError
    return number


def json_number(text: str) -> Number | None:
    """The number that JSON's grammar reads in the text, None for any other text. Raises NumberSizeError."""
    return _read(_JSON_NUMBER, text)


def loose_number(text: str) -> Number | None:
    """Like `json_number`, but a plus sign and leading zeros are let through, as partners' files write them."""
    return _read(_LOOSE_NUMBER, text)


def _read(grammar: re.Pattern[str], text: str) -> Number | None:
    if len(text) > _TEXT_MAX:
        # Only a number may be called too large; a long text that merely begins like one is just text.
        if grammar.fullmatch(text):
            raise NumberSizeError
        return None
    match = grammar.fullmatch(text)
    if match is None:
        return None
    if match[1] is None and match[2] is None:
        return bounded(int(text))
    try:
        return bounded(Decimal(text))
    except decimal.InvalidOperation:  # an exponent beyond what the C library can hold
        raise NumberSizeError from None


def number_text(number: Number) -> str:
    """Every digit, without exponent: 19.90 is `19.90`, 1E+3 is `1000`. Raises NumberSizeError."""
    number = bounded(number)
    return str(number) if type(number) is int else format(number, "f")


def integral(number: Number) -> int | None:
    """The number as an int where it is a whole one (2.00 is 2), else None. Raises NumberSizeError."""
    number = bounded(number)
    if type(number) is int:
        return number
    return int(number) if number == math.floor(number) else None


def floor(number: Number) -> int:
    return math.floor(bounded(number))


def ceiling(number: Number) -> int:
    return math.ceil(bounded(number))


def absolute(number: Number) -> Number:
    return abs(number) if type(number) is int else Decimal(number).copy_abs()


def add(left: Number, right: Number) -> Number:
    """Exactly; raises NumberSizeError."""
    if type(left) is int and type(right) is int and -_PLAIN < left < _PLAIN and -_PLAIN < right < _PLAIN:
        return left + right
    left, right = bounded(left), bounded(right)
    if type(left) is int and type(right) is int:
        return bounded(left + right)
    return bounded(_EXACT.add(Decimal(left), Decimal(right)))


def subtract(left: Number, right: Number) -> Number:
    """Exactly; raises NumberSizeError."""
    if type(left) is int and type(right) is int and -_PLAIN < left < _PLAIN and -_PLAIN < right < _PLAIN:
        return left - right
    left, right = bounded(left), bounded(right)
    if type(left) is int and type(right) is int:
        return bounded(left - right)
    return bounded(_EXACT.subtract(Decimal(left), Decimal(right)))


def multiply(left: Number, right: Number) -> Number:
    """Exactly; raises NumberSizeError."""
    if type(left) is int and type(right) is int and -_PLAIN < left < _PLAIN and -_PLAIN < right < _PLAIN:
        return left * right
    left, right = bounded(left), bounded(right)
    if type(left) is int and type(right) is int:
        return bounded(left * right)
    return bounded(_EXACT.multiply(Decimal(left), Decimal(right)))


def total(numbers: Collection[Number]) -> Number:
    """Their sum, exactly, 0 for none; raises NumberSizeError."""
    if numbers and {*map(type, numbers)} == {int} and min(numbers) > -_PLAIN and max(numbers) < _PLAIN:
        return sum(numbers)
    result: Number = 0
    for number in numbers:
        result = add(result, number)
    return result


def rounded(number: Number | Fraction, places: int, how: Rounding) -> int:
    """The number in units of its digit `places` behind the point, rounded to a whole one: 1.005 to 2 places is 101
    `half_up` and 100 `half_even`. Raises NumberSizeError.
    """
    numerator, denominator = (number if isinstance(number, Fraction) else bounded(number)).as_integer_ratio()
    shift: int = 10**places
    whole, rest = divmod(abs(numerator) * shift, denominator)
    if rest and _away_from_zero(how, whole, 2 * rest - denominator, negative=numerator < 0):
        whole += 1
    whole = -whole if numerator < 0 else whole
    if not -_INT_LIMIT < whole < _INT_LIMIT:
        raise NumberSizeError
    return whole


def _away_from_zero(how: Rounding, whole: int, past_half: int, *, negative: bool) -> bool:
    """Whether what lies between `whole` and the next number away from zero becomes that one."""
    match how:
        case "up":
            return True
        case "down":
            return False
        case "ceiling":
            return not negative
        case "floor":
            return negative
        case "half_up":
            return past_half >= 0
        case "half_down":
            return past_half > 0
        case "half_even":
            return past_half > 0 or (past_half == 0 and whole % 2 == 1)


def scaled(units: int, places: int) -> Decimal:
    """The decimal of so many units of its last digit, `places` behind the point: 1990 to 2 places is 19.90."""
    return _EXACT.scaleb(units, -places)


def average(numbers: list[Number]) -> Number | None:
    """Their mean, None for none: an int where it is whole, else a Decimal, rounded half to even to 34 digits."""
    if not numbers:
        return None
    amount = total(numbers)
    if type(amount) is int and amount % len(numbers) == 0:
        return amount // len(numbers)
    return bounded(_AVERAGE.divide(Decimal(amount), Decimal(len(numbers))))
