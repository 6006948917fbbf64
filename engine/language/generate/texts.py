"""A template's tree → lines of Python that make its text.

A hole that holds a text, which nearly all do, is one check and a piece of one formatted text. What is missing, null or
no text goes to `runtime`, which reads the path again, strictly, and finds the words. Numbers 0, empty texts, lists and
objects are false in a condition, as in Jinja.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

from engine.language import template_tree as parsed
from engine.language.generate import template_runtime
from engine.language.generate.expressions import Scope, constant, member, view
from engine.language.generate.source import BOOLEAN, TEXT, Code, Made, literal

HOLES_FREE_MAX = 8
"""The pieces of a text with more holes are measured before they are joined."""
_TEXTS, _BOOLEANS = frozenset((TEXT,)), frozenset((BOOLEAN,))


@dataclass(frozen=True, slots=True)
class Texts:
    """Writes one template into a function. `encodes`: it is a URL's path, and what fills a hole is one segment's."""

    code: Code
    scope: Scope
    encodes: bool = False

    def text(self, body: parsed.Body) -> Made:
        """The whole text, bounded."""
        self.code.can_raise()
        made = self.joined(body)
        self.code.line(f"if len({made.text}) > {template_runtime.OUTPUT_CHARACTERS_FREE_MAX}: bound({made.text})")
        self.pay(made.text)
        return made

    def joined(self, body: parsed.Body) -> Made:
        pieces = [piece if isinstance(piece, str) else self.piece(piece) for piece in body]
        holes = [piece.text for piece in pieces if isinstance(piece, Made)]
        if len(holes) > HOLES_FREE_MAX:
            lengths = " + ".join(f"len({hole})" for hole in holes)
            self.code.line(f"if {lengths} > {template_runtime.OUTPUT_BYTES_MAX}: too_long()")
        written = "".join(
            piece.replace("{", "{{").replace("}", "}}") if isinstance(piece, str) else f"{{{piece.text}}}"
            for piece in pieces
        )
        made = self.code.assign(f"f{written!r}", _TEXTS)
        if holes:  # bodies stand in bodies: each is bounded before the next is made of it
            self.code.line(f"if len({made.text}) > {template_runtime.OUTPUT_BYTES_MAX}: too_long()")
        return made

    def apart(self, write: Callable[["Texts"], Made]) -> Made:
        """Lines that stand too deep here, as a function of their own."""
        names = self.scope.names
        given = {name: Made(f"p{place}", made.types) for place, (name, made) in enumerate(names.items())}
        inner = Code(
            self.code.module,
            self.code.module.name("f"),
            ("current", "variables", "frame", *(made.text for made in given.values())),
        )
        inner.loops = self.code.loops
        made = write(replace(self, code=inner, scope=Scope(Made("current"), given, self.scope.dynamic)))
        inner.line(f"return {made.text}")
        inner.finish()
        variables = "variables" if self.scope.dynamic else "None"
        frame = self.code.frame if self.code.loops else "None"
        handed = ", ".join((self.scope.current.text, variables, frame, *(given.text for given in names.values())))
        return self.code.assign(f"{inner.name}({handed})", made.types)

    def piece(self, piece: parsed.Expression | parsed.Choice) -> Made:
        if isinstance(piece, parsed.Choice):
            return self.apart(lambda inner: inner.choice(piece)) if self.code.is_deep else self.choice(piece)
        shown = self.shown(self.value(piece), name_of(piece), offset_of(piece))
        if not self.encodes:
            return shown
        return self.code.assign(f"segment({shown.text}, {literal(name_of(piece))}, {offset_of(piece)})", _TEXTS)

    def choice(self, choice: parsed.Choice) -> Made:
        """`{% if %}`: the first branch whose test holds; later tests are made only where none did."""
        name = self.code.local()
        self.code.line(f"{name} = None")
        for place, (test, body) in enumerate(choice.branches):
            with self.code.block(f"if {name} is None:") if place else nullcontext():
                holds = self.code.atom(self.value(test)).text
                with self.code.block(f"if {holds}:"):
                    self.code.line(f"{name} = {self.joined(body).text}")
        with self.code.block(f"if {name} is None:"):
            self.code.line(f"{name} = {self.joined(choice.otherwise).text}")
        return Made(name, _TEXTS)

    def shown(self, made: Made, name: str, offset: int | None) -> Made:
        """What a hole shows of a value."""
        if made.types == _TEXTS:
            return self.code.atom(made)
        made = self.code.atom(made)
        slow = f"shown({made.text}, {literal(name)}, {offset})"
        return self.code.assign(f"{made.text} if type({made.text}) is str else {slow}", _TEXTS)

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def value(self, node: parsed.Expression) -> Made:
        if self.code.is_deep and not isinstance(node, parsed.Constant | parsed.Path):
            return self.apart(lambda inner: inner.value(node))
        match node:
            case parsed.Constant(value=value):
                return constant(self.code, value)
            case parsed.Path():
                made = self.path(node)
                self.code.line(f"if {made.text} is None: {made.text} = {self.strictly(node)}")
                return made
            case parsed.Filtered(name="default"):
                return self.default(node)
            case parsed.Filtered():
                return self.filtered(node)
            case parsed.Compared():
                return self.compared(node)
            case parsed.Negated(operand=operand):
                return Made(f"(not {self.code.atom(self.value(operand)).text})", _BOOLEANS)
            case parsed.Conditional(test=test, then=then, otherwise=otherwise):
                return self.either(self.code.atom(self.value(test)).text, then, otherwise)
            case parsed.Logic():
                return self.logic(node)

    def path(self, node: parsed.Path) -> Made:
        """The value at the end of a path, null where anything on its way is missing: a fresh local."""
        name = str(node.keys[0])
        made = member(self.code, self.scope.current, name)
        given = self.scope.names.get(name)
        elsewhere = given.text if given else f"variables.get({literal(name)})" if self.scope.dynamic else ""
        if elsewhere:
            absent = f"{made.text} is None and {literal(name)} not in {view(self.code, self.scope.current)}"
            made = self.code.assign(f"{elsewhere} if {absent} else {made.text}")
        for key in node.keys[1:]:
            if isinstance(key, int):
                made = self.code.assign(f"item({made.text}, {key})")
            else:
                made = member(self.code, made, key)
        return self.code.assign(made.text)

    def strictly(self, node: parsed.Path) -> str:
        """The path read again by `runtime`, which tells null from missing."""
        given = ["**variables"] if self.scope.dynamic else []
        given += [f"{name!r}: {made.text}" for name, made in self.scope.names.items()]
        variables = "variables" if given == ["**variables"] else f"{{{', '.join(given)}}}"
        return f"strictly({self.code.module.constant(node)}, {self.scope.current.text}, {variables})"

    def default(self, node: parsed.Filtered) -> Made:
        assert node.argument is not None
        if isinstance(node.value, parsed.Path):
            made = self.path(node.value)
        else:
            made = Made(self.code.local())
            with self.code.attempt(("except TemplateGapError:", f"{made.text} = None")):
                self.code.can_raise()
                self.code.line(f"{made.text} = {self.value(node.value).text}")
        with self.code.block(f"if {made.text} is None:"):
            self.code.line(f"{made.text} = {self.value(node.argument).text}")
        return Made(made.text)

    def filtered(self, node: parsed.Filtered) -> Made:
        made = self.value(node.value)
        name, offset = name_of(node), node.offset
        argument = node.argument.value if isinstance(node.argument, parsed.Constant) else None
        if node.name == "join":
            glue = literal(str(argument or ""))
            return self.code.assign(f"joined({made.text}, {glue}, {literal(name)}, {offset})", _TEXTS)
        text = self.shown(made, name, offset).text
        self.pay(text)
        if node.name == "truncate":
            return self.code.assign(f"{text}[:{argument}]", _TEXTS)
        return self.code.assign(
            f"{text}.{ {'lower': 'lower', 'upper': 'upper', 'trim': 'strip'}[node.name] }()", _TEXTS
        )

    def pay(self, text: str) -> None:
        """In a loop a text costs its length; the loop looks whether anything is left."""
        if self.code.loops:
            self.code.line(f"{self.code.frame}.left -= len({text}) >> 4")

    def compared(self, node: parsed.Compared) -> Made:
        left, right = self.value(node.left), self.value(node.right)
        symbol, offset = node.operator, node.offset
        if symbol == "==" and {TEXT} in (left.types, right.types):
            return self.code.assign(f"{left.text} == {right.text}", _BOOLEANS)
        slow = f"compared({literal(symbol)}, {left.text}, {right.text}, {offset})"
        return self.code.assign(slow, _BOOLEANS)

    def either(self, test: str, then: parsed.Expression, otherwise: parsed.Expression) -> Made:
        name = self.code.local()
        for header, node in ((f"if {test}:", then), ("else:", otherwise)):
            with self.code.block(header):
                self.code.line(f"{name} = {self.value(node).text}")
        return Made(name)

    def logic(self, node: parsed.Logic) -> Made:
        name = self.code.local()
        self.code.line(f"{name} = {self.value(node.left).text}")
        with self.code.block(f"if {'' if node.operator == 'and' else 'not '}{name}:"):
            self.code.line(f"{name} = {self.value(node.right).text}")
        return Made(name)


def name_of(node: parsed.Expression) -> str:
    """How errors call what fills a hole: its path, where it has one."""
    while isinstance(node, parsed.Filtered):
        node = node.value
    return template_runtime.path_text(node.keys) if isinstance(node, parsed.Path) else "the value"


def offset_of(node: parsed.Expression) -> int | None:
    return getattr(node, "offset", None)
