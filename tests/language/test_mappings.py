"""Values and whole mappings: scopes inside lists, optional fields, and every problem at once."""

from decimal import Decimal

import pytest

from engine.language import (
    Each,
    ExpressionError,
    Fields,
    FromExpression,
    Literal,
    MappingError,
    Resources,
    TemplateError,
    Text,
    TextTable,
    compile_mapping,
    compile_value,
)

REGISTRY = TextTable.of(["sku", "ours"], [["4711", "A-1"], ["4712", "A-2"]], "v1")
RESOURCES = Resources({"sku-registry": REGISTRY}, lambda name: None)


def of(text, **converters):
    return FromExpression(text=text, **converters)


FIELDS = {
    "id": of("join('-', [$shop, to_string(id)])"),
    "placed_at": of("created_at", time="utc"),
    "currency": of("currency"),
    "total": of("total_price", money="currency"),
    "lines": Each(
        "line_items",
        {
            "sku": of("sku", table="sku-registry", on_missing="hold"),
            "quantity": of("quantity"),
            "weight_g": of("grams", unit="g", from_unit="'g'"),
            "unit_price": of("price", money="$root.currency"),
            "place": of("$index + `1`"),
            "order": of("$parent.id"),
            "gift": of("gift", optional=True),
            "taxes": Each("taxes", {"name": of("name"), "line": of("$parent.sku"), "order": of("$root.id")}),
            "label": Text("{{ sku }} of {{ root.id }}"),
        },
    ),
    "note": Text("Order {{ name }} via {{ source_name }}"),
    "customer": Fields({"name": of("customer.name"), "vip": of("customer.vip", default=False)}),
    "channel": Literal("shopify"),
    "nothing": Literal(None),
}
LET = {"shop": of("'shopify'"), "discount": of("discount"), "both": of("join('', [$shop, '!'])")}
DOCUMENT = {
    "id": 123456789012345678901234567890,
    "created_at": "2026-11-01T10:30:00+01:00",
    "currency": "EUR",
    "total_price": "19.90",
    "name": "#1",
    "source_name": "web",
    "customer": {"name": "A"},
    "line_items": [
        {"sku": "4711", "quantity": 2, "grams": Decimal("0.50"), "price": "9.95", "taxes": [{"name": "VAT"}]},
        {"sku": "4712", "quantity": 1, "grams": 7, "price": 0, "gift": True, "taxes": []},
    ],
}


def test_a_mapping_makes_every_field():
    assert compile_mapping(FIELDS, LET, RESOURCES)(DOCUMENT) == {
        "id": "shopify-123456789012345678901234567890",
        "placed_at": "2026-11-01T09:30:00Z",
        "currency": "EUR",
        "total": 1990,
        "lines": [
            {
                "sku": "A-1",
                "quantity": 2,
                "weight_g": Decimal("0.5"),
                "unit_price": 995,
                "place": 1,
                "order": 123456789012345678901234567890,
                "taxes": [{"name": "VAT", "line": "4711", "order": 123456789012345678901234567890}],
                "label": "4711 of 123456789012345678901234567890",
            },
            {
                "sku": "A-2",
                "quantity": 1,
                "weight_g": 7,
                "unit_price": 0,
                "place": 2,
                "order": 123456789012345678901234567890,
                "gift": True,
                "taxes": [],
                "label": "4712 of 123456789012345678901234567890",
            },
        ],
        "note": "Order #1 via web",
        "customer": {"name": "A", "vip": False},
        "channel": "shopify",
        "nothing": None,
    }


