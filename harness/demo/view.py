"""What a person sees of the story: a live view on a terminal, a line a second elsewhere, a verdict at the end.

Colours are the terminal's own green, red and magenta beside bold and plain, which dark and light ones both show; at 80
columns the panels stand below one another, at 140 beside. This file refuses to count, to wait and to judge.
"""

from collections import deque
from collections.abc import Mapping
from textwrap import fill
from typing import Self

from msgspec import Struct
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.demo.verdict import Verdict

WIDE = 140
PARTNERS_WIDTH = 78
BARS = "▁▂▃▄▅▆▇█"
HISTORY_MAX = 60
HAPPENINGS_SHOWN = 5
FAULTS = {
    "slow": "slow",
    "throttle": "429",
    "error_before": "5xx",
    "cut_before": "cut",
    "error_after": "5xx after commit",
    "cut_after": "cut after commit",
}
"""A partner's faults, as `harness.faults` names them, and as a person reads them."""


class Picture(Struct):
    """Everything that is shown, as of one moment. `partners`: system → its counts."""

    elapsed_s: float = 0.0
    story_s: int = 0
    up: bool = False
    accepted: int = 0
    waiting: int = 0
    backlog: int = 0
    done: int = 0
    held: int = 0
    stuck: int = 0
    retries: int = 0
    redelivered: int = 0
    second_told: int = 0
    sent_again: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    partners: Mapping[str, Mapping[str, int]] = {}

    @property
    def faults(self) -> int:
        """Everything partners did wrong; merely slow answers are not counted."""
        return sum(counts.get(name, 0) for counts in self.partners.values() for name in FAULTS if name != "slow")


