"""Nodes → shapes, and all the faults: one generic reader walks the types of `shape.py`.

It never stops at the first mistake: a part that cannot be read stands as `INVALID` in a shape that is else whole, so
that the rest is still examined, here and by what refers to it. It knows types, keys and words; names that must exist
elsewhere are `resolve.py`'s matter. A library such as msgspec was tried for this: it stops at the first error and knows
no lines.
"""

import re
import typing
from collections.abc import Iterable
from dataclasses import is_dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_origin

from engine.errors import Fault, Mark
from engine.spec import shape
from engine.spec.annotations import NOTHING, has_default, is_union, keys, sample, without_none
from engine.spec.invalid import INVALID, Misnamed
from engine.spec.leaves import LEAVES, describe, join, read_expression, read_int, read_setting, read_text
from engine.spec.yaml import Mapping, Node, Scalar, Sequence

__all__ = ["INVALID", "VALUE_WORDS", "Reader", "almost"]

VALUE_WORDS = {
    "value": shape.Constant,
    "template": shape.Filled,
    "each": shape.Items,
    "fields": shape.Object,
    "from": shape.Converted,
}
LINE_END = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line for the YAML reader, whose marks are looked up here."""
LEAVING_OUT = ("yaml-alias", "yaml-key", "yaml-merge-key")
"""Faults of YAML after which an entry is missing from the nodes, or unknown ones are."""

Details = typing.Mapping[str, Any]


class Reader:
    """Reads nodes of one or more files and gathers their faults.

    Of the file being read, where there is one: `lines` is its text, with which an expression knows the column of its
    first character; `left_out` are the paths whose entries YAML refused, and `before` the faults of other files.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.lines: list[str] = []
        self.left_out: frozenset[str] = frozenset()
        self.before = 0

    def begin(self, text: str, faults: tuple[Fault, ...]) -> None:
        """Says which text the nodes that are read next come from, and what was wrong with it as YAML."""
        self.lines = LINE_END.split(text)
        self.left_out = frozenset(fault.path for fault in faults if fault.code in LEAVING_OUT)
        self.before = len(self.faults)
        self.faults += faults

    @property
    def is_sound(self) -> bool:
        """Whether nothing was wrong with the file so far."""
        return len(self.faults) == self.before

    def fault(self, code: str, mark: Mark, path: str, message: str, hint: str = "") -> Any:
        self.faults.append(Fault(code, mark, path, message, hint))
        return INVALID

    def column(self, node: Scalar) -> int:
        """Where a text begins on its line; 0 where it is not written there as it reads (a block, escapes)."""
        line = self.lines[node.mark.line - 1] if node.mark.line <= len(self.lines) else ""
        begin = node.mark.column - 1
        if line and line.startswith(node.text, begin):
            return begin + 1
        return begin + 2 if line[begin : begin + 1] in ("'", '"') and line.startswith(node.text, begin + 1) else 0

    def read(self, node: Node, kind: Any, path: str) -> Any:
        """Reads `node` as `kind`, an annotation of shape.py; INVALID where it has any fault."""
        before = len(self.faults)
        part = self.part(node, kind, path)
        return part if len(self.faults) == before else INVALID

    def part(self, node: Node, kind: Any, path: str, details: Details = NOTHING) -> Any:
        """What can be read of `node`, with INVALID inside where it cannot; `details` is the key's metadata."""
        origin = get_origin(kind)
        if kind in LEAVES:
            return self.lasting(LEAVES[kind](self, node, path), node, path, details)
        if kind == shape.Value:
            return self.value(node, path)
        if kind in (shape.Setting, shape.Setting | shape.Confidential):
            return read_setting(self, node, path, secret=kind != shape.Setting)
        if origin is Annotated:
            return self.annotated(node, kind, path)
        if origin is Literal:
            return self.word(node, get_args(kind), (), path)
        if is_union(kind):
            return self.part(node, self.either(node, without_none(kind)), path, details)
        if origin is tuple:
            return self.items(node, kind, path, details)
        if origin is dict:
            return self.table(node, kind, path, details)
        assert is_dataclass(kind), kind
        return self.shape(node, kind, path, details)

    def lasting(self, leaf: Any, node: Node, path: str, details: Details) -> Any:
        """A leaf; a span of nothing is a fault where the key could do nothing with it."""
        if "lasting" not in details or not isinstance(leaf, shape.Duration) or leaf.microseconds:
            return leaf
        key = path.rpartition(".")[2]
        message, such_as = details["lasting"]
        return self.fault("out-of-range", node.mark, path, f"`{key}`: {message}", f"write such as `{key}: {such_as}`")

    def either(self, node: Node, kind: Any) -> Any:
        """Of a text or a mapping that may stand in one place, the one that does."""
        kinds = get_args(kind) if is_union(kind) else (kind,)
        fitting = [each for each in kinds if (is_dataclass(each) and each not in LEAVES) == isinstance(node, Mapping)]
        return (fitting or kinds)[0]

    def shape(self, node: Node, kind: Any, path: str, details: Details = NOTHING) -> Any:
        """A mapping with known keys into its dataclass."""
        known = keys(kind)
        one_of = getattr(kind, "ONE_OF", ())
        may_be_bare = not one_of and all(has_default(field) for field, _ in known.values())
        if isinstance(node, Scalar) and node.value is None and may_be_bare:
            return kind()
        if not isinstance(node, Mapping):
            return self.wrong(node, path, f"a mapping with {some(known)}", sample(kind, details))
        given: dict[str, Any] = {}
        later = getattr(kind, "LATER", ())
        meant: set[str] = set()
        unread, replaced = False, False
        for name, value in node.entries:
            where = join(path, name.text)
            if name.text in known:
                field, annotation = known[name.text]
                given[field.name] = self.part(value, annotation, where, field.metadata)
            elif name.text in later:
                self.not_available(name.mark, where, f"`{name.text}`")
                unread = True
                replaced = replaced or name.text in getattr(kind, "INSTEAD", ())
            else:
                meant |= self.unknown_key(name, value, path, known, given)
        for name_text, (field, _) in known.items():
            if field.name in given:
                continue
            # What is misspelled, refused by YAML, or said by a key of a later release is not also missing.
            if not self.left_out.isdisjoint((path, join(path, name_text))):
                given[field.name] = INVALID
            elif not has_default(field) or self.is_needed(field, one_of, given, meant):
                if not replaced:
                    hint = f"add `{name_text}:` — {field.metadata['help']}"
                    self.fault("missing-key", node.mark, path, f"`{name_text}` is missing", hint)
                given[field.name] = INVALID
        chosen = [name for name in one_of if name in given]
        if one_of and len(chosen) != 1 and not unread and path not in self.left_out and meant.isdisjoint(one_of):
            words = ", ".join(f"`{name}`" for name in one_of)
            found = " and ".join(f"`{name}`" for name in chosen) or "none"
            self.fault("one-of", node.mark, path, f"exactly one of {words} is needed, {found} is given")
        return kind(**given)

    @staticmethod
    def is_needed(field: Any, one_of: Iterable[str], given: Details, meant: set[str]) -> bool:
        """Whether a key that others stand for is missing: none of those is there, and one that does not is."""
        unless = field.metadata.get("unless", ())
        present = {*given, *meant}
        return bool(unless) and present.isdisjoint(unless) and not present.isdisjoint(one_of)

    def unknown_key(
        self, name: Scalar, value: Node, path: str, known: dict[str, Any], given: dict[str, Any]
    ) -> set[str]:
        """Faults the key, and gives the known one that was probably meant.

        That one is then not missing, and where what it holds can hardly be anything else its parts are read as well: a
        misspelled `receive` must not hide what is wrong inside it.
        """
        close = get_close_matches(name.text, list(known), n=1, cutoff=0.6)
        hint = f"did you mean `{close[0]}`?" if close else f"keys here: {', '.join(known)}"
        self.fault("unknown-key", name.mark, join(path, name.text), f"unknown key `{name.text}`", hint)
        for word in close:
            field, annotation = known[word]
            if field.name not in given:
                is_meant = almost(name.text, known) == word and fits(value, annotation)
                where = join(path, word)
                given[field.name] = self.part(value, annotation, where, field.metadata) if is_meant else INVALID
        return set(close)

    def not_available(self, mark: Mark, path: str, what: str) -> Any:
        return self.fault(
            "not-available", mark, path, f"{what} is part of the dialect, but not of this release", "leave it out"
        )

    def annotated(self, node: Node, kind: Any, path: str) -> Any:
        inner, *marks = get_args(kind)
        for mark in marks:
            if isinstance(mark, shape.Later):
                return self.word(node, get_args(inner), mark.words, path)
            if isinstance(mark, shape.Pattern):
                return self.name(node, mark, path)
            if isinstance(mark, shape.AtLeast):
                return self.number(node, mark, path)
        return self.part(node, inner, path)

    def number(self, node: Node, mark: Any, path: str) -> Any:
        """A whole number, which `mark`, an AtLeast, bounds."""
        number = read_int(self, node, path)
        if number is INVALID:
            return INVALID
        if number < mark.least:
            hint = f"write {mark.least} or more"
            return self.fault("wrong-type", node.mark, path, f"{named(path)}{number} is less than {mark.least}", hint)
        if mark.most is not None and number > mark.most:
            hint = f"write {mark.most} or less"
            return self.fault("wrong-type", node.mark, path, f"{named(path)}{number} is more than {mark.most}", hint)
        return number

    def name(self, node: Node, mark: Any, path: str) -> Any:
        """A name, whose spelling `mark`, a Pattern, prescribes."""
        text = read_text(self, node, path)
        if text is INVALID or re.fullmatch(mark.regex, text):
            return text
        respelled = next((each for each in respellings(text) if re.fullmatch(mark.regex, each)), "")
        hint = f"write `{respelled}`" if respelled else f"such as `{mark.sample}`"
        self.fault("bad-name", node.mark, path, f"`{text[:60]}` is not {mark.what}", hint)
        return Misnamed(text)

    def word(self, node: Node, words: tuple[Any, ...], later: tuple[str, ...], path: str) -> Any:
        text = node.text if isinstance(node, Scalar) else None
        if text in words:
            return text
        if text in later:
            return self.not_available(node.mark, path, f"`{text}`")
        choices = ", ".join(f"`{word}`" for word in words)
        if not text:
            return self.wrong(node, path, f"one of {choices}", words[0])
        close = get_close_matches(text, words, n=1, cutoff=0.6)
        hint = f"did you mean `{close[0]}`?" if close else f"one of {choices}"
        return self.fault("unknown-word", node.mark, path, f"`{text[:60]}` is not known here", hint)

    def items(self, node: Node, kind: Any, path: str, details: Details) -> Any:
        item_kind = get_args(kind)[0]
        single = bool(details.get("single"))
        if not isinstance(node, Sequence):
            if single and not (isinstance(node, Scalar) and node.value is None):
                return (self.part(node, item_kind, path),)
            return self.wrong(node, path, "a list", sample(kind, details))
        if (single or details.get("filled")) and not node.items:
            return self.fault("empty-list", node.mark, path, "an empty list", "give at least one")
        return tuple(self.part(item, item_kind, f"{path}[{place}]") for place, item in enumerate(node.items))

    def table(self, node: Node, kind: Any, path: str, details: Details) -> Any:
        """A mapping of names to things of one kind; a thing stands under its name, also where that is misspelled."""
        name_kind, item_kind = get_args(kind)
        if not isinstance(node, Mapping):
            return self.wrong(node, path, "a mapping", sample(kind, details))
        table: dict[str, Any] = {}
        for name, value in node.entries:
            where = join(path, name.text)
            table[self.part(name, name_kind, where)] = self.part(value, item_kind, where)
        return INVALID if path in self.left_out else table

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

    def wrong(self, node: Node, path: str, wanted: str, example: str) -> Any:
        """A node of another kind than its key takes; `example` is what may be written instead."""
        key = path.rpartition(".")[2]
        is_item = not key or key.endswith("]")
        hint = f"write {example}" if is_item else f"write `{key}: {example}`"
        if isinstance(node, Scalar) and node.value is None:
            hint += ", or remove the key; text that begins with # must be quoted"
            return self.fault("wrong-type", node.mark, path, f"{named(path)}no value where {wanted} is expected", hint)
        message = f"{named(path)}{describe(node)} where {wanted} is expected"
        return self.fault("wrong-type", node.mark, path, message, hint)


def respellings(text: str) -> tuple[str, ...]:
    """A name as it was perhaps meant: in small letters, its words joined as names of files or as names in expressions
    are."""
    words = re.findall(r"[a-z0-9]+", text[:60].lower())
    return "-".join(words), "_".join(words)


def named(path: str) -> str:
    """The key that a message is about, before it."""
    return f"`{path.rpartition('.')[2]}`: " if path else ""


def some(known: typing.Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in list(known)[:4])


def almost(name: str, known: typing.Iterable[str]) -> str | None:
    """The one name that another is a misspelling of, beyond reasonable doubt."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.8)
    return close[0] if close else None


def fits(node: Node, annotation: Any) -> bool:
    """Whether a node is of the kind that an annotation describes, and holds something worth reading."""
    if isinstance(node, Sequence):
        return get_origin(annotation) is tuple
    if isinstance(node, Mapping):
        return get_origin(annotation) is dict or is_dataclass(annotation) or annotation == shape.Value
    return annotation in (shape.Value, shape.Expression, shape.Template) and isinstance(node.value, str)
