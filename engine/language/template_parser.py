"""Template text → a small tree of our own, or every fault.

Jinja's parser is used as a grammar and nothing more: what it read is checked node by node against a list of what may
stand in a template, and its code generator, its runtime and its sandbox are never reached. Not on the list: loops,
calls, assignments, macros, imports, tests, arithmetic, filters without a bound, names with `__`.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from jinja2 import Environment, TemplateError, nodes

from engine.language.errors import Problem
from engine.language.exact import BoundsError, bounded
from engine.language.template_tree import (
    Body,
    Choice,
    Compared,
    Conditional,
    Constant,
    Expression,
    Filtered,
    Logic,
    Negated,
    Path,
)

TEXT_MAX = 16_384
NESTING_MAX = 64
TRUNCATE_MAX = 65_536
FILTERS = ("default", "join", "lower", "trim", "truncate", "upper")

_ENVIRONMENT = Environment(keep_trailing_newline=True, autoescape=False)  # noqa: S701 — parses only, renders nothing
_NEWLINE = re.compile(r"\r\n|\r|\n")
_OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_WORDS = {
    nodes.For: ("a loop", "join a list with `| join(', ')`, or make one field for each item with `each:`"),
    nodes.Call: ("a call", f"filters are written `value | lower`; there are {', '.join(FILTERS)}"),
    nodes.Assign: ("an assignment", "name a value in `let:`"),
    nodes.Test: ("`is`", "compare with ==, or use `| default('')`"),
    nodes.Concat: ("`~`", "write the holes side by side"),
}


def parse_template(text: str) -> tuple[Body, tuple[Path, ...], tuple[Problem, ...]]:
    """(tree, every path it reads, every fault). With faults the tree is not to be used.

    Codes of faults: template-syntax, template-not-allowed, too-large.
    """
    if len(text) > TEXT_MAX:
        message = f"the template has {len(text)} characters, more than {TEXT_MAX}"
        return (), (), (Problem(TEXT_MAX, "too-large", message),)
    try:
        parsed = _ENVIRONMENT.parse(text)
        reader = _Reader(text)
    except TemplateError as error:
        offset = _line_start(text, getattr(error, "lineno", 1))
        message = (error.message or "this cannot be read").rstrip(".")
        return (), (), (Problem(offset, "template-syntax", message, "a hole is {{ name }}, a condition {% if x %}…"),)
    except (RecursionError, ValueError):  # brackets without end; an integer of thousands of digits
        message = "this cannot be read: it is nested too deeply, or a number in it is too long"
        return (), (), (Problem(0, "too-large", message),)
    body = reader.body(parsed.body)
    return body, tuple(reader.paths), tuple(sorted(reader.problems, key=lambda problem: problem.offset))


def _line_start(text: str, line: int) -> int:
    ends = [match.end() for match in _NEWLINE.finditer(text)]
    return ([0, *ends][:line] or [0])[-1]


class _Reader:
    """Jinja's nodes → our tree. Faults are collected; a faulty node reads as the constant None."""

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self.paths: list[Path] = []
        self.depth = 0
        self._text = text
        self._places: dict[tuple[int, str], list[int]] = {}
        position = 0
        for line, kind, lexeme in _ENVIRONMENT.lex(text):
            found = text.find(lexeme, position)
            start = found if found >= 0 else position  # white space that Jinja normalised
            position = start + len(lexeme)
            if kind not in ("data", "whitespace", "comment"):
                self._places.setdefault((line, lexeme), []).append(start)
            if kind == "float" and Decimal(lexeme.replace("_", "")) != Decimal(repr(float(lexeme.replace("_", "")))):
                self.refuse(start, "a fraction with so many digits", "put it in quotes, or compare in an expression")

    def place(self, node: nodes.Node, lexeme: str) -> int:
        """Where the node's lexeme stands; Jinja keeps lines only, so equal ones of a line are taken in order."""
        starts = self._places.get((node.lineno, lexeme))
        if not starts:
            return _line_start(self._text, node.lineno)
        return starts.pop(0) if len(starts) > 1 else starts[0]

    def refuse(self, offset: int, what: str, hint: str = "", code: str = "template-not-allowed") -> Constant:
        self.problems.append(Problem(offset, code, f"{what} cannot stand in a template", hint))
        return Constant(None)

    def body(self, statements: list[nodes.Node]) -> Body:
        return tuple(piece for statement in statements for piece in self.pieces(statement))

    def pieces(self, statement: nodes.Node) -> Iterator[str | Expression | Choice]:
        if isinstance(statement, nodes.Output):
            for node in statement.nodes:
                yield node.data if isinstance(node, nodes.TemplateData) else self.expression(node)
        elif isinstance(statement, nodes.If):
            self.depth += 1
            if self.depth > NESTING_MAX:
                self.refuse(self.place(statement, "if"), f"more than {NESTING_MAX} levels", code="too-large")
            else:
                branches = ((each.test, each.body) for each in (statement, *statement.elif_))
                tests = tuple((self.expression(test), self.body(inner)) for test, inner in branches)
                yield Choice(tests, self.body(statement.else_))
            self.depth -= 1
        else:
            self.not_allowed(statement)

    def expression(self, node: nodes.Node) -> Expression:
        self.depth += 1
        if self.depth > NESTING_MAX:
            result: Expression = self.refuse(
                _line_start(self._text, node.lineno), f"more than {NESTING_MAX} levels", code="too-large"
            )
        else:
            result = self.allowed(node)
        self.depth -= 1
        return result

    def allowed(self, node: nodes.Node) -> Expression:
        match node:
            case nodes.Const() | nodes.Neg(node=nodes.Const()):
                return self.constant(node)
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                return self.path(node)
            case nodes.Filter():
                return self.filtered(node)
            case nodes.CondExpr(test=test, expr1=then, expr2=otherwise):
                if otherwise is None:
                    return self.refuse(self.place(node, "if"), "an `if` without `else` in a hole", "add else ''")
                return Conditional(self.expression(test), self.expression(then), self.expression(otherwise))
            case nodes.Compare(expr=left, ops=operands):
                return self.compared(node, left, operands)
            case nodes.And(left=left, right=right):
                return Logic("and", self.expression(left), self.expression(right))
            case nodes.Or(left=left, right=right):
                return Logic("or", self.expression(left), self.expression(right))
            case nodes.Not(node=operand):
                return Negated(self.expression(operand))
        return self.not_allowed(node)

    def not_allowed(self, node: nodes.Node) -> Constant:
        what, hint = _WORDS.get(type(node), (f"`{type(node).__name__.lower()}`", "work it out in an expression"))
        return self.refuse(_line_start(self._text, node.lineno), what, hint)

    def constant(self, node: nodes.Node) -> Constant:
        sign, inner = (-1, node.node) if isinstance(node, nodes.Neg) else (1, node)
        assert isinstance(inner, nodes.Const)
        value: object = inner.value
        if value is None or isinstance(value, (str, bool)):
            return Constant(value) if sign > 0 else self.not_allowed(node)
        number = Decimal(repr(value)) if isinstance(value, float) else value
        assert isinstance(number, (int, Decimal))
        try:
            number = bounded(number)
        except BoundsError:
            return self.refuse(_line_start(self._text, node.lineno), "a number so large", code="too-large")
        if sign < 0:
            number = -number if isinstance(number, int) else number.copy_negate()
        return Constant(number)

    def path(self, node: nodes.Node) -> Expression:
        keys: list[str | int] = []
        while not isinstance(node, nodes.Name):
            if isinstance(node, nodes.Getattr):
                keys.append(node.attr)
            elif isinstance(node, nodes.Getitem):
                index = self.constant(node.arg) if isinstance(node.arg, (nodes.Const, nodes.Neg)) else None
                if index is None or isinstance(index.value, (bool, Decimal)) or index.value is None:
                    return self.refuse(_line_start(self._text, node.lineno), "an index that is no constant")
                keys.append(index.value)
            else:
                return self.refuse(_line_start(self._text, node.lineno), "a member of something that is no name")
            node = node.node
        offset = self.place(node, node.name)
        keys.append(node.name)
        if any(isinstance(key, str) and key.startswith("__") for key in keys):
            return self.refuse(offset, "a name that begins with __")
        path = Path(offset, tuple(reversed(keys)))
        self.paths.append(path)
        return path

    def compared(self, node: nodes.Node, left: nodes.Node, operands: list[nodes.Operand]) -> Expression:
        result: Expression | None = None
        for operand in operands:
            symbol = _OPERATORS.get(operand.op)
            if symbol is None:
                return self.refuse(self.place(node, "in"), "`in`", "use contains() in an expression")
            offset = self.place(node, symbol)
            step = Compared(offset, symbol, self.expression(left), self.expression(operand.expr))
            result = step if result is None else Logic("and", result, step)
            left = operand.expr
        assert result is not None
        return result

    def filtered(self, node: nodes.Filter) -> Expression:
        if node.node is None:
            return self.not_allowed(node)
        value = self.expression(node.node)
        offset = self.place(node, node.name)
        if node.name not in FILTERS:
            return self.refuse(offset, f"the filter {node.name}", f"there are {', '.join(FILTERS)}")
        arguments = [self.expression(argument) for argument in node.args]
        if node.kwargs or node.dyn_args or node.dyn_kwargs or (wrong := _wrong_arguments(node.name, arguments)):
            wrong = "" if node.kwargs or node.dyn_args or node.dyn_kwargs else wrong
            return self.refuse(offset, f"{node.name} with these arguments", wrong or "arguments have no names here")
        return Filtered(offset, node.name, value, arguments[0] if arguments else None)


def _wrong_arguments(name: str, arguments: list[Expression]) -> str:
    """What the filter wants instead, or nothing."""
    first = arguments[0] if arguments else None
    constant = first.value if isinstance(first, Constant) else None
    match name:
        case "default":
            return "" if len(arguments) == 1 else "write default('what stands there instead')"
        case "join":
            fits = not arguments or (len(arguments) == 1 and isinstance(constant, str))
            return "" if fits else "write join(', ')"
        case "truncate":
            whole = isinstance(constant, int) and not isinstance(constant, bool) and 0 < constant <= TRUNCATE_MAX
            return "" if whole and len(arguments) == 1 else "write truncate(35), a constant number of characters"
        case _:
            return "" if not arguments else f"{name} takes no argument"
