"""What a person sees of `waybill prove`: a bar on a terminal, a line for each integration elsewhere, verdicts at the
end.

The verdict comes first, then the story, then how to see it again; what was tried and never happened is told beside
what held, for of that nothing is proved. This file refuses to run anything.
"""

import sys
from collections.abc import Iterator
from textwrap import fill
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engine.cli.formats import plural, shown
from harness.prove.invariants import PROPERTIES
from harness.prove.prover import Failure, Proved

INDENT = "  "
WIDTH_MAX = 100


class Watch:
    """Shows how far it is, on standard error: what goes to standard output is the result alone."""

    def __init__(self, console: Console, count: int) -> None:
        self.console = console
        self.count = count
        self.done = 0
        self.live = console.is_terminal and not console.is_dumb_terminal
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.progress = Progress(*columns, console=console, transient=True) if self.live else None
        self.task = self.progress.add_task("", total=None) if self.progress else None

    def __enter__(self) -> Self:
        if self.progress is not None:
            self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.stop()

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


def told(proved: Proved, kept: dict[int, str], command: str) -> Iterator[str]:
    """One integration for people. `kept` are the case files, by the place of their failure."""
    broken = {failure.violation.breaks for failure in proved.failures}
    coverage = proved.coverage
    ran = f"{plural(coverage.runs, 'run')}, {plural(coverage.events, 'event')}"
    for place, failure in enumerate(proved.failures):
        yield from told_failure(proved.integration, failure, kept.get(place, ""), command)
    if not broken:
        yield f"PASS  {proved.integration}  {len(PROPERTIES)} properties in {ran}"
    else:
        held = [name for name in PROPERTIES if name not in broken]
        yield f"{INDENT}held: {', '.join(held)}; {ran}"
    if coverage.never_fired:
        yield f"{INDENT}tried, and never happened, so not proved: {', '.join(coverage.never_fired)}"
    happened = ", ".join(f"{kind} {count}" for kind, count in sorted(coverage.fired.items()) if " " not in kind)
    cuts = [count for kind, count in coverage.fired.items() if " " in kind]
    happened += f"; {plural(sum(cuts), 'power cut')} at {plural(len(cuts), 'point')}" if cuts else ""
    ends = ", ".join(f"{status} {count}" for status, count in sorted(coverage.ends.items()))
    yield f"{INDENT}happened: {happened.removeprefix('; ') or 'nothing'}"
    yield f"{INDENT}events ended: {ends or 'none'}"


def told_failure(integration: str, failure: Failure, kept: str, command: str) -> Iterator[str]:
    violation = failure.violation
    where = f" at step {violation.step}" if violation.step else ""
    elsewhere = f" (told to {integration})" if violation.spec != integration else ""
    yield f"FAIL  {violation.spec}  {violation.breaks}{where}{elsewhere}"
    story = "; ".join(failure.story)
    yield fill(f"{story[0].upper()}{story[1:]}.", WIDTH_MAX, initial_indent=INDENT, subsequent_indent=INDENT)
    yield f"{INDENT}seed {failure.scenario.seed}; again: {command}"
    if kept:
        yield f"{INDENT}case {kept}; replayed by: waybill test"


def write(lines: Iterator[str]) -> None:
    for block in lines:
        for line in block.split("\n"):
            sys.stdout.write(f"{shown(line)}\n")
