"""Which events are meant: the filters of `events` and `redrive`, and the times and rates they are written with."""

import argparse
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from engine.errors import UserError
from engine.language.times import micros
from engine.model import LANES, Status
from engine.spec.leaves import MICROSECONDS, RATE_US
from engine.store import EventRow, Filter
from engine.store.database import Database
from engine.store.readers import read_events, read_versions

PAGE = 1000
SPAN = re.compile(r"(\d{1,6})(s|m|h|d)")
RATE = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)/(s|min|h)")
FILTERS = ("integration", "queue", "step", "lane", "match", "since", "until")


def chosen(arguments: argparse.Namespace, now: Callable[[], int], **more: Any) -> Filter:
    """The filter of these options. Raises UserError."""
    return Filter(
        integration=arguments.integration,
        queue=arguments.queue,
        step=arguments.step,
        lane=None if arguments.lane is None else LANES.index(arguments.lane),
        reason=arguments.match,
        since=None if arguments.since is None else read_time(arguments.since, now),
        until=None if arguments.until is None else read_time(arguments.until, now),
        **more,
    )


def find_events(connection: Any, wanted: Filter, most: int | None) -> Iterator[EventRow]:
    """Events that match, page by page, so that a long history is not held in memory."""
    after, left = wanted.after, most
    while left is None or left > 0:
        page = list(read_events(connection, replace(wanted, after=after, limit=min(PAGE, left or PAGE))))
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].event
        left = None if left is None else left - len(page)


def check_integration(connection: Database, root: Path, name: str | None) -> None:
    """For where nothing was found: was an integration meant that there is? Raises UserError where no event of it
    is stored, no plan was ever kept, and no specification of the workspace is called so, be it one that never ran."""
    if name is None or any(read_events(connection, Filter(integration=name, limit=1))):
        return
    from engine.spec.workspace import closest
    from engine.wire.files import find_files

    known = {integration for integration, _ in read_versions(connection)}
    known |= {path.stem for _, path in find_files(root, "specs")}
    if name not in known:
        raise UserError(f"there is no integration `{name[:40]}`; {closest(name, known, 'integrations')}")


def check_statuses(statuses: list[str]) -> tuple[str, ...]:
    """The statuses, if there are such. Raises UserError."""
    for status in statuses:
        if status not in set(Status):
            raise UserError(f"there is no status `{status[:40]}`; known: {', '.join(Status)}")
    return tuple(statuses)


def event_number(text: str) -> int:
    """`evt-17` → 17. Raises UserError."""
    digits = text.removeprefix("evt-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise UserError(f"`{text[:40]}` is not an event; write it as `waybill events` prints it, such as evt-17")
    return int(digits)


def read_time(text: str, now: Callable[[], int]) -> int:
    """A time with its offset, or a span back from now → microseconds since 1970. Raises UserError."""
    span = SPAN.fullmatch(text)
    if span:
        return now() - int(span[1]) * MICROSECONDS[span[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UserError(f"`{text[:40]}` is not a time; write 2026-11-27T18:00Z, or 2h for two hours ago")
    return micros(at)


def read_pace(text: str) -> int:
    """`10/s`, `300/min` → microseconds between two. Raises UserError."""
    found = RATE.fullmatch(text)
    times = float(found[1]) if found else 0.0
    if not found or not times:
        raise UserError(f"`{text[:40]}` is not a rate; write 10/s, 300/min or 1000/h")
    return int(RATE_US[found[2]] / times)
