"""Plans: what they are pinned to, and that the kept content makes the same plan again."""

import re
from collections.abc import Mapping

import pytest
from blackbox.rig import FILES

from engine.errors import Gone
from engine.language import LanguageError, Resources
from engine.run.load import check
from engine.spec.compile import compile_content, compile_workspace
from engine.spec.plan import CallStep, HoldStep, MapStep, Plan

RESOURCES = Resources(tables={}, zones=lambda _: None)


def compiled(files: Mapping[str, str]) -> Plan:
    checked = check({path: text.lstrip().encode() for path, text in files.items()})
    assert checked.faults == ()
    (plan,) = compile_workspace(checked.workspace, "local", RESOURCES).values()
    return plan


def edited(file: str, old: str, new: str) -> dict[str, str]:
    assert old in FILES[file]
    return {**FILES, file: FILES[file].replace(old, new)}


MADE = edited(
    "mappings/order.yaml",
    "  number: number\n",
    "  number: number\n  rate: {value: 1.50}\n  after: {value: {b: 1, a: 2}}\n",
)


def test_the_kept_content_makes_the_same_plan_again_to_the_digit_and_the_order_of_keys() -> None:
    plan = compiled(MADE)
    again = compile_content(plan.content, "local", RESOURCES)
    assert (again.hash, again.content, again.integration, again.version) == (plan.hash, plan.content, "shop-orders", 1)
    source = {"id": "1", "customer": "c", "number": 1, "total": "1.00", "currency": "EUR"}
    for one in (plan, again):
        step = one.steps[0]
        assert isinstance(step, MapStep)
        made = step.mapping(source)
        assert isinstance(made, dict)
        assert (str(made["rate"]), list(made["after"])) == ("1.50", ["b", "a"])


def test_what_was_kept_is_read_again_however_deep_its_files_are() -> None:
    deep = "string"
    for _ in range(61):
        deep = f"[{deep}]"
    plan = compiled(
        edited("mappings/order.yaml", "  number: number\n", f"  number: number\n  deep: {{value: {deep}}}\n")
    )
    assert compile_content(plan.content, "local", RESOURCES).hash == plan.hash


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("specs/shop-orders.yaml", "once: order.id", "once: order.customer"),
        ("mappings/order.yaml", "number: number", "number: number + `1`"),
        ("charter/models/canonical/order@1.yaml", "minimum: 0", "minimum: 1"),
        ("charter/systems/erp.yaml", "path: /sales-orders, body", "path: /orders, body"),
        ("charter/systems/erp.yaml", "valid_for: 24h", "valid_for: 48h"),
        ("specs/shop-orders.yaml", "impact: revenue\n", "impact: revenue\nsla: {complete: {within: 24h}}\n"),
    ],
)
def test_a_change_of_behaviour_is_another_plan(file: str, old: str, new: str) -> None:
    assert compiled(edited(file, old, new)).hash != compiled(FILES).hash


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("specs/shop-orders.yaml", "integration: shop-orders\n", "# why\nintegration: shop-orders\n"),
        ("specs/shop-orders.yaml", "owner: orders\nimpact: revenue\n", "impact: revenue\nowner: orders\n"),
        ("specs/shop-orders.yaml", "Every order of the shop", "Each order of the shop"),
        (
            "specs/shop-orders.yaml",
            "impact: revenue\n",
            "impact: revenue\nsla: {accept: {p99: 1s}, complete: {p99: 9s, success: 99%}, peak: {rate: 9/s, for: 9s}}\n",
        ),
        ("charter/systems/erp.yaml", "timeout: 2s", "timeout: 4s"),
        ("charter/systems/erp.yaml", "attempts_max: 60", "attempts_max: 61"),
        ("charter/systems/erp.yaml", "{local: {env: ERP_URL}}", "{local: {env: OTHER_URL}}"),
    ],
)
def test_comments_order_and_what_is_live_are_not(file: str, old: str, new: str) -> None:
    assert compiled(edited(file, old, new)).hash == compiled(FILES).hash


