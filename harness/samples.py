"""PLAIN RULES → NUMBERS AND TEXTS: what partners really send where a contract says no more than `integer` or `string`.

Values are plain data as `decode_body` gives it: int, Decimal (never a binary float), text without U+0000 and without
halves of characters. The bias is commerce's: amounts on either side of a cent, ids that fit no 64-bit column, dates
before 1970, names in two Unicode forms, links with the parameters that advertising adds. This file refuses to know of
objects and lists.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import ceil, floor, gcd, lcm
from typing import TYPE_CHECKING, Any, Final

from engine.contract.dialect import FORMATS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from harness.alternatives import Way

PLACES_MAX: Final = 4
"""Digits behind the point of a number that no rule bounds; no currency has more."""

MORE_CHARACTERS: Final = 8
"""Characters of a text that nobody wrote down, beyond those it must have."""

WHOLE_NUMBERS: Final = (
    *(0, 1, -1, 2, 9, 10, 12, 99, 100, 101, 255, 256, 999, 1000),
    *(2**31 - 1, 2**31, -(2**31) - 1, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64),
    *(450789469123456789012345678901, 10**29, -(10**18)),
)
TEXTS: Final = (
    *("", " ", "a", "A", "0", "-1", "true", "null", "N/A", "#1001", "NW-MUG-350-BLU", "x" * 255),
    *("Mira Lindqvist", "Jos\u00e9", "Jose\u0301", "\u5317\u4eac", "na\u00efve", "\u0130stanbul", "\u00df"),
    *("\U0001f469\u200d\U0001f467", "\u05e9\u05dc\u05d5\u05dd"),
    *(
        "tab\tand\nline",
        "\r\n",
        "\u200b",
        "\ufeff",
        "\u2028",
        "quote \" ' \\",
        "{{ name }}",
        "`1`",
        "$root",
        "a, b, , c",
    ),
    *("paid", "open", "EUR", "USD", "JPY", "KWD", "eur", "DE", "US"),
    *("0", "0.00", "0.01", "19.99", "1999", "1999.00", "-5.00", "12345678901234.56", "0.005", "19.990", "1e2", "1.234"),
    *("someone@example.com", " Someone@Example.COM ", "+49 40 123456"),
    *("/?utm_source=news&utm_medium=email&gclid=Cj0-_x", "/?utm_source=%C3%A9&utm_source=b&fbclid", "/?utm_term=%FF#x"),
    *("/?utm_campaign=a+b%20c&=&&ttclid=%E2%82%AC", "https://shop.example/a?b=c?utm_content=d&msclkid=1"),
)
"""What a text may be: among others one name in two Unicode forms, the second with the accent as its own character."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 — an offset is written behind it
_MOMENTS = (
    *("2026-11-01T09:30:00Z", "2026-11-01T10:30:00+01:00", "2008-01-10T11:00:00-05:00", "2018-03-14T17:09:02.0Z"),
    *("1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:00", "2024-02-29T23:59:59.999999+14:00", "2038-01-19T03:14:08Z"),
    *(
        "2026-03-29T02:30:00+01:00",
        "1900-01-01T00:00:00-12:00",
        "2999-12-31T23:59:59Z",
        "2026-11-01T09:30:00.123456789Z",
    ),
    *("1998-12-31T23:59:60Z", "2026-11-01t09:30:00z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
)
FORMATTED: Final[dict[str, tuple[str, ...]]] = {
    "date-time": _MOMENTS,
    "date": ("2026-11-01", "1970-01-01", "2024-02-29", "1900-01-01", "9999-12-31", "0001-01-01"),
    "time": ("09:30:00Z", "23:59:59.5+01:00", "00:00:00-00:00", "23:59:60Z"),
    "duration": ("P1D", "PT36H", "P3Y6M4DT12H30M5S", "P2W", "PT0S"),
    "email": ("someone@example.com", "a.b+c@sub.example.org", "x@y.co", '"quoted name"@example.com'),
    "idn-email": ("jos\u00e9@example.com", "someone@example.com", "\u5317@example.org"),
    "hostname": ("example.com", "a", "xn--nxasmq6b.example", "a-b.c-d.example"),
    "idn-hostname": ("example.com", "b\u00fccher.example"),
    "ipv4": ("127.0.0.1", "0.0.0.0", "255.255.255.255"),  # noqa: S104 — an address as data
    "ipv6": ("::1", "2001:db8::1", "::ffff:192.0.2.1"),
    "uri": ("https://example.com/a?b=c#d", "urn:isbn:0451450523", "mailto:a@example.com", "ftp://h/%20"),
    "uri-reference": ("/a/b?c=d", "https://example.com/", "#x", "", "../up"),
    "iri": ("https://example.com/\u00e9", "https://b\u00fccher.example/?q=\u5317"),
    "iri-reference": ("/\u00e9?q=\u5317", "https://example.com/", ""),
    "uuid": ("a1818e9d-dce6-567a-97d2-71f16ea06a65", "00000000-0000-0000-0000-000000000000"),
    "uri-template": ("/orders/{id}", "/orders{?page,limit}", "https://example.com/"),
    "json-pointer": ("", "/a/0", "/a~1b/~0"),
    "relative-json-pointer": ("0", "1/a", "2#"),
    "regex": ("^[A-Z]{3}$", "a|b", ""),
}
assert set(FORMATTED) == FORMATS


class UnreadablePattern(ValueError):
    """The engine that checks contracts reads a pattern and Python's `re` does not, such as `\\p{L}`."""


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def numbers(way: "Way", *, whole: bool) -> "SearchStrategy[Any] | None":
    """Numbers that keep all the rules: exact multiples, both ends of the range, and beyond 64 bits where allowed."""
    from hypothesis import strategies as st

    low, high = _range(way)
    steps = [Fraction(rules["multipleOf"]) for rules in way if "multipleOf" in rules]
    if whole:
        steps.append(Fraction(1))
    if not steps:
        places = [_multiples(Fraction(1, 10**count), low, high) for count in range(PLACES_MAX + 1)]
        possible = [found for found in places if found is not None]
        return st.one_of(possible).filter(_keeps(way)) if possible else None
    step = steps[0]
    for other in steps[1:]:  # the least number that is a multiple of both
        step = Fraction(lcm(step.numerator, other.numerator), gcd(step.denominator, other.denominator))
    multiples = _multiples(step, low, high)
    return None if multiples is None else multiples.filter(_keeps(way))


def _range(way: "Way") -> tuple[Fraction | None, Fraction | None]:
    lows = [Fraction(rules[name]) for rules in way for name in ("minimum", "exclusiveMinimum") if name in rules]
    highs = [Fraction(rules[name]) for rules in way for name in ("maximum", "exclusiveMaximum") if name in rules]
    return max(lows, default=None), min(highs, default=None)


def _keeps(way: "Way") -> Any:
    """Whether a number lies within ends that do not belong to the range."""
    above = [rules["exclusiveMinimum"] for rules in way if "exclusiveMinimum" in rules]
    below = [rules["exclusiveMaximum"] for rules in way if "exclusiveMaximum" in rules]
    return lambda number: all(number > end for end in above) and all(number < end for end in below)


def _multiples(step: Fraction, low: Fraction | None, high: Fraction | None) -> "SearchStrategy[Any] | None":
    """Multiples of `step` from `low` to `high`, the notable ones more often than others; None where there is none."""
    from hypothesis import strategies as st

    least = None if low is None else ceil(low / step)
    most = None if high is None else floor(high / step)
    if least is not None and most is not None and least > most:
        return None
    inside = [
        count
        for count in (
            *WHOLE_NUMBERS,
            *(end + beside for end in (least, most) if end is not None for beside in (-1, 0, 1)),
        )
        if (least is None or count >= least) and (most is None or count <= most)
    ]
    counts = st.integers(least, most)
    drawn = st.one_of(st.sampled_from(sorted(set(inside), key=abs)), counts) if inside else counts
    return drawn.map(lambda count: _number(count * step))


def _number(exact: Fraction) -> int | Decimal:
    """An int where it is whole, else the Decimal that is equal; a step always ends, for it was written in decimals."""
    places, scaled = 0, exact
    while scaled.denominator != 1:
        places, scaled = places + 1, scaled * 10
    return scaled.numerator if places == 0 else Decimal(f"{scaled.numerator}E-{places}")


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def texts(way: "Way") -> "SearchStrategy[str] | None":
    """Texts that keep all the rules. Raises UnreadablePattern."""
    from hypothesis import strategies as st

    shortest = max((int(rules["minLength"]) for rules in way if "minLength" in rules), default=0)
    longest = min((int(rules["maxLength"]) for rules in way if "maxLength" in rules), default=None)
    if longest is not None and longest < shortest:
        return None
    patterns = [searching(rules["pattern"]) for rules in way if "pattern" in rules]
    formats = [rules["format"] for rules in way if "format" in rules]

    def fits(text: str) -> bool:
        long_enough = shortest <= len(text) and (longest is None or len(text) <= longest)
        return long_enough and all(pattern.search(text) for pattern in patterns)

    known = [text for text in (FORMATTED[formats[0]] if formats else TEXTS) if fits(text)]
    others: SearchStrategy[str] | None
    if formats:
        others = _of_format(formats[0])
    elif patterns:
        # Where patterns meet, the last one came from a condition and says more than the first.
        others = st.from_regex(patterns[-1], alphabet=_characters())
    else:
        most = shortest + MORE_CHARACTERS
        others = st.text(_characters(), min_size=shortest, max_size=most if longest is None else min(most, longest))
    if not known:
        return None if others is None else others.filter(fits)
    some = st.sampled_from(known)
    if others is None:
        return some
    # What does not fit gives way to what is known to: to give up the whole document would favour small ones.
    fitting = others.flatmap(lambda text: st.just(text) if fits(text) else some)
    return st.sampled_from((some, some, fitting)).flatmap(lambda drawn: drawn)


def names(patterns: Sequence[str] = ()) -> "SearchStrategy[str]":
    """Names of fields: those that match a pattern, or such as no contract knows."""
    from hypothesis import strategies as st

    if patterns:
        return st.one_of([st.from_regex(searching(each), alphabet=_characters()) for each in patterns])
    return st.one_of(
        st.sampled_from(("x_new_field", "id2", "", "a.b", "$ref", "\u540d")), st.text(_characters(), max_size=8)
    )


@cache
def searching(pattern: str) -> "re.Pattern[str]":
    """A schema's pattern as Python reads it: `$` is the end and not also before a last line break, `\\d` ten digits.
    Raises UnreadablePattern."""
    ends = re.sub(r"(?<!\\)((?:\\\\)*)\$$", r"\1\\Z", pattern)
    try:
        return re.compile(ends, re.ASCII)
    except re.error as error:
        raise UnreadablePattern(f"the pattern {pattern!r} cannot be drawn from: {error}") from None


def _of_format(name: str) -> "SearchStrategy[str] | None":
    """Beyond the known ones, for the formats that mappings convert."""
    from hypothesis import strategies as st

    if name == "date":
        return st.dates().map(lambda day: day.isoformat())
    if name == "uuid":
        return st.uuids().map(str)
    if name == "date-time":
        offsets = st.sampled_from(("Z", "+00:00", "+01:00", "-05:00", "+05:30", "+14:00", "-12:00"))
        fractions = st.sampled_from(("", "", ".0", ".123", ".123456"))
        seconds = st.integers(0, 4_102_444_799).map(lambda count: (_EPOCH + timedelta(seconds=count)).isoformat())
        return st.tuples(seconds, fractions, offsets).map("".join)
    return None


@cache
def _characters() -> "SearchStrategy[str]":
    from hypothesis import strategies as st

    return st.characters(codec="utf-8", exclude_characters="\0")


# ── anything ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def scalars(kinds: Iterable[str] = ("null", "boolean", "number", "string")) -> "SearchStrategy[Any]":
    """Values of the kinds that no rule bounds."""
    from hypothesis import strategies as st

    made: dict[str, SearchStrategy[Any] | None] = {
        "null": st.none(),
        "boolean": st.booleans(),
        "number": numbers((), whole=False),
        "string": texts(()),
    }
    return st.one_of([found for kind in kinds if (found := made[kind]) is not None])


@cache
def anything() -> "SearchStrategy[Any]":
    """Any JSON value, two levels deep at most: what stands in a field that a contract leaves open."""
    from hypothesis import strategies as st

    below = st.one_of(scalars(), st.lists(scalars(), max_size=2))
    objects = st.dictionaries(names(), below, max_size=2)
    return st.one_of(scalars(), st.lists(st.one_of(scalars(), objects), max_size=2), objects)
