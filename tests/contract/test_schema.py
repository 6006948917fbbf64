"""Contracts: what breaks them and how it is told, which schemas are refused, and that nothing leaks or calls out."""

import socket
import subprocess
import sys
from decimal import Decimal

import pytest

from engine.contract.schema import ContractError, check_schema, compile_contract
from engine.contract.violations import Violation

ORDER = {
    "type": "object",
    "required": ["id", "currency"],
    "properties": {
        "id": {"type": "integer"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "total": {"type": ["number", "null"], "multipleOf": Decimal("0.01")},
        "placed_at": {"format": "date-time"},
        "line_items": {
            "type": "array",
            "items": {"properties": {"price": {"minimum": 0}, "unit-price": {"minimum": 0}}},
        },
    },
}

BROKEN = {
    "a field is missing": (ORDER, {"id": 1}, "", "required: currency", "the field currency is missing"),
    "another type": (ORDER, {"id": "1", "currency": "EUR"}, "id", "type: integer", "must be integer"),
    "none of two types": (
        ORDER,
        {"id": 1, "currency": "EUR", "total": "1"},
        "total",
        "type: null, number",
        "must be null or number",
    ),
    "deep in a list": (
        ORDER,
        {"id": 1, "currency": "EUR", "line_items": [{}, {}, {"price": -1}]},
        "line_items[2].price",
        "minimum: 0",
        "must be at least 0",
    ),
    "a name that is no identifier": (
        ORDER,
        {"id": 1, "currency": "EUR", "line_items": [{"unit-price": -1}]},
        'line_items[0]."unit-price"',
        "minimum: 0",
        "must be at least 0",
    ),
    "a pattern": (
        ORDER,
        {"id": 1, "currency": "euro"},
        "currency",
        "pattern: ^[A-Z]{3}$",
        "must match the pattern ^[A-Z]{3}$",
    ),
    "a fraction of a cent": (
        ORDER,
        {"id": 1, "currency": "EUR", "total": Decimal("19.999")},
        "total",
        "multipleOf: 0.01",
        "must be a multiple of 0.01",
    ),
    "a format": (
        ORDER,
        {"id": 1, "currency": "EUR", "placed_at": "yesterday"},
        "placed_at",
        "format: date-time",
        "must be written as date-time",
    ),
    "an enumeration": ({"enum": ["paid", "open", 1, None]}, "x", "", "enum: paid, open, 1, null", "must be one of"),
    "a constant": ({"const": Decimal("1.5")}, 2, "", "const: 1.5", "must be 1.5"),
    "a name the contract does not write": (
        {"additionalProperties": {"type": "integer"}},
        {"k": {}},
        "*",
        "type: integer",
        "must be integer",
    ),
    "a field too many": (
        {"properties": {"currency": {}}, "additionalProperties": False},
        {"x": 1},
        "",
        "additionalProperties: false",
        "holds a field that is not allowed here",
    ),
    "any field where none may be": (
        {"additionalProperties": False},
        {"x": 1},
        "",
        "additionalProperties: false",
        "holds a field that is not allowed here",
    ),
    "a field that is written wrong": (
        {"properties": {"currency": {}}, "additionalProperties": False},
        {"curency": 1, "x": 1},
        "",
        "additionalProperties: false",
        "holds 2 fields that are not allowed here (did you mean currency)",
    ),
    "a field in the wrong place": (
        {"properties": {"lines": {"properties": {"sku": {}}}}, "unevaluatedProperties": False},
        {"sku": 1},
        "",
        "unevaluatedProperties: false",
        "holds a field that is not allowed here (it is sku)",
    ),
    "a field that is forbidden by name": (
        {"properties": {"additionalProperties": False}},
        {"additionalProperties": 1},
        "additionalProperties",
        "false",
        "must not be there",
    ),
    "no alternative": (
        {"anyOf": [{"type": "string"}, {"properties": {"a": {"type": "null"}}}]},
        {"a": 1},
        "",
        "anyOf",
        "fits none of the 2 alternatives; the nearest breaks type: null at a",
    ),
    "two alternatives where one must fit": ({"oneOf": [True, True]}, 1, "", "oneOf", "fits more than one"),
    "what is excluded": ({"not": {"type": "string"}}, "x", "", "not", "is of the kind that is excluded here"),
    "the name of a field": (
        {"propertyNames": {"maxLength": 3}},
        {"long": 1},
        "",
        "propertyNames: maxLength: 3",
        "holds a field whose name breaks the rule maxLength: 3",
    ),
    "what another field asks for": (
        {"dependentRequired": {"a": ["b"]}},
        {"a": 1},
        "",
        "dependentRequired: b",
        "the field b is missing, which another field asks for",
    ),
    "too many of a kind": ({"contains": {"const": 1}, "maxContains": 1}, [1, 1], "", "maxContains", "holds too many"),
    "an item too many": ({"prefixItems": [True], "items": False}, [1, 2], "[1]", "false", "must not be there"),
    "an item nothing describes": (
        {"unevaluatedItems": False},
        [1],
        "",
        "unevaluatedItems: false",
        "holds an item that is not allowed here",
    ),
    "an item twice": ({"uniqueItems": True}, [1, Decimal("1.0")], "", "uniqueItems", "must not hold one item twice"),
    "behind a reference": (
        {"$defs": {"sku": {"minLength": 3}}, "properties": {"sku": {"$ref": "#/$defs/sku"}}},
        {"sku": "a"},
        "sku",
        "minLength: 3",
        "must have at least 3 characters",
    ),
    "half of a surrogate pair": ({"type": "string", "minLength": 1}, "\ud800", "", "json", "cannot be checked"),
}


@pytest.mark.parametrize(("schema", "document", "path", "rule", "message"), BROKEN.values(), ids=BROKEN)
def test_a_violation_says_where_which_rule_and_why(
    schema: object, document: object, path: str, rule: str, message: str
) -> None:
    (violation,) = compile_contract("shop/order@1", schema).check(document)
    assert (violation.path, violation.rule) == (path, rule)
    assert violation.message.startswith(message)


HOLDS = {
    "an amount that binary floats cannot hold": ({"multipleOf": Decimal("0.01")}, Decimal("19.99")),
    "the same, the schema read as a float": ({"multipleOf": 0.01}, Decimal("19.99")),
    "cents behind thirty digits": ({"multipleOf": Decimal("0.01")}, Decimal("123456789012345678901234567890.12")),
    "an id of thirty digits, listed": ({"enum": [123456789012345678901234567890]}, 123456789012345678901234567890),
    "an integer written with a point": ({"type": "integer"}, Decimal("1.0")),
    "thirty digits": ({"maximum": 10**30}, 10**30),
    "the largest power": ({"type": "number", "maximum": Decimal("1E+400")}, Decimal("1E+400")),
    "equal numbers written differently": ({"enum": [Decimal("1.10")]}, Decimal("1.1")),
    "unknown fields, by default": (ORDER, {"id": 1, "currency": "EUR", "new": 1}),
    "characters, not bytes or halves": ({"maxLength": 2}, "\U0001f600\U0001f600"),
}


@pytest.mark.parametrize(("schema", "document"), HOLDS.values(), ids=HOLDS)
def test_it_holds(schema: object, document: object) -> None:
    assert compile_contract("shop/order@1", schema).check(document) == ()


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ({"maximum": 10**30}, 10**30 + 1),
        ({"const": 10**30}, 10**30 + 1),
        ({"multipleOf": Decimal("0.01")}, Decimal("0.0100000000000000000000000001")),
        ({"maximum": Decimal("0.1")}, Decimal("0.10000000000000000000000000001")),
        ({"type": "integer"}, Decimal("1E-400")),
    ],
)
def test_the_last_digit_counts(schema: object, document: object) -> None:
    assert len(compile_contract("shop/order@1", schema).check(document)) == 1


