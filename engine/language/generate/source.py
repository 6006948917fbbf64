"""Python source in the making, and the one place where it becomes functions.

A name or a text of a user's enters only as the `repr` of a str; identifiers are numbered here and never taken from a
tree. Locals are assigned once, so an expression over them may be written down later than it was made.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

NULL, BOOLEAN, NUMBER, TEXT, LIST, OBJECT = "null", "boolean", "number", "text", "list", "object"
ANY: Final = frozenset((NULL, BOOLEAN, NUMBER, TEXT, LIST, OBJECT))

INDENT_MAX: Final = 40
"""Deeper lines go into a function of their own: Python's own parser ends at 100 levels."""
BLOCKS_MAX: Final = 8
"""So do loops and attempts nested deeper: Python's compiler ends at 20."""


@dataclass(frozen=True, slots=True)
class Made:
    """A value in the making: `text` is Python over locals, free of effects; `types` are the JSON types it can be of.

    `is_given`: it stood so in the document, or is little longer than what did.
    """

    text: str
    types: frozenset[str] = ANY
    is_given: bool = False

    @property
    def is_atom(self) -> bool:
        """Whether it may be written down many times and anywhere: a local or a constant."""
        return self.text.isidentifier()

    @property
    def is_literal(self) -> bool:
        """A text or a number as it stands; Python warns of one behind `is` or before `[`."""
        return self.text[:1] in _LITERAL_BEGINS


_LITERAL_BEGINS = frozenset("'\"0123456789-")


def literal(value: object) -> str | None:
    """A text, an int or a word of JSON as Python writes it; None for anything else."""
    if value is None or value is True or value is False or type(value) is int or type(value) is str:
        return repr(value)
    return None


class Module:
    """The functions of one expression, template or mapping, and the objects they name."""

    def __init__(self, runtime: Mapping[str, object]) -> None:
        self._globals: dict[str, Any] = dict(runtime)
        self._source: list[str] = []
        self._counted = 0

    def name(self, prefix: str) -> str:
        self._counted += 1
        return f"{prefix}{self._counted}"

    def constant(self, value: object) -> str:
        """The name under which the source finds an object."""
        name = self.name("k")
        self._globals[name] = value
        return name

    def add(self, source: str) -> None:
        self._source.append(source)

    def function(self, name: str) -> Callable[..., Any]:
        """The function of this name; made of all that was added."""
        exec(compile(self.source, "<generated>", "exec"), self._globals)  # noqa: S102 — written by this folder alone
        function: Callable[..., Any] = self._globals[name]
        return function

    @property
    def source(self) -> str:
        return "\n".join(self._source)


Known = dict[tuple[str, object], Made]
"""What was read already: (local, name or position) → the local that holds it."""


class Code:
    """The body of one function. `frame` is the name of what counts its steps, made at its beginning where needed."""

    def __init__(self, module: Module, name: str, parameters: tuple[str, ...], frame: str = "") -> None:
        self.module = module
        self.name = name
        self.parameters = parameters
        self.frame_maker = frame
        self.lines: list[tuple[int, str]] = []
        self.indent = 1
        self.blocks = 0
        self.loops = 0
        self.raises = False
        self.uses_frame = False
        self.known: Known = {}

    @property
    def frame(self) -> str:
        self.uses_frame = True
        return "frame"

    @property
    def is_deep(self) -> bool:
        return self.indent > INDENT_MAX or self.blocks > BLOCKS_MAX

    def line(self, text: str) -> None:
        self.lines.append((self.indent, text))

    def local(self) -> str:
        return self.module.name("v")

    def assign(self, text: str, types: frozenset[str] = ANY, *, is_given: bool = False) -> Made:
        name = self.local()
        self.line(f"{name} = {text}")
        return Made(name, types, is_given)

    def atom(self, made: Made) -> Made:
        return made if made.is_atom else self.assign(made.text, made.types, is_given=made.is_given)

    def operand(self, made: Made) -> Made:
        """For a comparison or a call: an atom, or a literal."""
        return made if made.is_literal else self.atom(made)

    def can_raise(self) -> None:
        self.raises = True

    @contextmanager
    def block(self, header: str, *, nests: bool = False) -> Iterator[None]:
        """Lines below a header. What is read inside may not have been read where the block was passed over."""
        self.line(header)
        known, self.known = self.known, dict(self.known)
        self.indent += 1
        self.blocks += nests
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.line("pass")
        self.blocks -= nests
        self.indent -= 1
        self.known = known

    @contextmanager
    def loop(self, header: str) -> Iterator[None]:
        self.loops += 1
        with self.block(header, nests=True):
            yield
        self.loops -= 1

    @contextmanager
    def attempt(self, handler: tuple[str, ...]) -> Iterator[None]:
        """Lines that may fail, and what is done then; without both where nothing in them can."""
        before, raised, self.raises = len(self.lines), self.raises, False
        known, self.known = self.known, dict(self.known)
        self.blocks += 1
        yield
        self.blocks -= 1
        if self.raises:
            self.known = known
            body = self.lines[before:]
            self.lines[before:] = [(self.indent, "try:"), *((depth + 1, text) for depth, text in body)]
            for depth, text in enumerate(handler):
                self.lines.append((self.indent + bool(depth), text))
        self.raises = raised

    def finish(self, handler: tuple[str, ...] = ()) -> None:
        """Adds the function to its module; with a handler, what fails anywhere in it comes there."""
        lines = self.lines
        if handler and self.raises:
            lines = [(1, "try:"), *((depth + 1, text) for depth, text in lines)]
            lines += [(1 + bool(depth), text) for depth, text in enumerate(handler)]
        if self.frame_maker and self.uses_frame:
            lines = [(1, f"frame = {self.frame_maker}"), *lines]
        head = f"def {self.name}({', '.join(self.parameters)}):"
        self.module.add("\n".join([head, *(" " * depth + text for depth, text in lines)]))
