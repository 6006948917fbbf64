"""ERRORS OF THE CHECKER → WORDS: what a document breaks, told without showing the document.

The fast checker's own messages quote the failing value, and values are customers' data. So a violation is built from
the kind of error and from the schema, which is ours: `type: string` at `line_items[2].price`. This file refuses to
copy anything out of a document into a violation, field names included, unless the contract itself writes that name.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from jsonschema_rs import ValidationError
from jsonschema_rs import ValidationErrorKind as Kind

from engine.contract.body import encode_json

SHOWN_CHARS_MAX: Final = 80
"""How much of a value of the schema (an enumeration, a pattern) is shown."""

SUGGESTED_FOR_MAX: Final = 5
"""How many unexpected names are compared with those of the contract."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a document breaks its contract.

    `path` leads to the datum as a JMESPath expression would (`line_items[2].price`; empty: the whole document; `*`
    stands for a name that the contract does not write), `rule` is the broken rule of the schema (`required: currency`),
    `message` says it in a sentence. None of them holds a value of the document.
    """

    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'the document'}: {self.message}"


def violation(error: ValidationError, names: frozenset[str], above: tuple[str | int, ...] = ()) -> Violation:
    """The violation that an error of the checker tells; `names` are those that the schema writes and may be shown,
    `above` is the way to what was checked."""
    keyword, value = _broken(error)
    message = _sentence(error, keyword, value, names)
    return Violation(path_text((*above, *error.instance_path), names), rule_text(keyword, value), message)


def path_text(parts: Iterable[str | int], names: frozenset[str] | None = None) -> str:
    """A path as JMESPath writes it: `lines[2].unit_price`, `headers."x-id"`; names outside `names` become `*`."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        if names is not None and part not in names:
            name = "*"
        else:
            name = part if _NAME.fullmatch(part) else encode_json(part).decode()
        text += f".{name}" if text else name
    return text


def rule_text(keyword: str, value: object) -> str:
    """`type: null, string`, `maximum: 10`; the keyword alone where it has no value worth showing."""
    shown = _shown(value)
    return f"{keyword}: {shown}" if shown else keyword


def sentence(keyword: str, value: object) -> str:
    """What a keyword with this value asks for, in words."""
    words = _WORDS.get(keyword)
    return words(_shown(value)) if words else f"must keep the rule {rule_text(keyword, value)}"


_WORDS: dict[str, Callable[[str], str]] = {
    "type": lambda shown: f"must be {shown.replace(', ', ' or ')}",
    "required": lambda shown: f"the field {shown} is missing",
    "dependentRequired": lambda shown: f"the field {shown} is missing, which another field asks for",
    "enum": lambda shown: f"must be one of {shown}",
    "const": lambda shown: f"must be {shown}",
    "pattern": lambda shown: f"must match the pattern {shown}",
    "format": lambda shown: f"must be written as {shown}",
    "minimum": lambda shown: f"must be at least {shown}",
    "maximum": lambda shown: f"must be at most {shown}",
    "exclusiveMinimum": lambda shown: f"must be more than {shown}",
    "exclusiveMaximum": lambda shown: f"must be less than {shown}",
    "multipleOf": lambda shown: f"must be a multiple of {shown}",
    "minLength": lambda shown: f"must have at least {shown} characters",
    "maxLength": lambda shown: f"must have at most {shown} characters",
    "minItems": lambda shown: f"must have at least {shown} items",
    "maxItems": lambda shown: f"must have at most {shown} items",
    "minProperties": lambda shown: f"must have at least {shown} fields",
    "maxProperties": lambda shown: f"must have at most {shown} fields",
    "uniqueItems": lambda _: "must not hold one item twice",
    "contains": lambda _: "holds no item of the kind it must hold",
    "minContains": lambda _: "holds too few items of the kind it must hold",
    "maxContains": lambda _: "holds too many items of the kind it may hold",
    "not": lambda _: "is of the kind that is excluded here",
    "anyOf": lambda _: "fits none of the alternatives",
    "oneOf": lambda _: "must fit exactly one of the alternatives",
    "additionalProperties": lambda _: "holds a field that is not allowed here",
    "unevaluatedProperties": lambda _: "holds a field that is not allowed here",
    "items": lambda _: "holds an item that is not allowed here",
    "unevaluatedItems": lambda _: "holds an item that is not allowed here",
    "propertyNames": lambda shown: f"holds a field whose name breaks the rule {shown}",
    "false": lambda _: "must not be there",
}

_NAMES_BELOW = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")


def _broken(error: ValidationError) -> tuple[str, object]:
    """The keyword of the schema that is broken, and its value where that is the schema's own and worth showing."""
    where = error.schema_path
    keyword = str(where[-1]) if where else error.kind.name
    match error.kind:
        case Kind.FalseSchema():
            is_name = len(where) > 1 and where[-2] in _NAMES_BELOW
            return (keyword, False) if keyword == "additionalProperties" and not is_name else ("false", None)
        case Kind.AdditionalProperties() | Kind.UnevaluatedProperties() | Kind.UnevaluatedItems():
            return keyword, False  # the error's value is what was found, not what the schema says
        case Kind.PropertyNames():
            return "propertyNames", rule_text(*_broken(error.kind.error))
        case Kind.AnyOf() | Kind.OneOfNotValid() | Kind.OneOfMultipleValid() | Kind.Not():
            return keyword, None
        case _:
            return keyword, error.kind.value


def _sentence(error: ValidationError, keyword: str, value: object, names: frozenset[str]) -> str:
    match error.kind:
        case Kind.AdditionalProperties() | Kind.UnevaluatedProperties():
            return _unexpected(error.kind.unexpected, names)
        case Kind.AnyOf() | Kind.OneOfNotValid():
            return _nearest(error.kind.context, len(error.instance_path), names)
        case Kind.OneOfMultipleValid():
            return "fits more than one of the alternatives; exactly one must fit"
        case _:
            return sentence(keyword, value)


def _unexpected(found: Sequence[str], names: frozenset[str]) -> str:
    """Says how many fields are too many, and which name of the contract one of them may have meant."""
    text = "holds a field that is not allowed here"
    if len(found) > 1:
        text = f"holds {len(found)} fields that are not allowed here"
    for name in found[:SUGGESTED_FOR_MAX]:
        near = [name] if name in names else get_close_matches(name[:SHOWN_CHARS_MAX], names, n=1, cutoff=0.75)
        if near:
            return f"{text} ({'it is' if near[0] == name else 'did you mean'} {near[0]})"
    return text


def _nearest(alternatives: Sequence[Sequence[ValidationError]], depth: int, names: frozenset[str]) -> str:
    """Says where the alternative fails that the document comes nearest to: the deepest first error, then the fewest."""
    text = f"fits none of the {len(alternatives)} alternatives"
    failed = [errors for errors in alternatives if errors]
    if not failed:
        return text
    errors = max(failed, key=lambda some: (len(some[0].instance_path), -len(some)))
    below = path_text(errors[0].instance_path[depth:], names)
    return f"{text}; the nearest breaks {rule_text(*_broken(errors[0]))}{f' at {below}' if below else ''}"


def _shown(value: object) -> str:
    """A value of the schema as text, cut to SHOWN_CHARS_MAX: words bare, lists joined, all else as JSON."""
    if value is None:
        text = ""
    elif isinstance(value, str):
        text = value
    elif isinstance(value, list):
        text = ", ".join(_shown(item) if item is not None else "null" for item in value[:SHOWN_CHARS_MAX])
    else:
        text = encode_json(value).decode()
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[: SHOWN_CHARS_MAX - 1]}…"
