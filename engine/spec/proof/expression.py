"""An expression's tree → the kind of what it gives, and what in it can never be right.

The evaluator's rules (`engine.language`), over kinds instead of values: a name is looked up in what a contract
declares, a projection's body is reckoned once, for any element. What is told holds for every document that satisfies
the contract; what is wrong only for some of them is the run's matter. Where something was told the kind is anything,
so that one mistake is told once. Nothing here knows where the text stands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.contract.static.kind import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    KNOWN,
    LIST,
    NULL,
    NUMBER,
    OBJECT,
    PARTS_MAX,
    UNKNOWN,
    UNTOLD,
    Kind,
    falsy,
    item_of,
    join,
    list_of,
    member_of,
    truthy,
    values_of,
    without,
)
from engine.contract.static.of_value import kind_of_value
from engine.language import tree
from engine.language.errors import Problem
from engine.language.functions import FUNCTIONS, fault_of
from engine.language.tree import Node
from engine.spec.proof.functions import BOOL, NOTHING, RESULTS, an_object, can_be, mend
from engine.spec.proof.words import (
    converting,
    describe,
    never_contains,
    never_equal,
    never_ordered,
    no_members,
    not_iterable,
    unknown_member,
)

STEPS_MAX = 200_000
"""How many members of objects the texts of a document may look for, at about 10 us each in objects of many shapes; past
them anything is anything."""


@dataclass(slots=True)
class Steps:
    """What is left of the work that may still be done."""

    left: int = STEPS_MAX

    def spend(self, steps: int) -> bool:
        """Whether so much may still be done."""
        self.left -= steps
        return self.left >= 0


@dataclass(slots=True)
class Inference:
    """One text over kinds: `variables` are those of `$name`, among them `root`; `problems` grows."""

    variables: Mapping[str, Kind]
    steps: Steps = field(default_factory=Steps)
    problems: list[Problem] = field(default_factory=list)

    def tell(self, problem: Problem) -> Kind:
        self.problems.append(problem)
        return ANYTHING

    def kind(self, node: Node, current: Kind) -> Kind:
        """What the node gives, where the current value is of the kind `current`."""
        match node:
            case tree.Current():
                return current
            case tree.Field():
                return self.member(node.name, node.offset, current)
            case tree.Variable():
                return self.variable(node)
            case tree.Literal(value=value):
                return kind_of_value(value)
            case tree.Index():
                return self.index(node.offset, current)
            case tree.Chain(parts=parts):
                for part in parts:
                    current = self.kind(part, current)
                return current
            case tree.ListSelect() | tree.ObjectSelect():
                return self.select(node, current)
            case tree.Or() | tree.And() | tree.Not():
                return self.logic(node, current)
            case tree.Comparison():
                return self.comparison(node, current)
            case tree.Arithmetic():
                return self.arithmetic(node, current)
            case tree.Call():
                return self.call(node, current)
            case tree.Reference():
                return ANYTHING
            case _:
                return self.projection(node, current)

    # ── paths ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def member(self, name: str, offset: int, current: Kind) -> Kind:
        if not self.steps.spend(current.members.size):
            return UNTOLD
        if current.types & OBJECT:
            if current.members.find(name).known == UNKNOWN:
                return self.tell(unknown_member(name, offset, current))
        elif current.types & ~NULL:
            return self.tell(no_members(name, offset, current))
        return member_of(current, name)

    def variable(self, node: tree.Variable) -> Kind:
        if node.name in self.variables:
            return self.variables[node.name]
        # One that is neither a variable nor a field of the scope was told when names were resolved.
        root = self.variables.get("root", ANYTHING)
        return member_of(root, node.name) if root.members.find(node.name).known == KNOWN else ANYTHING

    def index(self, offset: int, current: Kind) -> Kind:
        if current.types & ~NULL and not current.types & LIST:
            return self.tell(not_iterable(offset, current, LIST))
        return join((item_of(current), NOTHING))

    def projection(self, node: Node, current: Kind) -> Kind:
        assert isinstance(node, tree.Projection)
        source = self.kind(node.source, current)
        over = OBJECT if isinstance(node, tree.ObjectProjection) else LIST
        if source.types & ~NULL and not source.types & over:
            return self.tell(not_iterable(node.offset, source, over))
        if over == OBJECT and not self.steps.spend(source.members.size * PARTS_MAX):
            return UNTOLD
        element = values_of(source) if over == OBJECT else item_of(source)
        if isinstance(node, tree.FlattenProjection):
            element = join((without(element, LIST), item_of(element)))
        if isinstance(node, tree.FilterProjection):
            self.kind(node.condition, element)
        made = list_of(without(self.kind(node.body, element), NULL))
        return join((made, NOTHING)) if source.types & ~over else made

    def select(self, node: tree.ListSelect | tree.ObjectSelect, current: Kind) -> Kind:
        if isinstance(node, tree.ListSelect):
            made = list_of(*(self.kind(item, current) for item in node.items))
        else:
            made = an_object({key: self.kind(value, current) for key, value in node.pairs})
        return join((made, NOTHING)) if current.types & NULL else made

    # ── logic and numbers ────────────────────────────────────────────────────────────────────────────────────────────

    def logic(self, node: tree.Or | tree.And | tree.Not, current: Kind) -> Kind:
        if isinstance(node, tree.Not):
            self.kind(node.operand, current)
            return BOOL
        passed = truthy if isinstance(node, tree.Or) else falsy
        *first, last = (self.kind(operand, current) for operand in node.operands)
        return join((*map(passed, first), last))

    def comparison(self, node: tree.Comparison, current: Kind) -> Kind:
        left, right = self.kind(node.left, current), self.kind(node.right, current)
        if node.operator in ("==", "!="):
            if wrong := never_equal(left, right):
                message = f"this is always {'false' if node.operator == '==' else 'true'}: {wrong[0]}"
                self.tell(Problem(node.offset, "comparison-cannot-hold", message, wrong[1]))
            return BOOL
        if reason := never_ordered(left, right):
            message = f"`{node.operator}` is always null here, which counts as false: {reason}"
            hint = converting(left, NUMBER) or converting(right, NUMBER) or "it orders two numbers, or two texts"
            return self.tell(Problem(node.offset, "comparison-cannot-hold", message, hint))
        return Kind(BOOLEAN | NULL)

    def arithmetic(self, node: tree.Arithmetic, current: Kind) -> Kind:
        whole = True
        for symbol, operand in ((node.rest[0][0], node.first), *node.rest):
            kind = self.kind(operand, current)
            if kind.types and not kind.types & NUMBER:
                message = f"`{symbol}` takes two numbers, and this is {describe(kind)}"
                self.tell(Problem(operand.offset, "type-cannot-fit", message, mend(kind, ["number"])))
            whole = whole and kind.types & NUMBER == INTEGER
        return Kind(INTEGER if whole else NUMBER)

    # ── functions ────────────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, node: tree.Call, current: Kind) -> Kind:
        if fault_of(node):  # told when names were resolved
            return ANYTHING
        arguments: list[Kind | Callable[[Kind], Kind]] = []
        for place, argument in enumerate(node.arguments):
            if isinstance(argument, tree.Reference):
                arguments.append(self.applied(argument.body))
            else:
                arguments.append(self.argument(node.name, place, argument, current))
        if node.name == "contains" and (wrong := never_contains(*arguments)):  # type: ignore[arg-type]  # no &expression
            self.tell(Problem(node.offset, "comparison-cannot-hold", f"this is always false: {wrong[0]}", wrong[1]))
        result = RESULTS.get(node.name)
        return ANYTHING if result is None else result(*arguments)

    def listed(self, function: str, place: int, node: Node, current: Kind) -> None:
        """Items that are written out can be held against the parameter one by one, as in `join('-', [id, name])`."""
        taken = FUNCTIONS[function].parameter(place).split("|")
        for item in node.items if isinstance(node, tree.ListSelect) else ():
            kind = self.kind(item, current)
            if not any(can_be(list_of(kind), word) for word in taken):
                error = FUNCTIONS[function].wrong_type(place, f"and this item is {describe(kind)}", item.offset)
                hint = mend(kind, [word.removeprefix("array-") for word in taken])
                self.tell(Problem(item.offset, "type-cannot-fit", error.message, hint))

    def applied(self, body: Node) -> Callable[[Kind], Kind]:
        return lambda element: self.kind(body, element)

    def argument(self, function: str, place: int, node: Node, current: Kind) -> Kind:
        kind = self.kind(node, current)
        taken = FUNCTIONS[function].parameter(place).split("|")
        if any(can_be(kind, word) for word in taken):
            self.listed(function, place, node, current)
            return kind
        error = FUNCTIONS[function].wrong_type(place, f"and this is {describe(kind)}", node.offset)
        hint = mend(kind, taken)
        return self.tell(Problem(node.offset, "type-cannot-fit", error.message, hint))
