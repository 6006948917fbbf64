"""A FEW FIELDS → DATA: what intake needs of a body before the ack, and nothing else of it.

Naming an event takes its id, key and revision, a handful of fields; decoding the whole order for them costs five times
as much on the one path where a sender waits. So a decoder is generated for each set of paths: nested structs that know
only these fields, their leaves left raw and then read as strictly as any body. This file refuses to judge the rest of
the body: what is skipped is checked to be JSON and no more (a key given twice, a number too long, text that is not
UTF-8 there are found by `decode_body` after the ack).
"""

import re
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from msgspec import UNSET, DecodeError, Raw, Struct, UnsetType, defstruct
from msgspec.json import Decoder

from engine.contract.body import BodyError, BodyLimits, decode_body

_NOTHING = Raw(b"")
_DEFAULTS = BodyLimits()

_DIGITS_PLAIN = 19
_PLAIN_TEXT = re.compile(rb'"[ !#-\[\]-~]{0,255}"')
"""Printable ASCII without a quote or a backslash."""

_Tree = dict[str, "_Tree"]
_Take = Callable[[Struct], dict[str, object]]


def compile_extractor(paths: frozenset[tuple[str, ...]]) -> Callable[[bytes], object]:
    """A function from the bytes of a JSON object to a dict that holds just the fields at `paths`.

    ("customer", "id") is the field `id` of the object `customer`. A field that is absent stays absent, a null on the
    way stays null; a path that another one begins with is covered by it, and the empty path is the whole body. The
    function raises BodyError for a body of another shape (no object where a path goes through one, not JSON): read it
    with `decode_body` then, which says what is wrong or gives the value of the other shape. A name with a quote, a
    backslash or a control character, which the decoder cannot look for, makes the object around it be read whole.
    """
    tree: _Tree = {}
    for path in sorted({tuple(takewhile(_can_be_looked_for, path)) for path in paths}):
        if not path:
            return decode_body
        _plant(tree, path)
    shape, take = _compile(tree)
    decode = Decoder(shape).decode

    def extract(raw: bytes) -> dict[str, object]:
        if len(raw) > _DEFAULTS.bytes_max:
            raise BodyError("size", f"the body has {len(raw)} bytes; at most {_DEFAULTS.bytes_max} are read")
        try:
            found = decode(raw)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            raise BodyError("json", "the body is not a JSON object of the shape its fields are taken from") from None
        return take(found)

    return extract


def _leaf(raw: bytes) -> object:
    """As `decode_body`: what nearly every id and key is, a short whole number or plain text, needs none of its care."""
    if raw.isdigit() and len(raw) < _DIGITS_PLAIN:  # a leading nought was refused when it was skipped over
        return int(raw)
    if _PLAIN_TEXT.fullmatch(raw):
        return raw[1:-1].decode()
    return decode_body(raw)


def _can_be_looked_for(name: str) -> bool:
    return name.isprintable() and '"' not in name and "\\" not in name


def _plant(tree: _Tree, path: tuple[str, ...]) -> None:
    """Add a path; shorter ones come first, and what they cover is not taken apart."""
    for name in path[:-1]:
        known = name in tree
        tree = tree.setdefault(name, {})
        if known and not tree:
            return
    tree.setdefault(path[-1], {})


def _compile(tree: _Tree) -> tuple[type[Struct], _Take]:
    """The struct that decodes an object of this tree, and the function that makes a dict of one."""
    fields: list[tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    leaves: list[tuple[str, str]] = []
    branches: list[tuple[str, str, _Take]] = []
    for number, (name, below) in enumerate(tree.items()):
        attribute = f"f{number}"  # a field's own name may be any text, an attribute's may not
        names[attribute] = name
        if below:
            inner, take_inner = _compile(below)
            fields.append((attribute, inner | UnsetType | None, UNSET))
            branches.append((attribute, name, take_inner))
        else:
            fields.append((attribute, Raw, _NOTHING))
            leaves.append((attribute, name))

    def take(found: Struct) -> dict[str, object]:
        taken: dict[str, object] = {}
        for attribute, name in leaves:
            raw = getattr(found, attribute)
            if raw is not _NOTHING:
                taken[name] = _leaf(bytes(raw))
        for attribute, name, take_inner in branches:
            inner = getattr(found, attribute)
            if inner is not UNSET:
                taken[name] = None if inner is None else take_inner(inner)
        return taken

    return defstruct("Fields", fields, rename=names), take
