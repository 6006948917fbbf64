"""The value grammar of the dialect as frozen types: what may stand wherever a value stands.

The spec reader makes these from YAML, `mapping` compiles them. They say nothing about where in a file they stood, and
nothing checks them here but what would make no sense in any place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal as OneOf

from engine.language.errors import LanguageError
from engine.language.units import UNITS


class Unset(Enum):
    """The type of UNSET, which says that a default was not given; None is one that was."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class FromExpression:
    """`EXPR`, or `{from: EXPR, …converters}`.

    `money`, `decimal` and `from_unit` are expressions, for a currency and a unit. `zone`, `unit`, `table`, `by`, `give`
    are names. Applied as: table, then the one of time, unit, money, decimal, number, then default.
    Raises LanguageError for converters that exclude or need one another.
    """

    text: str
    money: str | None = None
    minor: bool = False
    decimal: str | None = None
    number: OneOf["integer", "decimal"] | None = None
    time: OneOf["utc", "date"] | None = None
    zone: str | None = None
    unit: str | None = None
    from_unit: str | None = None
    table: str | None = None
    by: str | None = None
    give: str | None = None
    on_missing: OneOf["quarantine", "hold", "default", "fail"] = "quarantine"
    default: object = UNSET
    optional: bool = False

    def __post_init__(self) -> None:
        given = [name for name in ("time", "unit", "money", "decimal", "number") if getattr(self, name) is not None]
        faults = (
            (len(given) > 1, f"`{'` and `'.join(given)}` exclude one another", "keep one converter"),
            (self.minor and self.money is None, "`minor` needs `money`", "add `money: CURRENCY`"),
            (self.zone is not None and self.time is None, "`zone` needs `time`", "add `time: utc` or `time: date`"),
            (self.from_unit is not None and self.unit is None, "`from_unit` needs `unit`", "add `unit: g`"),
            (self.unit is not None and self.from_unit is None, "`unit` needs `from_unit`", "add `from_unit: \"'kg'\"`"),
            (
                self.unit is not None and self.unit not in UNITS,
                f"there is no unit {self.unit}",
                f"units: {', '.join(sorted(UNITS))}",
            ),
            (
                self.table is None
                and (self.by is not None or self.give is not None or self.on_missing != "quarantine"),
                "`by`, `give` and `on_missing` need `table`",
                "add `table: NAME`",
            ),
            (
                self.on_missing == "default" and self.default is UNSET,
                "`on_missing: default` needs `default`",
                "add `default: VALUE`",
            ),
            (
                self.optional and self.default is not UNSET,
                "`optional` and `default` exclude one another",
                "with a default the field is always there",
            ),
        )
        for wrong, message, hint in faults:
            if wrong:
                raise LanguageError(message, hint)


@dataclass(frozen=True, slots=True)
class Literal:
    """`{value: LITERAL}`."""

    value: object


@dataclass(frozen=True, slots=True)
class Text:
    """`{template: TEXT}`."""

    template: str


@dataclass(frozen=True, slots=True)
class Fields:
    """`{fields: {…}}`: an object, made from the same document."""

    fields: "Mapping[str, Value]"


@dataclass(frozen=True, slots=True)
class Each:
    """`{each: EXPR, fields: {…}}`: a list, one object for each item of the list that EXPR gives."""

    each: str
    fields: "Mapping[str, Value]"


Value = FromExpression | Literal | Text | Fields | Each