def test_violations_stop_at_the_limit() -> None:
    contract = compile_contract("a/b@1", {"items": {"type": "string"}})
    assert [found.path for found in contract.check(list(range(100)), limit=3)] == ["[0]", "[1]", "[2]"]
    assert len(contract.check(list(range(100)))) == 20


def test_a_very_large_document_tells_its_first_violation() -> None:
    contract = compile_contract("a/b@1", {"items": {"anyOf": [{"type": "string"}, {"type": "null"}]}})
    assert [found.path for found in contract.check([1] * 20_000)] == ["[0]"]


CANARY = "canary-4711"

WITH_CANARY = {
    "type": ({"type": "integer"}, CANARY),
    "enum": ({"enum": ["a"]}, CANARY),
    "const": ({"const": {"a": 1}}, {"a": CANARY}),
    "pattern": ({"pattern": "^x$"}, CANARY),
    "format": ({"format": "email"}, CANARY),
    "length": ({"maxLength": 2}, CANARY),
    "minimum": ({"minimum": 10_000}, 4711),
    "multiple": ({"multipleOf": 10}, 4711),
    "contains": ({"contains": {"type": "null"}}, [CANARY]),
    "unique": ({"uniqueItems": True}, [CANARY, CANARY]),
    "unevaluated items": ({"unevaluatedItems": False}, [CANARY]),
    "an unexpected field": ({"additionalProperties": False}, {CANARY: CANARY}),
    "unexpected fields beside known ones": (
        {"properties": {"a": {}}, "additionalProperties": False},
        {CANARY: CANARY, CANARY + "2": 1},
    ),
    "unevaluated fields": ({"unevaluatedProperties": False}, {CANARY: CANARY}),
    "a name in the path": ({"additionalProperties": {"additionalProperties": {"type": "null"}}}, {CANARY: {CANARY: 1}}),
    "a name by pattern": ({"patternProperties": {"^c": {"type": "null"}}}, {CANARY: 1}),
    "the name of a field": ({"propertyNames": {"maxLength": 2}}, {CANARY: 1}),
    "an alternative": ({"anyOf": [{"type": "null"}, {"additionalProperties": {"type": "null"}}]}, {CANARY: CANARY}),
    "one alternative": ({"oneOf": [{"const": 1}, {"properties": {"a": {"enum": [1]}}}]}, {"a": CANARY}),
    "both alternatives": ({"oneOf": [True, True]}, CANARY),
    "not": ({"not": {"type": "string"}}, CANARY),
    "if": ({"if": {"type": "string"}, "then": False}, CANARY),
    "what cannot be checked": ({"type": "string"}, CANARY + "\ud800"),
}


