"""`waybill compare A B`: reads two results, tells what became worse, and ends with 1 where something did."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.cli import FAILED, HELD, INVALID
from engine.cli.formats import plural
from engine.cli.terminal import say_parts
from engine.contract.body import encode_json
from engine.errors import UserError
from harness.load.judge.compare import Comparison, Row, compare
from harness.load.tell.files import read_result

WORDS = {"same": "", "worse": "WORSE", "better": "better", "unclear": "unclear: may be chance"}


def run(arguments: argparse.Namespace) -> int:
    """3 where the two cannot be compared, 1 where something became worse."""
    before, after = (read_result(Path(path)) for path in (arguments.before, arguments.after))
    try:
        found = compare(before, after, tolerance=arguments.tolerance)
    except ValueError as error:
        raise UserError(f"a histogram in these results cannot be read: {error}") from None
    if arguments.format == "json":
        sys.stdout.write(encode_json(as_json(found)).decode() + "\n")
    else:
        for parts in told(found):
            say_parts(*parts)
    if found.unlike:
        return INVALID
    return FAILED if found.regressed else HELD


def as_json(found: Comparison) -> dict[str, Any]:
    return {
        "comparable": not found.unlike,
        "unlike": list(found.unlike),
        "regressed": found.regressed,
        "notes": list(found.notes),
        "rows": [{name: getattr(row, name) for name in Row.__struct_fields__} for row in found.rows],
    }


def told(found: Comparison) -> Iterator[tuple[str, ...]]:
    """For people: the verdict, why, and a line for each thing compared."""
    if found.unlike:
        yield ("NOT COMPARABLE",)
        yield from ((f"  {why}",) for why in found.unlike)
        return
    worse = [row for row in found.rows if row.verdict == "worse"]
    yield ("FAIL", plural(len(worse), "regression")) if worse else ("PASS", "nothing became worse")
    yield from ((f"  {note}",) for note in found.notes)
    cells = [as_cells(row) for row in found.rows]
    widths = [max((len(row[place]) for row in cells), default=0) for place in range(len(WORDS))]
    for name, *rest, word in cells:
        padded = [f"{cell:<{width}}" for cell, width in zip(rest, widths[1:], strict=True)]
        parts = (f"  {name:<{widths[0]}}", *padded, word)
        yield tuple(parts) if word else tuple(parts[:-1])


def as_cells(row: Row) -> tuple[str, ...]:
    change = "" if row.change is None else f"{row.change * 100:+.0f} %"
    if row.low is not None and row.high is not None:
        change += f" ({row.low * 100:+.0f} to {row.high * 100:+.0f} %)"
    slower = "" if row.slower is None else f"slower in {row.slower * 100:.0f} of 100"
    return (row.name, f"{row.before} → {row.after}", change, slower, WORDS[row.verdict])
