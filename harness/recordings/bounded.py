"""TEXT → DATA for recordings that strangers wrote: YAML by ruamel's safe loader, JSON by Python's, both bounded first.

A cassette is no description: it may be megabytes of one text, holds `!!binary`, and nobody mends a line of it, so it is
not read by `engine.spec.yaml`. The safe loader builds nothing but data; what it does not bound is counted here before
it begins: size, values, depth, and what aliases stand for. Nothing of the contents is in a message.
"""

import json
from decimal import Decimal
from typing import Any, Final

from harness.recordings.exchange import BYTES_MAX, UnreadableRecording

NODES_MAX: Final = 2_000_000
DEPTH_MAX: Final = 64
ALIASES_MAX: Final = 10_000
_TAG_CHARS_MAX: Final = 50_000
"""The parser's time for a tag grows with the square of its length."""


def read_json(raw: bytes, file: str) -> Any:
    """JSON data with exact numbers. Raises UnreadableRecording."""
    size(raw, file)
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        line = f" on line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableRecording(f"{file}: it cannot be read as JSON{line}") from None


def read_yaml(raw: bytes, file: str) -> Any:
    """The data of one YAML document. Raises UnreadableRecording."""
    from ruamel.yaml import YAML

    size(raw, file)
    try:
        written = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableRecording(f"{file}: it is not UTF-8") from None
    if "!" in written and any(len(word) > _TAG_CHARS_MAX and "!" in word for word in written.split()):
        raise UnreadableRecording(f"{file}: a word with `!` is longer than {_TAG_CHARS_MAX} characters")
    try:
        bound(YAML(typ="safe", pure=True).parse(written), file)
        return YAML(typ="safe", pure=True).load(written)
    except UnreadableRecording:
        raise
    # The parser means to raise YAMLError; on odd enough text an assertion, chr() or an index of its own fails first.
    except Exception as error:  # noqa: BLE001
        mark = getattr(error, "problem_mark", None)
        line = f" on line {mark.line + 1}" if mark is not None else ""
        raise UnreadableRecording(f"{file}: it cannot be read as YAML{line}") from None


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
        if nodes > NODES_MAX or aliases > ALIASES_MAX or len(opened) > DEPTH_MAX:
            raise UnreadableRecording(
                f"{file}: it holds more than {NODES_MAX} values, {ALIASES_MAX} aliases or {DEPTH_MAX} levels"
            )


def size(raw: bytes, file: str) -> None:
    if len(raw) > BYTES_MAX:
        raise UnreadableRecording(f"{file}: it is larger than {BYTES_MAX >> 20} MiB")