def test_all_fields_that_fail_are_told_together_in_order():
    document = {
        **DOCUMENT,
        "created_at": "2026-11-01T10:30:00",
        "total_price": "1.999",
        "customer": {},
        "name": None,
        "line_items": [
            DOCUMENT["line_items"][0],
            {"sku": "4711-B", "grams": "x", "price": "1", "quantity": 1, "taxes": [{}, {"name": "x"}]},
            {"sku": "4712", "grams": 1, "price": "1", "quantity": 1},
        ],
    }
    with pytest.raises(MappingError) as caught:
        compile_mapping(FIELDS, LET, RESOURCES)(document)
    problems = caught.value.problems
    assert [(problem.path, problem.code, problem.on_missing) for problem in problems] == [
        ("placed_at", "time", None),
        ("total", "money", None),
        ("lines[1].sku", "missing-row", "hold"),
        ("lines[1].weight_g", "unit", None),
        ("lines[1].taxes[0].name", "required", None),
        ("lines[2].taxes", "required", None),
        ("note", "template", None),
        ("customer.name", "required", None),
    ]
    assert problems[2].message == "'4711-B' is not in table sku-registry (column sku)"
    assert problems[4].message == "`name` is null in an item of `taxes`"
    assert problems[7].message == "`customer.name` is null in the source document"
    assert "lines[1].sku: '4711-B'" in str(caught.value)


CASES = [
    # each row: a value, a document, and its problems as path and code
    (Each("a", {}), {"a": None}, [("", "required")]),
    (Each("a", {}), {"a": {}}, [("", "not-a-list")]),
    (Each("abs(a)", {}), {"a": "x"}, [("", "wrong-type")]),
    (Each("a", {"b": of("b")}), {"a": [1, {"b": 2}, None]}, [("[0].b", "required"), ("[2].b", "required")]),
    (Fields({"a": Each("x", {"b": Fields({"c": of("d")})})}), {"x": [{}]}, [("a[0].b.c", "required")]),
    (Fields({"a": of("sum(x)")}), {"x": ["1"]}, [("a", "wrong-type")]),
    (Fields({"a": of("$nope")}), {}, [("a", "unknown-variable")]),
    (Fields({"a": of("x", optional=True), "b": of("x")}), {}, [("b", "required")]),
    (of("x"), {"x": None}, [("", "required")]),
    (Each("a", {"b": Each("$root.a", {})}), {"a": [1] * 400}, [("[249].b", "too-large")]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "document", "expected"), CASES, ids=[str(row[0])[:60] for row in CASES])
def test_a_value_that_fails_says_where(value, document, expected):
    with pytest.raises(MappingError) as caught:
        compile_value(value, RESOURCES)(document, {})
    found = [(problem.path, problem.code) for problem in caught.value.problems]
    assert found[: len(expected)] == expected
    assert len(found) == len(expected) or expected[-1][1] == "too-large"


GIVES = [
    (of("x.y"), {"x": {"y": 1}}, 1),
    (Literal([1]), {}, [1]),
    (Literal(None), {}, None),
    (Text("a{{ x }}"), {"x": 1}, "a1"),
    (Fields({"a": of("x", optional=True)}), {}, {}),
    (Fields({"a": of("x", default=[])}), {}, {"a": []}),
    (Fields({"a": of("x", default=None)}), {}, {"a": None}),
    (Each("x", {"v": of("@")}), {"x": [1, "a"]}, [{"v": 1}, {"v": "a"}]),
    (Each("x", {"v": of("$rate")}), {"x": [1], "rate": 9}, [{"v": 9}]),
    (Each("x", {"v": of("$given")}), {"x": [1]}, [{"v": "from the caller"}]),
    (Each("[]", {"v": of("@")}), [], []),
]


@pytest.mark.parametrize(("value", "document", "result"), GIVES, ids=[str(row[0])[:60] for row in GIVES])
def test_a_value_gives(value, document, result):
    assert compile_value(value, RESOURCES)(document, {"given": "from the caller"}) == result


def test_a_null_stays_null_where_it_is_not_required():
    assert compile_value(of("x"), RESOURCES, required=False)({}, {}) is None
    with pytest.raises(MappingError):
        compile_value(Fields({"a": of("x")}), RESOURCES, required=False)({}, {})


