"""Names that lead nowhere, and keys of a later release: one fault each, at the place, with the mend."""

import pytest
from spec.minimal import CHARTER, ERP, MAPPING, SHOP, SPEC, Edit, edited, read, told
from spec.mistake import assert_told, mistake


def later(key: str, file: str, old: str, new: str) -> object:
    at = new[new.index(key) :].splitlines()[0]
    return mistake(f"{key} is not available", file, old, new, "not-available", at, "leave it out")


LATER = [
    later("silence", SPEC, "impact: revenue", "impact: revenue\nsla: {silence: 6h}"),
    later("poll", SPEC, "  webhook: {path: /hooks/orders, system: shop}", "  poll: {call: erp.find_order, every: 1m}"),
    later("file", SPEC, "  webhook: {path: /hooks/orders, system: shop}", "  file: {folder: in, match: '*.csv'}"),
    later("hosts", ERP, "timeout: 5s", "timeout: 5s\nhosts: [cdn.example]"),
    later("pages", ERP, "result: body.id", "pages: {next: {link: next}}\n    result: body.id"),
    later("url", ERP, 'path: "/orders/{{ input.reference }}"', "url: input.next"),
    later("csv", ERP, "{method: GET,", "{read: csv, method: GET,"),
    later("xml", ERP, "{method: GET,", "{read: xml, method: GET,"),
    later("oauth2", ERP, "{bearer: {secret: ERP_TOKEN}}", "{oauth2: {grant: refresh}}"),
    later("adyen", SHOP, "scheme: shopify,", "scheme: adyen,"),
    later("policies", CHARTER, "charter: Acme", "charter: Acme\npolicies: {}"),
    later("calendar", CHARTER, "charter: Acme", "charter: Acme\ncalendar: {}"),
]

