"""What is seen from outside while a load runs, once a second: the engine's own counts, and /proc.

A row holds what stood at its moment, and counters since the engine began; what a second took is the difference of two
rows. The page of metrics is asked for over a connection that is kept, and only the lines needed are read of it: a full
parser takes a hundred times as long, on a machine that has something else to do. A page that does not come is a row
without the engine's part. This file refuses to judge, and to look at what it was not told of.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

import aiohttp
from msgspec import Struct

from engine.clock import SystemClock
from engine.model import Status
from engine.ports import Clock
from harness.load.model import SECOND_US

READINGS_MAX: Final = 20
APART_S_MAX: Final = 0.002
ASK_S: Final = 5.0
PAGE_BYTES_MAX: Final = 4 << 20
TICKS_S: Final = os.sysconf("SC_CLK_TCK")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
ACTIVE: Final = frozenset(status.value for status in Status if status.active)
AGAIN: Final = ("retry", "unknown", "reauthenticate")
LINE: Final = re.compile(r"^(waybill_\w+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)
LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
WANTED: Final = frozenset(
    (
        "waybill_events",
        "waybill_oldest_active_seconds",
        "waybill_gate_parked",
        "waybill_calls_total",
        "waybill_recorded_total",
        "waybill_received_total",
        "waybill_commit_seconds_sum",
    )
)


class Page(Struct, frozen=True, kw_only=True):
    """What is read of one page of metrics. `calls` and what follows it count since the engine began."""

    backlog: int = 0
    running: int = 0
    oldest_s: float = 0.0
    parked: dict[str, int] = {}
    calls: int = 0
    retries: int = 0
    done: int = 0
    accepted: int = 0
    commit_s: float = 0.0


class Cpu(Struct, frozen=True):
    """A process, or the machine: seconds of CPU since its beginning; `steal_s` of them others had."""

    used_s: float
    rss_mib: float = 0.0
    steal_s: float = 0.0
    all_s: float = 0.0


class Row(Struct, frozen=True, kw_only=True):
    """One look. `at_us` is of the wall clock, `at_s` of the monotonic one; None: it could not be seen. `writer` is the
    engine's process that writes an embedded store; without such a store there is none."""

    at_us: int
    at_s: float
    page: Page | None
    engine: Cpu | None
    writer: Cpu | None = None
    generators: tuple[Cpu | None, ...]
    machine: Cpu | None


class Watch:
    """Looks at one engine, its generators and the machine. `look` takes a row and keeps it, for `rows_max` of them."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        metrics_url: str,
        engine_pid: int,
        generator_pids: Sequence[int] = (),
        clock: Clock | None = None,
        rows_max: int = 90_000,
    ) -> None:
        self.session = session
        self.metrics_url = metrics_url
        self.engine_pid = engine_pid
        self.writer_pid = child_of(engine_pid)
        self.generator_pids = list(generator_pids)
        self.clock = clock or SystemClock()
        self.rows: list[Row] = []
        self.rows_max = rows_max

    async def look(self) -> Row:
        """One row of the moment."""
        page = await self._page()
        at_us, at_s = both(self.clock)
        row = Row(
            at_us=at_us,
            at_s=at_s,
            page=page,
            engine=cpu_of(self.engine_pid),
            writer=cpu_of(self.writer_pid) if self.writer_pid else None,
            generators=tuple(cpu_of(pid) for pid in self.generator_pids),
            machine=machine_cpu(),
        )
        if len(self.rows) < self.rows_max:
            self.rows.append(row)
        return row

    async def _page(self) -> Page | None:
        try:
            async with asyncio.timeout(ASK_S), self.session.get(self.metrics_url) as answer:
                if answer.status != 200:
                    return None
                raw = await answer.content.read(PAGE_BYTES_MAX)
                while not answer.content.at_eof() and len(raw) < PAGE_BYTES_MAX:
                    raw += await answer.content.read(PAGE_BYTES_MAX)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
        return read_page(raw.decode(errors="replace"))


def both(clock: Clock) -> tuple[int, float]:
    """The wall clock and the monotonic one at one moment: read again where the process was stopped between the two."""
    for _ in range(READINGS_MAX):
        before_s, at_us, after_s = clock.monotonic(), clock.now(), clock.monotonic()
        if after_s - before_s < APART_S_MAX:
            break
    return at_us, before_s


def read_page(text: str) -> Page:
    """What is needed of a page of Prometheus's text format."""
    counts: Counter[str] = Counter()
    parked: dict[str, int] = {}
    oldest_s = commit_s = 0.0
    for name, labelled, number in LINE.findall(text):
        if name not in WANTED:
            continue
        value, labels = float(number), dict(LABEL.findall(labelled))
        if name == "waybill_events":
            counts["backlog"] += int(value) if labels.get("status") in ACTIVE else 0
            counts["running"] += int(value) if labels.get("status") == Status.RUNNING else 0
        elif name == "waybill_gate_parked" and value:
            parked[labels.get("gate", "")] = int(value)
        elif name == "waybill_oldest_active_seconds":
            oldest_s = value
        elif name == "waybill_calls_total":
            counts["calls"] += int(value)
            counts["retries"] += int(value) if labels.get("verdict") in AGAIN else 0
        elif name == "waybill_recorded_total":
            counts["done"] += int(value) if labels.get("status") == Status.DONE else 0
        elif name == "waybill_received_total":
            counts["accepted"] += int(value) if labels.get("verdict") == "accepted" else 0
        elif name == "waybill_commit_seconds_sum":
            commit_s += value
    return Page(
        backlog=counts["backlog"],
        running=counts["running"],
        oldest_s=oldest_s,
        parked=parked,
        calls=counts["calls"],
        retries=counts["retries"],
        done=counts["done"],
        accepted=counts["accepted"],
        commit_s=commit_s,
    )


