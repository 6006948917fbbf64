"""What a person sees while a load runs: a live view on a terminal, a line every few seconds elsewhere.

It goes to standard error, what is said at the end to standard output. At 80 columns the panels stand below one another,
at 140 beside. This file refuses to count and to judge.
"""

from collections import deque
from typing import Final, Self

from msgspec import Struct
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.cli.formats import shown
from harness.load.measure.trust import CPU_MAX, LAG_MS_MAX
from harness.load.numbers import milliseconds, seconds, share, whole

WIDE: Final = 140
BARS: Final = "▁▂▃▄▅▆▇█"
HISTORY_MAX: Final = 60
PLAIN_EVERY_S: Final = 5.0


class Picture(Struct):
    """Everything that is shown, as of one moment. Rates are per minute, of the last seconds; latencies are corrected
    ones, None before there are enough of them."""

    what: str = ""
    """Which run of several this is, where there are several."""
    phase: str = ""
    elapsed_s: float = 0.0
    length_s: float = 0.0
    drain_s: float = 0.0
    offered_per_min: float = 0.0
    accepted_per_min: float = 0.0
    completed_per_min: float = 0.0
    offered: int = 0
    accepted: int = 0
    completed: int = 0
    refused: int = 0
    backlog: int = 0
    oldest_s: float = 0.0
    retries: int = 0
    accept_p50_ms: float | None = None
    accept_p95_ms: float | None = None
    accept_p99_ms: float | None = None
    engine_cpu: float = 0.0
    engine_rss_mib: float = 0.0
    generator_cpu: float = 0.0
    lag_ms: float | None = None
    parked: dict[str, int] = {}
    """Gate → events that wait at it: for a quota, a breaker, a place."""


class View:
    """Shows pictures. Used as a context: leaving it gives the terminal back."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = console.is_terminal and not console.is_dumb_terminal
        self.backlogs: deque[int] = deque(maxlen=HISTORY_MAX)
        self.completed: deque[float] = deque(maxlen=HISTORY_MAX)
        self.said_s = -PLAIN_EVERY_S
        # What is written to standard output stays there: rich would send it where the view is.
        self._live = (
            Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
            if self.live
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Something between the pictures."""
        self.console.print(shown(text), markup=False, highlight=False, soft_wrap=True)

    def show(self, picture: Picture) -> None:
        """Called once a second."""
        self.backlogs.append(picture.backlog)
        self.completed.append(picture.completed_per_min)
        if self._live is not None:
            self._live.update(self.page(picture), refresh=True)
        elif picture.elapsed_s - self.said_s >= PLAIN_EVERY_S or picture.elapsed_s < self.said_s:
            self.said_s = picture.elapsed_s
            self.say(plain(picture))

    def page(self, picture: Picture) -> RenderableType:
        width = self.console.width
        wide = width >= WIDE
        half = (width - 1) // 2 if wide else width
        load = Panel(self.traffic(picture), title="events", title_align="left", width=half)
        health = Panel(self.health(picture), title="latency and load", title_align="left", width=half)
        panels = Columns([load, health], padding=(0, 1, 0, 0)) if wide else Group(load, health)
        return Group(heading(picture, width), panels)

    def traffic(self, picture: Picture) -> RenderableType:
        table = grid(3)
        table.add_row(
            number("offered/min", picture.offered_per_min),
            number("accepted/min", picture.accepted_per_min),
            number("completed/min", picture.completed_per_min, "bold green"),
        )
        table.add_row(
            number("offered", picture.offered),
            number("accepted", picture.accepted),
            number("completed", picture.completed),
        )
        table.add_row(
            number("backlog", picture.backlog),
            Text.assemble((seconds(picture.oldest_s), "bold"), " oldest"),
            number("turned away", picture.refused, "bold red" if picture.refused else "bold"),
        )
        line = sparkline(self.backlogs, self.console.encoding)
        return Group(table, Text(f"backlog {line}", style="magenta", no_wrap=True))

    def health(self, picture: Picture) -> RenderableType:
        table = grid(3)
        table.add_row(
            Text.assemble((milliseconds(picture.accept_p50_ms), "bold"), " accept p50"),
            Text.assemble((milliseconds(picture.accept_p95_ms), "bold"), " p95"),
            Text.assemble((milliseconds(picture.accept_p99_ms), "bold"), " p99"),
        )
        table.add_row(
            Text.assemble((share(picture.engine_cpu), "bold"), " engine CPU"),
            Text.assemble((f"{picture.engine_rss_mib:.0f} MiB", "bold"), " engine"),
            number("retries", picture.retries),
        )
        late = picture.lag_ms is not None and picture.lag_ms > LAG_MS_MAX
        busy = picture.generator_cpu > CPU_MAX
        state = Text("generator is late", style="bold red") if late or busy else Text("generator in time", "green")
        table.add_row(
            Text.assemble((share(picture.generator_cpu), "bold red" if busy else "bold"), " generator CPU"),
            Text.assemble((milliseconds(picture.lag_ms), "bold red" if late else "bold"), " send lag"),
            state,
        )
        return Group(table, Text(shown(parked(picture)), style="magenta", no_wrap=True, overflow="ellipsis"))


