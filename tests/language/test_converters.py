"""Money, units, times, numbers and tables: exactly, or a problem."""

import zoneinfo
from decimal import Decimal

import pytest

from engine.language import FromExpression, LanguageError, MappingError, Resources, TextTable, compile_value
from engine.language.money import EXPONENTS

D = Decimal
THIRTY = 123456789012345678901234567890
TABLES = {
    "sku-registry": TextTable.of(
        ["channel", "sku", "brand"],
        [["4711", "A-1", "x"], ["4712", "A-2", "x"], ["twice", "B-1", "y"], ["twice", "B-2", "y"]],
        "v1",
    )
}


def zones(name):
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


RESOURCES = Resources(TABLES, zones)


def converted(given, **converters):
    return compile_value(FromExpression(text="x", **converters), RESOURCES)({"x": given, "c": "EUR", "u": "kg"}, {})


GIVES = [
    # money: main units to minor units
    ("19.90", {"money": "'EUR'"}, 1990),
    ("19.9", {"money": "c"}, 1990),
    ("19.9000", {"money": "c"}, 1990),
    ("-0.05", {"money": "c"}, -5),
    ("+1", {"money": "c"}, 100),
    ("007.50", {"money": "c"}, 750),
    (D("19.99"), {"money": "c"}, 1999),
    (20, {"money": "c"}, 2000),
    ("1999", {"money": "'JPY'"}, 1999),
    ("1.234", {"money": "'KWD'"}, 1234),
    ("1.2345", {"money": "'CLF'"}, 12345),
    (f"{THIRTY}.99", {"money": "c"}, int(f"{THIRTY}99")),
    (1990, {"money": "c", "minor": True}, 1990),
    ("1990", {"money": "c", "minor": True}, 1990),
    (D("1990.00"), {"money": "c", "minor": True}, 1990),
    # decimal: minor units to text
    (1990, {"decimal": "c"}, "19.90"),
    (-5, {"decimal": "c"}, "-0.05"),
    (0, {"decimal": "c"}, "0.00"),
    (1999, {"decimal": "'JPY'"}, "1999"),
    (5, {"decimal": "'KWD'"}, "0.005"),
    (THIRTY, {"decimal": "c"}, f"{str(THIRTY)[:-2]}.{str(THIRTY)[-2:]}"),
    # number
    ("42", {"number": "integer"}, 42),
    ("42.00", {"number": "integer"}, 42),
    ("-007", {"number": "integer"}, -7),
    (str(THIRTY), {"number": "integer"}, THIRTY),
    (D("4E+1"), {"number": "integer"}, 40),
    ("19.90", {"number": "decimal"}, D("19.90")),
    (5, {"number": "decimal"}, D("5")),
    # unit
    (D("0.5"), {"unit": "g", "from_unit": "u"}, 500),
    ("1.5", {"unit": "g", "from_unit": "'KGM'"}, 1500),
    (1, {"unit": "g", "from_unit": "'lb'"}, D("453.59237")),
    (16, {"unit": "lb", "from_unit": "'ONZ'"}, 1),
    (1, {"unit": "g", "from_unit": "'oz'"}, D("28.349523125")),
    (2, {"unit": "kg", "from_unit": "'t'"}, 2000),
    (250, {"unit": "g", "from_unit": "'mg'"}, D("0.25")),
    (1, {"unit": "mm", "from_unit": "'in'"}, D("25.4")),
    (1, {"unit": "in", "from_unit": "'FOT'"}, 12),
    (3, {"unit": "m", "from_unit": "'CMT'"}, D("0.03")),
    (D("1.5"), {"unit": "ml", "from_unit": "'LTR'"}, 1500),
    (100, {"unit": "F", "from_unit": "'C'"}, 212),
    (212, {"unit": "C", "from_unit": "'FAH'"}, 100),
    (0, {"unit": "K", "from_unit": "'CEL'"}, D("273.15")),
    (3, {"unit": "each", "from_unit": "'H87'"}, 3),
    (3, {"unit": "EA", "from_unit": "'C62'"}, 3),
    (THIRTY, {"unit": "mg", "from_unit": "'kg'"}, THIRTY * 10**6),
    # instants
    ("2026-11-01T09:30:00Z", {"time": "utc"}, "2026-11-01T09:30:00Z"),
    ("2026-11-01T10:30:00+01:00", {"time": "utc"}, "2026-11-01T09:30:00Z"),
    ("2026-11-01 10:30:00.5+0100", {"time": "utc"}, "2026-11-01T09:30:00.500000Z"),
    ("2026-11-01t10:30-05", {"time": "utc"}, "2026-11-01T15:30:00Z"),
    ("20261101T103000Z", {"time": "utc"}, "2026-11-01T10:30:00Z"),
    ("2026-11-01T10:30:00.123456789Z", {"time": "utc"}, "2026-11-01T10:30:00.123456Z"),
    ("2026-01-01T00:30:00+01:00", {"time": "utc"}, "2025-12-31T23:30:00Z"),
    ("2026-07-01T12:00:00", {"time": "utc", "zone": "Europe/Berlin"}, "2026-07-01T10:00:00Z"),
    ("2026-12-01T12:00:00", {"time": "utc", "zone": "Europe/Berlin"}, "2026-12-01T11:00:00Z"),
    ("2026-07-01T12:00:00Z", {"time": "utc", "zone": "Europe/Berlin"}, "2026-07-01T12:00:00Z"),
    (1_700_000_000, {"time": "utc"}, "2023-11-14T22:13:20Z"),
    (D("1700000000.0"), {"time": "utc"}, "2023-11-14T22:13:20Z"),
    (-1, {"time": "utc"}, "1969-12-31T23:59:59Z"),
    # dates
    ("2026-11-01", {"time": "date"}, "2026-11-01"),
    ("20261101", {"time": "date"}, "2026-11-01"),
    ("2026-11-01T23:30:00Z", {"time": "date"}, "2026-11-01"),
    ("2026-11-01T23:30:00Z", {"time": "date", "zone": "Europe/Berlin"}, "2026-11-02"),
    ("2026-11-01T23:30:00", {"time": "date", "zone": "Europe/Berlin"}, "2026-11-01"),
    (1_700_000_000, {"time": "date", "zone": "Asia/Tokyo"}, "2023-11-15"),
    # table, then a converter, then default
    ("4711", {"table": "sku-registry"}, "A-1"),
    (4711, {"table": "sku-registry"}, "A-1"),
    ("A-2", {"table": "sku-registry", "by": "sku", "give": "channel", "number": "integer"}, 4712),
    ("twice", {"table": "sku-registry", "give": "brand"}, "y"),
    ("nope", {"table": "sku-registry", "on_missing": "default", "default": "B-0"}, "B-0"),
    ("nope", {"table": "sku-registry", "on_missing": "default", "default": None}, None),
    ("nope", {"table": "sku-registry", "on_missing": "default", "default": 0, "number": "integer"}, 0),
    (None, {"table": "sku-registry", "default": "B-0"}, "B-0"),
    (None, {"money": "c", "default": 0}, 0),
    (None, {"default": None}, None),
    (None, {"optional": True}, None),
    ("x", {"optional": True}, "x"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "converters", "result"), GIVES, ids=[f"{row[0]} by {row[1]}" for row in GIVES])