@pytest.mark.parametrize(("schema", "document"), WITH_CANARY.values(), ids=WITH_CANARY)
def test_no_violation_shows_what_a_document_holds(schema: object, document: object) -> None:
    violations = compile_contract("shop/order@1", schema).check(document)
    assert violations
    assert "4711" not in "".join(f"{found!r} {found}" for found in violations)


def test_long_values_of_the_schema_are_cut() -> None:
    (violation,) = compile_contract("a/b@1", {"enum": ["x" * 50, "y" * 50]}).check(1)
    assert violation.rule == f"enum: {'x' * 50}, {'y' * 27}…"


def test_a_violation_reads_as_a_sentence() -> None:
    assert str(Violation("a.b", "type: string", "must be string")) == "a.b: must be string"
    assert str(Violation("", "required: a", "the field a is missing")) == "the document: the field a is missing"


REFUSED: dict[str, tuple[object, list[tuple[str, str]]]] = {
    "no schema": (3, [("", "a schema is an object, or true or false")]),
    "the text of a schema": ('{"type": "string"}', [("", "a schema is an object, or true or false")]),
    "every mistake at once": (
        {"minimum": "x", "properties": {"a": {"minLength": -1, "required": "b"}}, "type": "strin"},
        [
            ("minimum", "must be number"),
            ("properties.a.minLength", "must be at least 0"),
            ("properties.a.required", "must be array"),
            ("type", "must be one of array, boolean, integer"),
        ],
    ),
    "the arrays of older dialects": ({"items": [True]}, [("items", "must be object or boolean")]),
    "an older dialect": (
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        [("$schema", "'http://json-schema.org/draft-07/schema#' is another dialect")],
    ),
    "a reference to the network": (
        {"properties": {"a": {"$ref": "https://example.com/a.json"}}},
        [("properties.a.$ref", "'https://example.com/a.json' leaves this document")],
    ),
    "a reference to a file": ({"$ref": "file:///etc/passwd"}, [("$ref", "'file:///etc/passwd' leaves this document")]),
    "a reference to a neighbour": ({"allOf": [{"$ref": "b.json"}]}, [("allOf[0].$ref", "'b.json' leaves")]),
    "a dynamic one": ({"$dynamicRef": "other#x"}, [("$dynamicRef", "'other#x' leaves this document")]),
    "the meta-schema of another dialect": (
        {"$ref": "http://json-schema.org/draft-07/schema"},
        [("$ref", "'http://json-schema.org/draft-07/schema' leaves this document")],
    ),
    "a neighbour of the address it gives itself": (
        {"$id": "https://acme.example/order", "$ref": "money"},
        [("$ref", "'money' leaves this document")],
    ),
    "what is no address at all": ({"$ref": "http://["}, [("$ref", "'http://[' leaves this document")]),
    "a reference to nowhere": ({"items": {"$ref": "#/$defs/a"}}, [("items.$ref", "'#/$defs/a' leads nowhere")]),
    "a reference to itself": ({"$ref": "#"}, [("$ref", "leads back to itself")]),
    "two references to each other": (
        {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}},
        [("$defs.b.not.$ref", "leads back to itself without going into the document")],
    ),
    "a reference past the end of a list": (
        {"prefixItems": [True], "items": {"$ref": "#/prefixItems/1"}},
        [("items.$ref", "'#/prefixItems/1' leads nowhere")],
    ),
    "a number that no list reaches": (
        {"prefixItems": [True], "items": {"$ref": "#/prefixItems/" + "9" * 5000}},
        [("items.$ref", "'#/prefixItems/999")],
    ),
    "an anchor that is not there": ({"items": {"$ref": "#a"}}, [("items.$ref", "'#a' leads nowhere in this document")]),
    "an anchor of another schema inside": (
        {"$defs": {"a": {"$id": "urn:acme:a", "$anchor": "x"}}, "items": {"$ref": "#x"}},
        [("items.$ref", "'#x' leads nowhere in this document")],
    ),
    "a look-ahead": (
        {"items": {"pattern": "^(?=.*a)b"}},
        [("items.pattern", "the pattern '^(?=.*a)b' looks ahead or behind")],
    ),
    "a look-behind in a name": (
        {"patternProperties": {"(?<!x)a": True}},
        [("patternProperties.(?<!x)a", "the pattern '(?<!x)a' looks ahead or behind")],
    ),
    "a back-reference": ({"pattern": r"(a)\1"}, [("pattern", r"the pattern '(a)\\1' refers back to a group")]),
    "a pattern that is none": ({"pattern": "(a"}, [("pattern", "the pattern '(a' is not a regular expression")]),
    "a pattern too large": ({"pattern": "(a{1000}){1000}"}, [("pattern", "the pattern '(a{1000}){1000}' is not")]),
    "an unknown format": ({"items": {"format": "int32"}}, [("items.format", "nobody checks the format 'int32'")]),
}


