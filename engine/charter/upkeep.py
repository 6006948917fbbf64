"""What a workspace owes whoever comes after: examples where it matters, a system to ask, nothing that lies about."""

from collections.abc import Iterator, Mapping

from engine.charter.look import charters, finding, integrations, system_of, values
from engine.errors import Fault, Mark
from engine.spec import shape
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


def references(workspace: Workspace) -> set[tuple[str, str]]:
    """(kind, name) of everything that a document refers to."""
    used: set[tuple[str, str]] = set()
    for _, charter in charters(workspace):
        used |= {("system", domain.system_of_record) for domain in charter.domains.values()}
    for _, spec in integrations(workspace):
        used.add(("system", spec.receive.webhook.system))
        used |= {("contract", name) for name in (spec.receive.contract,) if name}
        for step in spec.steps:
            used |= {("system", name.partition(".")[0]) for name in (step.call,) if name}
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
        yield spec.receive.id
        yield spec.receive.key
        for step in spec.steps:
            yield from (value for value in (step.from_, step.input, step.once) if value is not None)
    for document in workspace.systems.values():
        for operation in document.content.operations.values() if document.content is not None else ():
            request, lookup = operation.request, operation.lookup
            asked = (lookup.input, lookup.result) if lookup else ()
            yield from request.query.values()
            yield from request.headers.values()
            yield from (value for value in (request.body, operation.result, *asked) if value is not None)
