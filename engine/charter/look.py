"""What the rules look at: documents that could be read, calls that lead somewhere, the names an expression reads.

A workspace may be full of faults when the charter is examined; what has none is still worth examining, so everything
here leaves out what cannot be read and never raises. What is left out is the reader's and the resolver's matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from engine.errors import Fault
from engine.language import LanguageError, tree
from engine.language.parser import parse
from engine.language.template_parser import parse_template
from engine.spec import shape
from engine.spec.value import expressions_of
from engine.spec.workspace import Document, Workspace

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A step that calls an operation which exists; `at` is the step's path in `document`."""

    document: Document
    spec: shape.Integration
    step: shape.Step
    at: str
    system: shape.System
    operation: shape.Operation

    @property
    def name(self) -> str:
        return str(self.step.call)

    @property
    def on_unknown(self) -> str:
        """What happens when nobody knows whether the call took effect, defaults applied."""
        return self.step.on_unknown or {"verifiable": "lookup", "at_most_once": "hold"}.get(
            self.operation.effect, "retry"
        )


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
    """Every call whose operation exists and could be read."""
    for document, spec in integrations(workspace):
        for place, step in enumerate(spec.steps):
            if step.call is None:
                continue
            system_name, _, operation_name = step.call.partition(".")
            found = system_of(workspace, system_name)
            operation = found and found[1].operations.get(operation_name)
            if found and operation:
                yield Call(document, spec, step, f"steps[{place}]", found[1], operation)


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