# ── /proc ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def cpu_of(pid: int, proc: Path = Path("/proc")) -> Cpu | None:
    """CPU and memory of a process; None where there is no such process, or no /proc."""
    try:
        fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return Cpu((int(fields[11]) + int(fields[12])) / TICKS_S, int(fields[21]) * PAGE_BYTES / (1 << 20))
    except (OSError, ValueError, IndexError):
        return None


def child_of(pid: int, proc: Path = Path("/proc")) -> int | None:
    """A process that this one has started; None where there is none, or no /proc."""
    for stat in proc.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                return int(stat.parent.name)
    return None


def machine_cpu(proc: Path = Path("/proc")) -> Cpu | None:
    """Of all cores together; None where there is no /proc. A guest's time is in the user's already."""
    try:
        first = (proc / "stat").read_text().split("\n", 1)[0].split()
        ticks = [int(field) for field in first[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    if len(ticks) < 8:
        return None
    idle = ticks[3] + ticks[4]
    return Cpu((sum(ticks) - idle) / TICKS_S, 0.0, ticks[7] / TICKS_S, sum(ticks) / TICKS_S)


# ── what a stretch took ──────────────────────────────────────────────────────────────────────────────────────────────


def share(before: Cpu | None, after: Cpu | None, span_s: float) -> float:
    """Of one core, between two looks; 0 where it was not seen at both."""
    if before is None or after is None or span_s <= 0:
        return 0.0
    return max(0.0, after.used_s - before.used_s) / span_s


def engine_share(before: Row, after: Row) -> float:
    """Of one core: the busier of the engine's processes, since the work of each is done by one thread."""
    span_s = after.at_s - before.at_s
    return max(share(before.engine, after.engine, span_s), share(before.writer, after.writer, span_s))


def engine_rss_mib(row: Row) -> float:
    """Of both its processes."""
    return sum(each.rss_mib for each in (row.engine, row.writer) if each is not None)


def machine_share(before: Cpu | None, after: Cpu | None) -> float:
    """Of all cores."""
    return part(before, after, lambda cpu: cpu.used_s)


def steal_share(rows: Sequence[Row]) -> float:
    """What others had of this machine from the first look to the last."""
    seen = [row.machine for row in rows if row.machine is not None]
    return part(seen[0], seen[-1], lambda cpu: cpu.steal_s) if len(seen) > 1 else 0.0


def part(before: Cpu | None, after: Cpu | None, of: Callable[[Cpu], float]) -> float:
    if before is None or after is None or after.all_s <= before.all_s:
        return 0.0
    return max(0.0, of(after) - of(before)) / (after.all_s - before.all_s)


def busiest(rows: Sequence[Row], span_s: float = 5.0) -> float:
    """The highest share of one core that a generator had over `span_s` seconds."""
    most = 0.0
    first = 0
    for row in rows:
        while row.at_s - rows[first].at_s > span_s * 1.2:
            first += 1
        begin = rows[first]
        if row.at_s - begin.at_s < min(span_s * 0.8, rows[-1].at_s - rows[0].at_s):
            continue
        pairs = zip(begin.generators, row.generators, strict=False)
        most = max([most, *(share(before, after, row.at_s - begin.at_s) for before, after in pairs)])
    return most


def clock_jump_ms(rows: Iterable[Row]) -> float:
    """By how much the wall clock went otherwise than the monotonic one, from one look to the next at most: a clock that
    is kept right by small steps moves as far in an hour, and spoils nothing."""
    offsets = [row.at_us / 1_000 - row.at_s * 1_000 for row in rows]
    return max((abs(after - before) for before, after in pairwise(offsets)), default=0.0)


def parked_at(rows: Sequence[Row], began_us: int) -> dict[int, Mapping[str, int]]:
    """Second of the run → how many events waited at each gate."""
    return {int((row.at_us - began_us) // SECOND_US): row.page.parked for row in rows if row.page and row.page.parked}
