"""A mapping told field by field: the same values, what was read, and what failed."""

from itertools import count

from engine.language import Each, Fields, FromExpression, Literal, Resources, Text, TextTable, compile_mapping
from engine.language.trace import trace_mapping

RESOURCES = Resources({"skus": TextTable.of(["theirs", "ours"], [["A", "1"]], "v1")}, lambda name: None)


def of(text, **converters):
    return FromExpression(text=text, **converters)


LET = {"shop": of("'s'"), "rate": of("tax.rate")}
FIELDS = {
    "id": of("join('-', [$shop, to_string(id)])"),
    "total": of("total", money="tax.currency"),
    "address": Fields({"city": of("address.city", optional=True), "label": Text("{{ name }} {{ address.lines[0] }}")}),
    "lines": Each(
        "lines[?count > `0`]", {"sku": of("sku", table="skus"), "place": of("$index"), "order": of("$root.id")}
    ),
    "kind": Literal("order"),
}
DOCUMENT = {
    "id": 7,
    "name": "N",
    "total": "1.50",
    "tax": {"currency": "EUR", "rate": None},
    "address": {"lines": ["x"]},
    "lines": [{"sku": "A", "count": 1}, {"sku": "Z", "count": 0}],
}


def traced(document):
    ticks = count()
    return {field.path: field for field in trace_mapping(FIELDS, LET, RESOURCES, document, lambda: next(ticks))}


def test_each_field_is_told_with_what_it_reads_and_gives() -> None:
    found = traced(DOCUMENT)
    assert list(found) == [
        *("let.shop", "let.rate", "id", "total", "address.city", "address.label", "lines"),
        *("lines[0].sku", "lines[0].place", "lines[0].order", "kind"),
    ]
    assert found["id"].inputs == (("$shop", "s"), ("id", 7))
    assert found["total"].inputs == (("total", "1.50"), ("tax.currency", "EUR"))
    assert found["total"].text == 'total   {money: "tax.currency"}'
    assert found["address.label"].inputs == (("name", "N"), ("address.lines[0]", "x"))
    assert found["lines[0].order"].inputs == (("$root.id", 7),)
    assert {field.took_s for field in found.values()} == {1}


def test_the_values_are_those_of_the_mapping_as_it_runs() -> None:
    mapped = compile_mapping(FIELDS, LET, RESOURCES)(DOCUMENT)
    found = traced(DOCUMENT)
    assert (found["id"].output, found["total"].output) == (mapped["id"], mapped["total"])
    assert found["address.label"].output == mapped["address"]["label"]
    assert found["lines[0].sku"].output == mapped["lines"][0]["sku"]
    assert found["kind"].output == mapped["kind"]


def test_a_field_that_fails_says_why_and_the_rest_goes_on() -> None:
    found = traced({**DOCUMENT, "total": "x", "lines": [{"sku": "Z", "count": 1}]})
    assert found["total"].problem.startswith("an amount is a number")
    assert found["lines[0].sku"].problem == "'Z' is not in table skus (column theirs)"
    assert found["lines[0].place"].output == 0
    assert found["kind"].problem == ""
