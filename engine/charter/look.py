"""What the rules look at: documents that could be read, calls that lead somewhere, the names an expression reads.

A workspace may be full of faults when the charter is examined; what has none is still worth examining, so everything
here leaves out what cannot be read and never raises. What is left out is the reader's and the resolver's matter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, takewhile

from engine.errors import Fault
from engine.language import LanguageError, tree
from engine.language.parser import parse
from engine.language.template_parser import parse_template
from engine.model import Effect
from engine.spec import shape
from engine.spec.plan import DEFAULT_ON_UNKNOWN
from engine.spec.steps import every_step
from engine.spec.value import expressions_of
from engine.spec.workspace import Document, Workspace

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that a step may call and that exists: of an `any_of` each one, and of what may be undone the undo
    (`undoes` is then the operation undone). `at` is the step's path in `document`, `called` that of the name."""

    document: Document
    spec: shape.Integration
    step: shape.Step
    at: str
    called: str
    name: str
    system: shape.System
    operation: shape.Operation
    undoes: str = ""

    @property
    def on_unknown(self) -> str:
        """What happens when nobody knows whether the call took effect, defaults applied."""
        given = None if self.undoes else self.step.on_unknown
        return given or DEFAULT_ON_UNKNOWN[Effect(self.operation.effect)]

    @property
    def said(self) -> str:
        """The operation as messages name it."""
        return f"`{self.name}`{f', which undoes `{self.undoes}`,' if self.undoes else ''}"


def finding(code: str, document: Document, path: str, message: str, hint: str = "", severity: str = "warning") -> Fault:
    """A finding located at the node at `path` of a document."""
    return Fault(code, document.mark(path), path, message, hint, severity)


def charters(workspace: Workspace) -> Iterator[tuple[Document, shape.Charter]]:
    """The charter, where it can be read."""
    document = workspace.charter
    if document is not None and document.content is not None:
        yield document, document.content


def systems(workspace: Workspace) -> Iterator[tuple[Document, shape.System]]:
    """Systems that could be read."""
    return ((document, document.content) for document in workspace.systems.values() if document.content is not None)


def integrations(workspace: Workspace) -> Iterator[tuple[Document, shape.Integration]]:
    """Integrations that could be read."""
    return (
        (document, document.content) for document in workspace.integrations.values() if document.content is not None
    )


def system_of(workspace: Workspace, name: str) -> tuple[Document, shape.System] | None:
    """A system by its name, where it exists and could be read."""
    document = workspace.systems.get(name)
    return None if document is None or document.content is None else (document, document.content)


def calls(workspace: Workspace) -> Iterator[Call]:
    """Every call whose operation exists and could be read; of an `any_of` each provider."""
    for document, spec in integrations(workspace):
        yield from calls_of(workspace, document, spec)


def calls_of(workspace: Workspace, document: Document, spec: shape.Integration) -> Iterator[Call]:
    for at, step in every_step(spec.steps):
        for place, name in enumerate(step.providers):
            system_name, _, operation_name = name.partition(".")
            found = system_of(workspace, system_name)
            operation = found and found[1].operations.get(operation_name)
            if found and operation:
                called = f"{at}.call.any_of[{place}]" if isinstance(step.call, shape.AnyOf) else f"{at}.call"
                yield Call(document, spec, step, at, called, name, found[1], operation)


def effects(workspace: Workspace) -> Iterator[Call]:
    """Of every step that may have an effect the first call that has one."""
    return (next(group) for _, group in groupby(effecting(calls(workspace)), key=lambda call: (call.document, call.at)))


def effecting(found: Iterable[Call]) -> Iterator[Call]:
    return (call for call in found if call.operation.effect != "none")


