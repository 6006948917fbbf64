"""A MAPPING and its TABLES → the words that its source's fields should often hold.

A text drawn blindly is in no cross-reference table, so every document would stop at its first look-up and nothing
behind it would be seen. A table's own rows say what partners send; this file finds which fields are looked up in them.
It refuses to forbid anything: what no table knows is drawn as well.
"""

import re
from collections.abc import Iterator, Mapping

from engine.language import Table, TextTable, variables_used
from engine.spec import shape

_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`")
_FIELD = re.compile(r"(?<![$\w])[A-Za-z_]\w*(?!\w*\()")


def vocabulary(mapping: shape.Mapping, tables: Mapping[str, Table]) -> dict[str, tuple[str, ...]]:
    """Name of a field → texts that the tables know; a key such as `refund:pending` also by its parts."""
    found: dict[str, dict[str, None]] = {}
    for value in converted((*mapping.let.values(), *mapping.fields.values())):
        table = tables.get(value.table) if value.table else None
        if isinstance(table, TextTable):
            column = table.columns.index(value.by or table.columns[0])
            for name in fields_read(value.from_.text, mapping.let):
                for word in (str(row[column]) for row in table.rows):
                    found.setdefault(name, {}).update(dict.fromkeys((word, *word.split(":"))))
    return {name: tuple(words) for name, words in found.items()}


def converted(values: tuple[shape.Value, ...]) -> Iterator[shape.Converted]:
    """Every value with converters, however deep."""
    for value in values:
        if isinstance(value, shape.Converted):
            yield value
        elif isinstance(value, shape.Object | shape.Items):
            yield from converted(tuple(value.fields.values()))


def fields_read(text: str, let: Mapping[str, shape.Value]) -> Iterator[str]:
    """Every name of a field in an expression, and behind its `$name`s, unless those are looked up themselves. More than
    are meant: a word that a field cannot hold is sorted out where it is drawn."""
    yield from _FIELD.findall(_LITERAL.sub("", text))
    earlier = dict(let)
    for name in variables_used(text):
        value = earlier.pop(name, None)  # a `let` sees those before it, never itself
        if isinstance(value, shape.Expression):
            yield from fields_read(value.text, earlier)
        elif isinstance(value, shape.Converted) and value.table is None:
            yield from fields_read(value.from_.text, earlier)
