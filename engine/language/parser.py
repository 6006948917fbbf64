"""Tokens → tree: a Pratt parser for JMESPath with `$name` and exact `+ - *`.

The grammar is the specification's; where it leaves a choice, jmespath.py's: `foo[*].{a: b}.a` reads `a` of the *list*,
and `!a.b` is `(!a).b`, which is of no use to anybody and so a fault of `scope.check_expression`. Two leniencies of
jmespath.py are refused: missing and trailing commas between arguments and members. A mistake newcomers make gets its
own message and mend. Whether a function exists is not asked here.

Vaughan R. Pratt, Top Down Operator Precedence (1973); the numbers below are the binding powers of that method.
"""

import re

from engine.language import tree
from engine.language.errors import ExpressionError
from engine.language.lexer import Token, tokens_of
from engine.language.tree import Node

NESTING_MAX = 64

_POWER = {
    "|": 1,
    "||": 2,
    "&&": 3,
    "==": 5,
    "!=": 5,
    "<": 5,
    "<=": 5,
    ">": 5,
    ">=": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "[]": 9,
    "[?": 21,
    ".": 40,
    "[": 55,
    "(": 60,
}
_COMPARISONS = frozenset(["==", "!=", "<", "<=", ">", ">="])
_PROJECTION_STOP = 10  # weaker operators end a projection, stronger ones belong to its body
_PROJECTION = 20
_NOT = 45
_WORDS = {"and": "&&", "or": "||", "not": "!", "is": "==", "eq": "==", "in": "contains(list, value)"}
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_HYPHENATED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)+")


def parse(text: str) -> Node:
    """The tree of an expression. Raises ExpressionError of kind `syntax`, `invalid-value` (a slice that steps by 0)
    or `budget` (more than 4096 characters, nested deeper than 64)."""
    if not isinstance(text, str):
        raise ExpressionError("syntax", f"an expression is a text, not {type(text).__name__}", 0)
    parser = _Parser(text)
    node = parser.expression(0)
    parser.expect("end")
    if tree.height(node) > NESTING_MAX:
        raise _too_deep(0)
    return node


def _too_deep(offset: int) -> ExpressionError:
    hint = "split it: name parts of it in `let`, or in a step of their own"
    return ExpressionError("budget", f"the expression is nested deeper than {NESTING_MAX} levels", offset, hint)


