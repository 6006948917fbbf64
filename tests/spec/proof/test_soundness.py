"""What a proof says holds: what generated expressions give is of the kind that was inferred, and what was said never to
happen does not. Each test counts what it saw, so that it cannot pass by seeing nothing."""

from collections import Counter
from datetime import UTC
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from spec.proof.generated import CONTRACTS, FORMS, SCALARS, Contract, claimed, expression, sources

from engine.contract import compile_contract
from engine.contract.static.kind import EVERY_TYPE, INTEGER, NULL, Kind, without
from engine.contract.static.of_schema import kind_of_schema
from engine.contract.static.of_value import refusal
from engine.errors import Mark
from engine.language import ExpressionError, LanguageError, Resources, TextTable, compile_value, tree
from engine.language.expression import Expression
from engine.language.functions import FUNCTIONS
from engine.language.parser import parse
from engine.spec import shape, yaml
from engine.spec.proof.expression import Inference
from engine.spec.proof.fit import misfit
from engine.spec.proof.functions import RESULTS, can_be
from engine.spec.proof.mapping import Values
from engine.spec.proof.prover import Prover, Within
from engine.spec.value import to_value
from engine.spec.workspace import Document, Workspace

MANY = settings(max_examples=200, derandomize=True, deadline=None, database=None)
TEXTS = 40
"""Expressions over each document: to make one costs far less than to draw a contract."""
INDEX = {"index": Kind(INTEGER)}
Drawn = tuple[dict[str, Any], Any, Random]
"""A schema, a document that satisfies it, and chance."""


def inferred(node: tree.Node, schema: object) -> tuple[Inference, Kind]:
    source = kind_of_schema("source", schema)
    inference = Inference({"root": source, **INDEX})
    return inference, inference.kind(node, source)


def run(node: tree.Node, document: object) -> Any:
    return Expression("", node).evaluate(document, {"root": document, "index": 0})


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    schema, documents = draw(sources())
    document = draw(documents)
    assert compile_contract("source", schema).check(document) == ()
    return schema, document, Random(draw(st.integers(0, 1 << 30)))


def test_what_an_expression_gives_is_of_the_kind_inferred() -> None:
    seen: Counter[str] = Counter()

    @MANY
    @given(drawn())
    def holds(case: Drawn) -> None:
        schema, document, random = case
        for text in (expression(random, 3) for _ in range(TEXTS)):
            node = parse(text)
            try:
                value = run(node, document)
            except ExpressionError:
                continue
            _, kind = inferred(node, schema)
            seen["anything" if kind.types == EVERY_TYPE else "told apart"] += 1
            assert refusal(kind, value) is None, f"{text} over {document} gives {value}, of {schema}"

    holds()
    assert seen["told apart"] > 1_500, seen
    assert seen["anything"] > 500, seen


def test_every_form_gives_what_is_inferred_over_every_pair_of_plain_contracts() -> None:
    """Without chance: each operator and function over each two schemas, with several values of both."""
    seen: Counter[str] = Counter()
    random = Random(2)
    for form in FORMS:
        node = parse(form.format("a", "b"))
        for one, ones in SCALARS:
            for other, others in SCALARS if "{1}" in form else SCALARS[:1]:
                schema = {"type": "object", "properties": {"a": one, "b": other}, "required": ["a", "b"]}
                _, kind = inferred(node, schema)
                for _ in range(4):
                    document = {"a": random.choice(ones), "b": random.choice(others)}
                    try:
                        value = run(node, document)
                    except ExpressionError:
                        continue
                    seen[form] += 1
                    assert refusal(kind, value) is None, f"{form} over {document} gives {value}, of {schema}"
    assert {*seen} == {*FORMS}
    assert seen.total() > 40_000


def test_what_is_told_of_a_path_a_comparison_or_a_sum_always_happens() -> None:
    seen: Counter[str] = Counter()

    @MANY
    @given(drawn())
    def holds(case: Drawn) -> None:
        schema, document, random = case
        for text in (claimed(random) for _ in range(TEXTS)):
            node = parse(text)
            inference, _ = inferred(node, schema)
            parts = (node.left, node.right) if isinstance(node, tree.Comparison) else ()
            parts = tree.children(node) if isinstance(node, (tree.Arithmetic, tree.Call)) else parts
            if not inference.problems or told(parts, schema):
                continue
            try:
                value = run(node, document)
            except ExpressionError:  # which is as good as never
                seen["an error"] += 1
                continue
            code = inference.problems[0].code
            seen[code] += 1
            never(node, code, value, f"{text} over {document}, of {schema}: {inference.problems[0]}")

    holds()
    assert min(seen[code] for code in ("path-not-in-contract", "comparison-cannot-hold", "an error")) > 50, seen


def never(node: tree.Node, code: str, value: object, case: str) -> None:
    """What was told of a node that gave a value after all."""
    if isinstance(node, tree.Comparison):
        assert value is {"==": False, "!=": True}.get(node.operator), case
    elif isinstance(node, tree.Call) and code == "comparison-cannot-hold":
        assert value is False, case
    elif isinstance(node, (tree.Field, tree.Chain)) and all(
        isinstance(part, tree.Field) for part in tree.children(node)
    ):
        assert value is None, case
    else:
        assert not isinstance(node, tree.Arithmetic), case


def told(nodes: tuple[tree.Node, ...], schema: object) -> bool:
    """Whether something is told of a part already, so that nothing is said of the whole."""
    return any(inferred(node, schema)[0].problems for node in nodes)


