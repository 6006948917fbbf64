"""The short ways give what the long ways give: amounts, stamps, sums and rounding over generated values."""

import decimal
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import get_args
from unicodedata import combining, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language import ConversionError, ExpressionError, compile_expression
from engine.language.community import _MARKS_MAX, _MARKS_WITHIN
from engine.language.exact import (
    BoundsError,
    NumberSizeError,
    Rounding,
    add,
    bounded,
    multiply,
    rounded,
    subtract,
    total,
)
from engine.language.money import EXPONENTS, decimal_text, minor_units
from engine.language.times import utc_text

WIDE = decimal.Context(prec=5_000, Emax=20_000, Emin=-20_000)
MODES = {mode: f"ROUND_{mode.upper()}" for mode in get_args(Rounding)}
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
BIG = st.integers(-(10**1001), 10**1001) | st.sampled_from([10**18, 10**18 - 1, -(10**18), 10**1000, 1 - 10**1000])
NUMBERS = st.integers(-(10**20), 10**20) | BIG | DECIMALS


@given(number=DECIMALS | st.integers(-(10**30), 10**30), places=st.integers(0, 12), mode=st.sampled_from([*MODES]))
def test_every_way_to_round_is_the_one_of_decimal_arithmetic(number, places, mode):
    expected = WIDE.scaleb(Decimal(number), places).to_integral_value(MODES[mode], context=WIDE)
    assert rounded(number, places, mode) == expected
    assert rounded(Fraction(number), places, mode) == expected


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ties", [-25, -15, -5, 5, 15, 25])
def test_ties_are_rounded_as_the_mode_says(mode, ties):
    expected = Decimal(ties).scaleb(-1).to_integral_value(MODES[mode])
    assert rounded(Decimal(ties).scaleb(-1), 0, mode) == expected


@pytest.mark.parametrize("number", [Decimal("1e1000000"), Decimal("1e-1000000"), 10**1000])
def test_a_number_without_bounds_is_not_rounded(number):
    with pytest.raises(NumberSizeError):
        rounded(number, 2, "half_up")


def outcome(function, *arguments):
    try:
        result = function(*arguments)
    except (BoundsError, ConversionError) as error:
        return type(error), str(error)
    return type(result), str(result)


def long_way(operation, left, right):
    """With every number looked at, as before there was a short way."""
    left, right = bounded(left), bounded(right)
    if type(left) is int and type(right) is int:
        return bounded({"add": int.__add__, "subtract": int.__sub__, "multiply": int.__mul__}[operation](left, right))
    return bounded(getattr(WIDE, operation)(Decimal(left), Decimal(right)))


@given(left=NUMBERS, right=NUMBERS, function=st.sampled_from([add, subtract, multiply]))
def test_small_integers_are_reckoned_as_all_numbers_are(left, right, function):
    assert outcome(function, left, right) == outcome(long_way, function.__name__, left, right)


@given(st.lists(NUMBERS, max_size=6))
def test_a_sum_is_what_adding_one_by_one_gives(numbers):
    def one_by_one(numbers):
        result = 0
        for number in numbers:
            result = add(result, number)
        return result

    assert outcome(total, numbers) == outcome(one_by_one, numbers)


# ── money ────────────────────────────────────────────────────────────────────────────────────────────────────────────

AMOUNTS = st.from_regex(r"[+-]?[0-9]{1,9}(\.[0-9]{1,5})?", fullmatch=True)
NEARLY = st.text("0123456789.+-eE_ ٣３²", max_size=8)


@given(text=AMOUNTS, currency=st.sampled_from([*EXPONENTS]), mode=st.none() | st.sampled_from([*MODES]))
def test_an_amount_is_its_digits(text, currency, mode):
    exact = Decimal(text).scaleb(EXPONENTS[currency])
    whole = exact == exact.to_integral_value()
    for value in (text, Decimal(text)):
        if whole or mode is not None:
            expected = int(exact.to_integral_value(MODES[mode or "down"]))
            assert minor_units(value, currency, mode) == expected
            assert Decimal(decimal_text(expected, currency)) == Decimal(expected).scaleb(-EXPONENTS[currency])
        else:
            assert outcome(minor_units, value, currency)[0] is ConversionError


@given(NEARLY)
def test_what_is_nearly_an_amount_is_none(text):
    kind, said = outcome(minor_units, text, "EUR")
    is_amount = re.fullmatch(r"[+-]?[0-9]+(\.[0-9]{1,2}0*)?", text, re.ASCII)
    assert (kind is int) == bool(is_amount), said


@pytest.mark.parametrize("currency", [None, 2, [], {}, "", "eur", ("EUR",), b"EUR", True])
def test_whatever_is_no_currency_is_told(currency):
    for function in (minor_units, decimal_text):
        assert outcome(function, "1", currency)[0] is ConversionError


# ── times ────────────────────────────────────────────────────────────────────────────────────────────────────────────

FIRST = datetime(1, 1, 2, tzinfo=UTC).replace(tzinfo=None)
MOMENTS = st.integers(0, 315_537_724_800).map(lambda seconds: FIRST + timedelta(seconds=seconds))
OFFSETS = st.integers(-24 * 60 + 1, 24 * 60 - 1)


@given(moment=MOMENTS, minutes=OFFSETS | st.integers(-95, 95).map(lambda quarters: quarters * 15))
def test_a_stamp_is_reckoned_from_its_offset(moment, minutes):
    stamp = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()
    expected = stamp_in_utc(moment - timedelta(minutes=minutes))
    assert utc_text(stamp, None) == expected
    assert utc_text(stamp.replace("T", " "), None) == expected
    assert utc_text(f"{moment.isoformat()}Z", None) == stamp_in_utc(moment)


def stamp_in_utc(moment):
    return moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")


@given(st.text("0123456789-:TZ+W. \uff13", min_size=18, max_size=26))
def test_what_is_nearly_a_stamp_is_none(text):
    kind, said = outcome(utc_text, text, None)
    assert kind is ConversionError or (kind is str and said.endswith("Z"))


@pytest.mark.parametrize("at", range(25))
def test_a_stamp_with_any_character_changed_is_another_or_none(at):
    stamp = "2026-11-22T10:15:31+01:00"
    for other in "0-:TZ+W. \uff13x":
        changed = stamp[:at] + other + stamp[at + 1 :]
        kind, _ = outcome(utc_text, changed, None)
        same = other == stamp[at] or (other == "0" and stamp[at].isdigit()) or (at, other) in ((10, " "), (19, "-"))
        if not same:
            assert kind is ConversionError, changed


# ── normal forms ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_characters_that_become_marks_alone_are_known():
    every = map(chr, [*range(0xD800), *range(0xE000, 0x110000)])
    found = {each for each in every if not combining(each) and combining(normalize("NFKD", each)[0])}
    assert found == _MARKS_WITHIN


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0f73", "\uff9e"])
def test_a_text_that_would_take_quadratic_time_is_refused(marks):
    expression = compile_expression("normalize(@, 'NFKD')")
    assert expression("a" + marks * (_MARKS_MAX // len(marks)))
    with pytest.raises(ExpressionError, match="combining marks"):
        expression("a" + marks * 100_000)


def test_a_text_that_grows_is_paid_for():
    expression = compile_expression("normalize(@, 'NFKD')")
    assert len(expression("\ufdfa" * 1_000)) == 18_000
    with pytest.raises(ExpressionError) as caught:
        expression("\ufdfa" * 800_000)
    assert caught.value.kind == "budget"