@pytest.mark.parametrize(("schema", "problems"), REFUSED.values(), ids=REFUSED)
def test_a_schema_is_refused_with_every_place_and_reason(schema: object, problems: list[tuple[str, str]]) -> None:
    found = check_schema(schema)
    assert [problem.path for problem in found] == [path for path, _ in problems]
    for problem, (_, message) in zip(found, problems, strict=True):
        assert problem.message.startswith(message)


def test_a_word_of_another_language_for_a_type_is_told_with_ours() -> None:
    given = {"properties": {"a": {"type": "int"}, "b": {"type": "bool"}, "c": "string", "d": {"type": "money"}}}
    hints = {problem.path: problem.hint for problem in check_schema(given)}
    assert hints == {
        "properties.a.type": "did you mean `integer`?",
        "properties.b.type": "did you mean `boolean`?",
        "properties.c": "such as {type: string}",
        "properties.d.type": "",
    }


@pytest.mark.parametrize(("schema", "problems"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_does_not_compile(schema: object, problems: list[tuple[str, str]]) -> None:
    with pytest.raises(ContractError, match="shop/order@1 cannot be a contract") as refused:
        compile_contract("shop/order@1", schema)
    assert refused.value.problems
    assert {problem.path for problem in refused.value.problems} <= {path for path, _ in problems}


def test_a_schema_nested_beyond_reason_is_refused_without_recursion() -> None:
    schema: dict = {}
    for _ in range(100_000):
        schema = {"not": schema}
    assert [problem.message for problem in check_schema(schema)] == ["the schema is nested deeper than 64 levels"]
    while schema:  # taken apart level by level, or freeing it would recurse
        schema = schema["not"]


ACCEPTED = {
    "all": True,
    "the example": ORDER,
    "data that looks like a reference": {"const": {"$ref": "http://example.com"}, "default": {"pattern": "(?=a)"}},
    "a field called $ref": {"properties": {"$ref": {"type": "string"}, "format": {"type": "string"}}},
    "whole numbers with a point": {"minLength": Decimal("3.0")},
    "an escaped pointer": {"$defs": {"a/b~c d": True}, "$ref": "#/$defs/a~1b~0c%20d"},
    "a pointer into a list": {"prefixItems": [True], "items": {"$ref": "#/prefixItems/0"}},
    "an anchor": {"$defs": {"a": {"$anchor": "x"}}, "$ref": "#x"},
    "itself": {"properties": {"child": {"$ref": "#"}}},
    "itself in each of two alternatives": {
        "anyOf": [{"type": "string"}, {"items": {"$ref": "#"}}, {"not": {"items": {"$ref": "#"}}}]
    },
    "the address it gives itself": {
        "$id": "https://acme.example/order",
        "$ref": "order#/$defs/a",
        "$defs": {"a": True},
    },
    "a schema inside that has an address": {
        "$defs": {"a": {"$id": "urn:acme:a", "$defs": {"b": True}, "items": {"$ref": "#/$defs/b"}}},
        "properties": {"a": {"$ref": "urn:acme:a"}, "b": {"$ref": "urn:acme:a#/$defs/b"}},
    },
    "the meta-schema, which the checker carries": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
    "its dialect": {"$schema": "https://json-schema.org/draft/2020-12/schema"},
    "an escaped look-ahead": {"pattern": r"\(\?=a"},
    "a million steps of a backtracking engine": {"pattern": "^(a+)+$"},
}


@pytest.mark.parametrize("schema", ACCEPTED.values(), ids=ACCEPTED)
def test_a_good_schema_has_no_problems_and_compiles(schema: object) -> None:
    assert check_schema(schema) == ()
    assert compile_contract("shop/order@1", schema).name == "shop/order@1"


@pytest.mark.parametrize(
    "pattern",
    ["^(a+)+$", "^(a|a)+$", "^(a|aa)+$", "^(.*)*$x", "^(a*)*b$", "^([a-z]+)+[A-Z]$", "(a+a+)+y", "^a*a*a*a*a*a*b$"],
)
def test_a_pattern_that_explodes_elsewhere_is_answered(pattern: str) -> None:
    """Thirty characters take a backtracking engine minutes, and it never comes to the end of these."""
    text = "a" * 100_000 + "!"
    contract = compile_contract("a/b@1", {"pattern": pattern, "patternProperties": {pattern: False}})
    assert [found.rule for found in contract.check(text)] == [f"pattern: {pattern}"]
    assert contract.check({text: 1}) == ()


def test_references_never_reach_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/a.json"

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("a socket was asked for")

        monkeypatch.setattr(socket, "socket", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        schemas: list[object] = [{"$ref": address}, {"$schema": address}, {"$id": address, "$ref": "b.json"}]
        schemas += [{"$ref": "#/x", "x": {"$ref": address}}, {"properties": {"a": {"$dynamicRef": address}}}]
        for schema in schemas:
            assert check_schema(schema)
            with pytest.raises(ContractError):
                compile_contract("a/b@1", schema)
        monkeypatch.undo()
        with pytest.raises(BlockingIOError):  # the checker's own sockets are not Python's: nobody knocked
            listener.accept()


def test_checking_documents_does_not_wait_for_the_library_that_checks_schemas() -> None:
    code = "import sys; from engine.contract.schema import compile_contract as c; c('a/b@1', {}).check(1)"
    code += "; sys.exit('jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
