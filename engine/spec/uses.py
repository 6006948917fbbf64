"""A CONTRACT → WHERE A WORKSPACE USES IT: which places of its documents are read and written, and by which line.

A mapping reads the documents of its `from` and writes those of its `to`; a spec reads what it receives under `body`,
and what its mappings made under the ids of their steps. This file refuses to judge a change; `reached` only says which
uses one touches. Documents with faults are left out: what they say is not known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.contract.versions.compatibility import Change, Comparison, Each, Others, Path, written
from engine.errors import Mark
from engine.language.places import Every
from engine.spec import shape
from engine.spec.reads import ROOT, Reads, Variables, value_reads
from engine.spec.steps import every_step, texts_of
from engine.spec.workspace import Document, Workspace


@dataclass(frozen=True, slots=True)
class Use:
    """One line that depends on a place of a contract's documents; `whole`: and on all below it.

    A field of a target that is made of other fields is not written `whole`: these are uses of their own.
    """

    mark: Mark
    kind: Literal["reads", "writes", "checks"]
    steps: Path
    whole: bool


def users(workspace: Workspace, contract: str) -> Iterator[tuple[Document, str]]:
    """The documents that name a contract, and under which key: `from`, `to`, `receive.contract`, a topic's."""
    for document in workspace.mappings.values():
        if document.content is not None:
            named = (("from", document.content.from_), ("to", document.content.to))
            yield from ((document, key) for key, name in named if name == contract)
    for document in workspace.integrations.values():
        if document.content is not None and document.content.receive.contract == contract:
            yield document, "receive.contract"
    if workspace.charter is not None:
        for name, topic in workspace.topics.items():
            if topic.contract == contract:
                yield workspace.charter, f"topics.{name}.contract"


def uses(workspace: Workspace, contract: str) -> Iterator[Use]:
    """Every use of a contract, file by file."""
    for document in workspace.mappings.values():
        if document.content is not None and document.content.from_ == contract:
            yield from _mapping_reads(document.content)
        if document.content is not None and document.content.to == contract:
            yield from _written(document, document.content.fields, "fields", ())
    for document in workspace.integrations.values():
        if document.content is not None:
            yield from _spec_reads(workspace, document, contract)
    if workspace.charter is not None:
        yield from _topic_reads(workspace, workspace.charter, contract)


@dataclass(frozen=True, slots=True)
class Reach:
    """One line that a change reaches: `reads`, `writes` or `checks` what changed, or `lacks` what is asked for now.

    `holds`: whether what the line relies on is still so. Who reads by OLD relies on what comes next still being what
    OLD says (forward), and who writes by it on that still being taken (backward); who uses NEW, the other way round.
    """

    mark: Mark
    kind: str
    path: str
    holds: bool


def reach(workspace: Workspace, old: str | None, new: str | None, comparison: Comparison) -> list[Reach]:
    """All lines that changes between two contracts reach, in the order of the files; None for one without a name."""
    found: dict[Reach, None] = {}
    for contract, uses_old in dict.fromkeys(((old, True), (new, old == new))):
        used = list(uses(workspace, contract)) if contract is not None else []
        for use, changes in reached(comparison, used):
            by_forward = (use.kind == "writes") != uses_old
            lacking = [] if use.whole else [change for change in changes if len(change.steps) > len(use.steps)]
            for change in lacking:
                holds = change.forward if by_forward else change.backward
                found[Reach(use.mark, "lacks", change.path, holds)] = None
            told = [change for change in changes if change not in lacking]
            if told:
                holds = all(change.forward if by_forward else change.backward for change in told)
                found[Reach(use.mark, use.kind, written(use.steps), holds)] = None
    return sorted(found, key=lambda each: (each.mark.file, each.mark.line, each.mark.column, each.kind, each.path))


def reached(comparison: Comparison, used: Sequence[Use]) -> Iterator[tuple[Use, tuple[Change, ...]]]:
    """The uses that changes touch, each with those: at the place, above it, and below where all of it is used."""
    found = {use: [change for change in comparison.changes if _touches(change, use, comparison)] for use in used}
    written_ = [use for use in used if use.kind == "writes"]
    for change in comparison.changes:
        # A field that NEW requires and nothing writes is told where it would have to be written.
        around = [use for use in written_ if not use.whole and _begins(change.steps, use.steps)]
        asked = change.rule == "required" and not change.backward
        if asked and around and not any(change in found[use] for use in written_):
            found[max(around, key=lambda use: len(use.steps))].append(change)
    yield from ((use, tuple(changes)) for use, changes in found.items() if changes)


def _touches(change: Change, use: Use, comparison: Comparison) -> bool:
    steps = _once(use.steps, comparison)
    return _begins(steps, change.steps) or (use.whole and _begins(change.steps, steps))


