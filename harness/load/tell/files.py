"""RESULT → what `--out DIR` gets for machines: result.json, junit.xml, summary.md.

Pure texts; `write_files` puts them into the folder, each whole or not at all, `write_events` beside them what the
run's store holds of each event. The page for people is `report`'s. This file refuses to judge: what held was decided
before.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from xml.etree import ElementTree as ET

import msgspec

from engine.cli.choose import find_events
from engine.cli.events import as_json as event_fields
from engine.cli.formats import shown, xml, xml_text
from engine.errors import UserError
from engine.store import Filter
from engine.store.database import Database
from harness.load.model import SCHEMA, Limiting, Result, Slo
from harness.load.numbers import SHOWN, label, milliseconds, per_minute, quantile, seconds, share, whole

RESULT, JUNIT, SUMMARY, EVENTS, REPORT = "result.json", "junit.xml", "summary.md", "events.ndjson", "report.html"
RESULT_BYTES_MAX = 64 << 20
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#!~&])")


def as_json(result: Result) -> bytes:
    """The document of `result.json`, laid out for people too."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def read_result(path: Path) -> Result:
    """A `result.json`, or that of a folder. Raises UserError where it is none, or of another schema."""
    file = path / RESULT if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            raw = opened.read(RESULT_BYTES_MAX + 1)
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or type(error).__name__}") from None
    if len(raw) > RESULT_BYTES_MAX:
        raise UserError(f"{file} is larger than {RESULT_BYTES_MAX >> 20} MiB; it is no result of `waybill load`")
    try:
        schema = msgspec.json.decode(raw, type=Schema).schema
    except msgspec.DecodeError:
        raise UserError(
            f"{file} is no result of `waybill load`: write the path of a result.json, or its folder"
        ) from None
    if schema != SCHEMA:
        raise UserError(f"{file} has schema {schema}, this Waybill reads {SCHEMA}; run it again with this one")
    try:
        return msgspec.json.decode(raw, type=Result)
    except msgspec.DecodeError as error:
        raise UserError(f"{file} is no result of `waybill load`: {error}") from None


class Schema(msgspec.Struct):
    """What every version of the document has."""

    schema: int


# ── junit.xml ────────────────────────────────────────────────────────────────────────────────────────────────────────


def junit(result: Result) -> str:
    """A case for each promise and for each thing of every run, one for whether the measurement is valid, one for
    windows. Of an invalid run the promises are skipped, and what too few samples were taken of in any: neither green
    nor red would be true."""
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", name=xml_text(f"waybill load {result.run.profile}"))
    valid = case(suite, result, "the measurement is valid")
    if result.verdict == "invalid":
        error = ET.SubElement(valid, "error", type="invalid", message=xml_text(first(result.why)))
        error.text = xml_text("\n".join(result.why))
    for slo in result.slo:
        found = case(suite, result, slo.name)
        if result.verdict == "invalid":
            ET.SubElement(found, "skipped", message="the measurement is invalid")
        elif not slo.judged:
            ET.SubElement(found, "skipped", message=xml_text(slo.measured))
        elif not slo.held:
            failure = ET.SubElement(found, "failure", type="slo", message=xml_text(said(slo)))
            failure.text = xml_text("\n".join(violations(result, slo)))
    if result.windows:
        ET.SubElement(suite, "system-out").text = xml_text("\n".join(result.windows))
    for element in (root, suite):
        element.set("tests", str(len(suite.findall("testcase"))))
        element.set("failures", str(len(suite.findall("testcase/failure"))))
        element.set("errors", str(len(suite.findall("testcase/error"))))
        element.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("time", f"{result.run.took_s:.3f}")
    suite.set("timestamp", xml_text(result.run.began_at.removesuffix("Z")))
    return xml(root)


def case(suite: ET.Element, result: Result, name: str) -> ET.Element:
    classname = xml_text(f"waybill.load.{result.run.profile}")
    return ET.SubElement(suite, "testcase", classname=classname, name=xml_text(name))


def said(slo: Slo) -> str:
    where = f" ({slo.where})" if slo.where else ""
    return f"{slo.name}: measured {slo.measured}{where}; promised {slo.limit}"


def violations(result: Result, slo: Slo) -> Iterator[str]:
    """The sentence, and the stories of the events behind it where it is one of those that the books tell."""
    yield said(slo)
    kinds = {"no loss": "lost", "no second effect": "doubled", "order": "out_of_order"}
    for violation in result.measures.books.violations:
        if violation.kind == kinds.get(slo.name):
            yield f"{violation.event or violation.kind}: {violation.what}"
            yield from (f"    {at_s:.3f} s  {what}" for at_s, what in violation.timeline)


def first(why: tuple[str, ...]) -> str:
    return why[0] if why else ""


# ── summary.md ───────────────────────────────────────────────────────────────────────────────────────────────────────


