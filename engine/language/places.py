"""EXPRESSION → THE PLACES IT READS, whatever the document: of ``lines[?qty > `0`].sku`` they are `lines[*].qty` and
`lines[*].sku`.

For asking what a change of a document would reach. Follows paths through projections, filters, pipes and variables;
where a function takes a value, all of the value counts as read. Rather too many places than too few. This file refuses
to run anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from engine.language import tree
from engine.language.errors import LanguageError
from engine.language.parser import parse
from engine.language.tree import Node


class Every(Enum):
    """A step that stands for many: any item of a list, any field of an object."""

    ITEM = "[*]"
    FIELD = "*"


Steps = tuple[str | int | Every, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: a place, inside so many lists that the expression made around it.

    `offset` is where in the text it was named; None where it is not named yet (`@`, an element).
    """

    steps: Steps
    lists: int = 0
    offset: int | None = None


Origins = frozenset[Origin]
NOWHERE: Origins = frozenset()


@dataclass(frozen=True, slots=True)
class Read:
    """One place that is read, and where the text names it. `whole`: with all below it, not only that it is there."""

    offset: int
    steps: Steps
    whole: bool


_SHALLOW = frozenset(("keys", "length", "type"))
"""Functions that look at a value and not into it."""


def expression_places(
    text: str, current: Origins, variables: Mapping[str, Origins]
) -> tuple[tuple[Read, ...], Origins]:
    """What an expression reads, and where its own value comes from.

    `current` is where the current value comes from, `variables` where each `$name` does; another `$name` is the field
    of that name of the document. Raises ExpressionError where the text cannot be parsed.
    """
    reader = _Reader(variables)
    node = parse(text)
    origins = reader.trace(node, current)
    reader.take(origins, node.offset)
    return tuple(dict.fromkeys(reader.reads)), unnamed(origins)


def template_places(text: str, current: Origins, variables: Mapping[str, Origins]) -> tuple[Read, ...]:
    """What the holes of a template read. Raises LanguageError where it cannot be parsed."""
    from engine.language.template_parser import parse_template

    _, paths, problems = parse_template(text)
    if problems:
        raise LanguageError(problems[0].message)
    reader = _Reader(variables)
    for path in paths:
        name, *rest = path.keys
        origins = variables.get(str(name)) or _fields(current, str(name), path.offset)
        for key in rest:
            origins = _fields(origins, key, path.offset) if isinstance(key, str) else _items(origins, key, path.offset)
        reader.take(origins, path.offset)
    return tuple(dict.fromkeys(reader.reads))


def elements(origins: Origins) -> Origins:
    """Where the items of a list come from, not named yet."""
    return unnamed(_items(origins, Every.ITEM, 0))


def unnamed(origins: Origins) -> Origins:
    return frozenset(replace(origin, offset=None) for origin in origins)


class _Reader:
    """Follows one expression; `reads` grows."""

    def __init__(self, variables: Mapping[str, Origins]) -> None:
        self.variables = variables
        self.reads: list[Read] = []

    def take(self, origins: Origins, offset: int, *, whole: bool = True) -> None:
        """Counts places as read: a value of theirs was used."""
        for origin in sorted(origins, key=repr):
            self.reads.append(Read(offset if origin.offset is None else origin.offset, origin.steps, whole))

    def take_all(self, nodes: Iterable[Node], current: Origins) -> None:
        for node in nodes:
            self.take(self.trace(node, current), node.offset)

    def trace(self, node: Node, current: Origins) -> Origins:
        """Where the value of a node comes from; what it uses on the way is counted."""
        match node:
            case tree.Current():
                return current
            case tree.Field(name=name):
                return _fields(current, name, node.offset)
            case tree.Variable(name=name):
                found = self.variables.get(name)
                return frozenset((Origin((name,), 0, node.offset),)) if found is None else _named(found, node.offset)
            case tree.Index(position=position):
                return _items(current, position if position >= 0 else Every.ITEM, node.offset)
            case tree.Chain(parts=parts):
                for part in parts:
                    current = self.trace(part, current)
                return current
            case tree.Or(operands=operands) | tree.And(operands=operands):
                return NOWHERE.union(*(self.trace(operand, current) for operand in operands))
            case tree.ListSelect(items=items):
                return _listed(NOWHERE.union(*(self.trace(item, current) for item in items)))
            case tree.Call(name=name, arguments=arguments):
                return self.call(name, arguments, current)
            case _ if isinstance(node, tree.Projection):
                return self.projection(node, current)
            case _:
                self.take_all(tree.children(node), current)
                return NOWHERE

    def projection(self, node: tree.Projection, current: Origins) -> Origins:
        source = self.trace(node.source, current)
        if isinstance(node, tree.ObjectProjection):
            items = _fields(source, Every.FIELD, node.offset)
        else:
            items = _items(source, Every.ITEM, node.offset)
        if isinstance(node, tree.FlattenProjection):  # an item that is no list stays as it is
            items |= _items(items, Every.ITEM, node.offset)
        if isinstance(node, tree.FilterProjection):
            self.take_all((node.condition,), unnamed(items))
        return _listed(self.trace(node.body, items))

    def call(self, name: str, arguments: tuple[Node, ...], current: Origins) -> Origins:
        """A function uses its arguments; an `&expression` is about the items of the lists beside it."""
        lists = NOWHERE
        for node in arguments:
            if not isinstance(node, tree.Reference):
                origins = self.trace(node, current)
                self.take(origins, node.offset, whole=name not in _SHALLOW)
                lists |= origins
        for node in arguments:
            if isinstance(node, tree.Reference):
                self.take_all((node.body,), elements(lists))
        return NOWHERE


def _fields(origins: Origins, name: str | Every, offset: int) -> Origins:
    """A member of each; a list that the expression made has none."""
    return frozenset(
        Origin((*origin.steps, name), 0, offset if origin.offset is None else origin.offset)
        for origin in origins
        if not origin.lists
    )


def _items(origins: Origins, step: int | Every, offset: int) -> Origins:
    return frozenset(
        replace(origin, lists=origin.lists - 1)
        if origin.lists
        else Origin((*origin.steps, step), 0, offset if origin.offset is None else origin.offset)
        for origin in origins
    )


def _listed(origins: Origins) -> Origins:
    return frozenset(replace(origin, lists=origin.lists + 1) for origin in origins)


def _named(origins: Origins, offset: int) -> Origins:
    return frozenset(replace(origin, offset=offset) for origin in origins)