EXPRESSIONS = [
    mistake(
        "an item's place where there is no item",
        MAPPING,
        "{value: shop}",
        "to_string($index)",
        "unknown-variable",
        "$index",
        "in scope: $prefix, $root",
    ),
    mistake(
        "what holds an item where there is no item",
        MAPPING,
        "{value: shop}",
        "$parent.name",
        "unknown-variable",
        "$parent",
        "in scope: $prefix, $root",
    ),
    mistake(
        "an item's place in `let`",
        MAPPING,
        "prefix: \"'shop'\"",
        "prefix: to_string($index)",
        "unknown-variable",
        "$index",
        "in scope: $root",
    ),
    mistake(
        "a fault in a block points at its beginning",
        SPEC,
        '"order.total > `500000`"',
        ">-\n      order.total\n      > 500000",
        "bare-number",
        ">-",
        "`500000`",
    ),
    mistake(
        "a fault in a text with escapes points at its beginning",
        SPEC,
        '"order.total > `500000`"',
        '"order.total\\u0020> 500000"',
        "bare-number",
        '"order.total',
        "`500000`",
    ),
    mistake(
        "a fault in single quotes points into them",
        SPEC,
        '"order.total > `500000`"',
        "'order.total > 500000'",
        "bare-number",
        "500000'",
        "`500000`",
    ),
    mistake(
        "a currency without quotes",
        MAPPING,
        "money: currency",
        "money: EUR",
        "bare-currency",
        "EUR",
        "`money: \"'EUR'\"`",
    ),
    mistake(
        "a currency in the quotes of YAML alone",
        MAPPING,
        "money: currency",
        'decimal: "JPY"',
        "bare-currency",
        '"JPY"',
        "`decimal: \"'JPY'\"`",
    ),
    mistake(
        "a currency without quotes where names are known",
        SPEC,
        "input: order",
        "input: {from: order.total, decimal: EUR}",
        "bare-currency",
        "EUR",
        "`decimal: \"'EUR'\"`",
    ),
    mistake(
        "a unit without quotes",
        MAPPING,
        "total_price, money: currency",
        "grams, unit: g, from_unit: kg",
        "bare-unit",
        "kg",
        "`from_unit: \"'kg'\"`",
    ),
    mistake(
        "a name that is out of scope lists what is in scope",
        SPEC,
        "once: order.id",
        "once: ordr.id",
        "unknown-name",
        "ordr.id",
        "did you mean order?",
    ),
    mistake(
        "the result of a later step",
        SPEC,
        "map: shop-order",
        'map: shop-order\n    when: "erp.id"',
        "unknown-name",
        "erp.id",
        "in scope: body",
    ),
    mistake(
        "an event in `receive`, which names it",
        SPEC,
        "key: to_string(body.id)",
        "key: event.id",
        "unknown-name",
        "event.id",
        "in scope: body",
    ),
    mistake(
        "the scope of a step in a request",
        ERP,
        '"merge(input, {reference: once})"',
        "order",
        "unknown-name",
        "order",
        "in scope: input, once",
    ),
    mistake(
        "the answer in a request's path",
        ERP,
        "{{ input.reference }}",
        "{{ status }}",
        "unknown-name",
        "status }}",
        "in scope: input, once",
    ),
    mistake(
        "a bare number in an expression",
        SPEC,
        "`500000`",
        "500000",
        "bare-number",
        "500000",
        "`500000`",
    ),
    mistake(
        "a bare true in an expression",
        SPEC,
        "body.status == 'paid'",
        "body.test == true",
        "bare-literal",
        "true",
        "`true`",
    ),
    mistake(
        "a YAML true where an expression stands",
        SPEC,
        "when: body.status == 'paid'",
        "when: true",
        "bare-literal",
        "true",
        "{value: true}",
    ),
    mistake(
        "a YAML number where an expression stands",
        SPEC,
        "once: order.id",
        "once: 17",
        "bare-literal",
        "17",
        "{value: 17}",
    ),
    mistake(
        "a name with a hyphen and no quotes",
        SPEC,
        'headers."x-event-id"',
        "headers.x-event-id",
        "hyphen-needs-quotes",
        "x-event-id",
        '"x-event-id"',
    ),
    mistake(
        "a member of what is negated",
        SPEC,
        "body.status == 'paid'",
        '"!body.test"',
        "not-binds-first",
        "!body.test",
        "!(a.b)",
    ),
    mistake(
        "a text without quotes",
        SPEC,
        "body.status == 'paid'",
        "body.status == paid",
        "unknown-name",
        "paid",
        "'paid'",
    ),
    mistake(
        "an expression that does not end",
        SPEC,
        "key: to_string(body.id)",
        "key: to_string(body.id",
        "expression-syntax",
        "",
    ),
    mistake(
        "a function nobody knows",
        SPEC,
        "to_string(body.id)",
        "tostring(body.id)",
        "unknown-function",
        "tostring",
        "to_string()",
    ),
    mistake(
        "a function with too few arguments",
        MAPPING,
        "join('-', [$prefix, to_string(id)])",
        "join([$prefix])",
        "wrong-arity",
        "join",
    ),
    mistake(
        "a variable that `let` does not define",
        MAPPING,
        "$prefix, to",
        "$prefx, to",
        "unknown-variable",
        "$prefx",
        "did you mean $prefix?",
    ),
    mistake(
        "a hole that is not closed",
        MAPPING,
        '"Order {{ name }}"',
        '"Order {{ name }"',
        "template-syntax",
        "Order {{",
        "{{ name }}",
    ),
    mistake(
        "a loop in a text",
        MAPPING,
        '"Order {{ name }}"',
        '"{% for x in y %}{% endfor %}"',
        "template-not-allowed",
        "{% for",
    ),
    mistake(
        "a name out of scope in a text",
        SPEC,
        "{{ order.id }} is large",
        "{{ erp.id }} is large",
        "unknown-name",
        "erp.id }}",
        "in scope",
    ),
]

