"""RESULT → the lines that a terminal shows at the end: the verdict first, then why, then the numbers behind it.

Pure: lines of parts and a style; `write` puts them out. On a terminal the parts that do not fit stand below one
another; elsewhere each thing is one line, which is what `grep` wants.
"""

import shutil
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.console import Console

from engine.cli.formats import plural, shown
from engine.cli.terminal import fitted
from harness.load.model import Capacity, Latency, Limiting, Measures, Result, Slo
from harness.load.numbers import SHOWN, label, milliseconds, per_minute, quantile, seconds, share, whole

WORDS: Final = {"held": "PASS", "broken": "FAIL", "invalid": "INVALID"}
STYLES: Final = {"held": "bold green", "broken": "bold red", "invalid": "bold magenta"}
SPECS_NAMED = 3
SLOS_SHOWN = 16
EVERY_RUN: Final = ("no loss", "no second effect")
"""Promises of every run whose names have a space, as those of an integration have."""
LABEL = 11
"""The width of the word that a line begins with."""


class Told(NamedTuple):
    """One line: its parts, two spaces between them, and how it looks."""

    parts: tuple[str, ...]
    style: str = ""


def told(result: Result) -> Iterator[Told]:
    """Everything that is said at the end, the verdict first."""
    yield heading(result)
    style = "" if result.verdict == "held" else STYLES[result.verdict].removeprefix("bold ")
    for reason in result.why:
        yield Told((f"  {reason}",), style)
    if result.capacity is not None:
        yield from of_capacity(result.capacity)
    yield from of_slos(result.slo)
    yield from of_measures(result.measures, result)
    if result.limiting is not None and result.capacity is None:
        yield labelled("gives first", *of_limiting(result.limiting))
    for sentence in result.windows:
        yield labelled("window", sentence, style="yellow")
    yield of_generator(result)
    yield labelled("run again", result.run.command)


def heading(result: Result) -> Told:
    run = result.run
    specs = ", ".join(run.specs[:SPECS_NAMED])
    if len(run.specs) > SPECS_NAMED:
        specs += f" and {len(run.specs) - SPECS_NAMED} more"
    where = "in virtual time, blind to CPU" if run.virtual else f"on {run.machine}, {run.store}"
    return Told((WORDS[result.verdict], run.profile, specs, where), STYLES[result.verdict])


def labelled(word: str, *parts: str, style: str = "") -> Told:
    first, *rest = parts
    return Told((f"  {word:<{LABEL}} {first}", *rest), style)


def of_slos(slos: Sequence[Slo]) -> Iterator[Told]:
    """Those that were broken first. Of many that held only what is true of every run is told one by one."""
    told = sorted(slos, key=lambda slo: (slo.held, not slo.judged))
    left_out = [slo for slo in told if slo.held and " " in slo.name and slo.name not in EVERY_RUN]
    if len(told) <= SLOS_SHOWN:
        left_out = []
    listed = [slo for slo in told if slo not in left_out]
    name_width = max((len(slo.name) for slo in listed), default=0)
    for slo in listed:
        yield of_slo(slo, name_width)
    if left_out:
        unsure = sum(not slo.judged for slo in left_out)
        few = f"; {unsure} of them of too few samples to say" if unsure else ""
        yield Told((f"  ✓ {plural(len(left_out), 'more promise')} held{few}: --out DIR has each",))


def of_slo(slo: Slo, name_width: int) -> Told:
    mark = "✗" if not slo.held else "✓" if slo.judged else "·"
    counted = f"n {whole(slo.samples)}" if slo.samples else ""
    parts = (f"  {mark} {slo.name:<{name_width}}", f"{slo.measured}", f"(promised {slo.limit})", slo.where, counted)
    return Told(tuple(part for part in parts if part), "" if slo.held else "red")


def of_capacity(capacity: Capacity) -> Iterator[Told]:
    found = " in virtual time, blind to CPU" if capacity.virtual else ""
    yield labelled(
        "capacity",
        f"{per_minute(capacity.per_minute)}{found}",
        f"{per_minute(capacity.low)} held, {per_minute(capacity.high)} did not",
        plural(len(capacity.probes), "probe"),
        style="bold",
    )
    yield labelled("gives first", *of_limiting(capacity.limiting))
    if capacity.next_limit is not None:
        yield labelled("then", *of_limiting(capacity.next_limit))


