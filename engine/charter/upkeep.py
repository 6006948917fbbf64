"""What a workspace owes whoever comes after: examples where it matters, a system to ask, nothing that lies about."""

import re
from collections.abc import Iterator, Mapping

from engine.charter.look import charters, finding, integrations, system_of, values
from engine.contract.versions.compatibility import Change, compare
from engine.errors import Fault, Mark
from engine.spec import shape
from engine.spec.steps import every_step, values_of
from engine.spec.uses import users
from engine.spec.workspace import TABLES, Document, Workspace


def examples_missing(workspace: Workspace) -> Iterator[Fault]:
    """What earns money is shown by recorded events, which the tests run."""
    for document, spec in integrations(workspace):
        if spec.impact == "revenue" and not spec.examples:
            message = "revenue depends on this, and no example shows what it does"
            hint = "add `examples:` with recorded events and where each ends"
            yield finding("examples-missing", document, "impact", message, hint)


def record_out_of_reach(workspace: Workspace) -> Iterator[Fault]:
    """The system that has the last word on something can be asked for it."""
    for document, charter in charters(workspace):
        for name, domain in charter.domains.items():
            found = system_of(workspace, domain.system_of_record)
            if found and not any(operation.effect == "none" for operation in found[1].operations.values()):
                message = f"`{found[1].system}` has the last word on `{name}`, and no operation of it reads anything"
                hint = f"add an operation with `effect: none` to {found[0].file}: without one nobody can compare"
                yield finding(
                    "record-out-of-reach", document, f"domains.{name}.system_of_record", message, hint, "note"
                )


def unused(workspace: Workspace) -> Iterator[Fault]:
    """What nothing refers to was forgotten. Silent while a document cannot be read: it may refer to anything."""
    readers: tuple[Mapping[str, Document], ...] = (workspace.systems, workspace.mappings, workspace.integrations)
    if workspace.charter is None or workspace.charter.content is None:
        return
    if any(document.content is None for group in readers for document in group.values()):
        return
    used = references(workspace)
    for what, documents in (
        ("system", workspace.systems),
        ("mapping", workspace.mappings),
        ("contract", workspace.models),
    ):
        for name, document in documents.items():
            if (what, name) not in used:
                yield finding(
                    "unused", document, "", f"nothing refers to {what} `{name}`", "remove the file, or use it", "note"
                )
    for name in workspace.tables:
        if ("table", name) not in used:
            mark = Mark(f"{TABLES}{name}.csv", 1, 1)
            yield Fault("unused", mark, "", f"nothing refers to table `{name}`", "remove the file, or use it", "note")


def contract_outgrown(workspace: Workspace) -> Iterator[Fault]:
    """Two versions of one contract stand side by side, the newer takes less, and somebody still uses the older.

    Versions that are counted in another way (`v0` and `2026-01-01`) are another API's, and neither is the newer one.
    """
    versions: dict[tuple[str, str], list[str]] = {}
    for name, document in workspace.models.items():
        if document.content is not None:
            contract, _, version = name.rpartition("@")
            versions.setdefault((contract, version.rstrip("0123456789.-")), []).append(name)
    for names in versions.values():
        *older, newest = sorted(names, key=version_order)
        for name in older:
            used = list(users(workspace, name))
            broken = [each for each in changes(workspace, name, newest) if not each.backward] if used else []
            for document, key in used if broken else ():
                more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
                where = f"`{broken[0].path}`: " if broken[0].path else ""
                message = f"`{newest}` is there, and does not take every `{name}`: {where}{broken[0].change}{more}"
                hint = f"`waybill contract diff {name} {newest}` tells what changed and which lines it reaches"
                yield finding("contract-outgrown", document, key, message, hint, "note")


def changes(workspace: Workspace, old: str, new: str) -> tuple[Change, ...]:
    """What changed between two contracts that could be read."""
    return compare(workspace.models[old].content, workspace.models[new].content).changes


def version_order(name: str) -> list[tuple[int, int, str]]:
    """Sorts versions as people number them: 2 before 10, 2023-10-16 before 2024-10."""
    runs = re.findall(r"\d+|\D+", name.rpartition("@")[2])
    return [(0, len(run.lstrip("0")), run.lstrip("0")) if run.isdecimal() else (1, 0, run) for run in runs]


def references(workspace: Workspace) -> set[tuple[str, str]]:
    """(kind, name) of everything that a document refers to."""
    used: set[tuple[str, str]] = set()
    for _, charter in charters(workspace):
        used |= {("system", domain.system_of_record) for domain in charter.domains.values()}
        used |= {("contract", topic.contract) for topic in charter.topics.values()}
    for _, spec in integrations(workspace):
        used |= {("system", webhook.system) for webhook in (spec.receive.webhook,) if webhook}
        used |= {("contract", name) for name in (spec.receive.contract,) if name}
        for _, step in every_step(spec.steps):
            used |= {("system", name.partition(".")[0]) for name in step.providers}
            used |= {("mapping", name) for name in (step.map,) if name}
    for document in workspace.mappings.values():
        used |= {("contract", document.content.from_), ("contract", document.content.to)}
    return used | {("table", name) for name in tables_read(workspace)}


def tables_read(workspace: Workspace) -> Iterator[str]:
    """The tables that values read, wherever a value may stand."""
    for value in every_value(workspace):
        for inner in values(value):
            if isinstance(inner, shape.Converted):
                yield from (name for name in (inner.table, inner.packs) if name is not None)


def every_value(workspace: Workspace) -> Iterator[shape.Value]:
    """Every value of every document that could be read."""
    for document in workspace.mappings.values():
        if document.content is not None:
            yield from document.content.let.values()
            yield from document.content.fields.values()
    for _, spec in integrations(workspace):
        receive = spec.receive
        yield from (value for value in (receive.id, receive.key, *receive.revision) if value is not None)
        for _, step in every_step(spec.steps):
            yield from values_of(step)
    for topic in workspace.topics.values():
        yield from (topic.key, *topic.revision)
    for document in workspace.systems.values():
        for operation in document.content.operations.values() if document.content is not None else ():
            request, lookup, undo = operation.request, operation.lookup, operation.undo
            asked = (lookup.input, lookup.result) if lookup else ()
            undone = (undo.input,) if undo else ()
            yield from request.query.values()
            yield from request.headers.values()
            yield from (value for value in (request.body, operation.result, *asked, *undone) if value is not None)