def _once(steps: Path, comparison: Comparison) -> Path:
    """A place as a schema that refers to itself names it the first time."""
    for _ in steps:
        shorter = ((*first, *steps[len(again) :]) for again, first in comparison.again if _begins(steps, again))
        steps = next(shorter, steps)
    return steps


def _begins(steps: Path, start: Path) -> bool:
    """Whether a place is another one or lies below it; a step that stands for many is each of them."""
    return len(steps) >= len(start) and all(map(_meets, steps, start))


def _meets(one: str | int | Each | Others, other: str | int | Each | Others) -> bool:
    for many, step in ((one, other), (other, one)):
        if isinstance(many, Others):
            return not isinstance(step, int) and step is not Each.ITEM and step not in many.named
        if isinstance(many, Each):
            return step is many or isinstance(step, int if many is Each.ITEM else str)
    return one == other


# ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _mapping_reads(mapping: shape.Mapping) -> Iterator[Use]:
    variables: Variables = {"root": ROOT}
    for name, value in mapping.let.items():
        reads, origins = value_reads(value, ROOT, variables)
        yield from _uses(reads)
        variables = {**variables, name: origins}
    for value in mapping.fields.values():
        yield from _uses(value_reads(value, ROOT, variables)[0])


def _spec_reads(workspace: Workspace, document: Document, contract: str) -> Iterator[Use]:
    """What a spec reads of documents of a contract, wherever a name stands for one."""
    spec: shape.Integration = document.content
    received = _contract_of(workspace, spec.receive.topic) if spec.receive.topic else spec.receive.contract
    names: set[str] = set()
    if received == contract:
        yield Use(document.mark(f"receive.{'topic' if spec.receive.topic else 'contract'}"), "checks", (), whole=True)
        # What was split holds documents of the contract, and is none itself.
        names = {"body", "envelope"} if spec.receive.split is None else {"body"}
    for at, step in every_step(spec.steps):
        mapping = workspace.mappings.get(step.map) if step.map else None
        until = step.hold.until if step.hold else None
        if mapping is not None and mapping.content is not None and mapping.content.to == contract:
            names.add(step.id)
        if until is not None and _contract_of(workspace, until.topic) == contract:
            names.add(step.id)
            yield from _reads_below(until.when, {"body"}) if until.when else ()
        if step.emit is not None and _contract_of(workspace, step.emit.topic) == contract:
            yield Use(document.mark(f"{at}.emit.body"), "checks", (), whole=True)
    for text in _texts_of(spec):
        yield from _reads_below(text, names)


def _reads_below(value: shape.Value, names: set[str]) -> Iterator[Use]:
    """What a value reads of the documents that stand under some names of its scope."""
    for use in _uses(value_reads(value, ROOT, {"root": ROOT})[0]):
        if use.steps and use.steps[0] in names:
            yield Use(use.mark, use.kind, use.steps[1:], use.whole)


def _contract_of(workspace: Workspace, topic: str) -> str:
    return workspace.topics[topic].contract if topic in workspace.topics else ""


def _topic_reads(workspace: Workspace, charter: Document, contract: str) -> Iterator[Use]:
    """What the charter reads of the bodies of a topic."""
    for name, topic in workspace.topics.items():
        if topic.contract == contract:
            yield Use(charter.mark(f"topics.{name}.contract"), "checks", (), whole=True)
            for value in (topic.key, *topic.revision):
                yield from _uses(value_reads(value, ROOT, {"root": ROOT})[0])


def _texts_of(spec: shape.Integration) -> Iterator[shape.Value]:
    """Every value of a spec that reads its scope. What `split` reads is the delivery, which no contract describes."""
    receive = spec.receive
    named = (receive.when, receive.id, receive.key, *receive.revision)
    yield from (value for value in named if value is not None)
    for _, step in every_step(spec.steps):
        yield from texts_of(step)


def _uses(reads: Reads) -> Iterator[Use]:
    for text, read in reads:
        steps = tuple(_EACH[step] if isinstance(step, Every) else step for step in read.steps)
        yield Use(text.at(read.offset), "reads", steps, read.whole)


_EACH = {Every.ITEM: Each.ITEM, Every.FIELD: Each.FIELD}


# ── writes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _written(document: Document, fields: Mapping[str, shape.Value], path: str, steps: Path) -> Iterator[Use]:
    """The fields of a target: itself, made of others, and each of these."""
    yield Use(document.mark(path), "writes", steps, whole=False)
    for name, value in fields.items():
        at, below = f"{path}.{name}", (*steps, name)
        if isinstance(value, shape.Object):
            yield from _written(document, value.fields, f"{at}.fields", below)
        elif isinstance(value, shape.Items):
            yield Use(document.mark(at), "writes", below, whole=False)
            yield from _written(document, value.fields, f"{at}.fields", (*below, Each.ITEM))
        else:
            yield Use(document.mark(at), "writes", below, whole=True)