def of_limiting(limiting: Limiting) -> tuple[str, ...]:
    at = f" at {per_minute(limiting.per_minute)}" if limiting.per_minute is not None else ""
    return (f"{limiting.called}{at}", limiting.why) if limiting.why else (f"{limiting.called}{at}",)


def of_measures(measures: Measures, result: Result) -> Iterator[Told]:
    turned_away = ", ".join(f"{whole(count)} with {status}" for status, count in measures.refused.items())
    yield labelled(
        "messages",
        f"{whole(measures.offered)} due",
        f"{whole(measures.sent)} sent",
        f"{whole(measures.accepted)} accepted",
        *([f"turned away {turned_away}"] if turned_away else []),
        *([f"{whole(measures.failed)} failed"] if measures.failed else []),
    )
    ended = ", ".join(f"{whole(count)} {status}" for status, count in sorted(measures.ended.items()))
    drained = "never drained" if measures.drain_s is None else f"drained in {seconds(measures.drain_s)}"
    yield labelled("events", f"{whole(measures.events)}: {ended or 'none ended'}", drained)
    yield labelled(
        "backlog", f"at most {whole(measures.backlog_max)}", f"the oldest waited {seconds(measures.oldest_max_s)}"
    )
    yield of_latency("accept", measures.accept, measures.accept_service)
    yield of_latency("complete", measures.complete, measures.complete_service)
    books = measures.books
    broken = f"{books.lost} lost, {books.doubled} doubled, {books.out_of_order} out of order"
    yield labelled(
        "books",
        f"{whole(books.checked)} effects looked at",
        broken,
        *([f"{books.unprotected} doubled where nobody promised otherwise"] if books.unprotected else []),
        *([f"{books.unfinished} unfinished"] if books.unfinished else []),
        style="red" if books.lost + books.doubled + books.out_of_order else "",
    )
    for violation in books.violations[:3] if result.verdict == "broken" else ():
        yield Told((f"  {'':<{LABEL}} {violation.event or violation.kind}: {violation.what}",), "red")


def of_latency(word: str, corrected: Latency, service: Latency) -> Told:
    """Corrected, and the same without the time that a message waited to be sent: side by side, for one number alone
    puzzles."""
    if not corrected.count:
        return labelled(word, "nothing was measured")
    told = " ".join(f"{label(name)} {quantile(corrected, name)}" for name in SHOWN)
    without = " ".join(f"{label(name)} {quantile(service, name)}" for name in SHOWN)
    return labelled(
        word, f"{told} max {milliseconds(corrected.max_ms)}", f"(service {without})", f"n {whole(corrected.count)}"
    )


def of_generator(result: Result) -> Told:
    generator = result.measures.generator
    if result.run.virtual or (result.capacity is not None and result.capacity.virtual):
        return labelled("load", "simulated: no generator, so none that could lag")
    processes = f"{generator.processes} process{'es' if generator.processes != 1 else ''}"
    state = "in time" if generator.held else "NOT IN TIME"
    return labelled(
        "generator",
        f"{state}: {processes}",
        f"lag p99 {quantile(generator.lag, '0.99')}",
        f"CPU {share(generator.cpu)}",
        f"{whole(generator.unsent)} unsent",
        style="" if generator.held else "magenta",
    )


def write(lines: Iterator[Told], console: Console) -> None:
    """Puts the lines out; a terminal's are broken between their parts, and coloured."""
    width = shutil.get_terminal_size().columns if console.is_terminal else None
    for line in lines:
        for text in fitted([plain(shown(part), console.encoding) for part in line.parts], width):
            console.print(text, style=line.style, markup=False, highlight=False, soft_wrap=True)


PLAIN: Final = str.maketrans({"✓": "+", "·": ".", "✗": "x", "÷": "/", "≤": "<="})


def plain(text: str, encoding: str) -> str:
    """The same where a terminal has only ASCII."""
    return text if encoding.lower().startswith("utf") else text.translate(PLAIN)
