"""Numbers, exactly: int of any size and Decimal, from text, to text, and added, subtracted and multiplied.

Nothing here rounds, except `average`, whose 34 digits are those of IEEE 754 decimal128. Python's own Decimal operators
are avoided on purpose: they round to the 28 digits of a context that belongs to the thread. Every number is bounded,
because `1e1000000` is nine characters long and takes seconds to write out. A float is no number here.
"""

import decimal
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import TypeGuard

DIGITS_MAX = 1_000
EXPONENT_MAX = 400
AVERAGE_DIGITS = 34

# Digits of the longest sum of two bounded numbers: from 1e400 down to the last digit of one 1000 digits below 1e-400.
_EXACT = decimal.Context(
    prec=4 * DIGITS_MAX,
    Emax=decimal.MAX_EMAX,
    Emin=decimal.MIN_EMIN,
    traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow],
)
_AVERAGE = decimal.Context(prec=AVERAGE_DIGITS, rounding=decimal.ROUND_HALF_EVEN, traps=[decimal.InvalidOperation])
_INT_LIMIT = 10**DIGITS_MAX
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LOOSE_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TEXT_MAX = DIGITS_MAX + 20

Number = int | Decimal


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
    left, right = bounded(left), bounded(right)
    if type(left) is int and type(right) is int:
        return bounded(left + right)
    return bounded(_EXACT.add(Decimal(left), Decimal(right)))


def subtract(left: Number, right: Number) -> Number:
    """Exactly; raises NumberSizeError."""
    left, right = bounded(left), bounded(right)
    if type(left) is int and type(right) is int:
        return bounded(left - right)
    return bounded(_EXACT.subtract(Decimal(left), Decimal(right)))


def multiply(left: Number, right: Number) -> Number:
    """Exactly; raises NumberSizeError."""
    left, right = bounded(left), bounded(right)
    if type(left) is int and type(right) is int:
        return bounded(left * right)
    return bounded(_EXACT.multiply(Decimal(left), Decimal(right)))


def total(numbers: Iterable[Number]) -> Number:
    """Their sum, exactly, 0 for none; raises NumberSizeError."""
    result: Number = 0
    for number in numbers:
        result = add(result, number)
    return result


def average(numbers: list[Number]) -> Number | None:
    """Their mean, None for none: an int where it is whole, else a Decimal, rounded half to even to 34 digits."""
    if not numbers:
        return None
    amount = total(numbers)
    if type(amount) is int and amount % len(numbers) == 0:
        return amount // len(numbers)
    return bounded(_AVERAGE.divide(Decimal(amount), Decimal(len(numbers))))