def summary(result: Result) -> str:
    """For a job's summary and a pull request: GitHub's Markdown, whatever names and texts hold."""
    return "\n".join(summary_lines(result)) + "\n"


def summary_lines(result: Result) -> Iterator[str]:
    run, measures = result.run, result.measures
    yield f"## Load: {escaped(run.profile)} {result.verdict}"
    yield ""
    yield from (f"- {escaped(reason)}" for reason in result.why)
    if result.why:
        yield ""
    yield from capacity_lines(result)
    if result.slo:
        yield "| | promise | limit | measured | where | samples |"
        yield "|---|---|---|---|---|---:|"
        for slo in result.slo:
            cells = (slo.name, slo.limit, slo.measured, slo.where)
            mark = "✗" if not slo.held else "✓" if slo.judged else "·"
            yield f"| {mark} | {' | '.join(map(escaped, cells))} | {whole(slo.samples) if slo.samples else ''} |"
        yield ""
    yield f"| | {' | '.join(label(name) for name in SHOWN)} | max | samples |"
    yield f"|---|{'---:|' * (len(SHOWN) + 2)}"
    for word, latency in (
        ("accept", measures.accept),
        ("accept, service", measures.accept_service),
        ("complete", measures.complete),
        ("complete, service", measures.complete_service),
    ):
        values = " | ".join(quantile(latency, name) for name in SHOWN)
        yield f"| {word} | {values} | {milliseconds(latency.max_ms)} | {whole(latency.count)} |"
    yield ""
    drained = "never drained" if measures.drain_s is None else f"drained in {seconds(measures.drain_s)}"
    yield (
        f"{whole(measures.offered)} messages due, {whole(measures.accepted)} accepted;"
        f" {whole(measures.events)} events, {whole(measures.completed)} completed;"
        f" backlog at most {whole(measures.backlog_max)}, {drained}."
    )
    yield ""
    if result.limiting is not None and result.capacity is None:
        yield f"Gives first: {limiting_text(result.limiting)}."
        yield ""
    yield from (f"- {escaped(sentence)}" for sentence in result.windows)
    if result.windows:
        yield ""
    generator = measures.generator
    if not run.virtual:
        yield (
            f"Generator: lag p99 {quantile(generator.lag, '0.99')}, CPU {share(generator.cpu)},"
            f" {whole(generator.unsent)} unsent."
        )
    where = "in virtual time, blind to CPU" if run.virtual else f"on {escaped(run.machine)}, {run.store}"
    yield f"Run {where}, Waybill {escaped(run.version)}, Python {escaped(run.python)}, seed {run.seed}."
    yield ""
    yield from fenced(run.command)


def capacity_lines(result: Result) -> Iterator[str]:
    capacity = result.capacity
    if capacity is None:
        return
    found = " (in virtual time, blind to CPU)" if capacity.virtual else ""
    yield (
        f"**Capacity {per_minute(capacity.per_minute)}**{found}:"
        f" {per_minute(capacity.low)} held, {per_minute(capacity.high)} did not."
        f" Gives first: {limiting_text(capacity.limiting)}."
        + (f" Then: {limiting_text(capacity.next_limit)}." if capacity.next_limit else "")
    )
    yield ""


def limiting_text(limiting: Limiting) -> str:
    at = f" at {per_minute(limiting.per_minute)}" if limiting.per_minute is not None else ""
    why = f" ({limiting.why})" if limiting.why else ""
    return escaped(f"{limiting.called}{at}{why}")


def escaped(content: str) -> str:
    """A text as Markdown shows it as it is, on one line, also in a table."""
    return MARKDOWN.sub(r"\\\1", shown(content.replace("\n", " ")))


def fenced(content: str) -> Iterator[str]:
    """A block of code; its fence is longer than any within."""
    text = shown(content)
    longest = max((len(found) for found in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}sh"
    yield text
    yield fence


# ── the folder ───────────────────────────────────────────────────────────────────────────────────────────────────────


def make_folder(folder: Path) -> Path:
    """The folder for what is written, there and writable: asked before a run, which would else be measured for
    nothing. Raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise UserError(f"cannot write into {folder}: {error.strerror}; name another folder with --out") from None


def write_files(folder: Path, result: Result) -> None:
    """Writes the three documents."""
    put(folder / RESULT, as_json(result))
    put(folder / JUNIT, junit(result).encode())
    put(folder / SUMMARY, summary(result).encode())


def write_events(folder: Path, database: Database) -> None:
    """Every event of the run's store, an object a line, as `waybill events --format json` prints them; streamed."""
    beside = folder / f".{EVENTS}.new"
    with beside.open("wb") as file:
        for row in find_events(database, Filter(), None):
            file.write(msgspec.json.encode(event_fields(row)) + b"\n")
    beside.replace(folder / EVENTS)


def put(path: Path, content: bytes) -> None:
    """Whole or not at all: whoever looks meanwhile sees the one before."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
