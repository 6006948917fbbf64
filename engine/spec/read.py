"""Nodes → shapes, or all the faults: one generic reader walks the types of `shape.py`.

It never stops at the first mistake: a part that cannot be read becomes `INVALID`, whatever encloses it becomes
`INVALID` too, and the rest is still examined. It knows types, keys and words; names that must exist elsewhere are
`resolve.py`'s matter. A library such as msgspec was tried for this: it stops at the first error and knows no lines.
"""

import re
import types
import typing
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from engine.errors import Fault, Mark
from engine.spec import shape
from engine.spec.yaml import Mapping, Node, Scalar, Sequence, plain

INVALID: Any = type("Invalid", (), {"__repr__": lambda _: "INVALID", "__bool__": lambda _: False})()

DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(us|ms|s|m|h|d)")
MICROSECONDS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
PERCENT = re.compile(r"(100|\d{1,2})(\.\d{1,4})?%")
VARIABLE = next(mark.regex for mark in get_args(shape.Variable) if isinstance(mark, shape.Pattern))
VALUE_WORDS = {
    "value": shape.Constant,
    "template": shape.Filled,
    "each": shape.Items,
    "fields": shape.Object,
    "from": shape.Converted,
}


class Reader:
    """Reads nodes of one or more files and gathers their faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, code: str, mark: Mark, path: str, message: str, hint: str = "") -> Any:
        self.faults.append(Fault(code, mark, path, message, hint))
        return INVALID

    def read(
        self, node: Node, kind: Any, path: str, details: typing.Mapping[str, Any] = types.MappingProxyType({})
    ) -> Any:
        """Reads `node` as `kind`, an annotation of shape.py; `details` is the key's metadata."""
        origin = get_origin(kind)
        if kind in LEAVES:
            return LEAVES[kind](self, node, path)
        if kind == shape.Value:
            return self.value(node, path)
        if kind == shape.Setting | shape.Confidential:
            return read_setting(self, node, path, secret=True)
        if kind == shape.Setting:
            return read_setting(self, node, path)
        if origin is Annotated:
            return self.annotated(node, kind, path, details)
        if origin is Literal:
            return self.word(node, get_args(kind), (), path)
        if origin in (Union, types.UnionType):
            return self.read(node, without_none(kind), path, details)
        if origin is tuple:
            return self.items(node, get_args(kind)[0], path, single=bool(details.get("single")))
        if origin is dict:
            name_kind, item_kind = get_args(kind)
            return self.table(node, name_kind, item_kind, path)
        assert is_dataclass(kind), kind
        return self.shape(node, kind, path)

    def shape(self, node: Node, kind: Any, path: str) -> Any:
        """A mapping with known keys into its dataclass."""
        known = keys(kind)
        one_of = getattr(kind, "ONE_OF", ())
        may_be_bare = not one_of and all(has_default(field) for field, _ in known.values())
        if isinstance(node, Scalar) and node.value is None and may_be_bare:
            return kind()
        if not isinstance(node, Mapping):
            return self.wrong(node, path, f"a mapping with {some(known)}")
        given: dict[str, Any] = {}
        later = getattr(kind, "LATER", ())
        meant: set[str] = set()
        unread, replaced = False, False
        for name, value in node.entries:
            where = join(path, name.text)
            if name.text in known:
                field, annotation = known[name.text]
                given[field.name] = self.read(value, annotation, where, field.metadata)
            elif name.text in later:
                self.not_available(name.mark, where, f"`{name.text}`")
                unread = True
                replaced = replaced or name.text in getattr(kind, "INSTEAD", ())
            else:
                meant |= self.unknown_key(name, where, known)
        for name_text, (field, _) in known.items():
            if field.name not in given and not has_default(field):
                # What is misspelled, or said by a key of a later release, is not also missing: one mistake, one fault.
                if not replaced and name_text not in meant:
                    hint = f"add `{name_text}:` — {field.metadata['help']}"
                    self.fault("missing-key", node.mark, path, f"`{name_text}` is missing", hint)
                given[field.name] = INVALID
        chosen = [name for name in one_of if name in given]
        if one_of and len(chosen) != 1 and not unread and meant.isdisjoint(one_of):
            words = ", ".join(f"`{name}`" for name in one_of)
            found = " and ".join(f"`{name}`" for name in chosen) or "none"
            return self.fault("one-of", node.mark, path, f"exactly one of {words} is needed, {found} is given")
        if unread or (one_of and len(chosen) != 1) or any(value is INVALID for value in given.values()):
            return INVALID
        return kind(**given)

    def unknown_key(self, name: Scalar, path: str, known: typing.Iterable[str]) -> set[str]:
        """Faults the key and gives the known one that was probably meant."""
        close = get_close_matches(name.text, list(known), n=1, cutoff=0.6)
        hint = f"did you mean `{close[0]}`?" if close else f"keys here: {', '.join(known)}"
        self.fault("unknown-key", name.mark, path, f"unknown key `{name.text}`", hint)
        return set(close)

    def not_available(self, mark: Mark, path: str, what: str) -> Any:
        return self.fault(
            "not-available", mark, path, f"{what} is part of the dialect, but not of this release", "leave it out"
        )

    def annotated(self, node: Node, kind: Any, path: str, details: typing.Mapping[str, Any]) -> Any:
        inner, *marks = get_args(kind)
        for mark in marks:
            if isinstance(mark, shape.Later):
                return self.word(node, get_args(inner), mark.words, path)
            if isinstance(mark, shape.Pattern):
                later = details.get("later_object", ())
                names = [name for name, _ in node.entries if name.text in later] if isinstance(node, Mapping) else []
                if names:
                    return self.not_available(names[0].mark, join(path, names[0].text), f"`{names[0].text}`")
                text = read_text(self, node, path)
                if text is INVALID or re.fullmatch(mark.regex, text):
                    return text
                return self.fault("bad-name", node.mark, path, f"`{text[:60]}` is not {mark.what}")
            if isinstance(mark, shape.AtLeast):
                number = read_int(self, node, path)
                if number is INVALID or number >= mark.least:
                    return number
                return self.fault("wrong-type", node.mark, path, f"{number} is less than {mark.least}")
        return self.read(node, inner, path, details)

    def word(self, node: Node, words: tuple[Any, ...], later: tuple[str, ...], path: str) -> Any:
        text = node.text if isinstance(node, Scalar) else None
        if text in words:
            return text
        if text in later:
            return self.not_available(node.mark, path, f"`{text}`")
        choices = ", ".join(f"`{word}`" for word in words)
        if not text:
            return self.wrong(node, path, f"one of {choices}")
        close = get_close_matches(text, words, n=1, cutoff=0.6)
        hint = f"did you mean `{close[0]}`?" if close else f"one of {choices}"
        return self.fault("unknown-word", node.mark, path, f"`{text[:60]}` is not known here", hint)

    def items(self, node: Node, kind: Any, path: str, *, single: bool) -> Any:
        if not isinstance(node, Sequence):
            if single and not (isinstance(node, Scalar) and node.value is None):
                one = self.read(node, kind, path)
                return INVALID if one is INVALID else (one,)
            return self.wrong(node, path, "a list")
        read = [self.read(item, kind, f"{path}[{place}]") for place, item in enumerate(node.items)]
        if single and not read:
            return self.fault("empty-list", node.mark, path, "an empty list", "give at least one")
        return INVALID if any(item is INVALID for item in read) else tuple(read)

    def table(self, node: Node, name_kind: Any, kind: Any, path: str) -> Any:
        if not isinstance(node, Mapping):
            return self.wrong(node, path, "a mapping")
        table: dict[str, Any] = {}
        for name, value in node.entries:
            where = join(path, name.text)
            good_name = name.text if name_kind is str else self.read(name, name_kind, where)
            item = self.read(value, kind, where)
            table[name.text] = INVALID if good_name is INVALID else item
        return INVALID if any(item is INVALID for item in table.values()) else table

    def value(self, node: Node, path: str) -> Any:
        """The value grammar: text is JMESPath, an object says what it is by its keys."""
        if not isinstance(node, Mapping):
            return read_expression(self, node, path)
        present = {name.text for name, _ in node.entries}
        for word, kind in VALUE_WORDS.items():
            if word in present:
                return self.shape(node, kind, path)
        return self.fault(
            "wrong-value",
            node.mark,
            path,
            "an object here needs `from`, `value`, `template`, `fields` or `each`",
            "for an object made field by field write {fields: {…}}; for a literal write {value: …}",
        )

    def wrong(self, node: Node, path: str, wanted: str) -> Any:
        if isinstance(node, Scalar) and node.value is None:
            hint = "give it a value or remove the key; text that begins with # must be quoted"
            return self.fault("wrong-type", node.mark, path, f"no value here; {wanted} is expected", hint)
        found = {Mapping: "a mapping", Sequence: "a list"}.get(type(node)) or describe(node)
        return self.fault("wrong-type", node.mark, path, f"{found} where {wanted} is expected")


