"""A mapping field by field, for people: what each expression reads, what it gives, how long it takes.

The mapping that runs is one function, of which nobody can ask that. So each field is compiled alone here, by the same
generator, and made from the same document; a test holds the two to one result. Only `waybill try --trace` comes here.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from engine.language import tree
from engine.language.convert import Resources
from engine.language.errors import LanguageError, MappingError
from engine.language.expression import Expression
from engine.language.mapping import CompiledValue, compile_value
from engine.language.parser import parse
from engine.language.tree import Node
from engine.language.values import Each, Fields, FromExpression, Text, Value

RUNS = 5
"""A field is made so often and the shortest time told: the first run of a function is not like the others."""

Variables = Mapping[str, object]
Clock = Callable[[], float]
"""Seconds since an arbitrary moment; handed in, for nothing here looks at a clock."""


@dataclass(frozen=True, slots=True)
class TracedField:
    """One field as it was made. `text` is its expression or template, empty for a literal; `inputs` what it read, by
    the path as it stands there; `problem` why there is no `output`; `took_s` seconds."""

    path: str
    text: str
    inputs: tuple[tuple[str, object], ...]
    output: object
    problem: str
    took_s: float


def trace_mapping(
    fields: Mapping[str, Value], let: Mapping[str, Value], resources: Resources, document: object, clock: Clock
) -> Iterator[TracedField]:
    """Every `let` and every field, in the order of the mapping; those of a list once for each item."""
    tracer = _Tracer(resources, clock, {})
    variables: dict[str, object] = {"root": document}
    for name, value in let.items():
        traced = tracer.one(value, f"let.{name}", document, variables, required=False)
        variables[name] = traced.output
        yield traced
    yield from tracer.fields(fields, "", document, variables)


@dataclass(frozen=True, slots=True)
class _Tracer:
    resources: Resources
    clock: Clock
    compiled: dict[int, CompiledValue]

    def fields(
        self, fields: Mapping[str, Value], path: str, document: object, variables: Variables
    ) -> Iterator[TracedField]:
        for name, value in fields.items():
            below = f"{path}.{name}" if path else name
            if isinstance(value, Fields):
                yield from self.fields(value.fields, below, document, variables)
            elif isinstance(value, Each):
                yield from self.each(value, below, document, variables)
            else:
                yield self.one(value, below, document, variables, required=True)

    def each(self, value: Each, path: str, document: object, variables: Variables) -> Iterator[TracedField]:
        traced = self.one(FromExpression(text=value.each), path, document, variables, required=True)
        yield traced
        items = traced.output if isinstance(traced.output, list) else []
        for index, item in enumerate(items):
            inner = {**variables, "parent": document, "index": index}
            yield from self.fields(value.fields, f"{path}[{index}]", item, inner)

    def one(self, value: Value, path: str, document: object, variables: Variables, *, required: bool) -> TracedField:
        compiled = self.compiled.get(id(value))
        if compiled is None:
            compiled = self.compiled[id(value)] = compile_value(value, self.resources, required=required)
        output: object = None
        problem = ""
        took: list[float] = []
        for _ in range(RUNS):
            started = self.clock()
            try:
                output = compiled(document, variables)
            except MappingError as error:
                problem = "; ".join(each.message for each in error.problems)
            took.append(self.clock() - started)
        return TracedField(path, text_of(value), tuple(inputs(value, document, variables)), output, problem, min(took))


def text_of(value: Value) -> str:
    """The expression with its converters, or the template."""
    if not isinstance(value, FromExpression):
        return value.template if isinstance(value, Text) else ""
    given = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    said = [
        f"{each.name}: {json.dumps(given[each.name], default=str)}"
        for each in dataclasses.fields(value)
        if each.name not in ("text", "where") and given[each.name] != each.default
    ]
    return f"{value.text}   {{{', '.join(said)}}}" if said else value.text


def inputs(value: Value, document: object, variables: Variables) -> Iterator[tuple[str, object]]:
    """(path, what stands there) of what a value reads of its document and its variables, each once."""
    if isinstance(value, Text):
        nodes = _of_template(value.template)
    elif isinstance(value, FromExpression):
        texts = (value.text, value.money, value.decimal, value.from_unit, value.packs_of)
        nodes = dict(read for text in texts if text for read in reads(parse(text)))
    else:
        return
    for path, node in nodes.items():
        try:
            yield path, Expression(path, node).evaluate(document, variables)
        except LanguageError:
            yield path, None


def _of_template(template: str) -> dict[str, Node]:
    from engine.language.template_parser import parse_template

    _, paths, _ = parse_template(template)
    found: dict[str, Node] = {}
    for path in paths:
        steps = [tree.Index(0, key) if isinstance(key, int) else tree.Field(0, key) for key in path.keys]
        found["".join(map(_written, steps)).lstrip(".")] = tree.Chain(0, tuple(steps))
    return found


def reads(node: Node) -> Iterator[tuple[str, Node]]:
    """The paths that are read of the document itself; what is read of an element stands in the element's list."""
    match node:
        case tree.Field() | tree.Variable():
            yield _written(node).lstrip("."), node
        case tree.Chain(parts=parts):
            known = 0
            while known < len(parts) and isinstance(parts[known], tree.Field | tree.Variable | tree.Index):
                known += 1
            if known:
                yield "".join(map(_written, parts[:known])).lstrip("."), tree.Chain(node.offset, parts[:known])
            else:
                yield from reads(parts[0])
        case tree.Reference():
            return
        case _ if isinstance(node, tree.Projection):
            yield from reads(node.source)
        case _:
            for child in tree.children(node):
                yield from reads(child)


def _written(node: Node) -> str:
    match node:
        case tree.Variable(name=name):
            return f"${name}"
        case tree.Index(position=position):
            return f"[{position}]"
        case tree.Field(name=name):
            return f".{name}" if name.isidentifier() else f'."{name}"'
        case _:
            return "@"
