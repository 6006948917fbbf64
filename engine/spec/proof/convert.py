"""Converters over kinds: what each takes, what it gives, and what a table can give at all.

As in a run, null passes every converter; which one comes when is the dialect's order: table, then one of time, unit,
money, decimal, number. A key of a value that this file does not know makes it anything.
"""

from dataclasses import fields
from typing import Final, NamedTuple

from engine.contract.static.kind import (
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
from engine.language.money import EXPONENTS
from engine.language.tables import Answer, Table, look_up_columns
from engine.spec import shape
from engine.spec.invalid import INVALID
from engine.spec.proof.prover import Prover, Within
from engine.spec.proof.words import describe, listed
from engine.spec.workspace import Document, closest

KEYS: Final = frozenset(
    (
        *("from_", "table", "by", "give", "ignore", "on_missing", "default", "optional"),
        *("time", "zone", "disambiguation", "unit", "from_unit", "packs", "packs_of"),
        *("money", "minor", "decimal", "number", "round", "digits"),
    )
)
"""The keys that are reckoned with here."""
_OF_COLUMN: Final = {
    "text": Kind(TEXT),
    "date": Kind(TEXT, format="date"),
    "integer": Kind(INTEGER),
    "decimal": Kind(NUMBER),
    "boolean": Kind(BOOLEAN),
}


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
    words = ("money", "decimal", "from_unit", "packs_of")
    operands = {word: prover.expression(getattr(value, word), within) for word in words}
    if unfamiliar(value) or at_fault(prover, document, value, path):
        return Made(UNTOLD)
    given: frozenset[str] | None = None
    table = prover.workspace.tables.get(value.table or "")
    if table is not None:
        by, give = look_up_columns(table, value.by, value.give)
        asked = TEXT | NUMBER | (BOOLEAN if table.kind(by) == "boolean" else 0)
        if not takes(prover, value, kind, asked, f"table {value.table}"):
            return Made(UNTOLD)
        uncovered(prover, document, value, path, kind)
        kind = passed(kind, asked, column(prover, value, table))
        given = kind.texts if table.kind(give) == "text" else None
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
    """Whether a part of the value could not be read, or has a fault; a table counts that could not be."""
    unread = value.table in prover.workspace.tables_unread or INVALID in value.ignore
    return unread or any(
        getattr(value, each.name) is INVALID or (document.file, f"{path}.{each.name.rstrip('_')}") in prover.told
        for each in fields(value)
    )


def unfamiliar(value: shape.Converted) -> bool:
    """Whether the value has a key that is not reckoned with here."""
    others = (each for each in fields(value) if each.name not in KEYS)
    return any(getattr(value, each.name) not in (each.default, INVALID) for each in others)


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
        prover.fault_at(value.from_, "type-cannot-fit", message, hint)
    return not message


def operand(prover: Prover, text: shape.Expression, kind: Kind, word: str) -> None:
    """Tells of a currency or a unit that is none, whatever the document."""
    what = "unit" if word == "from_unit" else "currency"
    if kind.types and not kind.types & TEXT:
        message = f"the {what} is a text, and this is {describe(kind)}"
        hint = f"name a field that is one, or write a text in single quotes: '{'kg' if what == 'unit' else 'EUR'}'"
        prover.fault_at(text, "type-cannot-fit", message, hint)
    elif what == "currency" and kind.types == TEXT and kind.texts is not None and not kind.texts & EXPONENTS.keys():
        message = f"{listed(kind.texts)} is no currency of ISO 4217"
        hint = closest(min(kind.texts).upper(), EXPONENTS, "currencies")
        prover.fault_at(text, "type-cannot-fit", message, hint)


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


def uncovered(prover: Prover, document: Document, value: shape.Converted, path: str, kind: Kind) -> None:
    """A finding where the contract allows texts for which the table has no row."""
    table = prover.workspace.tables[value.table or ""]
    index = table.index(*look_up_columns(table, value.by, value.give), value.ignore)
    texts = kind.texts or () if kind.types & TEXT and value.on_missing != "default" else ()
    missing = [text for text in texts if index.key(text) not in index.entries]
    if missing:
        message = f"table {value.table} has no row for {listed(missing)}, which the contract allows here"
        hint = "add the rows, or say with `on_missing: default` what stands for all others"
        prover.finding("enum-partly-covered", document.mark(f"{path}.table"), f"{path}.table", message, hint)


def column(prover: Prover, value: shape.Converted, table: Table) -> Kind:
    """What a look-up can give: of a column of text the very texts, where they are few."""
    by, give = look_up_columns(table, value.by, value.give)
    known = (value.table, by, give, value.ignore)
    if known not in prover.columns:
        cells = {*table.index(by, give, value.ignore).entries.values()} - {Answer.AMBIGUOUS}
        kind = text_of(cell for cell in cells if isinstance(cell, str))
        if table.kind(give) != "text":
            kind = _OF_COLUMN[table.kind(give)]
        prover.columns[known] = join((kind, Kind(NULL))) if None in cells else kind
    return prover.columns[known]