class _Parser:
    __slots__ = ("depth", "position", "text", "token", "tokens")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.position = 0
        self.token = self.tokens[0]
        self.depth = 0

    def advance(self) -> Token:
        """The current token, and on to the next."""
        token = self.token
        if token.kind != "end":
            self.position += 1
            self.token = self.tokens[self.position]
        return token

    def back(self) -> None:
        """To the token before, for an error that is about it."""
        self.position -= 1
        self.token = self.tokens[self.position]

    def ahead(self, count: int) -> str:
        index = min(self.position + count, len(self.tokens) - 1)
        return self.tokens[index].kind

    def expect(self, kind: str) -> Token:
        if self.token.kind != kind:
            raise self.unexpected("the expression goes on" if kind == "end" else f"`{kind}` is missing")
        return self.advance()

    # An operand, then whatever binds more strongly than `power`.

    def expression(self, power: int) -> Node:
        self.depth += 1
        if self.depth > NESTING_MAX:
            raise _too_deep(self.token.start)
        left = self.operand()
        while power < _POWER.get(self.token.kind, 0):
            left = self.operation(left)
        self.depth -= 1
        return left

    def operand(self) -> Node:
        token = self.advance()
        start = token.start
        match token.kind:
            case "name" if self.token.kind == "(":
                return self.call(token)
            case "name" | "quoted":
                return tree.Field(start, token.value, token.kind == "quoted")
            case "variable":
                return tree.Variable(start, token.value)
            case "literal" | "raw":
                return tree.Literal(start, token.value)
            case "@":
                return tree.Current(start)
            case "!":
                return tree.Not(start, self.expression(_NOT))
            case "(":
                inner = self.expression(0)
                self.expect(")")
                return inner
            case "*":
                return tree.ObjectProjection(start, tree.Current(start), self.body(_PROJECTION))
            case "[]":
                return tree.FlattenProjection(start, tree.Current(start), self.body(_POWER["[]"]))
            case "[?":
                return self.filtered(tree.Current(start))
            case "[" if self.is_specifier(0):
                return self.bracket(tree.Current(start))
            case "[":
                return self.list_select(start)
            case "{":
                return self.object_select(start)
        raise self.no_operand(token)

    def operation(self, left: Node) -> Node:
        operator = self.advance()
        kind = operator.kind
        if kind in _COMPARISONS:
            return tree.Comparison(left.offset, kind, left, self.expression(_POWER[kind]))
        match kind:
            case ".":
                return self.dotted(left)
            case "[":
                return self.bracket(left)
            case "[]":
                return tree.FlattenProjection(left.offset, left, self.body(_POWER["[]"]))
            case "[?":
                return self.filtered(left)
            case "|":
                return _chain(left, self.expression(_POWER[kind]))
            case "||":
                operands = left.operands if isinstance(left, tree.Or) else (left,)
                return tree.Or(left.offset, (*operands, self.expression(_POWER[kind])))
            case "&&":
                operands = left.operands if isinstance(left, tree.And) else (left,)
                return tree.And(left.offset, (*operands, self.expression(_POWER[kind])))
            case "+" | "-" | "*":
                return self.arithmetic(left, operator)
        self.back()
        raise self.unexpected("only a plain name can be called as a function")

    def arithmetic(self, left: Node, operator: Token) -> Node:
        if not operator.spaced:
            self.back()
            raise self.unexpected(f"`{operator.kind}` needs a space on both sides")
        right = self.expression(_POWER[operator.kind])
        same = "*" if operator.kind == "*" else "+-"
        if isinstance(left, tree.Arithmetic) and left.rest[0][0] in same:
            return tree.Arithmetic(left.offset, left.first, (*left.rest, (operator.kind, right)))
        return tree.Arithmetic(left.offset, left, ((operator.kind, right),))

    # What may follow a dot, and the bodies of projections.

    def dotted(self, left: Node) -> Node:
        if self.token.kind == "*":
            self.advance()
            return tree.ObjectProjection(left.offset, left, self.body(_POWER["."]))
        return _chain(left, self.after_dot(_POWER["."]))

    def after_dot(self, power: int) -> Node:
        start = self.token.start
        match self.token.kind:
            case "name" | "quoted" | "*":
                return self.expression(power)
            case "[":
                self.advance()
                return self.list_select(start)
            case "{":
                self.advance()
                return self.object_select(start)
        raise self.unexpected("a name, `*`, `[…]` or `{…}` must follow the dot")

    def body(self, power: int) -> Node:
        """What a projection does with each element: the element itself where the projection ends."""
        kind = self.token.kind
        if _POWER.get(kind, 0) < _PROJECTION_STOP:
            return tree.Current(self.token.start)
        if kind == ".":
            self.advance()
            return self.after_dot(power)
        if kind == "[?" or (kind == "[" and self.is_specifier(1)):
            return self.expression(power)
        raise self.unexpected("this cannot follow a projection", "a multi-select takes a dot: items[*].[a, b]")

    def is_specifier(self, at: int) -> bool:
        """Whether the tokens so far ahead, behind a `[`, are an index, a slice or `*]`, and not a multi-select."""
        return self.ahead(at) in ("number", ":") or (self.ahead(at) == "*" and self.ahead(at + 1) == "]")

    def bracket(self, left: Node) -> Node:
        """Behind `[`: an index, a slice or `*`, applied to `left`."""
        if self.token.kind == "*":
            self.advance()
            self.expect("]")
            return tree.ListProjection(left.offset, left, self.body(_PROJECTION))
        if self.token.kind not in ("number", ":"):
            hint = "write foo[0] for an item, foo.bar for a member, foo.[a, b] for a list of members"
            raise self.unexpected("only an index, a slice, `*` or a filter `?…` stands in these brackets", hint)
        if self.token.kind == ":" or self.ahead(1) == ":":
            return self.slice(left)
        number = self.advance()
        self.expect("]")
        return _chain(left, tree.Index(number.start, number.value))

    def slice(self, left: Node) -> Node:
        offset = self.token.start
        parts: list[int | None] = [None, None, None]
        place = 0
        while self.token.kind != "]":
            if self.token.kind == ":" and place < 2:
                place += 1
            elif self.token.kind == "number" and parts[place] is None:
                parts[place] = self.token.value
            else:
                raise self.unexpected("a slice is [start:stop:step], whole numbers without backticks")
            self.advance()
        self.advance()
        if parts[2] == 0:
            raise ExpressionError("invalid-value", "a slice cannot step by 0", offset)
        return tree.SliceProjection(left.offset, left, parts[0], parts[1], parts[2], self.body(_PROJECTION))

    def filtered(self, left: Node) -> Node:
        condition = self.expression(0)
        self.expect("]")
        return tree.FilterProjection(left.offset, left, condition, self.body(_POWER["[?"]))

    # What stands between brackets, separated by commas.

    def list_select(self, start: int) -> Node:
        items = [self.expression(0)]
        while self.token.kind == ",":
            self.advance()
            items.append(self.expression(0))
        self.expect("]")
        return tree.ListSelect(start, tuple(items))

    def object_select(self, start: int) -> Node:
        pairs = [self.pair()]
        while self.token.kind == ",":
            self.advance()
            pairs.append(self.pair())
        self.expect("}")
        return tree.ObjectSelect(start, tuple(pairs))

    def pair(self) -> tuple[str, Node]:
        if self.token.kind not in ("name", "quoted"):
            hint = "write {key: value}"
            if self.token.kind == "{":
                hint = "an expression has no {{ }}: write the name alone, or `template:` for text with holes"
            raise self.unexpected("a key is missing", hint)
        key = self.advance()
        self.expect(":")
        return key.value, self.expression(0)

    def call(self, name: Token) -> Node:
        self.advance()
        arguments: list[Node] = []
        if self.token.kind != ")":
            arguments.append(self.argument())
            while self.token.kind == ",":
                self.advance()
                arguments.append(self.argument())
        self.expect(")")
        return tree.Call(name.start, name.value, tuple(arguments))

    def argument(self) -> Node:
        if self.token.kind == "&":
            start = self.advance().start
            return tree.Reference(start, self.expression(0))
        return self.expression(0)

    # Mistakes, told apart.

    def no_operand(self, token: Token) -> ExpressionError:
        message, hint, code = f"a value is missing before `{token.value}`", "", ""
        if token.kind == "end":
            message = "the expression ends where a value is expected" if self.position else "the expression is empty"
        elif token.kind == "number":
            number = _number_at(self.text, token.start)
            message, code = "a number stands between backticks", "bare-number"
            hint = f"write `{number}` with the backticks"
        elif token.kind == "&":
            message = "`&` stands only before an argument of a function, as in sort_by(items, &price)"
        elif token.kind in ("-", "+"):
            message, hint = f"`{token.kind}` needs a value before it", "a negative number is `-5`; negate with `0` - x"
        return ExpressionError("syntax", message, token.start, hint, code)

    def unexpected(self, message: str, hint: str = "") -> ExpressionError:
        """What is wrong at the current token; a mistake that is well known gets its own words."""
        token, code, offset = self.token, "", self.token.start
        before = self.tokens[self.position - 1] if self.position else None
        joined = before is not None and before.end == token.start
        minus = token.kind == "-" or (token.kind == "number" and token.value <= 0 and self.text[token.start] == "-")
        if minus and joined and before is not None and (name := _HYPHENATED.match(self.text, before.start)):
            if before.kind == "name":
                message, code, offset = f"the name {name[0]} has a hyphen", "hyphen-needs-quotes", before.start
                hint = f'write "{name[0]}" with double quotes; to subtract, put a space on both sides of the -'
        elif minus and token.kind == "number":
            number = _number_at(self.text, token.start)
            message, code = "a number stands between backticks", "bare-number"
            hint = f"write - `{number[1:]}` to subtract it"
        elif token.kind in ("+", "-", "*"):
            hint = hint or f"write a {token.kind} b"
        elif token.kind == "name" and token.value in _WORDS:
            hint = f"write {_WORDS[token.value]}"
        elif token.kind == "end":
            message = f"{message}, and the expression ends"
        elif token.kind in ("name", "quoted", "variable", "raw", "literal", "number"):
            message = f"{message}: an operator or a comma is missing here"
        elif token.kind == "(" and before is not None and before.kind == "quoted":
            message, hint = "the name of a function has no quotes", f"write {before.value}(…)"
        return ExpressionError("syntax", message, offset, hint, code)


def _chain(left: Node, right: Node) -> Node:
    parts = left.parts if isinstance(left, tree.Chain) else (left,)
    more = right.parts if isinstance(right, tree.Chain) else (right,)
    return tree.Chain(left.offset, (*parts, *more))


def _number_at(text: str, offset: int) -> str:
    match = _NUMBER.match(text, offset)
    assert match is not None
    return match[0]
