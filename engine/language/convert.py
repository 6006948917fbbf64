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
from engine.language.exact import Rounding, bounded, integral, is_number, loose_number, rounded, scaled
from engine.language.lookups import look_up, packs
from engine.language.tables import Table
from engine.language.times import Zones
from engine.language.values import FromExpression

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
    found = () if value.table is None else (Conversion(look_up(value, resources.tables)),)
    return (*found, *_converters(value, resources))


def _converters(value: FromExpression, resources: Resources) -> tuple[Conversion, ...]:
    how, digits = value.round, value.digits or 0
    if value.time is not None:
        return (_time(value, resources.zones),)
    if value.packs is not None:
        beside, count = packs(value, resources.tables)
        return Conversion(beside, value.packs_of), Conversion(count, value.from_unit)
    if value.unit is not None:
        target = value.unit
        return (
            Conversion(lambda item, source: units.convert_unit(item, source, target, how, digits), value.from_unit),
        )
    if value.money is not None:
        convert = money.minor_units_given if value.minor else money.minor_units
        if how is None:
            return (Conversion(convert, value.money),)
        return (Conversion(lambda item, currency: convert(item, currency, how), value.money),)
    if value.decimal is not None:
        return (Conversion(money.decimal_text, value.decimal),)
    if value.number == "integer":
        return (Conversion(lambda item, _operand: _integer(item, how)),)
    if value.number == "decimal":
        return (Conversion(lambda item, _operand: _decimal(item, how, digits)),)
    return ()


def _time(value: FromExpression, zones: Zones) -> Conversion:
    zone: tzinfo | None = None
    if value.zone is not None:
        zone = zones(value.zone)
        if zone is None:
            unknown = ConversionError("unknown-zone", f"there is no time zone {value.zone}")

            def refuse(_item: object, _operand: object) -> object:
                raise unknown

            return Conversion(refuse)
    if value.time == "date":
        return Conversion(lambda item, _operand: times.date_text(item, zone))
    disambiguation = value.disambiguation
    return Conversion(lambda item, _operand: times.utc_text(item, zone, disambiguation))


def _integer(value: object, how: Rounding | None) -> int:
    number = loose_number(value) if isinstance(value, str) else value
    whole = integral(number) if is_number(number) else None
    if whole is None and how is not None and is_number(number):
        return rounded(number, 0, how)
    if whole is None:
        raise ConversionError("number", "this is no whole number")
    return whole


def _decimal(value: object, how: Rounding | None, digits: int) -> Decimal:
    number = loose_number(value) if isinstance(value, str) else value
    if not is_number(number):
        raise ConversionError("number", "this is no number")
    exact = Decimal(bounded(number))
    exponent = exact.as_tuple().exponent
    # What has no more digits than are wanted stays as it is written: rounding is no formatting.
    has_more = how is not None and isinstance(exponent, int) and -exponent > digits
    return scaled(rounded(number, digits, how), digits) if how is not None and has_more else exact