REFERENCES = [
    mistake(
        "a time zone",
        MAPPING,
        "total_price, money: currency",
        "paid_at, time: utc, zone: Europe/Berln",
        "unknown-zone",
        "Europe/Berln",
        "did you mean `Europe/Berlin`?",
    ),
    mistake(
        "a time zone by its city",
        MAPPING,
        "total_price, money: currency",
        "paid_at, time: utc, zone: New York",
        "unknown-zone",
        "New York",
        "did you mean `America/New_York`?",
    ),
    mistake(
        "a time zone like no other",
        MAPPING,
        "total_price, money: currency",
        "paid_at, time: utc, zone: Mars/Olympus_Mons",
        "unknown-zone",
        "Mars",
        "IANA",
    ),
    mistake("a team", SPEC, "owner: orders", "owner: order", "unknown-team", "order", "did you mean `orders`?"),
    mistake("a team in raci", CHARTER, "deploys: orders", "deploys: ops", "unknown-team", "ops", "orders"),
    mistake("an environment", ERP, "production: https", "prod: https", "unknown-environment", "https", "production"),
    mistake("the sender", SPEC, "system: shop}", "system: shopp}", "unknown-system", "shopp", "did you mean `shop`?"),
    mistake("the system of a call", SPEC, "call: erp.", "call: epr.", "unknown-system", "epr.", "did you mean `erp`?"),
    mistake("a system of record", CHARTER, "record: erp", "record: zzz", "unknown-system", "zzz", "systems: erp, shop"),
    mistake(
        "an operation", SPEC, "erp.create_order\n", "erp.make_order\n", "unknown-operation", "erp.make", "create_order"
    ),
    mistake(
        "the operation of a look-up", ERP, "call: find_order", "call: find", "unknown-operation", "find", "find_order"
    ),
    mistake("a mapping", SPEC, "map: shop-order", "map: shop-ordr", "unknown-mapping", "shop-ordr", "`shop-order`?"),
    mistake(
        "a contract", SPEC, "contract: shop/order@1", "contract: shop/order@2", "unknown-contract", "shop/order@2", "@1"
    ),
    mistake(
        "a mapping's contract", MAPPING, "to: canonical/order@1", "to: canon/order@1", "unknown-contract", "canon", "@1"
    ),
    mistake("a table", MAPPING, "table: statuses", "table: status", "unknown-table", "status", "`statuses`?"),
    mistake(
        "a column",
        MAPPING,
        "table: statuses",
        "table: statuses, give: our",
        "unknown-column",
        "our",
        "did you mean `ours`?",
    ),
    mistake(
        "a recording",
        SPEC,
        "recordings/order.json",
        "recordings/ordre.json",
        "unknown-recording",
        "recordings",
        "order.json",
    ),
    mistake("two steps of one id", SPEC, "- id: review", "- id: order", "duplicate-name", "order", "choose another id"),
    mistake("a step named like the scope", SPEC, "- id: review", "- id: body", "duplicate-name", "body", "another id"),
    mistake(
        "fewer expectations than events",
        SPEC,
        "[recordings/order.json]",
        "[recordings/order.json, recordings/order.json]",
        "example-count",
        "[{status: done",
        "one entry per event",
    ),
    mistake(
        "a look-up that changes something",
        ERP,
        "effect: none",
        "effect: unprotected\n    identity: path[1]",
        "lookup-effect",
        "find_order",
    ),
    mistake(
        "a look-up of an operation that has none",
        SPEC,
        "call: erp.create_order\n",
        "call: erp.find_order\n    on_unknown: lookup\n",
        "no-lookup",
        "lookup",
    ),
    mistake(
        "a retry of what must never be sent again",
        ERP,
        "effect: idempotent",
        "effect: at_most_once",
        "at-most-once",
        "retry",
        "hold",
        also=((SPEC, "once: order.id", "once: order.id\n    on_unknown: retry"),),
    ),
    mistake(
        "a file that names itself otherwise",
        SPEC,
        "integration: orders",
        "integration: order",
        "name-differs",
        "order",
        "write `integration: orders`",
    ),
]


@pytest.mark.parametrize(("edit", "also", "code", "at", "hint"), [*LATER, *EXPRESSIONS, *REFERENCES])
def test_one_mistake_is_one_located_fault(edit: Edit, also: tuple[Edit, ...], code: str, at: str, hint: str) -> None:
    assert_told(edit, also, code, at, hint)


def test_inside_each_an_item_knows_its_place_and_what_holds_it() -> None:
    _, faults = read(edited((MAPPING, "sku: sku", "sku: join('-', [$parent.name, $root.name, to_string($index)])")))
    assert not faults, told(faults)


@pytest.mark.parametrize("currency", ["currency", '"@.EUR"', "\"'EUR'\"", "eur", "data.EUR"])
def test_a_currency_that_is_a_field_or_a_quoted_code_is_none_too_bare(currency: str) -> None:
    _, faults = read(edited((MAPPING, "money: currency", f"money: {currency}")))
    assert not faults, told(faults)