def test_a_request_carries_the_key_of_its_effect_and_encodes_its_path() -> None:
    path = edited("charter/systems/erp.yaml", "path: /sales-orders, body", 'path: "/sales-orders/{{ once }}", body')
    step = compiled(path).steps[1]
    assert isinstance(step, CallStep)
    request = step.operation.request({"a": 1}, "a/b ü")
    assert request.path == "/sales-orders/a%2Fb%20%C3%BC"
    assert [name for name, _ in request.headers] == ["Idempotency-Key"]


def test_content_that_this_release_cannot_read_is_gone_and_no_crash() -> None:
    content = compiled(FILES).content.replace(b'"on_unknown":"lookup"', b'"on_unknown":"guess"')
    with pytest.raises(Gone, match="older release"):
        compile_content(content, "local", RESOURCES)


def test_steps_name_the_tables_they_may_look_something_up_in_and_the_plan_has_those_of_the_moment() -> None:
    files = {
        **edited(
            "mappings/order.yaml",
            "fields:\n",
            "let:\n  shop: {from: shop, table: shops, optional: true}\nfields:\n"
            "  lines: {each: lines, fields: {sku: {from: sku, table: skus}, deep: {fields: {x: {from: y, table: skus}}}}}\n",
        ),
        "charter/models/shop/order@1.yaml": FILES["charter/models/shop/order@1.yaml"] + "additionalProperties: true\n",
        "charter/systems/erp.yaml": FILES["charter/systems/erp.yaml"].replace(
            "query: {external_id: input.external_id}", "query: {external_id: {from: input.external_id, table: ids}}"
        ),
        "specs/shop-orders.yaml": FILES["specs/shop-orders.yaml"].replace(
            "    input: order\n", "    input: {fields: {id: {from: order.id, table: inputs}}}\n"
        ),
        **{f"charter/tables/{name}.csv": "a,b\n1,2\n" for name in ("shops", "skus", "ids", "inputs")},
    }
    plan = compiled(files)
    assert [step.tables for step in plan.steps if not isinstance(step, HoldStep)] == [("shops", "skus"), ("inputs",)]
    again = compile_content(plan.content, "local", RESOURCES)
    assert [step.tables for step in again.steps if not isinstance(step, HoldStep)] == [("shops", "skus"), ("inputs",)]
    assert plan.tables is again.tables is RESOURCES.tables


def test_a_plan_tells_the_fields_that_its_contract_does_not_know() -> None:
    plan = compiled(FILES)
    assert plan.receive.unknown is not None
    assert plan.receive.unknown({"id": "1", "duties": 1}) == ("duties",)
    without = compiled(edited("specs/shop-orders.yaml", "  contract: shop/order@1\n", ""))
    assert without.receive.unknown is None


def test_what_names_an_event_is_read_whole_with_the_operands_of_its_converters() -> None:
    """Before the answer only what `id` and `key` read is decoded: the currency of an amount is among it."""
    files = edited("specs/shop-orders.yaml", "  key: ", "  key: {from: body.total, money: body.currency}  #")
    plan = compiled(files)
    assert plan.receive.extract is not None
    scope = {"headers": {}, "query": {}, "environment": "local"}
    body = plan.receive.extract(b'{"id": "1", "total": "1.50", "currency": "EUR", "more": 1}')
    assert body == {"total": "1.50", "currency": "EUR"}
    assert plan.receive.key({**scope, "body": body}) == 150


def test_an_expression_that_fails_says_where_it_is_written() -> None:
    plan = compiled(edited("specs/shop-orders.yaml", "  key: ", '  when: "`true` && abs(headers.x) > `0`"\n  key: '))
    scope = {"headers": {"x": "t"}, "body": {}}
    assert plan.receive.when is not None
    with pytest.raises(LanguageError) as caught:
        plan.receive.when(scope)
    said = "abs() takes a number as its first argument, not string"
    place = r"\(specs/shop-orders\.yaml:\d+, character 11 of ``true` && abs\(headers\.x\) > `0``\)"
    assert re.fullmatch(f"{re.escape(said)} {place}", caught.value.message)
    again = compile_content(plan.content, "local", RESOURCES)
    assert again.receive.when is not None
    with pytest.raises(LanguageError) as caught:
        again.receive.when(scope)
    assert caught.value.message == said, "what a kept plan is made of stands in no file any more"