def test_an_argument_that_cannot_be_right_is_refused_when_it_runs() -> None:
    seen: Counter[str] = Counter()

    @MANY
    @given(drawn())
    def holds(case: Drawn) -> None:
        schema, document, random = case
        for text in (expression(random, 2) for _ in range(TEXTS)):
            for call in (node for node in tree.walk(parse(text)) if isinstance(node, tree.Call)):
                for place, argument in enumerate(call.arguments):
                    if isinstance(argument, tree.Reference):
                        continue
                    inference, kind = inferred(argument, schema)
                    words = FUNCTIONS[call.name].parameter(place).split("|")
                    if inference.problems or any(can_be(kind, word) for word in words):
                        continue
                    try:
                        value = run(argument, document)
                    except ExpressionError:
                        continue
                    seen[call.name] += 1
                    assert value == [] or not FUNCTIONS[call.name].check_of(place)(value), f"{text} over {document}"

    holds()
    assert len(seen) > 20, seen


def test_nothing_of_a_kind_that_never_fits_satisfies_the_contract() -> None:
    seen: Counter[str] = Counter()

    @MANY
    @given(CONTRACTS, st.lists(CONTRACTS, min_size=8, max_size=8), st.data())
    def holds(made: Contract, others: list[Contract], data: st.DataObject) -> None:
        value = data.draw(made[1])
        for asked in (*(schema for schema, _ in others), *(schema for schema, _ in SCALARS)):
            found = misfit(kind_of_schema("made", made[0]), kind_of_schema("asked", asked))
            if found is None or "[]" in found.path:  # that is said of lists, and they may be empty
                continue
            seen[found.code] += 1
            assert compile_contract("asked", asked).check(value) != (), f"{value} of {made[0]} is {asked}: {found}"

    holds()
    assert seen["type-cannot-fit"] > 200, seen
    assert {"target-required", "target-not-in-contract", "enum-not-covered"} <= {*seen}, seen


# ── converters ───────────────────────────────────────────────────────────────────────────────────────────────────────

TABLES = {"words": TextTable.of(["from", "to", "count"], [["a", "x", "1"], ["b", "y", "2"], ["2", "z", "3"]], "v1")}
FILE = "mappings/generated.yaml"


def written(text: str) -> shape.Expression:
    return shape.Expression(text, Mark(FILE, 1, 1), "fields.x.from", 1)


CONVERTERS: tuple[dict[str, Any], ...] = (
    {"time": "utc"},
    {"time": "date"},
    {"money": written("'EUR'")},
    {"money": written("b"), "minor": True},
    {"decimal": written("'EUR'")},
    {"number": "integer"},
    {"number": "decimal"},
    {"unit": "g", "from_unit": written("'kg'")},
    {"unit": "kg", "from_unit": written("'g'")},
    {"table": "words"},
    {"table": "words", "give": "count", "number": "integer"},
    {"table": "words", "on_missing": "default", "default": shape.Plain("none")},
    {"time": "date", "optional": True},
    {"money": written("b"), "default": shape.Plain(0)},
    {"table": "words", "optional": True},
    {"default": shape.Plain({"a": 1})},
    {"default": shape.Plain(None)},
    {"optional": True},
    {},
)
FROM = ("a", "a || '2'", "not_null(a, '1.50')", "to_string(a)", "[a]", "b && a", "a && `null`")


def test_what_a_converter_gives_is_of_the_kind_inferred() -> None:
    """Every converter over every plain contract, as it is and where it may be null."""
    seen: Counter[str] = Counter()
    for one, values in SCALARS:
        for other, others in (SCALARS[0], (one, ())):
            schema = {"type": "object", "properties": {"a": {"anyOf": [one, other]}, "b": {"const": "EUR"}}}
            schema["required"] = ["a", "b"] if others == () else ["b"]
            source = kind_of_schema("source", schema)
            for text in FROM:
                for converters in CONVERTERS:
                    value = shape.Converted(from_=written(text), **converters)
                    for given_value in (*values, *others):
                        word = next(iter(converters), "plain")
                        seen[word] += converts(value, source, {"a": given_value, "b": "EUR"})
    assert min(seen.values()) > 50, seen
    assert len(seen) == 9, seen


def converts(value: shape.Converted, source: Kind, document: object) -> bool:
    """Whether the value can be made of the document; if so, it is of the kind inferred, and nothing was told."""
    prover = Prover(Workspace(tables=dict(TABLES)), frozenset(), frozenset())
    values = Values(prover, Document(FILE, yaml.Mapping((), Mark(FILE, 1, 1)), None))
    kind = values.value(value, "fields.x", Within(source, {"root": source}))
    try:
        made = compile_value(to_value(value), Resources(TABLES, {"UTC": UTC}.get))(document, {"root": document})
    except LanguageError:
        return False
    assert refusal(kind, made) is None, f"{value} over {document} gives {made}"
    if run(parse(value.from_.text), document) is not None:  # null passes every converter
        assert not prover.faults, f"{value} over {document} gives {made}: {prover.faults}"
    return True


# ── what the tests above stand on ────────────────────────────────────────────────────────────────────────────────────


def test_every_function_has_its_result() -> None:
    assert {*RESULTS} == {*FUNCTIONS}, "a function needs its entry in engine/spec/proof/functions.py"


def test_every_function_is_among_those_generated() -> None:
    random = Random(1)
    trees = (parse(expression(random, 3)) for _ in range(5_000))
    assert {node.name for root in trees for node in tree.walk(root) if isinstance(node, tree.Call)} == {*FUNCTIONS}


def test_a_kind_that_is_too_narrow_is_refused() -> None:
    _, kind = inferred(parse("a"), {"type": "object", "properties": {"a": {"type": ["string", "null"]}}})
    assert refusal(kind, None) is None
    assert refusal(without(kind, NULL), None) is not None
    assert refusal(Kind(INTEGER), Decimal("0.5")) is not None
