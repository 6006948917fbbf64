"""A RECORDED DOCUMENT → AS MANY OTHERS AS ARE ASKED FOR, in bytes: what names it is left open, the rest is ready.

To change a document, encode it and look at it again takes as long as the engine takes for the event; so the document is
cut once at the leaves that name its thing, its message and its state, and each message is those pieces joined. What is
counted on keeps its form: the digits of a text, a number, the tail of a UUID, the rows of a table. Two samples that
count the same form begin behind the greatest of both, and two names in one document count in strides, so that no name
is ever another's. This file refuses to know what a leaf is about; `messages.py` says so.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from engine.contract.body import encode_json
from harness.prove.news import is_moment, later
from harness.prove.places import Place

Kind = Literal["thing", "message"]
DIGITS = re.compile(r"[0-9]+")
DIGITS_MAX: Final = 18
"""Digits of a text that are counted on, the last of them; more would never carry."""
UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_TAIL: Final = 12
"""The digits of a UUID that are counted on."""
WITHIN_LEAST: Final = 6
"""A name of so many characters is also changed where a longer text holds it, as in a link."""


class Name(Struct, frozen=True):
    """A text or number that names something. `form` is what stays of it when it is counted on, `base` where it stood;
    `column` are the rows of the table that it must be one of."""

    text: str
    form: tuple[str, ...]
    base: int
    column: tuple[Any, ...] = ()
    runs: tuple[int, ...] = ()
    """How many digits stand between the parts of the form."""

    def counted(self, number: int) -> str:
        """The same form with another number."""
        if self.column:
            return str(self.column[number % len(self.column)])
        first, *others = self.form[1:]
        if self.form[0] == "uuid":
            return f"{first}{number % 16**_TAIL:0{_TAIL}x}"
        wide = sum(self.runs)
        digits = str(number).zfill(wide)
        begin, end = 0, len(digits) - wide  # what is too long for the form stands before its first digits
        found = first
        for run, part in zip(self.runs, others, strict=True):
            end += run
            found += digits[begin:end] + part
            begin = end
        return found


def name_of(value: object, column: tuple[Any, ...] = ()) -> Name:
    """How a value is counted on."""
    text = str(value)
    if column:
        return Name(text, ("table", *map(str, column)), column.index(value), column)
    if UUID.fullmatch(text):
        return Name(text, ("uuid", text[:-_TAIL], ""), int(text[-_TAIL:], 16))
    runs = [found.span() for found in DIGITS.finditer(text)]
    while len(runs) > 1 and sum(end - begin for begin, end in runs) > DIGITS_MAX:
        del runs[0]
    if not runs:
        return Name(text, ("digits", f"{text}-", ""), 0, runs=(1,))
    runs[0] = (max(runs[0][0], runs[0][1] - DIGITS_MAX), runs[0][1])
    begins, ends = zip(*runs, strict=True)
    parts = [text[end:begin] for end, begin in zip((0, *ends), (*begins, len(text)), strict=True)]
    base = int("".join(text[begin:end] for begin, end in runs))
    return Name(text, ("digits", *parts), base, runs=tuple(end - begin for begin, end in runs))


class Numbering:
    """Which numbers each form counts with, over all samples of a run: `first` is greater than any that was recorded,
    `stride` as wide as the most names of one form in one document."""

    def __init__(self) -> None:
        self.first: dict[tuple[str, ...], int] = {}
        self.stride: dict[tuple[str, ...], int] = {}

    def learn(self, names: Iterable[Name]) -> None:
        """The names of one document."""
        widths: Counter[tuple[str, ...]] = Counter()
        for name in names:
            self.first[name.form] = max(self.first.get(name.form, 0), name.base)
            widths[name.form] += 1
        for form, width in widths.items():
            self.stride[form] = max(self.stride.get(form, 1), width)

    def number(self, name: Name, place: int, count: int) -> int:
        """Of the `place`th name of its form in a document, the `count`th time; counts begin at 1."""
        if name.column:
            return name.base + count
        return self.first[name.form] + count * self.stride[name.form] - place


class Opening(Struct, frozen=True):
    """A leaf that is left open, or a part of one: filled with the text of the slot, between what stays of the leaf."""

    slot: int
    number: bool = False
    """The leaf is a number, and is written as one."""


Piece = bytes | Opening


class Pattern:
    """One sample, cut at its names and its state. `names` are [(kind, value, column)], by which the slots are numbered;
    `states` are the leaves that tell which state of the thing it is."""

    def __init__(
        self,
        document: Mapping[str, Any],
        names: Iterable[tuple[Kind, object, tuple[Any, ...]]],
        states: Iterable[Place],
        numbering: Numbering,
    ) -> None:
        self.kinds: list[Kind] = []
        self.names: list[Name] = []
        for kind, value, column in names:
            name = name_of(value, column)
            if all(name.text != known.text for known in self.names):
                self.kinds.append(kind)
                self.names.append(name)
        self.numbering = numbering
        places = {place: len(self.names) + number for number, place in enumerate(states)}
        self.states: list[Any] = [_at(document, place) for place in places]
        versions = [None if is_moment(value) else name_of(value) for value in self.states]
        numbering.learn([*self.names, *(name for name in versions if name is not None)])
        self._slots = {name.text: slot for slot, name in enumerate(self.names)}
        self._long = [(name.text, slot) for slot, name in enumerate(self.names) if len(name.text) >= WITHIN_LEAST]
        seen: Counter[tuple[str, ...]] = Counter()
        self._places = []
        self._versions: list[tuple[Name, int] | None] = []
        for name in self.names:
            self._places.append(seen[name.form])
            seen[name.form] += 1
        for version in versions:
            self._versions.append(None if version is None else (version, seen[version.form]))
            seen.update(() if version is None else (version.form,))
        self.body = tuple(_joined(self._json(document["body"], ("body",), places)))
        self.headers = self._texts(document["headers"], "headers", places)
        self.query = self._texts(document["query"], "query", places)

    @property
    def is_finite(self) -> bool:
        """Whether its things are rows of a table, so that there are no more of them than rows."""
        things = [name for name, kind in zip(self.names, self.kinds, strict=True) if kind == "thing"]
        return any(name.column for name in things) and all(name.column for name in things)

    def texts(self, thing: int, message: int, state: int) -> list[str]:
        """What stands in each slot: of the `thing`th thing, the `message`th message, in its `state`th state after the
        recorded one."""
        counts = {"thing": thing, "message": message}
        number = self.numbering.number
        found = [
            name.counted(number(name, place, counts[kind]))
            for name, kind, place in zip(self.names, self.kinds, self._places, strict=True)
        ]
        for value, version in zip(self.states, self._versions, strict=True):
            if not state:
                found.append(str(value))
            elif version is None:
                found.append(later(value, state))
            else:
                found.append(version[0].counted(number(*version, state)))
        return found

    def filled(self, texts: list[str]) -> tuple[bytes, dict[str, str], dict[str, str]]:
        """The body, the headers and the query with these texts in the slots."""
        body = b"".join([piece if isinstance(piece, bytes) else _written(piece, texts) for piece in self.body])
        headers = {name: self._text(pieces, texts) for name, pieces in self.headers}
        return body, headers, {name: self._text(pieces, texts) for name, pieces in self.query}

    @staticmethod
    def _text(pieces: tuple[str | int, ...], texts: list[str]) -> str:
        return "".join([piece if isinstance(piece, str) else texts[piece] for piece in pieces])

    def _texts(
        self, values: Mapping[str, str], part: str, places: Mapping[Place, int]
    ) -> tuple[tuple[str, tuple[str | int, ...]], ...]:
        return tuple(
            (name, (places[part, name],) if (part, name) in places else self._cut(text))
            for name, text in values.items()
        )

    def _cut(self, text: str) -> tuple[str | int, ...]:
        """A text, cut where a name stands: the whole of it, or the first long one that it holds."""
        if text in self._slots:
            return (self._slots[text],)
        for word, slot in self._long:
            if word in text:
                found: list[str | int] = []
                for part in text.split(word):
                    found += [part, slot]
                return tuple(found[:-1])
        return (text,)

    def _json(self, value: Any, place: Place, places: Mapping[Place, int]) -> Iterator[Piece]:
        if isinstance(value, dict):
            mark = b"{"
            for name, inner in value.items():
                yield mark + encode_json(name) + b":"
                yield from self._json(inner, (*place, name), places)
                mark = b","
            yield b"}" if value else b"{}"
        elif isinstance(value, list):
            mark = b"["
            for index, inner in enumerate(value):
                yield mark
                yield from self._json(inner, (*place, index), places)
                mark = b","
            yield b"]" if value else b"[]"
        elif isinstance(value, str):
            pieces = (places[place],) if place in places else self._cut(value)
            yield b'"'
            for piece in pieces:
                yield encode_json(piece)[1:-1] if isinstance(piece, str) else Opening(piece)
            yield b'"'
        elif place in places:
            yield Opening(places[place], number=True)
        elif isinstance(value, int) and not isinstance(value, bool) and str(value) in self._slots:
            yield Opening(self._slots[str(value)], number=True)
        else:
            yield encode_json(value)


def _at(document: Any, place: Place) -> Any:
    for part in place:
        document = document[part]
    return document


def _written(opening: Opening, texts: list[str]) -> bytes:
    text = texts[opening.slot]
    # A number counted on is digits; a text may hold what JSON writes otherwise.
    return text.encode() if opening.number else encode_json(text)[1:-1]


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Bytes beside bytes are one piece."""
    ready = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            ready += piece
            continue
        if ready:
            yield ready
        ready = b""
        yield piece
    if ready:
        yield ready
