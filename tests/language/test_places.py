"""Which places of a document a text reads, by table, and that an expression reads nothing else of it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language import ExpressionError, LanguageError, compile_expression
from engine.language.places import Every, Origin, Read, Steps, elements, expression_places, template_places

ROOT = frozenset((Origin(()),))
LET = {"shipping": frozenset((Origin(("order", "shipping")),))}


def shown(read: Read) -> str:
    """`lines[*].sku@4`, with `?` where only the place itself counts."""
    text = ""
    for step in read.steps:
        text += (
            f"[{step}]"
            if isinstance(step, int)
            else "[*]"
            if step is Every.ITEM
            else f".{'*' if step is Every.FIELD else step}"
        )
    return f"{text.removeprefix('.')}{'' if read.whole else '?'}@{read.offset}"


EXPRESSIONS = {
    "customer.email": ["customer.email@0"],
    "@": ["@0"],
    "'text'": [],
    "lines[0].sku": ["lines[0].sku@0"],
    "lines[-1].sku": ["lines[*].sku@0"],
    "lines[*].sku": ["lines[*].sku@0"],
    "lines[].sku": ["lines[*].sku@0", "lines[*][*].sku@0"],
    "lines[1:3].sku": ["lines[*].sku@0"],
    "lines[?qty > `0`].sku": ["lines[*].qty@7", "lines[*].sku@0"],
    "lines[?@ == 'a']": ["lines[*]@7", "lines[*]@0"],
    "*.sku": ["*.sku@0"],
    "lines[*].taxes[*].rate": ["lines[*].taxes[*].rate@0"],
    "lines[*] | [0].sku": ["lines[*].sku@0"],
    "lines[*].sku | [0]": ["lines[*].sku@0"],
    "lines[*].sku.x": ["lines[*].sku.x@0"],
    "body.order | id": ["body.order.id@0"],
    "a || b.c": ["a@0", "b.c@5"],
    "a && !b": ["b@6", "a@0"],
    "(a || b).c": ["a.c@1", "b.c@6"],
    "a == 'x'": ["a@0"],
    "price * quantity": ["price@0", "quantity@8"],
    "[a, b.c]": ["a@1", "b.c@4"],
    "[a, b][0].c": ["a.c@1", "b.c@4"],
    "{x: a, y: b.c}": ["a@4", "b.c@10"],
    "to_string(id)": ["id@10"],
    "length(lines)": ["lines?@7"],
    "sum(lines[*].quantity)": ["lines[*].quantity@4"],
    "sort_by(lines, &price)[0].sku": ["lines@8", "lines[*].price@16"],
    "map(&a.b, lines)": ["lines@10", "lines[*].a.b@5"],
    "$root.currency": ["root.currency@0"],
    "$shipping.city": ["order.shipping.city@0"],
    "lines[?sku == $shipping.sku]": ["lines[*].sku@7", "order.shipping.sku@14", "lines[*]@0"],
}


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS.items(), ids=EXPRESSIONS)
def test_an_expression_reads(text: str, expected: list[str]) -> None:
    reads, _ = expression_places(text, ROOT, LET)
    assert [shown(read) for read in reads] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Order {{ name }}", ["name@9"]),
        ("{{ lines[0].sku | upper }} {{ shipping.city }}", ["lines[0].sku@3", "order.shipping.city@30"]),
        ("{% if note %}{{ note }}{% endif %}", ["note@6", "note@16"]),
        ("no holes", []),
    ],
)
def test_a_template_reads(text: str, expected: list[str]) -> None:
    assert [shown(read) for read in template_places(text, ROOT, LET)] == expected


def test_where_a_value_comes_from_is_told_for_those_who_go_on_with_it() -> None:
    _, origins = expression_places("order.lines", ROOT, {})
    assert origins == frozenset((Origin(("order", "lines")),))
    assert elements(origins) == frozenset((Origin(("order", "lines", Every.ITEM)),))
    assert expression_places("length(order.lines)", ROOT, {})[1] == frozenset()


def test_what_cannot_be_parsed_is_an_error() -> None:
    with pytest.raises(ExpressionError):
        expression_places("a.", ROOT, {})
    with pytest.raises(LanguageError):
        template_places("{{ a", ROOT, {})


# ── nothing else is read ─────────────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(("a", "b", "c"))
DOCUMENTS = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(("x", "y")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
TEXTS = st.recursive(
    NAMES | st.sampled_from(("@", "'x'", "`1`")),
    lambda inner: st.one_of(
        st.builds("{}.{}".format, NAMES, NAMES),
        st.builds("{}[*].{}".format, NAMES, NAMES),
        st.builds("{}[].{}".format, NAMES, NAMES),
        st.builds("{}[0]".format, NAMES),
        st.builds("{}[?{}].{}".format, NAMES, inner, NAMES),
        st.builds("({}) | {}".format, inner, inner),
        st.builds("({}) || ({})".format, inner, inner),
        st.builds("({}) == ({})".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{x: {}, a: {}}}".format, inner, inner),
        st.builds("*.{}".format, NAMES),
        st.builds("not_null({}, {})".format, inner, inner),
        st.builds("to_array({})[*].{}".format, inner, NAMES),
        st.builds("type({})".format, inner),
        st.builds("{}[1:].{}".format, NAMES, NAMES),
    ),
    max_leaves=4,
)


@given(TEXTS, DOCUMENTS, DOCUMENTS)
@settings(max_examples=300)
def test_a_change_elsewhere_changes_no_value(text: str, document: Any, other: Any) -> None:
    """Everything that no read names is exchanged for something else, and the expression does not notice."""
    reads, _ = expression_places(text, ROOT, {})
    expression = compile_expression(text)
    try:
        value = expression(document)
    except ExpressionError:
        return
    assert expression(exchanged(document, other, (), reads)) == value


def exchanged(node: Any, other: Any, path: tuple[str | int, ...], reads: tuple[Read, ...]) -> Any:
    """A document in which each scalar that is not read is another; its shape stays, since projections look at it."""
    if isinstance(node, dict):
        return {name: exchanged(item, other, (*path, name), reads) for name, item in node.items()}
    if isinstance(node, list):
        return [exchanged(item, other, (*path, place), reads) for place, item in enumerate(node)]
    is_read = any(is_meant(read.steps, path) for read in reads)
    return node if is_read or node is None else Decimal("77.7")


def is_meant(steps: Steps, path: tuple[str | int, ...]) -> bool:
    """Whether a place that is read is this one, or one above or below it."""
    return all(
        one == other or one is (Every.ITEM if isinstance(other, int) else Every.FIELD)
        for one, other in zip(steps, path, strict=False)
    )