def describe(node: Node) -> str:
    assert isinstance(node, Scalar)
    if isinstance(node.value, bool):
        return f"`{node.text}`"
    return "text" if isinstance(node.value, str) else "a number"


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def some(known: typing.Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in list(known)[:4])


def has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def without_none(kind: Any) -> Any:
    """`T | None` → T. YAML's null never stands for a value; a key that may be absent is left out."""
    rest = [part for part in get_args(kind) if part is not types.NoneType]
    joined = rest[0]
    for part in rest[1:]:
        joined = joined | part
    return joined


@cache
def keys(kind: Any) -> dict[str, tuple[Field[Any], Any]]:
    """YAML key → (field, annotation) of a shape, in the order of the file."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name.rstrip("_"): (field, optional_free(hints[field.name])) for field in fields(kind)}


def optional_free(kind: Any) -> Any:
    is_union = get_origin(kind) in (Union, types.UnionType)
    return without_none(kind) if is_union and types.NoneType in get_args(kind) else kind


# ── leaves ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_text(reader: Reader, node: Node, path: str) -> Any:
    if not isinstance(node, Scalar) or node.value is None:
        return reader.wrong(node, path, "text")
    if not isinstance(node.value, str):
        hint = f'quote it: "{node.text[:40]}"'
        return reader.fault("wrong-type", node.mark, path, f"{describe(node)} where text is expected", hint)
    return node.value


def read_int(reader: Reader, node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    return reader.wrong(node, path, "a whole number")


def read_bool(reader: Reader, node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    return reader.wrong(node, path, "`true` or `false`")


def read_expression(reader: Reader, node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, str):
        hint = f"for a literal write {{value: {node.text}}}, or inside an expression `{node.text}` between backticks"
        return reader.fault("bare-literal", node.mark, path, f"{describe(node)} where JMESPath is expected", hint)
    text = read_text(reader, node, path)
    return text if text is INVALID else shape.Expression(text, node.mark, path)


def read_template(reader: Reader, node: Node, path: str) -> Any:
    text = read_text(reader, node, path)
    return text if text is INVALID else shape.Template(text, node.mark, path)


def read_duration(reader: Reader, node: Node, path: str) -> Any:
    found = DURATION.fullmatch(node.text) if isinstance(node, Scalar) else None
    if found is None:
        said = f"`{node.text[:40]}`" if isinstance(node, Scalar) else "this"
        return reader.fault(
            "bad-duration",
            node.mark,
            path,
            f"{said} is not a duration",
            "a number and a unit: 250ms, 30s, 5m, 12h, 14d",
        )
    number, unit = found.groups()
    whole, _, fraction = number.partition(".")
    microseconds = int(whole) * MICROSECONDS[unit] + int(fraction.ljust(6, "0") or 0) * MICROSECONDS[unit] // 1_000_000
    return shape.Duration(microseconds)


def read_percent(reader: Reader, node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and PERCENT.fullmatch(node.text):
        return shape.Percent(node.text)
    return reader.wrong(node, path, "a percentage such as `99.9%`")


def read_date(reader: Reader, node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and DATE.fullmatch(node.text):
        return shape.Date(node.text)
    return reader.wrong(node, path, "a date, YYYY-MM-DD")


def read_secret(reader: Reader, node: Node, path: str) -> Any:
    in_clear = isinstance(node, Scalar) and node.value is not None
    if isinstance(node, Mapping) and [name.text for name, _ in node.entries] == ["secret"]:
        given = node.entries[0][1]
        # What is no name is probably the secret itself; the fault for names would show it.
        in_clear = isinstance(given, Scalar) and given.value is not None and not re.fullmatch(VARIABLE, given.text)
        if not in_clear:
            name = reader.read(given, shape.Variable, join(path, "secret"))
            return name if name is INVALID else shape.SecretName(name, node.mark)
    if in_clear:
        hint = (
            "write {secret: NAME}, put the value into the file NAME of the secrets folder, and change it: it was seen"
        )
        return reader.fault("literal-secret", node.mark, path, "a secret is written here in the clear", hint)
    return reader.wrong(node, path, "{secret: NAME}")


def read_setting(reader: Reader, node: Node, path: str, *, secret: bool = False) -> Any:
    if isinstance(node, Mapping) and [name.text for name, _ in node.entries] == ["env"]:
        name = reader.read(node.entries[0][1], shape.Variable, join(path, "env"))
        return name if name is INVALID else shape.EnvironmentName(name, node.mark)
    if isinstance(node, Mapping):
        return read_secret(reader, node, path) if secret else reader.wrong(node, path, "text or {env: NAME}")
    return read_text(reader, node, path)


def read_plain(_reader: Reader, node: Node, _path: str) -> Any:
    return shape.Plain(plain(node))


def read_literally(_reader: Reader, node: Node, path: str) -> Any:
    return shape.Literally(plain(node), tuple(templates_in(node, path)))


def templates_in(node: Node, path: str) -> typing.Iterator[shape.Template]:
    if isinstance(node, Mapping):
        for name, value in node.entries:
            yield from templates_in(value, join(path, name.text))
    elif isinstance(node, Sequence):
        for place, item in enumerate(node.items):
            yield from templates_in(item, f"{path}[{place}]")
    elif isinstance(node.value, str) and ("{{" in node.value or "{%" in node.value):
        yield shape.Template(node.value, node.mark, path)


LEAVES: dict[Any, typing.Callable[[Reader, Node, str], Any]] = {
    str: read_text,
    int: read_int,
    bool: read_bool,
    shape.Expression: read_expression,
    shape.Template: read_template,
    shape.Duration: read_duration,
    shape.Percent: read_percent,
    shape.Date: read_date,
    shape.SecretName: read_secret,
    shape.Plain: read_plain,
    shape.Literally: read_literally,
}
