"""The schemas for editors: valid themselves, kind to every file of the reference workspace, firm with mistakes."""

from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from real import ROOT
from spec.everything import CARRIER, PAID, PUBLISHED
from spec.everything import EVERYTHING as ALL_FORMS
from spec.minimal import CHARTER, ERP, MAPPING, MINIMAL, SHOP, SPEC, edited

from engine.spec import shape, yaml
from engine.spec.leaves import LEAVES
from engine.spec.schema import _LEAVES, Kind, editor_schema

KINDS: tuple[Kind, ...] = get_args(Kind)
FILES = {
    "charter": "charter/charter.yaml",
    "system": "charter/systems/*.yaml",
    "mapping": "mappings/*.yaml",
    "spec": "specs/*.yaml",
    "profile": "charter/profiles/*.yaml",
}
REFERENCE = [
    pytest.param(kind, path, id=path.relative_to(ROOT).as_posix())
    for kind, pattern in FILES.items()
    for path in sorted(ROOT.glob(pattern))
]


def validator(kind: Kind) -> Draft202012Validator:
    return Draft202012Validator(editor_schema(kind))


def data(text: str) -> Any:
    """A file as an editor sees it."""
    node, faults = yaml.compose(text, "file.yaml")
    assert node is not None
    assert not faults
    return yaml.plain(node)


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_holds_the_meta_schema(kind: Kind) -> None:
    schema = editor_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["additionalProperties"] is False


def test_the_reference_workspace_has_files_of_every_kind() -> None:
    assert {case.values[0] for case in REFERENCE} == {*KINDS}


@pytest.mark.parametrize(("kind", "path"), REFERENCE)
def test_every_file_of_the_reference_workspace_holds_its_schema(kind: Kind, path: Any) -> None:
    errors = [error.message for error in validator(kind).iter_errors(data(path.read_text()))]
    assert not errors


@pytest.mark.parametrize(
    ("kind", "file"), [("charter", CHARTER), ("system", SHOP), ("system", ERP), ("mapping", MAPPING), ("spec", SPEC)]
)
def test_the_minimal_workspace_holds_its_schemas(kind: Kind, file: str) -> None:
    errors = [error.message for error in validator(kind).iter_errors(data(MINIMAL[file]))]
    assert not errors


CONVERTERS = (
    "table: statuses, ignore: [case, space]",
    "number: decimal, round: half_even, digits: 30",
    "time: utc, zone: Europe/Berlin, disambiguation: compatible",
    "unit: each, from_unit: uom, packs: statuses, packs_of: sku",
)


@pytest.mark.parametrize("keys", CONVERTERS)
def test_the_keys_of_converters_hold_the_schema(keys: str) -> None:
    files = edited((MAPPING, "total_price, money: currency", f"total_price, {keys}"))
    errors = [error.message for error in validator("mapping").iter_errors(data(files[MAPPING]))]
    assert not errors


MISTAKES = [
    pytest.param("spec", SPEC, "owner: orders", "ownr: orders", id="an unknown key"),
    pytest.param("spec", SPEC, "owner: orders\n", "", id="a missing key"),
    pytest.param("spec", SPEC, "impact: revenue", "impact: huge", id="a word of no enumeration"),
    pytest.param("spec", SPEC, "impact: revenue", "impact: revenue\nsla: {silence: 6h}", id="a key of a later release"),
    pytest.param("system", ERP, "{method: GET,", "{read: csv, method: GET,", id="a later word"),
    pytest.param("spec", SPEC, "version: 1", "version: 0", id="a number too small"),
    pytest.param("spec", SPEC, "- id: review", "- id: re-view", id="a name in the wrong case"),
    pytest.param("spec", SPEC, "map: shop-order", "map: shop-order\n    call: erp.x", id="a step of two kinds"),
    pytest.param("spec", SPEC, "once: order.id", "once: 17", id="a number where an expression stands"),
    pytest.param("spec", SPEC, "input: order", "input: {id: order.id}", id="an object that is no value"),
    pytest.param("system", ERP, "timeout: 5s", "timeout: 5", id="a duration without unit"),
    pytest.param("system", ERP, "{secret: ERP_TOKEN}", "hush", id="a secret in the clear"),
    pytest.param("system", ERP, "{secret: ERP_TOKEN}}", "{secret: erp.token}}", id="a secret's name with a dot"),
    pytest.param("system", SHOP, "secret: {secret: SHOP_SECRET}", "secret: []", id="an empty list of secrets"),
    pytest.param("system", ERP, "rotated: 2026-11-01", "rotated: 2026-13-01", id="a month that is none"),
    pytest.param(
        "mapping", MAPPING, "total_price, money: currency", "total_price, monee: currency", id="an unknown converter"
    ),
    pytest.param("mapping", MAPPING, "money: currency", "money: currency, round: halfup", id="a way to round"),
    pytest.param("mapping", MAPPING, "money: currency", "number: decimal, digits: 31", id="a number too large"),
    pytest.param("mapping", MAPPING, "table: statuses", "table: statuses, ignore: [caps]", id="a word of a list"),
    pytest.param("charter", CHARTER, "contact:", "contakt:", id="an unknown key of a team"),
]