def undoing(workspace: Workspace) -> Iterator[Call]:
    """What is called to take effects back, where a step compensates."""
    for document, spec in integrations(workspace):
        last = max((place_of(at) for at in compensating(spec)), default=-1)
        for call in effecting(calls_of(workspace, document, spec)):
            undo = call.operation.undo
            operation = undo and call.system.operations.get(undo.call)
            if undo and operation and stands_before(call.at, last):
                name = f"{call.system.system}.{undo.call}"
                yield replace(call, name=name, operation=operation, undoes=call.name)


def compensating(spec: shape.Integration) -> Iterator[str]:
    """The steps of a spec after whose failure what was done before is undone."""
    return (at for at, step in every_step(spec.steps) if step.on_failure == "compensate")


def stands_before(at: str, place: int) -> bool:
    """Whether what a step did may stand when the step at a place at the top compensates: those before it, and of an
    `each` its own inner steps, of which some items may have done theirs."""
    return place_of(at) < place or (place_of(at) == place and ".steps[" in at)


def place_of(at: str) -> int:
    """Where a step, or the step around it, stands at the top: of `steps[2].steps[0]`, 2."""
    return int(at.partition("[")[2].partition("]")[0])


def reads(value: shape.Value) -> frozenset[Path] | None:
    """Where a value reads its scope: `('event', 'id')`, `('body', 'order')`; a path ends where it is no longer plain.

    A name behind a pipe, in a filter or in a projection belongs to an element and is no path of the scope; `('@',)` is
    the whole of it. None for what cannot be parsed: it has a fault already.
    """
    try:
        return frozenset(_reads(value, at_root=True))
    except LanguageError:
        return None


def _reads(value: shape.Value, *, at_root: bool) -> Iterator[Path]:
    if isinstance(value, shape.Filled):
        _, paths, problems = parse_template(value.template.text)
        if problems:
            raise LanguageError(problems[0].message)
        yield from (tuple(str(key) for key in path.keys) for path in paths if at_root)
    elif isinstance(value, shape.Object | shape.Items):
        if isinstance(value, shape.Items):
            yield from _reads(value.each, at_root=at_root)
        for inner in value.fields.values():
            yield from _reads(inner, at_root=at_root and isinstance(value, shape.Object))
    elif isinstance(value, shape.Expression | shape.Converted):
        for text in expressions_of(value):
            yield from _paths(parse(text.text), at_root=at_root)


def values(value: shape.Value) -> Iterator[shape.Value]:
    """The value and every value inside it."""
    yield value
    if isinstance(value, shape.Object | shape.Items):
        for inner in value.fields.values():
            yield from values(inner)


def _paths(node: tree.Node, *, at_root: bool) -> Iterator[Path]:
    """The plain paths below a node; `at_root` says whether the current value there is the scope itself."""
    match node:
        case tree.Chain(parts=parts):
            yield from _chain(parts, at_root=at_root)
        case tree.Variable(name=name):
            yield (name,)
        case tree.Field(name=name) if at_root:
            yield (name,)
        case tree.Current() if at_root:
            yield ("@",)
        case tree.Reference(body=body):
            yield from _paths(body, at_root=False)
        case _:
            # Of a projection only the source reads the scope; its condition and body read an element.
            is_projection = isinstance(node, tree.Projection)
            for place, child in enumerate(tree.children(node)):
                yield from _paths(child, at_root=at_root and not (is_projection and place))


def _chain(parts: tuple[tree.Node, ...], *, at_root: bool) -> Iterator[Path]:
    head, rest = parts[0], parts[1:]
    if rest and isinstance(head, tree.Current):
        yield from _chain(rest, at_root=at_root)
    elif rest and isinstance(head, tree.Variable) and head.name == "root":
        yield from _chain(rest, at_root=True)
    else:
        if isinstance(head, tree.Variable) or (isinstance(head, tree.Field) and at_root):
            members = takewhile(lambda part: isinstance(part, tree.Field), rest)
            yield (head.name, *(part.name for part in members if isinstance(part, tree.Field)))
        else:
            yield from _paths(head, at_root=at_root)
        for part in rest:
            yield from _paths(part, at_root=False)