def test_a_value_is_converted_exactly(given, converters, result):
    value = converted(given, **converters)
    assert value == result
    assert type(value) is type(result)


FAILS = [
    ("19.999", {"money": "c"}, "money", "more than the 2 digits"),
    ("1.5", {"money": "'JPY'"}, "money", "more than the 0 digits"),
    ("1,234.50", {"money": "c"}, "money", "without separators"),
    ("1e2", {"money": "c"}, "money", "without separators"),
    (" 1", {"money": "c"}, "money", "without separators"),
    ("١٢", {"money": "c"}, "money", "without separators"),
    (True, {"money": "c"}, "money", "without separators"),
    (1.5, {"money": "c"}, "money", "without separators"),
    ([], {"money": "c"}, "money", "without separators"),
    ("1", {"money": "'EURO'"}, "currency", "not one of ISO 4217"),
    ("1", {"money": "'eur'"}, "currency", "not one of ISO 4217"),
    ("1", {"money": "'XAU'"}, "currency", "not one of ISO 4217"),
    ("1", {"money": "nope"}, "currency", "is null"),
    ("1", {"money": "abs(c)"}, "wrong-type", "abs()"),
    ("1.5", {"money": "c", "minor": True}, "money", "whole number"),
    ("10.00", {"money": "c", "minor": True}, "money", "whole number"),
    (D("1.5"), {"decimal": "c"}, "money", "whole number"),
    (D("1e1000000"), {"money": "c"}, "too-large", "1000 digits"),
    ("1.5", {"number": "integer"}, "number", "no whole number"),
    ("x", {"number": "integer"}, "number", "no whole number"),
    ("", {"number": "decimal"}, "number", "no number"),
    (True, {"number": "integer"}, "number", "no whole number"),
    (D("1e1000000"), {"number": "integer"}, "too-large", "1000 digits"),
    ("1e9999", {"number": "decimal"}, "too-large", "1000 digits"),
    (1, {"unit": "C", "from_unit": "'F'"}, "unit", "no end of digits"),
    (1, {"unit": "lb", "from_unit": "'kg'"}, "unit", "no end of digits"),
    (1, {"unit": "g", "from_unit": "'m'"}, "unit", "a length cannot be given in g"),
    (1, {"unit": "g", "from_unit": "'KG'"}, "unit", "not one we know"),
    (1, {"unit": "g", "from_unit": "nope"}, "unit", "is null"),
    ("x", {"unit": "g", "from_unit": "u"}, "unit", "a quantity is a number"),
    ("2026-11-01T09:30:00", {"time": "utc"}, "time", "add `zone: NAME`"),
    ("2026-10-25T02:30:00", {"time": "utc", "zone": "Europe/Berlin"}, "time", "happens twice"),
    ("2026-03-29T02:30:00", {"time": "utc", "zone": "Europe/Berlin"}, "time", "never happens"),
    ("2026-11-01T09:30:00", {"time": "utc", "zone": "Mars/Base"}, "unknown-zone", "Mars/Base"),
    ("2026-11-01", {"time": "utc"}, "time", "no instant"),
    ("2026-02-30T00:00:00Z", {"time": "utc"}, "time", "no such date"),
    ("2026-11-01T24:00:00Z", {"time": "utc"}, "time", "no such date"),
    ("2026-11-01T23:59:60Z", {"time": "utc"}, "time", "no such date"),
    ("2026-11-01T09:30:00+99:00", {"time": "utc"}, "time", "no such date"),
    ("2026-1101", {"time": "date"}, "time", "a time is a text"),
    ("yesterday", {"time": "utc"}, "time", "a time is a text"),
    (True, {"time": "utc"}, "time", "a time is a text"),
    (1_700_000_000_000, {"time": "utc"}, "time", "milliseconds"),
    (D("1.5"), {"time": "utc"}, "time", "whole number"),
    (1_700_000_000, {"time": "date"}, "time", "add `zone: NAME`"),
    ("0001-01-01T00:00:00+14:00", {"time": "utc"}, "time", "years 1 to 9999"),
    ("9999-12-31T23:59:59Z", {"time": "date", "zone": "Asia/Tokyo"}, "time", "years 1 to 9999"),
    (True, {"table": "sku-registry"}, "table", "only a text or a number"),
    ("twice", {"table": "sku-registry"}, "ambiguous-row", "several rows"),
    ("4711", {"table": "nope"}, "unknown-table", "no table nope"),
    ("4711", {"table": "sku-registry", "give": "nope"}, "unknown-column", "no columns"),
    (None, {}, "required", "`x` is null in the document"),
    (None, {"money": "c"}, "required", "`x` is null in the document"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "converters", "code", "says"), FAILS, ids=[f"{row[0]} by {row[1]}" for row in FAILS])