class View:
    """Shows pictures. Used as a context: leaving it gives the terminal back."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = console.is_terminal and not console.is_dumb_terminal
        self.happenings: deque[tuple[float, str]] = deque(maxlen=HAPPENINGS_SHOWN)
        self.history: deque[int] = deque(maxlen=HISTORY_MAX)
        self._live = Live(console=console, auto_refresh=False, transient=False) if self.live else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def happened(self, at_s: float, text: str) -> None:
        """Something to tell apart from the numbers."""
        self.happenings.append((at_s, text))
        if not self.live:
            self.say(f"{at_s:4.0f} s  {text}")

    def tick(self, picture: Picture) -> None:
        """Called once a second: remembers the backlog, and prints a line where there is no live view."""
        self.history.append(picture.backlog)
        if not self.live:
            self.say(plain(picture))

    def draw(self, picture: Picture) -> None:
        """Called several times a second."""
        if self._live is not None:
            self._live.update(self.page(picture), refresh=True)

    def say(self, text: str, style: str = "") -> None:
        """One plain line."""
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def tell(self, label: str, text: str, style: str = "") -> None:
        """One labelled line of the verdict; a terminal's is broken between words."""
        line = f"{label:<11}{text}"
        if self.live:
            line = fill(line, self.console.width, subsequent_indent=" " * 11)
        self.say(line, style)

    # ── the live page ────────────────────────────────────────────────────────────────────────────────────────────────

    def page(self, picture: Picture) -> RenderableType:
        width = self.console.width
        wide = width >= WIDE
        left, right = (width - PARTNERS_WIDTH - 1, PARTNERS_WIDTH) if wide else (width, width)
        engine = Panel(self.engine(picture), title="engine", title_align="left", width=left)
        partners = Panel(partners_table(picture), title="partners", title_align="left", width=right)
        told = Panel(self.told(), title="what happened", title_align="left", width=width)
        panels = Columns([engine, partners], padding=(0, 1, 0, 0)) if wide else Group(engine, partners)
        return Group(heading(picture, width), panels, told)

    def engine(self, picture: Picture) -> RenderableType:
        table = Table.grid(padding=(0, 2), expand=True)
        for _ in range(3):
            table.add_column(ratio=1)
        table.add_row(
            number("accepted", picture.accepted),
            number("waiting", picture.waiting),
            number("done", picture.done, "bold green"),
        )
        table.add_row(
            number("retries", picture.retries),
            number("duplicates absorbed", picture.redelivered + picture.second_told),
            number("for a person", picture.held + picture.stuck, "bold magenta" if picture.held else "bold"),
        )
        table.add_row(
            number("accept p50", f"{picture.p50_ms:.0f} ms"),
            number("accept p99", f"{picture.p99_ms:.0f} ms"),
            number("backlog", picture.backlog),
        )
        down = None if picture.up else Text("engine is down", style="bold red")
        return Group(table, down or Text(sparkline(self.history, self.console.encoding), style="magenta"))

    def told(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right")
        table.add_column(overflow="fold")
        for at_s, text in self.happenings:
            table.add_row(f"{at_s:.0f} s", text)
        for _ in range(HAPPENINGS_SHOWN - len(self.happenings)):
            table.add_row("", "")
        return table


def heading(picture: Picture, width: int) -> RenderableType:
    line = Table.grid(padding=(0, 2), expand=False)
    bar = ProgressBar(
        total=picture.story_s or 1, completed=min(picture.elapsed_s, picture.story_s), width=max(10, width - 46),
        style="default", complete_style="green", finished_style="green",
    )  # fmt: skip
    line.add_row(Text("Northwind's sale", style="bold"), bar, f"{picture.elapsed_s:.0f} s of about {picture.story_s} s")
    return line


def number(word: str, value: object, style: str = "bold") -> Text:
    shown = f"{value:,}" if isinstance(value, int) else str(value)
    return Text.assemble((shown, style), " ", word)


def partners_table(picture: Picture) -> RenderableType:
    """One row a partner: what it booked, and what it did wrong. Headings break into two lines rather than vanish."""
    table = Table(box=None, padding=(0, 1), expand=True, header_style="default")
    table.add_column("")
    for heading_text in ("booked", "asked", *FAULTS.values()):
        table.add_column(heading_text, justify="right", overflow="fold")
    for system, counts in picture.partners.items():
        after = {"error_after", "cut_after"}
        faults = [Text(f"{counts.get(name, 0):,}", style="red" if name in after else "") for name in FAULTS]
        table.add_row(
            Text(system, style="bold"), f"{counts.get('booked', 0):,}", f"{counts.get('requests', 0):,}", *faults
        )
    return table


def sparkline(history: "deque[int]", encoding: str) -> str:
    """The backlog of the last minute, a character a second; words where the terminal has no such characters."""
    if not encoding.lower().startswith("utf"):
        return "backlog a second: " + " ".join(str(value) for value in list(history)[-10:])
    most = max(history, default=0)
    if not most:
        return "backlog "
    return "backlog " + "".join(BARS[min(len(BARS) - 1, value * len(BARS) // (most + 1))] for value in history)


def plain(picture: Picture) -> str:
    """The same numbers as one line."""
    state = "" if picture.up else "  ENGINE DOWN"
    return (
        f"{picture.elapsed_s:4.0f} s  accepted {picture.accepted}  waiting {picture.waiting}  done {picture.done}"
        f"  for a person {picture.held + picture.stuck}  retries {picture.retries}"
        f"  duplicates absorbed {picture.redelivered + picture.second_told}  backlog {picture.backlog}"
        f"  p50 {picture.p50_ms:.0f} ms  p99 {picture.p99_ms:.0f} ms  partner faults {picture.faults}{state}"
    )


def tell_verdict(view: View, verdict: Verdict, picture: Picture, kills: int) -> None:
    """The last lines: what was sent, what the books hold, what was survived, and whether all was kept."""
    tell = view.tell
    view.say("")
    tell(
        "sent",
        f"{picture.accepted:,} events acknowledged, for {verdict.acknowledged:,} orders and payment states;"
        f" {picture.redelivered:,} delivered again, {picture.sent_again:,} sent again unanswered",
    )
    books = ", ".join(f"{system} {rows:,}" for system, rows in verdict.booked.items())
    broken = f"{len(verdict.missing)} missing, {len(verdict.doubled)} doubled, {len(verdict.out_of_order)} out of order"
    tell("books", f"{books}: {broken}")
    said = {name: sum(counts.get(name, 0) for counts in picture.partners.values()) for name in FAULTS}
    faults = ", ".join(f"{said[name]:,} {word}" for name, word in FAULTS.items() if said[name])
    tell("survived", f"{faults}; {kills} SIGKILL")
    for line in verdict.faults():
        tell("", line, "red")
    if verdict.held:
        tell("PASS", "every acknowledged order and payment is in the partners' books exactly once", "bold green")
    else:
        tell("FAIL", "a promise was broken; the lines above say which", "bold red")
