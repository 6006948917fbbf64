"""One change at a time, as the contract allows."""

from pathlib import Path
from typing import Any

from workspaces import ORDER, shop

from harness.prove.mutants import another_item, mutants, words_allowed
from harness.prove.news import Teller

SCHEMA: Any = {
    "type": "object",
    "required": ["order", "total", "version"],
    "$defs": {"line": {"properties": {"sku": {"enum": ["A", "B"]}}}},
    "properties": {"lines": {"items": {"$ref": "#/$defs/line"}}, "city": {"enum": ["Berlin", "Reno"]}},
}


def test_only_what_the_contract_allows_is_made_and_every_way_comes_in_turn(tmp_path: Path) -> None:
    teller = Teller(shop(tmp_path), "orders")
    body = {**ORDER, "lines": [{"id": 1}], "at": "2026-11-01 09:30", "city": "Berlin"}
    document = {"headers": {"x-shop-event": "e-1"}, "query": {}, "body": body}
    made = [mutant.made for mutant in mutants(teller, document, SCHEMA, {"note", "lines"})]
    assert made[:5] == [
        "without body.note",
        "with body.lines[0] twice",
        "with body.note null",
        "with body.city 'Reno'",
        "with body.at 2026-10-25 02:30",
    ]
    assert "without body.email" in made
    assert "without body.total" not in made  # required
    assert "with body.email null" not in made  # a text
    assert all(teller.sound(mutant.document) for mutant in mutants(teller, document, SCHEMA, ()))


def test_an_item_comes_twice_as_another_one_of_its_kind() -> None:
    assert another_item([{"line": 71, "sku": "A"}, {"line": 72, "sku": "B"}]) == {"line": 73, "sku": "A"}
    assert another_item(["A"]) == "A"


def test_enumerations_are_found_behind_references_and_within_lists() -> None:
    assert words_allowed(SCHEMA, SCHEMA, ("lines", 3, "sku")) == ("A", "B")
    assert words_allowed(SCHEMA, SCHEMA, ("lines", "no", "such")) == ()
    assert words_allowed({"$ref": "#"}, {"$ref": "#"}, ("a",)) == ()