def test_a_value_that_cannot_be_converted_is_a_problem(given, converters, code, says):
    with pytest.raises(MappingError) as caught:
        converted(given, **converters)
    (problem,) = caught.value.problems
    assert (problem.path, problem.code) == ("", code)
    assert says in problem.message


@pytest.mark.parametrize("on_missing", ["quarantine", "hold", "fail"])
def test_a_missing_row_names_the_table_and_the_text_and_says_what_to_do(on_missing):
    with pytest.raises(MappingError) as caught:
        converted("4711-B", table="sku-registry", on_missing=on_missing)
    (problem,) = caught.value.problems
    assert problem.message == "'4711-B' is not in table sku-registry (column channel)"
    assert problem.on_missing == on_missing


def test_a_long_missing_text_is_cut():
    with pytest.raises(MappingError) as caught:
        converted("x" * 5000, table="sku-registry")
    assert len(str(caught.value)) < 200


def test_tables_are_looked_up_anew_each_time():
    tables = {}
    value = compile_value(FromExpression(text="x", table="t"), Resources(tables, zones))
    tables["t"] = TextTable.of(["a", "b"], [["1", "old"]], "v1")
    assert value({"x": "1"}, {}) == "old"
    tables["t"] = TextTable.of(["a", "b"], [["1", "new"]], "v2")
    assert value({"x": "1"}, {}) == "new"


def test_no_other_message_shows_a_value():
    secret = "4111111111111111 x"
    for converters in ({"money": "c"}, {"number": "integer"}, {"time": "utc"}, {"unit": "g", "from_unit": "u"}):
        with pytest.raises(MappingError) as caught:
            converted(secret, **converters)
        assert secret not in str(caught.value)


NONSENSE = [
    {"money": "c", "number": "integer"},
    {"minor": True},
    {"zone": "Europe/Berlin"},
    {"unit": "g"},
    {"from_unit": "u"},
    {"unit": "stone", "from_unit": "u"},
    {"by": "a"},
    {"on_missing": "hold"},
    {"table": "t", "on_missing": "default"},
    {"optional": True, "default": 1},
]


@pytest.mark.parametrize("converters", NONSENSE, ids=str)
def test_converters_that_exclude_or_need_one_another_are_refused(converters):
    with pytest.raises(LanguageError):
        FromExpression(text="x", **converters)


def test_the_currencies_have_the_exponents_of_iso_4217():
    some = {"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4, "ISK": 0, "MRU": 2, "UYW": 4, "HUF": 2, "XOF": 0, "TND": 3}
    assert {code: EXPONENTS[code] for code in some} == some
    assert len(EXPONENTS) == 171
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)
