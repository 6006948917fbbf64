"""Converters over kinds: what each takes, what it gives, and what a table can give at all.

As in a run, null passes every converter; which one comes when is the dialect's order: table, then one of time, unit,
money, decimal, number. A key of a value that this file does not know makes it anything.
"""

from dataclasses import fields
from typing import Any, Final, NamedTuple

from engine.contract.kind import (
    BOOLEAN,
    INTEGER,
    NEVER,
    NULL,
    NUMBER,
    TEXT,
    UNTOLD,
    Kind,
    join,
    text_of,
    words_of,
)
from engine.contract.value_kind import kind_of_value
from engine.language import TextTable
from engine.language.money import EXPONENTS
from engine.language.tables import Table
from engine.spec import shape
from engine.spec.invalid import INVALID
from engine.spec.proof.prover import Prover, Within
from engine.spec.proof.words import describe, listed
from engine.spec.workspace import Document, closest

CELL: Final = Kind(TEXT | NUMBER | BOOLEAN)
SAMPLED_MAX: Final = 20
"""How many rows are looked up to see that a table gives its cells as they stand."""

KEYS: Final = ("from_", "table", "by", "give", "on_missing", "time", "zone", "unit", "from_unit", "money", "minor")
MORE_KEYS: Final = ("decimal", "number", "default", "optional")
HARMLESS: Final = ("round", "digits", "disambiguation", "packs", "packs_of", "ignore")
"""Keys that change which value a converter gives, and not its kind."""


class Step(NamedTuple):
    """One converter: the types it takes, the kind it gives, and the key that holds its operand, a currency or unit."""

    takes: int
    gives: Kind
    operand: str = ""


STEPS: Final = {
    "time": Step(TEXT | INTEGER, Kind(TEXT)),
    "unit": Step(TEXT | NUMBER, Kind(NUMBER), "from_unit"),
    "money": Step(TEXT | NUMBER, Kind(INTEGER), "money"),
    "decimal": Step(TEXT | NUMBER, Kind(TEXT), "decimal"),
    "number": Step(TEXT | NUMBER, Kind(NUMBER)),
}


class Made(NamedTuple):
    """What a value gives before its default: its kind, null included, and the texts a table gave as they stand."""

    kind: Kind
    given: frozenset[str] | None = None


def convert(prover: Prover, document: Document, value: shape.Converted, path: str, within: Within) -> Made:
    """The kind of a converted value; faults of its parts are told on the way."""
    kind = prover.expression(value.from_, within)
    operands = {word: prover.expression(getattr(value, word), within) for word in ("money", "decimal", "from_unit")}
    if unfamiliar(value) or at_fault(prover, document, value, path):
        return Made(UNTOLD)
    given: frozenset[str] | None = None
    if value.table is not None:
        if not takes(prover, value, kind, TEXT | NUMBER, f"table {value.table}"):
            return Made(UNTOLD)
        kind = looked_up(prover, document, value, path, kind)
        given = kind.texts
    for word, step in STEPS.items():
        if getattr(value, word) is None:
            continue
        given = None
        if not takes(prover, value, kind, step.takes, f"`{word}`"):
            return Made(UNTOLD)
        if step.operand:
            operand(prover, getattr(value, step.operand), operands[step.operand], step.operand)
        kind = passed(kind, step.takes, gives(value, word, step))
    return Made(kind, given)


def at_fault(prover: Prover, document: Document, value: shape.Converted, path: str) -> bool:
    """Whether a part of the value could not be read, or has a fault."""
    return any(
        getattr(value, each.name) is INVALID or (document.file, f"{path}.{each.name.rstrip('_')}") in prover.told
        for each in fields(value)
    )


def unfamiliar(value: shape.Converted) -> bool:
    """Whether the value has a key that is not reckoned with here."""
    for each in fields(value):
        if each.name not in (*KEYS, *MORE_KEYS, *HARMLESS) and getattr(value, each.name) not in (each.default, INVALID):
            return True
    return False


