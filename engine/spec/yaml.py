"""YAML TEXT → NODES with marks, bounded before anything is built.

A description is written by people and read by machines, so it must mean one thing and cost little: scalars are those
of YAML 1.2's core schema (`no` and `1:30` are text, a date is text, numbers are exact), and what makes YAML dangerous
or ambiguous is refused: merge keys, tags that make objects, keys given twice, recursive or exploding aliases, depth,
size, endless digits, a second document. Only the events come from ruamel.yaml; its composer and constructors would
build first and ask afterwards. This file refuses to know what any key means, and it never raises for what a text
holds: whatever is wrong becomes a Fault with its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.errors import Fault, Mark
from engine.spec.yaml_scalars import DEFAULTS, WORDS, YamlLimits, can_be_kept, resolve
from engine.spec.yaml_syntax import syntax_fault


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `text` is what was written, without quotes; `value` what it means (`text` itself for a key).

    `quoted` says that it is text whatever it looks like: written in quotes or as a block.
    """

    value: str | int | Decimal | bool | None
    mark: Mark
    quoted: bool
    text: str


@dataclass(frozen=True, slots=True)
class Sequence:
    items: "tuple[Node, ...]"
    mark: Mark


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order written; a key is a Scalar whose `value` is its text, and stands once."""

    entries: "tuple[tuple[Scalar, Node], ...]"
    mark: Mark


Node = Scalar | Sequence | Mapping


def compose(text: str | bytes, file: str, limits: YamlLimits = DEFAULTS) -> tuple[Node | None, tuple[Fault, ...]]:
    """The root node of a YAML text, and every fault found on the way, in the order of the text.

    The node is None for an empty text, and after a fault that leaves nothing to read on with (syntax, depth, size).
    After any other fault it is whole but for what the fault names: a refused entry is left out, a refused scalar is
    kept as its text. A node with an anchor is shared by its aliases.
    """
    composer = _Composer(file, limits)
    try:
        return composer.compose(text), tuple(composer.faults)
    except _Stop:
        return None, tuple(composer.faults)


def plain(node: Node) -> Any:
    """The data of a node: dict, list, str, int, Decimal, bool, None."""
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def from_plain(value: Any, file: str) -> Node:
    """Nodes for data that comes from no text; every mark is line 1, column 1 of `file`."""
    mark = Mark(file, 1, 1)
    if isinstance(value, dict):
        return Mapping(tuple((_text(key, mark), from_plain(item, file)) for key, item in value.items()), mark)
    if isinstance(value, list | tuple):
        return Sequence(tuple(from_plain(item, file) for item in value), mark)
    if isinstance(value, str):
        return _text(value, mark)
    if value is None or isinstance(value, bool):
        return Scalar(value, mark, quoted=False, text={None: "null", True: "true", False: "false"}[value])
    if isinstance(value, int | Decimal):
        return Scalar(value, mark, quoted=False, text=str(value))
    raise TypeError(f"{type(value).__name__} is not plain data")


def _text(text: str, mark: Mark) -> Scalar:
    return Scalar(text, mark, quoted=True, text=text)


class _Stop(Exception):
    """Nothing after this point can be read."""


@dataclass(slots=True)
class _Frame:
    """A collection that is being read. A mapping has `key` while it waits for the value of one."""

    mark: Mark
    anchor: str | None
    started_at: int
    is_mapping: bool
    is_key: bool
    """Whether it stands where a key should; it is read for its faults and then left out."""
    items: list[Any] = field(default_factory=list)
    seen: dict[str, Mark] = field(default_factory=dict)
    key: Scalar | None = None
    awaits_value: bool = False


_CORE = "tag:yaml.org,2002:"
_SHOWN_CHARS_MAX = 40
_TAG_CHARS_MAX = 50_000


class _Composer:
    """Builds the nodes of one text from its events, without recursion, counting before it keeps."""

    def __init__(self, file: str, limits: YamlLimits) -> None:
        self.file = file
        self.limits = limits
        self.faults: list[Fault] = []
        self.root: Node | None = None
        self.frames: list[_Frame] = []
        self.anchors: dict[str, tuple[Node | None, int]] = {}
        """Name → (its node, None while it is still open; how many nodes it stands for)."""
        self.nodes = 0
        self.aliases = 0

    def compose(self, text: str | bytes) -> Node | None:
        from ruamel.yaml import events as kinds

        documents = 0
        for event in self.events(self.decoded(text)):
            kind = type(event)
            if kind is kinds.ScalarEvent:
                self.scalar(event)
            elif kind is kinds.MappingStartEvent or kind is kinds.SequenceStartEvent:
                self.open(event, is_mapping=kind is kinds.MappingStartEvent)
            elif kind is kinds.MappingEndEvent or kind is kinds.SequenceEndEvent:
                self.close()
            elif kind is kinds.AliasEvent:
                self.alias(event)
            elif kind is kinds.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self.fault(
                        "yaml-documents",
                        event,
                        "a second document begins here",
                        "keep one document a file, without `---`",
                    )
                    break
                if event.version and tuple(event.version)[:2] != (1, 2):
                    self.fault("yaml-version", event, "this file asks for another YAML than 1.2", "leave out `%YAML`")
        return self.root

    def fault(self, code: str, event: Any, message: str, hint: str = "") -> None:
        mark = self.mark(event.start_mark)
        if len(self.faults) >= self.limits.faults_max:
            raise self.stop("yaml-faults", mark, f"after {self.limits.faults_max} faults the rest is not read")
        self.faults.append(Fault(code, mark, self.path(), message, hint))

    def stop(self, code: str, mark: Mark, message: str, hint: str = "") -> _Stop:
        self.faults.append(Fault(code, mark, self.path(), message, hint))
        return _Stop()

    def mark(self, mark: Any) -> Mark:
        return Mark(self.file, mark.line + 1, mark.column + 1)

    def path(self) -> str:
        """The way to the node being read: `steps[2].call`."""
        path = ""
        for frame in self.frames:
            if not frame.is_mapping:
                path += f"[{len(frame.items)}]"
            elif frame.key is not None:
                path += f".{frame.key.text}" if path else frame.key.text
        return path

    def decoded(self, text: str | bytes) -> str:
        """The text as str, without byte order mark and not too large."""
        start = Mark(self.file, 1, 1)
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        size = len(raw)
        if size > self.limits.bytes_max:
            raise self.stop("yaml-size", start, f"the file has {size} bytes; at most {self.limits.bytes_max} are read")
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise self.stop("yaml-encoding", start, "the file is UTF-16", "save it as UTF-8")
        try:
            decoded = raw.decode()
        except UnicodeDecodeError as error:
            before = raw[: error.start].decode()
            mark = Mark(self.file, before.count("\n") + 1, len(before) - before.rfind("\n"))
            raise self.stop("yaml-encoding", mark, "the file is not UTF-8 from here on", "save it as UTF-8") from None
        if decoded.startswith("\ufeff"):
            hint = "save the file as UTF-8 without it"
            self.faults.append(Fault("yaml-bom", start, "", "the file begins with a byte order mark", hint))
            decoded = decoded[1:]
        # The parser's time for a tag grows with the square of its length: 14 s for a megabyte of `!`.
        if "!" in decoded and any(len(word) > _TAG_CHARS_MAX and "!" in word for word in decoded.split()):
            raise self.stop("yaml-tag", start, f"a word with `!` is longer than {_TAG_CHARS_MAX} characters")
        return decoded

    def events(self, text: str) -> Iterator[Any]:
        """The parser's events; where it cannot go on, a located fault and the end."""
        from ruamel.yaml import YAML

        parsed = YAML(typ="safe", pure=True).parse(text)
        last = None
        while True:
            try:
                event = next(parsed)
            except StopIteration:
                return
            # The parser means to raise YAMLError, but on odd enough text an assertion, chr() or an index of its own
            # fails first (AssertionError, ValueError, IndexError seen); all say that this is not YAML.
            except Exception as error:  # noqa: BLE001
                after = self.mark(last.end_mark) if last is not None else Mark(self.file, 1, 1)
                code, mark, message, hint = syntax_fault(error, text, after)
                raise self.stop(code, mark, message, hint) from None
            last = event
            yield event

    def scalar(self, event: Any) -> None:
        mark, text = self.mark(event.start_mark), event.value
        quoted = bool(event.style)
        if not can_be_kept(text):
            self.fault(
                "yaml-encoding", event, "this text holds U+0000 or half of a surrogate pair, which nothing can keep"
            )
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.is_mapping and not frame.awaits_value:
            self.count(event)
            self.key(event, Scalar(text, mark, quoted, text))
            return
        tag = self.core_tag(event)
        value = text
        if (not quoted and tag is None) or tag in ("null", "bool", "int", "float"):
            value = self.resolved(event, text, tag)
        self.count(event)
        node = Scalar(value, mark, quoted, text)
        self.remember(event.anchor, node, 1)
        self.put(node)

    def key(self, event: Any, key: Scalar) -> None:
        """Takes a scalar as the key of the innermost mapping; an entry with a key that is refused is left out."""
        frame = self.frames[-1]
        frame.awaits_value, frame.key = True, None
        tag = self.core_tag(event)
        plainly = not key.quoted and tag is None
        if plainly and key.text == "<<":
            self.fault("yaml-merge-key", event, "`<<` merges mappings, which is not read here", "write the keys out")
        elif plainly and key.text in WORDS:
            what = f"`{key.text}` is not text" if key.text else "the key before `:` is missing"
            self.fault("yaml-key", event, f"{what}; a key is", f'quote it: "{key.text}"' if key.text else "")
        elif tag not in (None, "str"):
            self.fault("yaml-key", event, "a key is plain text, without a tag", "leave the tag out")
        elif key.text in frame.seen:
            message = f"the key `{_shown(key.text)}` stands twice; first on line {frame.seen[key.text].line}"
            self.fault("yaml-duplicate-key", event, message, "keep one of them")
        else:
            frame.seen[key.text] = key.mark
            frame.key = key
        self.remember(event.anchor, key, 1)

    def core_tag(self, event: Any) -> str | None:
        """The core schema's name for an explicit tag (`int`), None where there is none; any other is a fault."""
        if event.tag is None:
            return None
        tag = str(event.tag)
        kind = "str" if tag == "!" else tag.removeprefix(_CORE)
        if kind in ("str", "null", "bool", "int", "float"):
            return kind
        self.fault("yaml-tag", event, f"the tag `{_shown(tag)}` is not read here", "leave the tag out")
        return None

    def resolved(self, event: Any, text: str, tag: str | None) -> Any:
        """What a plain scalar means in the core schema; a tag must agree."""
        try:
            value = resolve(text, self.limits)
        except ValueError as refused:
            self.fault("yaml-number", event, str(refused), "quote it where text is meant")
            return text
        if tag == "float" and isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        kinds = {"null": type(None), "bool": bool, "int": int, "float": Decimal}
        if tag is not None and type(value) is not kinds[tag]:
            self.fault("yaml-tag", event, f"this is tagged `!!{tag}` but is none", "leave the tag out")
        return value

    def open(self, event: Any, *, is_mapping: bool) -> None:
        mark = self.mark(event.start_mark)
        if len(self.frames) >= self.limits.depth_max:
            raise self.stop("yaml-depth", mark, f"nested deeper than {self.limits.depth_max} levels")
        outer = self.frames[-1] if self.frames else None
        is_key = outer is not None and outer.is_mapping and not outer.awaits_value
        if is_key:
            self.fault("yaml-key", event, "a key must be plain text, not a list or a mapping")
        tag = event.tag and str(event.tag)
        if tag and tag not in ("!", f"{_CORE}{'map' if is_mapping else 'seq'}"):
            self.fault("yaml-tag", event, f"the tag `{_shown(tag)}` is not read here", "leave the tag out")
        if event.anchor:
            self.anchors[event.anchor] = (None, 0)
        started_at = self.nodes
        self.count(event)
        self.frames.append(_Frame(mark, event.anchor, started_at, is_mapping, is_key))

    def close(self) -> None:
        frame = self.frames.pop()
        node = Mapping(tuple(frame.items), frame.mark) if frame.is_mapping else Sequence(tuple(frame.items), frame.mark)
        self.remember(frame.anchor, node, self.nodes - frame.started_at)
        if frame.is_key:
            outer = self.frames[-1]
            outer.awaits_value, outer.key = True, None
        else:
            self.put(node)

    def alias(self, event: Any) -> None:
        name = event.anchor
        self.aliases += 1
        if self.aliases > self.limits.aliases_max:
            message = f"more than {self.limits.aliases_max} aliases in one file"
            raise self.stop("yaml-alias", self.mark(event.start_mark), message, "write the values out")
        node, size = self.anchors.get(name, (None, 0))
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.is_mapping and not frame.awaits_value:
            self.fault("yaml-key", event, "a key must be plain text, not an alias", "write the key out")
            frame.awaits_value, frame.key = True, None
        elif node is not None:
            self.count(event, size)
            self.put(node)
        else:
            known = name in self.anchors
            why = "names the value it stands in, which would never end" if known else "names no anchor above it"
            self.fault("yaml-alias", event, f"the alias `*{_shown(name)}` {why}", "write the value out")
            self.put(None)

    def count(self, event: Any, more: int = 1) -> None:
        self.nodes += more
        if self.nodes > self.limits.nodes_max:
            mark, held = self.mark(event.start_mark), f"the file holds more than {self.limits.nodes_max} values"
            if self.aliases:
                raise self.stop("yaml-alias", mark, f"{held}, its aliases written out", "use fewer aliases of aliases")
            raise self.stop("yaml-size", mark, held, "split it into several files")

    def remember(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor:
            self.anchors[anchor] = (node, size)

    def put(self, node: Node | None) -> None:
        """Gives a finished node to what it stands in; None, after a fault, leaves its place out."""
        if not self.frames:
            self.root = node
            return
        frame = self.frames[-1]
        if not frame.is_mapping:
            frame.items.extend([node] if node is not None else [])
            return
        if frame.key is not None and node is not None:
            frame.items.append((frame.key, node))
        frame.awaits_value, frame.key = False, None


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[: _SHOWN_CHARS_MAX - 1]}…"
