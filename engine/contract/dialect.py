"""A SCHEMA → ITS PROBLEMS: the rules a schema keeps to be a contract here, beyond those of JSON Schema itself.

The checker would accept, or fetch, or silently ignore what this file refuses: a reference that leaves the document,
a pattern that needs a backtracking engine (28 characters can take seconds in one), a format nobody checks, another
dialect. It refuses to judge the keywords of JSON Schema; the meta-schema does.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import jsonschema_rs

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_DEPTH_MAX: Final = 64

FORMATS: Final = frozenset(
    (
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "iri-reference",
        "uuid",
        "uri-template",
        "json-pointer",
        "relative-json-pointer",
        "regex",
    )
)
"""The formats of 2020-12; all of them are checked."""

LINEAR: Final = jsonschema_rs.RegexOptions()
"""Patterns run in time linear in the text, or not at all."""

_ONE_BELOW = frozenset(
    (
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_LIST_BELOW = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED_BELOW = frozenset(("$defs", "definitions", "dependentSchemas", "patternProperties", "properties"))

_Part = str | int
_Subschema = tuple[tuple[_Part, ...], dict[str, object]]


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """One thing wrong with a schema; `path` leads to it (`properties.lines.items.pattern`; empty: the whole schema)."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'the schema'}: {self.message}"


def place(parts: Iterable[_Part]) -> str:
    """The way to a node of a schema as faults write it: `properties.lines.prefixItems[0].pattern`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def shape_problem(schema: object) -> SchemaProblem | None:
    """Why nothing below this schema can be looked at: it is no schema, or nested beyond SCHEMA_DEPTH_MAX."""
    if not isinstance(schema, dict | bool):
        return SchemaProblem("", "a schema is an object, or true or false")
    level: list[object] = [schema]
    for _ in range(SCHEMA_DEPTH_MAX):
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return None
    return SchemaProblem("", f"the schema is nested deeper than {SCHEMA_DEPTH_MAX} levels")


def dialect_problems(schema: object) -> tuple[SchemaProblem, ...]:
    """What breaks the rules of this file, in the order of the schema, which `shape_problem` has passed."""
    subschemas = list(_subschemas(schema))
    # An `$id` inside moves what "#/…" starts from; then the compiler alone can say whether a reference leads somewhere.
    root = schema if not any(path and "$id" in node for path, node in subschemas) else None
    return tuple(
        SchemaProblem(place((*path, *where)), message)
        for path, node in subschemas
        for where, message in (*_dialect(node), *_references(node, root), *_patterns(node), *_formats(node))
    )


def written_names(schema: object) -> frozenset[str]:
    """Every name of a field that the schema itself writes; these may be shown to people."""
    names: set[str] = set()
    for _, node in _subschemas(schema):
        for keyword in ("properties", "dependentSchemas", "dependentRequired"):
            named = node.get(keyword)
            if isinstance(named, dict):
                names.update(named)
        for required in (node.get("required"), *_values(node.get("dependentRequired"))):
            if isinstance(required, list):
                names.update(name for name in required if isinstance(name, str))
    return frozenset(names)


def _values(value: object) -> tuple[object, ...]:
    return tuple(value.values()) if isinstance(value, dict) else ()


def _subschemas(schema: object, path: tuple[_Part, ...] = ()) -> Iterator[_Subschema]:
    """Every object that stands where a schema stands. A `$ref` inside `const` or `default` is data and not found."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword, value in schema.items():
        if keyword in _ONE_BELOW:
            yield from _subschemas(value, (*path, keyword))
        elif keyword in _LIST_BELOW and isinstance(value, list):
            for number, item in enumerate(value):
                yield from _subschemas(item, (*path, keyword, number))
        elif keyword in _NAMED_BELOW and isinstance(value, dict):
            for name, item in value.items():
                yield from _subschemas(item, (*path, keyword, name))


_Found = Iterator[tuple[tuple[_Part, ...], str]]


def _dialect(node: dict[str, object]) -> _Found:
    dialect = node.get("$schema")
    if isinstance(dialect, str) and dialect.removesuffix("#") != DIALECT:
        yield ("$schema",), f"{dialect!r} is another dialect; contracts are JSON Schema 2020-12: {DIALECT!r}"


def _references(node: dict[str, object], root: object) -> _Found:
    for keyword in ("$ref", "$dynamicRef"):
        reference = node.get(keyword)
        if not isinstance(reference, str):
            continue
        if not reference.startswith("#"):
            yield (
                (keyword,),
                f"{reference!r} leaves this document; copy what it names into `$defs` and refer to `#/$defs/…`",
            )
        elif root is not None and reference.startswith("#/") and not _leads_somewhere(root, unquote(reference)):
            yield (keyword,), f"{reference!r} leads nowhere in this document"


def _leads_somewhere(node: object, fragment: str) -> bool:
    for part in fragment.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and name in node:
            node = node[name]
        elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        else:
            return False
    return True


def _patterns(node: dict[str, object]) -> _Found:
    pattern = node.get("pattern")
    if isinstance(pattern, str) and (reason := _pattern_problem(pattern)):
        yield ("pattern",), reason
    named = node.get("patternProperties")
    if isinstance(named, dict):
        for name in named:
            if isinstance(name, str) and (reason := _pattern_problem(name)):
                yield ("patternProperties", name), reason


@lru_cache(maxsize=256)
def _pattern_problem(pattern: str) -> str | None:
    """Why the linear-time engine does not run a pattern, in words; asked by compiling it there."""
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR, offline=True)
    except ValueError:
        escaped = re.sub(r"\\[^1-9k]", "", pattern)
        if re.search(r"\(\?<?[=!]", escaped):
            reason = "looks ahead or behind, which cannot be run in linear time; say it with `allOf` or `not`"
        elif re.search(r"\\[1-9k]", escaped):
            reason = "refers back to a group, which cannot be run in linear time"
        else:
            reason = "is not a regular expression, or too large a one"
        return f"the pattern {pattern!r} {reason}"
    return None


def _formats(node: dict[str, object]) -> _Found:
    name = node.get("format")
    if isinstance(name, str) and name not in FORMATS:
        yield ("format",), f"nobody checks the format {name!r}; known are {', '.join(sorted(FORMATS))}"
