"""Converters: one value in, one value out, in the order table, then time, unit, money, decimal or number.

Which converter runs is settled when a mapping is compiled; tables are looked up anew each time, because they are live.
Messages show no value, with one exception: the text that is missing from a table, which a person has to add there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal

from engine.language import money, times, units
from engine.language.errors import ConversionError
from engine.language.exact import bounded, integral, is_number, loose_number, number_text
from engine.language.tables import Table
from engine.language.times import Zones
from engine.language.values import UNSET, FromExpression

_SHOWN_MAX = 100

Convert = Callable[[object, object], object]
"""(value, operand) → the converted value, or UNSET where the default is to stand. Raises ConversionError and
BoundsError."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """One converter: its function, and the expression that gives its operand (a currency, a unit), None where it has
    none."""

    run: Convert
    operand: str | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """What values need of the world, handed in: the tables (looked up at each use) and the rules of zones."""

    tables: Mapping[str, Table]
    zones: Zones


def conversions(value: FromExpression, resources: Resources) -> tuple[Conversion, ...]:
    """The value's converters, in the order they run; a null, and UNSET of the one before, end them."""
    found = () if value.table is None else (_table(value, resources.tables),)
    converted = _converter(value, resources)
    return found if converted is None else (*found, converted)


def _converter(value: FromExpression, resources: Resources) -> Conversion | None:
    if value.time is not None:
        return _time(value, resources.zones)
    if value.unit is not None:
        target = value.unit
        return Conversion(lambda item, source: units.convert_unit(item, source, target), value.from_unit)
    if value.money is not None:
        return Conversion(money.minor_units_given if value.minor else money.minor_units, value.money)
    if value.decimal is not None:
        return Conversion(money.decimal_text, value.decimal)
    if value.number is not None:
        wanted = _integer if value.number == "integer" else _decimal
        return Conversion(lambda item, _operand: wanted(item))
    return None


def _table(value: FromExpression, tables: Mapping[str, Table]) -> Conversion:
    name, on_missing = value.table, value.on_missing
    assert name is not None

    def look_up(item: object, _operand: object) -> object:
        table = tables.get(name)
        if table is None:
            raise ConversionError("unknown-table", f"there is no table {name}", on_missing=on_missing)
        by, give = value.by or table.columns[0], value.give or table.columns[min(1, len(table.columns) - 1)]
        text = number_text(item) if is_number(item) else item
        if not isinstance(text, str):
            raise ConversionError("table", f"only a text or a number can be looked up in table {name}")
        try:
            found = table.find(by, give, text)
        except KeyError:
            raise ConversionError("unknown-column", f"table {name} has no columns {by} and {give}") from None
        except LookupError:
            message = f"{_shown(text)} stands in several rows of table {name} (column {by}), which differ"
            raise ConversionError("ambiguous-row", message) from None
        if found is None and on_missing != "default":
            message = f"{_shown(text)} is not in table {name} (column {by})"
            raise ConversionError("missing-row", message, on_missing=on_missing, missing=(name, by, text))
        return UNSET if found is None else found

    return Conversion(look_up)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…")


def _time(value: FromExpression, zones: Zones) -> Conversion:
    write = times.utc_text if value.time == "utc" else times.date_text
    zone: tzinfo | None = None
    if value.zone is not None:
        zone = zones(value.zone)
        if zone is None:
            unknown = ConversionError("unknown-zone", f"there is no time zone {value.zone}")

            def refuse(_item: object, _operand: object) -> object:
                raise unknown

            return Conversion(refuse)
    return Conversion(lambda item, _operand: write(item, zone))


def _integer(value: object) -> int:
    number = loose_number(value) if isinstance(value, str) else value
    whole = integral(number) if is_number(number) else None
    if whole is None:
        raise ConversionError("number", "this is no whole number")
    return whole


def _decimal(value: object) -> Decimal:
    number = loose_number(value) if isinstance(value, str) else value
    if not is_number(number):
        raise ConversionError("number", "this is no number")
    exact = bounded(Decimal(number))
    assert isinstance(exact, Decimal)
    return exact
