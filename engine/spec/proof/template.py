"""A text with holes → what in it can never be filled.

The renderer's rules (`engine.language.templates`), over kinds: a name is a member of the document, else a variable; a
hole shows texts, numbers, true and false, and nothing else.
"""

from dataclasses import dataclass

from engine.contract.static.kind import (
    ANYTHING,
    BOOLEAN,
    KNOWN,
    LIST,
    NULL,
    NUMBER,
    OBJECT,
    TEXT,
    Kind,
    item_of,
    join,
    without,
)
from engine.contract.static.of_value import kind_of_value
from engine.language import template_tree as tree
from engine.language.errors import Problem
from engine.spec.proof.expression import Inference
from engine.spec.proof.functions import ANY_TEXT, BOOL
from engine.spec.proof.words import describe, never_equal, never_ordered

SHOWABLE = TEXT | NUMBER | BOOLEAN


@dataclass(slots=True)
class Holes:
    """One template over kinds. `problems` of the inference grow; offsets count in `text`."""

    text: str
    inference: Inference
    current: Kind

    def body(self, body: tree.Body) -> None:
        for piece in body:
            if isinstance(piece, tree.Choice):
                for test, inner in piece.branches:
                    self.kind(test)
                    self.body(inner)
                self.body(piece.otherwise)
            elif not isinstance(piece, str):
                self.shown(self.kind(piece), piece)

    def shown(self, kind: Kind, node: tree.Expression) -> None:
        """A value that has to be shown, and can be."""
        if kind.types and not kind.types & SHOWABLE:
            hint = (
                "use `| join(', ')`" if kind.types & LIST else "name one of its fields" if kind.types & OBJECT else ""
            )
            message = f"a hole shows a text or a number, and this is {describe(kind)}"
            self.inference.tell(Problem(offset_of(node), "type-cannot-fit", message, hint))

    def kind(self, node: tree.Expression) -> Kind:
        match node:
            case tree.Constant(value=value):
                return kind_of_value(value)
            case tree.Path():
                return self.path(node)
            case tree.Filtered():
                return self.filtered(node)
            case tree.Conditional(test=test, then=then, otherwise=otherwise):
                self.kind(test)
                return join((self.kind(then), self.kind(otherwise)))
            case tree.Compared():
                return self.compared(node)
            case tree.Negated(operand=operand):
                self.kind(operand)
                return BOOL
            case tree.Logic(left=left, right=right):
                return join((self.kind(left), self.kind(right)))

    def path(self, node: tree.Path) -> Kind:
        name = str(node.keys[0])
        variables = self.inference.variables
        declared = self.current.types & OBJECT and self.current.members.find(name).known == KNOWN
        if name in variables and not declared:
            kind = variables[name]
        else:
            kind = self.inference.member(name, node.offset, self.current)
        offset = node.offset + len(name)
        for key in node.keys[1:]:
            found = self.text.find(str(key), offset)
            offset = found if found >= 0 else node.offset
            if isinstance(key, str):
                kind = self.inference.member(key, offset, kind)
            else:
                kind = self.inference.index(offset, kind)
            offset += len(str(key))
        return kind

    def filtered(self, node: tree.Filtered) -> Kind:
        kind = self.kind(node.value)
        if node.name == "default":
            other = self.kind(node.argument) if node.argument else ANYTHING
            return join((without(kind, NULL), other))
        if node.name != "join":
            self.shown(kind, node.value)
        elif kind.types and not kind.types & LIST:
            message = f"`join` takes a list, and this is {describe(kind)}"
            self.inference.tell(Problem(offset_of(node.value), "type-cannot-fit", message, "leave the filter out"))
        else:
            self.shown(item_of(kind), node.value)
        return ANY_TEXT

    def compared(self, node: tree.Compared) -> Kind:
        left, right = self.kind(node.left), self.kind(node.right)
        if node.operator not in ("==", "!="):
            if reason := never_ordered(left, right):
                hint = "compare two numbers or two texts; an expression in `let` can convert"
                self.inference.tell(Problem(node.offset, "comparison-cannot-hold", reason, hint))
        elif wrong := never_equal(left, right):
            message = f"this is always {'false' if node.operator == '==' else 'true'}: {wrong[0]}"
            self.inference.tell(Problem(node.offset, "comparison-cannot-hold", message, wrong[1]))
        return BOOL


def offset_of(node: tree.Expression) -> int:
    """Where the node begins; of what does not keep it, where the first part that does."""
    match node:
        case tree.Path(offset=offset) | tree.Filtered(value=tree.Constant(), offset=offset):
            return offset
        case tree.Filtered(value=value):
            return offset_of(value)
        case tree.Compared(left=left) | tree.Logic(left=left):
            return offset_of(left)
        case tree.Conditional(then=then):
            return offset_of(then)
        case tree.Negated(operand=operand):
            return offset_of(operand)
        case tree.Constant():
            return 0
