"""`waybill events --missing` and `--drift`: what was counted beside events, and which rows have come since.

What is missing is looked up in the workspace's files as they are now, so that whoever has just added a row sees that it
is the right one. A look here is as generous as any mapping's may be: case and spaces apart.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.cli import HELD
from engine.cli.formats import moment, plural, shown
from engine.cli.terminal import say, say_parts
from engine.errors import FaultyWorkspace, UserError
from engine.language import Table, TextTable
from engine.language.tables import CELL
from engine.model import Sighted
from engine.rules.opening import time_text
from engine.run.tables import read_tables
from engine.store import Tally
from engine.store.open import reading, store_address
from engine.store.readers import read_tallies

SHOWN = 100
DRIFT = {Sighted.UNKNOWN_FIELD: "unknown", Sighted.MISSING_FIELD: "missing"}


class Rows:
    """Which texts stand in which columns of the workspace's tables."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables = tables
        self.columns: dict[tuple[str, str], set[str]] = {}

    def has(self, table: str, column: str, text: str) -> bool:
        if (table, column) not in self.columns:
            self.columns[table, column] = set(self.texts(table, column))
        return folded(text) in self.columns[table, column] or self.finds(table, column, text)

    def texts(self, name: str, column: str) -> Iterator[str]:
        table = self.tables.get(name)
        if isinstance(table, TextTable) and column in table.columns:
            place = table.columns.index(column)
            yield from (folded(str(row[place])) for row in table.rows)

    def finds(self, name: str, column: str, text: str) -> bool:
        """What the table itself says: it knows more ways to write its texts than this file, and which cell is empty."""
        by, _, give = column.partition(CELL)
        try:
            return name in self.tables and self.tables[name].find(by, give or by, text) is not None
        except LookupError:  # no such column
            return False


def folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def rows_of(root: Path) -> Rows:
    """The rows of a workspace's tables. Raises FaultyWorkspace where one of them cannot be read."""
    tables, faults = read_tables(root)
    if faults:
        raise FaultyWorkspace(tuple(faults))
    return Rows(tables)


def tell(arguments: argparse.Namespace) -> int:
    """What was counted, most frequent first; drift newest first."""
    kinds = (Sighted.MISSING_ROW,) if arguments.missing else tuple(DRIFT)
    root = Path(arguments.workspace)
    with reading(store_address(root, arguments.store)) as connection:
        tallies = read_tallies(connection, *kinds)
    if arguments.drift:
        tallies.sort(key=lambda tally: -tally.first_at)
    most = arguments.limit or (len(tallies) if arguments.format == "json" else SHOWN)
    told = tallies[:most]
    if arguments.format == "json":
        rows = none_or_rows(root) if arguments.missing else None
        for tally in told:
            sys.stdout.write(json.dumps(as_json(tally, rows), ensure_ascii=False) + "\n")
        return HELD
    if arguments.missing:
        tell_missing(told, none_or_rows(root))
    else:
        tell_drift(told)
    what = "missing row" if arguments.missing else "field"
    more = f" (the first {most} of {len(tallies)}; --limit N for more)" if len(tallies) > most else ""
    say(f"{plural(len(told), what)}{more}" if told else f"no {what}s")
    return HELD


def none_or_rows(root: Path) -> Rows | None:
    """The rows of the tables, None where they cannot be told: what was counted is shown all the same."""
    try:
        return rows_of(root)
    except UserError:
        return None


def as_json(tally: Tally, rows: Rows | None) -> dict[str, Any]:
    seen = tally.sighting
    named: dict[str, Any]
    if seen.kind is Sighted.MISSING_ROW:
        there = None if rows is None else rows.has(seen.place, seen.part, seen.name)
        named = {"table": seen.place, "column": seen.part, "text": seen.name, "there_now": there}
    else:
        named = {"contract": seen.place, "field": seen.name, "drift": DRIFT[seen.kind]}
    return {
        **named,
        "events": tally.count,
        "first_at": time_text(tally.first_at),
        "last_at": time_text(tally.last_at),
        "example": f"evt-{tally.event}",
    }


def tell_missing(tallies: Iterable[Tally], rows: Rows | None) -> None:
    """`4711-B  not in sku-registry (column sku)  12 events, last 2026-11-25T10:02:40Z, e.g. evt-17`."""
    told = []
    for tally in tallies:
        seen = tally.sighting
        there = rows is not None and rows.has(seen.place, seen.part, seen.name)
        where = f"{'now' if there else 'not'} in {seen.place} (column {seen.part})"
        told.append((quoted(seen.name), where, f"{plural(tally.count, 'event')}, {last_seen(tally)}"))
    for parts in aligned(told):
        say_parts(*parts)


def tell_drift(tallies: Iterable[Tally]) -> None:
    """By contract: `unknown  line_items[*].duties  12 events since 2026-11-20T09:58:11Z, last …, e.g. evt-17`."""
    contracts: dict[str, list[tuple[str, ...]]] = {}
    for tally in tallies:
        seen = tally.sighting
        times = f"{plural(tally.count, 'event')} since {moment(tally.first_at)}, {last_seen(tally)}"
        contracts.setdefault(seen.place, []).append((f"  {DRIFT[seen.kind]}", seen.name, times))
    for contract, told in contracts.items():
        say(contract)
        for parts in aligned(told):
            say_parts(*parts)


def last_seen(tally: Tally) -> str:
    return f"last {moment(tally.last_at)}, e.g. evt-{tally.event}"


def quoted(text: str) -> str:
    """A text as a terminal may show it; in quotes where its ends could not be seen."""
    return shown(text if text and text == text.strip() else f"'{text}'")


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Rows whose columns begin below one another, as far as they are of usual width."""
    widths = [min(ALIGNED_MAX, max(map(len, column))) for column in zip(*rows, strict=True)]
    for row in rows:
        *before, last = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield *before, last.rstrip()


ALIGNED_MAX = 44
