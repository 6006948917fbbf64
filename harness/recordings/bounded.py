"""TEXT → DATA for recordings that strangers wrote: YAML by ruamel's safe loader, JSON by Python's, both bounded first.

A cassette is no description: it may be megabytes of one text, holds `!!binary`, and nobody mends a line of it, so it is
not read by `engine.spec.yaml`. The safe loader builds nothing but data; what it does not bound is counted here before
it begins: size, values, depth, and what aliases stand for. Nothing of the contents is in a message.
"""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from decimal import Decimal
from functools import cache
from typing import Any, Final

from harness.recordings.exchange import BYTES_MAX, UnreadableRecording

YAML_BYTES_MAX: Final = 16 << 20
YAML_NODES_MAX: Final = 400_000
"""A pure parser, which alone reads YAML 1.2, takes half a minute for these; the largest cassette seen has 2 MB."""
DEPTH_MAX: Final = 64
ALIASES_MAX: Final = 10_000
_TAG_CHARS_MAX: Final = 50_000
"""The parser's time for a tag grows with the square of its length."""


def read_json(raw: bytes, file: str) -> Any:
    """JSON data with exact numbers. Raises UnreadableRecording."""
    size(raw, file)
    try:
        # NaN and Infinity, which some write for a time that they do not know, are none.
        return json.loads(decoded(raw, file), parse_float=Decimal, parse_constant=lambda _: None)
    except (ValueError, RecursionError, ArithmeticError) as error:
        line = f" on line {error.lineno}" if isinstance(error, json.JSONDecodeError) and error.lineno > 1 else ""
        raise UnreadableRecording(f"{file}: it cannot be read as JSON{line}") from None


def read_yaml(raw: bytes, file: str) -> Any:
    """The data of one YAML document. Raises UnreadableRecording."""
    from ruamel.yaml import YAML

    if len(raw) > YAML_BYTES_MAX:
        raise UnreadableRecording(
            f"{file}: it is larger than {YAML_BYTES_MAX >> 20} MiB, the most of YAML; JSON may be more"
        )
    written = decoded(raw, file)
    if "!" in written and any(len(word) > _TAG_CHARS_MAX and "!" in word for word in written.split()):
        raise UnreadableRecording(f"{file}: a word with `!` is longer than {_TAG_CHARS_MAX} characters")
    try:
        bound(YAML(typ="safe", pure=True).parse(written), file)
        reader = YAML(typ="safe", pure=True)
        reader.Constructor = tolerant()
        return reader.load(written)
    except UnreadableRecording:
        raise
    # The parser means to raise YAMLError; on odd enough text an assertion, chr() or an index of its own fails first.
    except Exception as error:  # noqa: BLE001
        mark = getattr(error, "problem_mark", None)
        line = f" on line {mark.line + 1}" if mark is not None else ""
        raise UnreadableRecording(f"{file}: it cannot be read as YAML{line}") from None


def decoded(raw: bytes, file: str) -> str:
    """The text: UTF-8, or UTF-16 that says so. Raises UnreadableRecording."""
    try:
        return raw.decode("utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableRecording(f"{file}: it is no text in UTF-8") from None


@cache
def tolerant() -> Any:
    """The safe constructor, to which a tag that it does not know (`!!python/unicode`, `!ruby/string:Name`: recorders of
    old wrote them) says nothing of the data below it."""
    from ruamel.yaml.constructor import SafeConstructor
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    class Tolerant(SafeConstructor):
        def plain(self, node: Any) -> Any:
            if isinstance(node, MappingNode):
                return self.construct_mapping(node, deep=True)
            if isinstance(node, SequenceNode):
                return self.construct_sequence(node, deep=True)
            assert isinstance(node, ScalarNode)
            return self.construct_scalar(node)

    Tolerant.add_constructor(None, Tolerant.plain)
    return Tolerant


def bound(events: Any, file: str) -> None:
    """Counts what the events of a YAML text would build. Raises UnreadableRecording."""
    from ruamel.yaml import events as kinds

    nodes, aliases = 0, 0
    opened: list[tuple[str | None, int]] = []
    stands_for: dict[str, int] = {}
    for event in events:
        if isinstance(event, kinds.AliasEvent):
            aliases += 1
            if any(anchor == event.anchor for anchor, _ in opened):
                raise UnreadableRecording(f"{file}: an alias stands within the value it names, which would never end")
            nodes += stands_for.get(event.anchor, 1)
        elif isinstance(event, kinds.NodeEvent):
            nodes += 1
            if isinstance(event, kinds.CollectionStartEvent):
                opened.append((event.anchor, nodes - 1))
            elif event.anchor:
                stands_for[event.anchor] = 1
        elif isinstance(event, kinds.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor:
                stands_for[anchor] = nodes - before
        if nodes > YAML_NODES_MAX or aliases > ALIASES_MAX or len(opened) > DEPTH_MAX:
            raise UnreadableRecording(
                f"{file}: it holds more than {YAML_NODES_MAX} values, {ALIASES_MAX} aliases or {DEPTH_MAX} levels"
            )


def size(raw: bytes, file: str) -> None:
    if len(raw) > BYTES_MAX:
        raise UnreadableRecording(f"{file}: it is larger than {BYTES_MAX >> 20} MiB")