def test_let_is_evaluated_once_in_order_and_its_problems_come_alone():
    fields = {"a": of("$second"), "b": of("missing")}
    mapping = compile_mapping(fields, {"first": of("x", number="integer"), "second": of("$first + `1`")}, RESOURCES)
    with pytest.raises(MappingError) as caught:
        mapping({"x": "no number"})
    assert caught.value.problems[0].path == "let.first"
    assert all(problem.path.startswith("let.") for problem in caught.value.problems)
    assert compile_mapping({"a": of("$second")}, {"first": of("x"), "second": of("$first + `1`")}, RESOURCES)(
        {"x": 1}
    ) == {"a": 2}


def test_names_of_let_are_no_bare_names():
    mapping = compile_mapping({"a": of("shop", default="not seen")}, {"shop": of("'s'")}, RESOURCES)
    assert mapping({}) == {"a": "not seen"}


def test_the_outer_document_does_not_show_through_an_item():
    value = Each("lines", {"a": of("id", optional=True), "b": Text("{{ id | default('none') }}")})
    assert compile_value(value, RESOURCES)({"id": 1, "lines": [{}]}, {}) == [{"b": "none"}]


def test_a_mapping_does_not_remember_one_document_in_the_next():
    mapping = compile_mapping({"a": Each("x", {"i": of("$index"), "p": of("$parent.n")})}, {}, RESOURCES)
    assert mapping({"n": 1, "x": [0, 0]}) == {"a": [{"i": 0, "p": 1}, {"i": 1, "p": 1}]}
    assert mapping({"n": 2, "x": [0]}) == {"a": [{"i": 0, "p": 2}]}


def test_problems_are_bounded():
    with pytest.raises(MappingError) as caught:
        compile_mapping({"a": Each("x", {"b": of("b")})}, {}, RESOURCES)({"x": [{}] * 5000})
    assert len(caught.value.problems) == 1000


@pytest.mark.parametrize(("value", "error"), [(of("a."), ExpressionError), (Text("{{ a"), TemplateError)])
def test_a_text_that_cannot_be_compiled_is_refused_at_once(value, error):
    with pytest.raises(error):
        compile_mapping({"a": Fields({"b": value})}, {}, RESOURCES)


def test_a_problem_tells_where_its_field_is_written():
    fields = {
        "a": of("x", money="'EUR'", where="mappings/order.yaml:7"),
        "b": Each("l", {"c": of("abs(y)", where="mappings/order.yaml:9")}, where="mappings/order.yaml:8"),
        "d": Text("{{ z }}", "mappings/order.yaml:10"),
        "e": of("s", table="sku-registry", where="mappings/order.yaml:11"),
        "f": of("gone"),
    }
    with pytest.raises(MappingError) as caught:
        compile_mapping(fields, {}, RESOURCES)({"x": "1.999", "l": [{"y": "t"}], "s": "0815"})
    assert [problem.told for problem in caught.value.problems] == [
        "a: the amount has more than the 2 digits its currency has behind the point (mappings/order.yaml:7)",
        (
            "b[0].c: abs() takes a number as its first argument, not string"
            " (mappings/order.yaml:9, character 1 of `abs(y)`)"
        ),
        "d: z is missing: use `| default('…')` where it may be (mappings/order.yaml:10, character 4 of `{{ z }}`)",
        "e: '0815' is not in table sku-registry (column sku)",
        "f: `gone` is null in the source document",
    ]


TEXTS_IN_LISTS = {
    "made": ("y{{ root.n }}", 20_000),
    "changed": ("y{{ root.n | upper | truncate(5) }}", 100_000),
    "made under a condition": ("{% if root.n %}y{{ root.n }}{% endif %}", 20_000),
}


@pytest.mark.parametrize(("template", "items"), TEXTS_IN_LISTS.values(), ids=TEXTS_IN_LISTS)
def test_texts_in_lists_are_paid_for(template, items):
    mapping = compile_mapping({"l": Each("a", {"t": Text(template)})}, {}, RESOURCES)
    with pytest.raises(MappingError) as caught:
        mapping({"n": "x" * 60_000, "a": [{}] * items})
    assert [problem.code for problem in caught.value.problems] == ["too-large"]
    assert len(mapping({"n": "x" * 600, "a": [{}] * 200})["l"]) == 200
