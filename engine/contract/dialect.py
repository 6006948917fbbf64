"""A SCHEMA → ITS PROBLEMS: the rules a schema keeps to be a contract here, beyond those of JSON Schema itself.

The checker would accept, or fetch, or silently ignore what this file refuses: a reference that leaves the document,
a pattern that needs a backtracking engine (28 characters can take seconds in one), a format nobody checks, another
dialect. It refuses to judge the keywords of JSON Schema; the meta-schema does.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import jsonschema_rs

from engine.contract.references import Place, References, Step

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

OPTIONS: Final[dict[str, Any]] = {
    "validate_formats": True,
    "ignore_unknown_formats": False,
    "pattern_options": LINEAR,
    "offline": True,
}
"""How the checker is made, wherever it is: formats are rules, patterns linear, and nothing is fetched."""


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """One thing wrong with a schema; `path` leads to it (`properties.lines.items.pattern`; empty: the whole schema)."""

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path or 'the schema'}: {self.message}"


def place(parts: Iterable[Step]) -> str:
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
    references = References(schema)
    endless = {found.steps for found in references.endless()}
    return tuple(
        SchemaProblem(place((*found.steps, *where)), message)
        for found, node in _objects(references)
        for where, message in (
            *_dialect(node),
            *_references(found, node, references),
            *(_ENDLESS if found.steps in endless else ()),
            *_patterns(node),
            *_formats(node),
        )
    )


_ENDLESS = ((("$ref",), "leads back to itself without going into the document, so it says nothing"),)


def written_names(schema: object) -> frozenset[str]:
    """Every name of a field that the schema itself writes; these may be shown to people."""
    names: set[str] = set()
    for _, node in _objects(References(schema)):
        for keyword in ("properties", "dependentSchemas", "dependentRequired"):
            named = node.get(keyword)
            if isinstance(named, dict):
                names.update(named)
        for required in (node.get("required"), *_values(node.get("dependentRequired"))):
            if isinstance(required, list):
                names.update(name for name in required if isinstance(name, str))
    return frozenset(names)


def _objects(references: References) -> Iterator[tuple[Place, dict[str, object]]]:
    return ((found, found.schema) for found in references.places if isinstance(found.schema, dict))


def _values(value: object) -> tuple[object, ...]:
    return tuple(value.values()) if isinstance(value, dict) else ()


_Found = Iterator[tuple[tuple[Step, ...], str]]


def _dialect(node: dict[str, object]) -> _Found:
    dialect = node.get("$schema")
    if isinstance(dialect, str) and dialect.removesuffix("#") != DIALECT:
        yield ("$schema",), f"{dialect!r} is another dialect; contracts are JSON Schema 2020-12: {DIALECT!r}"


def _references(found: Place, node: dict[str, object], references: References) -> _Found:
    for keyword in ("$ref", "$dynamicRef"):
        reference = node.get(keyword)
        if not isinstance(reference, str):
            continue
        if references.leaves(found, reference):
            yield (
                (keyword,),
                f"{reference!r} leaves this document; copy what it names into `$defs` and refer to `#/$defs/…`",
            )
        elif not references.is_built_in(found, reference) and references.find(found, reference) is None:
            yield (keyword,), f"{reference!r} leads nowhere in this document"


def _patterns(node: dict[str, object]) -> _Found:
    pattern = node.get("pattern")
    if isinstance(pattern, str) and (reason := _pattern_problem(pattern)):
        yield ("pattern",), reason
    named = node.get("patternProperties")
    if isinstance(named, dict):
        for name in named:
            if isinstance(name, str) and (reason := _pattern_problem(name)):
                yield ("patternProperties", name), reason


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern that contracts may hold matches somewhere in a text."""
    return _pattern_check(pattern).is_valid(text)


@lru_cache(maxsize=256)
def _pattern_check(pattern: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator({"pattern": pattern}, **OPTIONS)


@lru_cache(maxsize=256)
def _pattern_problem(pattern: str) -> str | None:
    """Why the linear-time engine does not run a pattern, in words; asked by compiling it there."""
    try:
        _pattern_check(pattern)
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
