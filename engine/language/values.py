"""The value grammar of the dialect as frozen types: what may stand wherever a value stands.

The spec reader makes these from YAML, `mapping` compiles them. They say nothing about where in a file they stood, and
nothing checks them here but what would make no sense in any place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal as OneOf

from engine.language.errors import LanguageError
from engine.language.exact import PLACES_MAX, Rounding
from engine.language.tables import Ignored
from engine.language.times import Disambiguation
from engine.language.units import EACH, UNITS, closest_unit


class Unset(Enum):
    """The type of UNSET, which says that a default was not given; None is one that was."""

    UNSET = "unset"


UNSET = Unset.UNSET

_Check = tuple[bool, str, str]
"""(whether something is wrong, what, the mend)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromExpression:
    """`EXPR`, or `{from: EXPR, …converters}`.

    `money`, `decimal`, `from_unit` and `packs_of` are expressions, for a currency, a unit and an article. `zone`,
    `unit`, `packs`, `table`, `by`, `give` are names. Applied as: table, then the one of time, unit, money, decimal,
    number, then default. `round` and `digits` say how what money, unit or number gives is rounded. `where` is the file
    and line it is written in, for messages.
    Raises LanguageError for converters that exclude or need one another.
    """

    text: str
    money: str | None = None
    minor: bool = False
    decimal: str | None = None
    number: OneOf["integer", "decimal"] | None = None
    round: Rounding | None = None
    digits: int | None = None
    time: OneOf["utc", "date"] | None = None
    zone: str | None = None
    disambiguation: Disambiguation | None = None
    unit: str | None = None
    from_unit: str | None = None
    packs: str | None = None
    packs_of: str | None = None
    table: str | None = None
    by: str | None = None
    give: str | None = None
    ignore: tuple[Ignored, ...] = ()
    on_missing: OneOf["quarantine", "hold", "default", "fail"] = "quarantine"
    default: object = UNSET
    optional: bool = False
    where: str = ""

    def __post_init__(self) -> None:
        for wrong, message, hint in (*self._of_converters(), *self._of_rounding(), *self._of_tables()):
            if wrong:
                raise LanguageError(message, hint)

    def _of_converters(self) -> tuple[_Check, ...]:
        given = [name for name in ("time", "unit", "money", "decimal", "number") if getattr(self, name) is not None]
        decided = self.disambiguation is not None
        return (
            (len(given) > 1, f"`{'` and `'.join(given)}` exclude one another", "keep one converter"),
            (self.minor and self.money is None, "`minor` needs `money`", "add `money: CURRENCY`"),
            (self.zone is not None and self.time is None, "`zone` needs `time`", "add `time: utc` or `time: date`"),
            (decided and self.zone is None, "`disambiguation` needs `zone`", "add `zone: NAME`, which has such times"),
            (
                decided and self.time == "date",
                "`disambiguation` needs `time: utc`",
                "a local time has its date written",
            ),
            (self.from_unit is not None and self.unit is None, "`from_unit` needs `unit`", "add `unit: g`"),
            (self.unit is not None and self.from_unit is None, "`unit` needs `from_unit`", "add `from_unit: \"'kg'\"`"),
            (
                self.unit is not None and self.unit not in UNITS,
                f"there is no unit {self.unit}",
                closest_unit(self.unit or ""),
            ),
            (
                self.optional and self.default is not UNSET,
                "`optional` and `default` exclude one another",
                "with a default the field is always there",
            ),
        )

    def _of_rounding(self) -> tuple[_Check, ...]:
        digits, can_round = self.digits, (self.money, self.number, self.unit) != (None, None, None)
        has_digits = self.unit is not None or self.number == "decimal"
        return (
            (
                self.round is not None and not can_round,
                "`round` needs `money`, `number` or `unit`",
                "nothing else can have more digits than are wanted",
            ),
            (digits is not None and self.round is None, "`digits` needs `round`", "add `round: half_up`"),
            (
                digits is not None and not has_digits,
                "`digits` needs `unit` or `number: decimal`",
                "a currency has digits of its own, and an integer has none",
            ),
            (
                digits is not None and not 0 <= digits <= PLACES_MAX,
                f"`digits` is a number from 0 to {PLACES_MAX}",
                "write `digits: 2`",
            ),
        )

    def _of_tables(self) -> tuple[_Check, ...]:
        by_pack, looked_up = self.packs is not None, self.table is not None or self.packs is not None
        return (
            (by_pack and UNITS.get(self.unit or "") != EACH, "`packs` needs `unit: each`", "a pack holds pieces"),
            (by_pack and self.packs_of is None, "`packs` needs `packs_of`", "add the article: `packs_of: sku`"),
            (self.packs_of is not None and not by_pack, "`packs_of` needs `packs`", "add `packs: TABLE`"),
            (
                self.table is None and (self.by is not None or self.give is not None or bool(self.ignore)),
                "`by`, `give` and `ignore` need `table`",
                "add `table: NAME`",
            ),
            (
                self.on_missing != "quarantine" and not looked_up,
                "`on_missing` needs `table` or `packs`",
                "add `table: NAME`",
            ),
            (
                self.on_missing == "default" and self.default is UNSET,
                "`on_missing: default` needs `default`",
                "add `default: VALUE`",
            ),
        )


@dataclass(frozen=True, slots=True)
class Literal:
    """`{value: LITERAL}`."""

    value: object


@dataclass(frozen=True, slots=True)
class Text:
    """`{template: TEXT}`. `where`: as of an expression."""

    template: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """`{fields: {…}}`: an object, made from the same document."""

    fields: "Mapping[str, Value]"


@dataclass(frozen=True, slots=True)
class Each:
    """`{each: EXPR, fields: {…}}`: a list, one object for each item of the list that EXPR gives."""

    each: str
    fields: "Mapping[str, Value]"
    where: str = ""


Value = FromExpression | Literal | Text | Fields | Each
