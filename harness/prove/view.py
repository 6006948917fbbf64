"""What a person sees of `waybill prove`: a bar on a terminal, a line for each integration elsewhere, verdicts at the
end.

The verdict comes first, then the story, then how to see it again; what was tried and never happened is told beside
what held, for of that nothing is proved. This file refuses to run anything.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engine.cli.formats import plural, shown
from harness.prove.invariants import PROPERTIES
from harness.prove.prover import Failure, Proved

INDENT = "  "
WIDTH_MAX = 80
"""Columns: a line that may grow is broken there, between words."""


class Watch:
    """Shows how far it is, on standard error: what goes to standard output is the result alone."""

    def __init__(self, console: Console, count: int) -> None:
        self.console = console
        self.count = count
        self.done = 0
        self.live = console.is_terminal and not console.is_dumb_terminal
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        # What goes to standard output stays there: rich would send it where the bar is.
        self.progress = (
            Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
            if self.live
            else None
        )
        self.task = self.progress.add_task("", total=None) if self.progress else None

    def __enter__(self) -> Self:
        if self.progress is not None:
            self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The bar is out of the way while something is written."""
        self.__exit__()
        yield
        self.__enter__()

    def begin(self, integration: str) -> None:
        self.done += 1
        self.integration = integration
        if self.progress is not None and self.task is not None:
            told = f"{integration} ({self.done} of {self.count})"
            self.progress.update(self.task, description=told, completed=self.done - 1, total=self.count)
        else:
            self.console.print(f"{integration} ({self.done} of {self.count})", markup=False, highlight=False)

    def tell(self, what: str, count: int, total: int) -> None:
        """What is tried now, and how many of all were tried."""
        if self.progress is not None and self.task is not None:
            told = f"{self.integration} ({self.done} of {self.count}): {what}"
            self.progress.update(self.task, description=told, completed=count, total=total or None)


def told(proved: Proved, kept: dict[int, str], commands: tuple[str, str], broken: tuple[str, ...]) -> Iterator[str]:
    """One integration for people. `kept` are the case files, by the place of their failure; `commands` prove it again
    and replay its cases; `broken` are its properties that something broke, here or before."""
    coverage = proved.coverage
    ran = f"{plural(coverage.runs, 'run')}, {plural(coverage.events, 'event')}"
    for place, failure in enumerate(proved.failures):
        yield from told_failure(proved.integration, failure, kept.get(place, ""), commands)
    if not broken:
        yield f"PASS  {proved.integration}  {len(PROPERTIES)} properties in {ran}"
    else:
        before = [name for name in broken if name not in {each.violation.breaks for each in proved.failures}]
        if before:
            yield f"FAIL  {proved.integration}  as told above: {', '.join(before)}"
        held = [name for name in PROPERTIES if name not in broken]
        yield wrapped(f"held: {', '.join(held)}; {ran}")
    yield from (wrapped(line) for line in not_proved(proved))
    if coverage.passings:
        yield f"{INDENT}the power was cut at each of the {coverage.passings} points that one event passes"
    happened = ", ".join(f"{kind} {count}" for kind, count in sorted(coverage.fired.items()) if " " not in kind)
    cuts = [count for kind, count in coverage.fired.items() if " " in kind]
    happened += f"; {plural(sum(cuts), 'power cut')} at {plural(len(cuts), 'point')}" if cuts else ""
    ends = ", ".join(f"{status} {count}" for status, count in sorted(coverage.ends.items()))
    yield wrapped(f"happened: {happened.removeprefix('; ') or 'nothing'}")
    yield wrapped(f"events ended: {ends or 'none'}")


def not_proved(proved: Proved) -> Iterator[str]:
    """What was tried in vain: of that nothing is proved."""
    coverage = proved.coverage
    if coverage.never_fired:
        yield f"tried, and never happened, so not proved: {', '.join(coverage.never_fired)}"
    if coverage.lonely:
        yield "every message made of a recording has one id or key, so not proved: two things at a time"
    if coverage.uncalled:
        yield f"never called, so not proved: {', '.join(coverage.uncalled)}"


def wrapped(text: str) -> str:
    """A text below a verdict; what it names is not broken, so that it can be taken up as a whole."""
    return fill(
        text,
        WIDTH_MAX,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )


def told_failure(integration: str, failure: Failure, kept: str, commands: tuple[str, str]) -> Iterator[str]:
    violation = failure.violation
    where = f" at step {violation.step}" if violation.step else ""
    elsewhere = f" (told to {integration})" if violation.spec != integration else ""
    yield f"FAIL  {violation.spec}  {violation.breaks}{where}{elsewhere}"
    story = "; ".join(failure.story)
    yield wrapped(f"{story[0].upper()}{story[1:]}.")
    yield f"{INDENT}seed {failure.scenario.seed}; again: {commands[0]}"
    if kept:
        yield f"{INDENT}case {kept}; replayed by: {commands[1]}"


def write(lines: Iterator[str]) -> None:
    for block in lines:
        for line in block.split("\n"):
            sys.stdout.write(f"{shown(line)}\n")