def heading(picture: Picture, width: int) -> RenderableType:
    name = " ".join(part for part in (picture.what, picture.phase) if part)
    line = Table.grid(padding=(0, 2), expand=False)
    if picture.elapsed_s > picture.length_s:
        told = f"draining, {seconds(picture.elapsed_s - picture.length_s)} of at most {seconds(picture.drain_s)}"
        most, at = picture.drain_s or 1.0, picture.elapsed_s - picture.length_s
    else:
        told = f"{seconds(picture.elapsed_s)} of {seconds(picture.length_s)}"
        most, at = picture.length_s or 1.0, picture.elapsed_s
    room = max(10, width - len(name) - len(told) - 6)
    bar = ProgressBar(
        total=most, completed=min(at, most), width=room, style="default", complete_style="green",
        finished_style="green",
    )  # fmt: skip
    line.add_row(Text(shown(name), style="bold"), bar, told)
    return line


def grid(columns: int) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    for _ in range(columns):
        table.add_column(ratio=1)
    return table


def number(word: str, value: float, style: str = "bold") -> Text:
    return Text.assemble((whole(value), style), " ", word)


def parked(picture: Picture) -> str:
    """Where events wait, the most first."""
    said = ", ".join(f"{gate} {whole(count)}" for gate, count in sorted(picture.parked.items(), key=by_count))
    return f"waiting at {said}" if said else ""


def by_count(pair: tuple[str, int]) -> int:
    return -pair[1]


def sparkline(history: "deque[int]", encoding: str) -> str:
    """The last minute, a character a second; numbers where the terminal has no such characters."""
    if not encoding.lower().startswith("utf"):
        return " ".join(str(value) for value in list(history)[-10:])
    most = max(history, default=0)
    if not most:
        return ""
    return "".join(BARS[min(len(BARS) - 1, value * len(BARS) // (most + 1))] for value in history)


def plain(picture: Picture) -> str:
    """The same numbers as one line."""
    what = f"{picture.what} " if picture.what else ""
    return (
        f"{what}{picture.elapsed_s:5.0f} s  {picture.phase or 'draining'}  offered {whole(picture.offered_per_min)}/min"
        f"  accepted {whole(picture.accepted_per_min)}/min  completed {whole(picture.completed_per_min)}/min"
        f"  backlog {whole(picture.backlog)}  oldest {seconds(picture.oldest_s)}"
        f"  accept p50 {milliseconds(picture.accept_p50_ms)} p99 {milliseconds(picture.accept_p99_ms)}"
        f"  engine CPU {share(picture.engine_cpu)}  generator CPU {share(picture.generator_cpu)}"
        f" lag {milliseconds(picture.lag_ms)}"
    )