@pytest.mark.parametrize(("kind", "file", "old", "new"), MISTAKES)
def test_the_schema_underlines_a_mistake(kind: Kind, file: str, old: str, new: str) -> None:
    files = edited((file, old, new))
    assert not validator(kind).is_valid(data(files[file]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_has_a_description_and_no_later_key_is_offered(kind: Kind) -> None:
    schema = editor_schema(kind)
    shapes = [schema, *(each for each in schema["$defs"].values() if "properties" in each)]
    for each in shapes:
        assert each["description"]
        for name, known in each["properties"].items():
            assert known.get("description") or known.get("$ref"), name
    later = {
        "spec": "silence",
        "system": "pages",
        "mapping": "from_unit_of",
        "charter": "calendar",
        "profile": "users",
    }[kind]
    assert not any(later in each["properties"] for each in shapes)


def test_shape_by_shape_the_schema_knows_what_the_reader_knows() -> None:
    # The reader takes {env: NAME} apart inside `Setting`; for a schema it is a leaf like {secret: NAME}.
    assert {*_LEAVES} == {*LEAVES, shape.EnvironmentName}


@pytest.mark.parametrize(
    ("kind", "file"),
    [("charter", CHARTER), ("system", ERP), ("system", CARRIER), *(("spec", file) for file in (SPEC, PUBLISHED, PAID))],
)
def test_every_form_of_step_topic_and_wait_holds_its_schema(kind: Kind, file: str) -> None:
    errors = [error.message for error in validator(kind).iter_errors(data(ALL_FORMS[file]))]
    assert not errors


FORMS = [
    pytest.param("spec", PUBLISHED, "  topic: orders\n", "", id="no way in"),
    pytest.param(
        "spec", PUBLISHED, "topic: orders\n", "topic: orders\n  webhook: {path: /x, system: shop}\n", id="two"
    ),
    pytest.param("spec", PAID, '  id: headers."x-event-id"\n', "", id="a webhook without an id"),
    pytest.param("spec", SPEC, "any_of: [carrier.buy_label, other-carrier.buy_label]", "any_of: []", id="no provider"),
    pytest.param("spec", SPEC, "    default: []\n", "    defaults: []\n", id="an unknown key of a step"),
    pytest.param("spec", SPEC, "queue: labels, reason:", "queue: labels, raeson:", id="an unknown key inside each"),
    pytest.param("spec", SPEC, "queue: labels, reason:", "queue: labels, warn:", id="a queue without a reason"),
    pytest.param("spec", SPEC, "warn: 3d", "warn: 3", id="a span without a unit"),
    pytest.param("spec", SPEC, "{topic: payments, when", "{topics: payments, when", id="a wait for nothing"),
    pytest.param("spec", SPEC, "{then: {value: [carrier.", "{than: {value: [carrier.", id="a row without a decision"),
    pytest.param("system", ERP, "undo: {call: cancel_order, input:", "undo: {call: cancel_order, inpt:", id="an undo"),
    pytest.param("charter", CHARTER, "key: id}", "kee: id}", id="a topic without a key"),
]


@pytest.mark.parametrize(("kind", "file", "old", "new"), FORMS)
def test_the_schema_underlines_a_mistake_in_a_form(kind: Kind, file: str, old: str, new: str) -> None:
    assert not validator(kind).is_valid(data(edited((file, old, new), of=ALL_FORMS)[file]))