def takes(prover: Prover, value: shape.Converted, kind: Kind, types: int, what: str) -> bool:
    """Whether a value can be what a converter takes; a fault where not."""
    rest = kind.types & ~NULL
    message, hint = "", ""
    if rest and not rest & types:
        message = f"{what} takes {words_of(types)}, and this is {describe(kind)}"
        hint = "name the part of it that is one, or mend its type in the contract"
    elif what == "`time`" and value.time == "utc" and rest == TEXT and kind.format == "date":
        message, hint = "`time: utc` makes an instant, and this is a date without time of day", "write `time: date`"
    if message:
        text = value.from_
        prover.fault("type-cannot-fit", text.at(start(text)), text.path, message, hint)
    return not message


def start(text: shape.Expression) -> int:
    """Where the expression itself begins in its text."""
    return len(text.text) - len(text.text.lstrip())


def operand(prover: Prover, text: shape.Expression, kind: Kind, word: str) -> None:
    """Tells of a currency or a unit that is none, whatever the document."""
    what = "unit" if word == "from_unit" else "currency"
    if kind.types and not kind.types & TEXT:
        message = f"the {what} is a text, and this is {describe(kind)}"
        hint = (
            "a text in single quotes, such as 'kg'" if word == "from_unit" else "a text such as 'EUR', or a field of it"
        )
        prover.fault("type-cannot-fit", text.at(start(text)), text.path, message, hint)
    elif what == "currency" and kind.types == TEXT and kind.texts is not None and not kind.texts & EXPONENTS.keys():
        message = f"{listed(kind.texts)} is no currency of ISO 4217"
        hint = closest(min(kind.texts).upper(), EXPONENTS, "currencies")
        prover.fault("type-cannot-fit", text.at(start(text)), text.path, message, hint)


def passed(kind: Kind, types: int, result: Kind) -> Kind:
    """A converter's result, and null where null comes in."""
    made = result if kind.types & types else NEVER
    return join((made, Kind(NULL))) if kind.types & NULL else made


def gives(value: shape.Converted, word: str, step: Step) -> Kind:
    if word == "time":
        return Kind(TEXT, format="date-time" if value.time == "utc" else "date")
    if word == "number" and value.number == "integer":
        return Kind(INTEGER)
    return step.gives


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def looked_up(prover: Prover, document: Document, value: shape.Converted, path: str, kind: Kind) -> Kind:
    """What the table can give for a value of this kind. Texts of an enumeration that it does not hold are a finding."""
    table = prover.workspace.tables.get(value.table or "")
    if table is None or not {value.by, value.give} - {None} <= {*table.columns}:
        return UNTOLD
    by, give = value.by or table.columns[0], value.give or table.columns[min(1, len(table.columns) - 1)]
    missing = [] if value.on_missing == "default" or getattr(value, "ignore", None) else absent(table, by, give, kind)
    if missing:
        message = f"table {value.table} has no row for {listed(missing)}, which the contract allows here"
        hint = "add the rows, or say with `on_missing: default` what stands for all others"
        prover.finding("enum-partly-covered", document.mark(f"{path}.table"), f"{path}.table", message, hint)
    known = (value.table or "", by, give)
    if known not in prover.columns:
        prover.columns[known] = column(table, by, give)
    return passed(kind, TEXT | NUMBER, prover.columns[known])


def absent(table: Table, by: str, give: str, kind: Kind) -> list[str]:
    """Those of the few texts that can be asked for that the table does not know."""
    missing: list[str] = []
    for text in kind.texts or () if kind.types & TEXT else ():
        try:
            if table.find(by, give, text) is None:
                missing.append(text)
        except LookupError:
            pass
    return missing


def column(table: Table, by: str, give: str) -> Kind:
    """What a column can give."""
    if not isinstance(table, TextTable):
        return CELL
    key, place = table.columns.index(by), table.columns.index(give)
    rows: tuple[tuple[Any, ...], ...] = table.rows
    for row in rows[:SAMPLED_MAX]:
        try:
            if not isinstance(row[key], str) or table.find(by, give, row[key]) != row[place]:
                return CELL
        except LookupError:
            continue
    cells: set[Any] = {row[place] for row in rows}
    if all(type(cell) is str for cell in cells):
        return text_of(cells)
    return join(kind_of_value(cell) for cell in cells) if len(cells) <= SAMPLED_MAX else CELL
