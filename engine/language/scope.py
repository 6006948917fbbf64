"""What an expression or a template may name, checked without running it.

A *bare* name is read from the root scope where the current value is still the document: at the beginning of a path, in
arguments, comparisons and multi-selects at the top; never after a dot, behind a pipe, or inside a filter, a projection
or an `&expression`, where names belong to elements nobody knows yet. Nothing here reads a document.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from engine.language import tree
from engine.language.errors import ExpressionError, Problem
from engine.language.functions import fault_of
from engine.language.parser import parse
from engine.language.tree import Node

_LITERALS = frozenset(["true", "false", "null"])


@dataclass(frozen=True, slots=True)
class Scope:
    """What is in scope where a text stands.

    `names`: the root names, each also readable as `$name`; None for an open document (a mapping's source), where any
    bare name may be a field but only `variables` are known as `$name`. `variables`: names only as `$name`, without
    their `$`. `what`: the place in words, for messages: "a step", "a mapping". `lowered`: those of `names` whose
    members have names in small letters alone.
    """

    names: frozenset[str] | None
    variables: frozenset[str]
    what: str
    lowered: frozenset[str] = frozenset()


def check_expression(text: str, scope: Scope) -> tuple[Problem, ...]:
    """Every fault of the expression in this scope, in the order of the text.

    A syntax error hides the others. Codes: expression-syntax, bare-number, hyphen-needs-quotes, too-large, wrong-value,
    unknown-function, wrong-arity, wrong-type (an &expression misplaced), unknown-name, unknown-variable, bare-literal,
    not-binds-first, header-case.
    """
    try:
        root = parse(text)
    except ExpressionError as error:
        return (_problem(error),)
    problems: list[Problem] = []
    compared: set[int] = set()
    for node in tree.walk(root):
        if isinstance(node, tree.Call) and (fault := fault_of(node)):
            problems.append(_problem(fault))
        elif isinstance(node, tree.Variable):
            problems += unknown_variable(node.name, node.offset, scope)
        elif _applied_to_not(node):
            message = "`!` binds before what follows: this reads a member of true or false, which is null"
            problems.append(Problem(node.offset, "not-binds-first", message, "write !(a.b) for the opposite of a.b"))
        elif isinstance(node, tree.Chain):
            problems += _capitals(node, scope)
        elif isinstance(node, tree.Comparison):
            sides = (node.left, node.right)
            compared |= {
                side.offset for side in sides if isinstance(side, tree.Field) and (side.quoted or side is node.right)
            }
    for field, at_root in _heads(root, at_root=True, dotted=False):
        if field.name in _LITERALS and not field.quoted:
            message = f"a bare {field.name} reads a field of that name"
            problems.append(Problem(field.offset, "bare-literal", message, f"write `{field.name}` with the backticks"))
        elif at_root:
            problems += unknown_name(field.name, field.offset, scope, looks_like_text=field.offset in compared)
    return tuple(sorted(problems, key=lambda problem: problem.offset))


def unknown_name(name: str, offset: int, scope: Scope, *, looks_like_text: bool = False) -> list[Problem]:
    """One problem where the name is out of scope. `looks_like_text`: a text was probably meant."""
    if scope.names is None or name in scope.names:
        return []
    if name in scope.variables:
        hint = f"write ${name}"
    elif near := get_close_matches(name, scope.names, n=1):
        hint = f"did you mean {near[0]}? {_known(scope.names)}"
    elif looks_like_text:
        hint = f"a text stands in single quotes: '{name}'; {_known(scope.names)}"
    else:
        hint = _known(scope.names)
    return [Problem(offset, "unknown-name", f"{name} is not in scope in {scope.what}", hint)]


def unknown_variable(name: str, offset: int, scope: Scope) -> list[Problem]:
    """One problem where `$name` is out of scope."""
    known = scope.variables | (scope.names or frozenset())
    if name in known:
        return []
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean ${near[0]}? " if near else ""
    if scope.names is None and not near:
        hint = f"a field of the document is {name}, or $root.{name} inside a filter; "
    return [Problem(offset, "unknown-variable", f"${name} is not in scope in {scope.what}", hint + _known(known, "$"))]


def _capitals(chain: tree.Chain, scope: Scope) -> Iterator[Problem]:
    """A member that is never there: `headers."X-Topic"`, where header names are in small letters."""
    head, member = chain.parts[:2]
    if isinstance(head, tree.Field | tree.Variable) and isinstance(member, tree.Field):
        yield from never_there(head.name, member.name, member.offset, scope)


def never_there(head: str, member: str, offset: int, scope: Scope) -> Iterator[Problem]:
    if head in scope.lowered and member != member.lower():
        message = f"{head} has no name with a capital letter: this is null, always"
        yield Problem(offset, "header-case", message, f'write {head}."{member.lower()}"')


def names_used(text: str) -> frozenset[str]:
    """The bare names the expression reads from the root scope. Raises ExpressionError where it cannot be parsed."""
    return frozenset(field.name for field, at_root in _heads(parse(text), at_root=True, dotted=False) if at_root)


def variables_used(text: str) -> frozenset[str]:
    """The names of all `$name`, without the `$`. Raises ExpressionError where it cannot be parsed."""
    return frozenset(node.name for node in tree.walk(parse(text)) if isinstance(node, tree.Variable))


def paths_used(text: str) -> frozenset[tuple[str, ...]] | None:
    """The dotted paths an expression reads, where it reads nothing else of its document.

    That holds for plain paths and for functions, literals, multi-selects, comparisons, logic and arithmetic over them:
    a document that has only these paths gives the same value. None where it does not hold, or cannot be told: indexes,
    projections, filters, `@`, `$name`, anything after the value of a function. Raises ExpressionError.
    """
    return _paths(parse(text))


def _paths(node: Node) -> frozenset[tuple[str, ...]] | None:
    match node:
        case tree.Field(name=name):
            return frozenset([(name,)])
        case tree.Chain(parts=parts):
            names = tuple(part.name for part in parts if isinstance(part, tree.Field))
            return frozenset([names]) if len(names) == len(parts) else None
        case (
            tree.Literal()
            | tree.Call()
            | tree.ListSelect()
            | tree.ObjectSelect()
            | tree.Or()
            | tree.And()
            | tree.Not()
            | tree.Comparison()
            | tree.Arithmetic()
        ):
            found: frozenset[tuple[str, ...]] = frozenset()
            for child in tree.children(node):
                below = _paths(child)
                if below is None:
                    return None
                found |= below
            return found
        case _:
            return None


def _heads(node: Node, *, at_root: bool, dotted: bool) -> Iterator[tuple[tree.Field, bool]]:
    """Every name that does not follow a dot, and whether the current value there is the document.

    `dotted`: the node itself follows a dot (or is the body of a projection).
    """
    match node:
        case tree.Field():
            if not dotted:
                yield node, at_root
        case tree.Chain(parts=parts):
            still = True  # only `@` stood before: `@.total` reads the document's total
            for part in parts:
                yield from _heads(part, at_root=at_root and still, dotted=dotted or not still)
                still = still and isinstance(part, tree.Current)
        case tree.FilterProjection(source=source, condition=condition, body=body):
            yield from _heads(source, at_root=at_root, dotted=dotted)
            yield from _heads(condition, at_root=False, dotted=False)
            yield from _heads(body, at_root=False, dotted=True)
        case (
            tree.ListProjection(source=source, body=body)
            | tree.ObjectProjection(source=source, body=body)
            | tree.FlattenProjection(source=source, body=body)
            | tree.SliceProjection(source=source, body=body)
        ):
            yield from _heads(source, at_root=at_root, dotted=dotted)
            yield from _heads(body, at_root=False, dotted=True)
        case tree.Reference(body=body):
            yield from _heads(body, at_root=False, dotted=False)
        case _:
            for child in tree.children(node):
                yield from _heads(child, at_root=at_root, dotted=False)


def _applied_to_not(node: Node) -> bool:
    """`!a.b`, which jmespath.py and all that follow it read as `(!a).b`: legal, never meant, and always null."""
    if isinstance(node, tree.Projection):
        return isinstance(node.source, tree.Not)
    return (
        isinstance(node, tree.Chain)
        and isinstance(node.parts[0], tree.Not)
        and isinstance(node.parts[1], (tree.Field, tree.Index))
    )


def _problem(error: ExpressionError) -> Problem:
    return Problem(error.offset or 0, error.code, error.message, error.hint)


def _known(names: frozenset[str], sign: str = "") -> str:
    return f"in scope: {', '.join(sign + name for name in sorted(names))}" if names else "nothing is in scope"


def check_template(text: str, scope: Scope) -> tuple[Problem, ...]:
    """Every fault of the template in this scope, in the order of the text.

    Jinja knows no `$`, so a template reads `names` and `variables` alike by their plain names. Codes: template-syntax,
    template-not-allowed, too-large, unknown-name, header-case.
    """
    from engine.language.template_parser import parse_template

    _, paths, problems = parse_template(text)
    unknown: list[Problem] = []
    for path in paths:
        name = str(path.keys[0])
        if name not in scope.variables:
            unknown += unknown_name(name, path.offset, scope)
        if len(path.keys) > 1:
            unknown += never_there(name, str(path.keys[1]), path.offset, scope)
    return tuple(sorted((*problems, *unknown), key=lambda problem: problem.offset))
