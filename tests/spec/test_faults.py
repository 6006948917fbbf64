"""Every mistake a newcomer makes: one fault, with its code, pointing at the text that is wrong, with the mend."""

import pytest
from spec.minimal import (
    CHARTER,
    ERP,
    MAPPING,
    MINIMAL,
    SHOP,
    SOURCE,
    SPEC,
    TABLE,
    Edit,
    edited,
    read,
    text_at,
    told,
)


def test_the_minimal_workspace_has_no_fault() -> None:
    workspace, faults = read(MINIMAL)
    assert not faults, told(faults)
    assert [*workspace.integrations] == ["orders"]
    assert [*workspace.systems] == ["erp", "shop"]


def mistake(
    title: str, file: str, old: str, new: str, code: str, at: str, hint: str = "", *, also: tuple[Edit, ...] = ()
) -> object:
    """`new` written instead of `old` gives the fault `code` at the text `at`; the mend holds `hint`."""
    return pytest.param((file, old, new), also, code, at, hint, id=title)


KEYS_AND_TYPES = [
    mistake(
        "a misspelled key is one fault, not also a missing one",
        SPEC,
        "owner: orders",
        "ownr: orders",
        "unknown-key",
        "ownr",
        "did you mean `owner`?",
    ),
    mistake(
        "a misspelled kind of step is one fault",
        SPEC,
        "map: shop-order",
        "mapp: shop-order",
        "unknown-key",
        "mapp",
        "did you mean `map`?",
    ),
    mistake(
        "a key unlike any other lists the keys of the place",
        SPEC,
        "impact: revenue",
        "impact: revenue\nzzz: 1",
        "unknown-key",
        "zzz",
        "keys here: integration, version",
    ),
    mistake(
        "a missing key says what it is for",
        SPEC,
        "owner: orders\n",
        "",
        "missing-key",
        "integration: orders",
        "add `owner:` — a team of the charter",
    ),
    mistake("a number for a text", CHARTER, "charter: Acme", "charter: 42", "wrong-type", "42", 'quote it: "42"'),
    mistake("a text for a number", SPEC, "version: 1", "version: one", "wrong-type", "one"),
    mistake("a version below one", SPEC, "version: 1", "version: 0", "wrong-type", "0"),
    mistake(
        "a comment where a value was meant",
        CHARTER,
        'contact: "#orders"',
        "contact:  # orders\n",
        "wrong-type",
        "",
        "text that begins with # must be quoted",
        also=(
            (CHARTER, "teams: {orders: {", "teams:\n  orders: {"),
            (CHARTER, "on_call: orders-oncall}}", "on_call: o}"),
        ),
    ),
    mistake(
        "a list for a mapping",
        SPEC,
        "webhook: {path: /hooks/orders, system: shop}",
        "webhook: [shop]",
        "wrong-type",
        "[shop]",
    ),
    mistake(
        "a mapping for a list",
        SPEC,
        "    events: [recordings/order.json]",
        "    events: recordings/order.json",
        "wrong-type",
        "recordings/order.json",
    ),
    mistake(
        "a word of an enumeration misspelled",
        ERP,
        "effect: idempotent",
        "effect: idempotant",
        "unknown-word",
        "idempotant",
        "did you mean `idempotent`?",
    ),
    mistake(
        "a word unlike any of the enumeration lists them",
        SPEC,
        "impact: revenue",
        "impact: huge",
        "unknown-word",
        "huge",
        "`revenue`, `penalty`, `operations`",
    ),
    mistake("a duration without a unit", ERP, "timeout: 5s", "timeout: 5", "bad-duration", "5", "30s"),
    mistake("a duration in words", ERP, "valid_for: 24h", "valid_for: a day", "bad-duration", "a day", "12h"),
    mistake("a step's id in kebab-case", SPEC, "- id: review", "- id: re-view", "bad-name", "re-view"),
    mistake(
        "a contract without a version", SPEC, "contract: shop/order@1", "contract: shop/order", "bad-name", "shop/order"
    ),
    mistake(
        "a step of two kinds",
        SPEC,
        "map: shop-order",
        "map: shop-order\n    call: erp.create_order",
        "one-of",
        "id: order",
    ),
    mistake("a sign-in of no kind", ERP, "auth: {bearer: {secret: ERP_TOKEN}}", "auth: {}", "one-of", "{}"),
    mistake("an empty list of secrets", SHOP, "secret: {secret: SHOP_SECRET}", "secret: []", "empty-list", "[]"),
    mistake(
        "an object that does not say what kind of value it is",
        SPEC,
        "input: order",
        "input: {id: order.id}",
        "wrong-value",
        "{id",
        "{fields: {…}}",
    ),
    mistake("a list where a value stands", SPEC, "input: order", "input: [order]", "wrong-type", "[order]"),
    mistake(
        "a key that belongs to another kind of step",
        SPEC,
        "map: shop-order",
        "map: shop-order\n    once: body.id",
        "key-not-here",
        "body.id",
        "remove it",
    ),
    mistake(
        "a failure policy without the default it needs",
        SPEC,
        "once: order.id",
        "once: order.id\n    on_failure: continue",
        "missing-key",
        "id: erp",
        "default",
    ),
    mistake(
        "a header for a scheme that fixes it",
        SHOP,
        "scheme: shopify,",
        "scheme: shopify, header: X-Sign,",
        "key-not-here",
        "X-Sign",
        "remove it",
    ),
    mistake(
        "a scheme that needs a header without one",
        SHOP,
        "scheme: shopify,",
        "scheme: hmac-sha256,",
        "missing-key",
        "{scheme",
        "",
    ),
    mistake(
        "an effect that the partner's book cannot know",
        ERP,
        "    identity: body.reference\n",
        "",
        "missing-key",
        "request:",
        "identity",
    ),
    mistake(
        "converters that exclude one another",
        MAPPING,
        "money: currency}",
        "money: currency, number: integer}",
        "converters",
        "{from: total_price",
    ),
    mistake(
        "a converter that needs another",
        MAPPING,
        "total_price, money: currency",
        "total_price, zone: Europe/Berlin",
        "converters",
        "{from: total_price",
    ),
    mistake(
        "a unit nobody knows",
        MAPPING,
        "total_price, money: currency",
        "grams, unit: stone, from_unit: \"'g'\"",
        "converters",
        "{from: grams",
    ),
]

SECRETS = [
    mistake(
        "a token in the clear",
        ERP,
        "bearer: {secret: ERP_TOKEN}",
        "bearer: tok-4711-abcd",
        "literal-secret",
        "tok-4711",
        "{secret: NAME}",
    ),
    mistake(
        "a token where the name of a secret belongs",
        ERP,
        "{secret: ERP_TOKEN}}",
        "{secret: sk_test_notarealkey}}",
        "literal-secret",
        "{secret: sk_test",
        "{secret: NAME}",
    ),
    mistake(
        "a webhook secret in the clear",
        SHOP,
        "secret: {secret: SHOP_SECRET}",
        "secret: hush",
        "literal-secret",
        "hush",
        "change it",
    ),
    mistake(
        "a header's secret in the clear",
        ERP,
        "{bearer: {secret: ERP_TOKEN}}",
        "{header: {X-Key: abc}}",
        "literal-secret",
        "abc",
        "{secret: NAME}",
    ),
    mistake(
        "a password in the clear",
        ERP,
        "{bearer: {secret: ERP_TOKEN}}",
        "{basic: {user: me, password: abc}}",
        "literal-secret",
        "abc",
    ),
]


def later(key: str, file: str, old: str, new: str) -> object:
    at = new[new.index(key) :].splitlines()[0]
    return mistake(f"{key} is not available", file, old, new, "not-available", at, "leave it out")


LATER = [
    later("lane", SPEC, "impact: revenue", "impact: revenue\nlane: urgent"),
    later("sla", SPEC, "impact: revenue", "impact: revenue\nsla: {silence: 6h}"),
    later("split", SPEC, "  key: to_string", "  split: body.items\n  key: to_string"),
    later("revision", SPEC, "  key: to_string", "  revision: body.updated_at\n  key: to_string"),
    later("keep", SPEC, "  key: to_string", "  keep: newest\n  key: to_string"),
    later("key_space", SPEC, "  key: to_string", "  key_space: orders\n  key: to_string"),
    later("on_stuck", SPEC, "  key: to_string", "  on_stuck: block\n  key: to_string"),
    later("poll", SPEC, "  webhook: {path: /hooks/orders, system: shop}", "  poll: {call: erp.find_order, every: 1m}"),
    later("file", SPEC, "  webhook: {path: /hooks/orders, system: shop}", "  file: {folder: in, match: '*.csv'}"),
    later("each", SPEC, "    map: shop-order", "    each: body.items"),
    later("decide", SPEC, "    map: shop-order", "    decide: {first: []}"),
    later("emit", SPEC, "    map: shop-order", "    emit: {topic: orders}"),
    later("any_of", SPEC, "call: erp.create_order\n", "call: {any_of: [erp.create_order]}\n"),
    later("expires", SPEC, "queue: large-orders,", "expires: 12h, queue: large-orders,"),
    later("until", SPEC, "queue: large-orders,", "until: {}, queue: large-orders,"),
    later("compensate", SPEC, "once: order.id", "once: order.id\n    on_failure: compensate"),
    later("quota", ERP, "timeout: 5s", "timeout: 5s\nquota: {rate: 25/s}"),
    later("breaker", ERP, "timeout: 5s", "timeout: 5s\nbreaker: {window: 30s}"),
    later("hosts", ERP, "timeout: 5s", "timeout: 5s\nhosts: [cdn.example]"),
    later("undo", ERP, "result: body.id", "undo: {call: cancel}\n    result: body.id"),
    later("pages", ERP, "result: body.id", "pages: {next: {link: next}}\n    result: body.id"),
    later("url", ERP, 'path: "/orders/{{ input.reference }}"', "url: input.next"),
    later("read", ERP, "{method: GET,", "{read: csv, method: GET,"),
    later("oauth2", ERP, "{bearer: {secret: ERP_TOKEN}}", "{oauth2: {grant: refresh}}"),
    later("adyen", SHOP, "scheme: shopify,", "scheme: adyen,"),
    later("topics", CHARTER, "charter: Acme", "charter: Acme\ntopics: {orders: {}}"),
    later("policies", CHARTER, "charter: Acme", "charter: Acme\npolicies: {}"),
    later("calendar", CHARTER, "charter: Acme", "charter: Acme\ncalendar: {}"),
]

EXPRESSIONS = [
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
        '"erp.id"',
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
        '"/orders/{{ status',
        "in scope: input, once",
    ),
    mistake(
        "a bare number in an expression",
        SPEC,
        "`500000`",
        "500000",
        "bare-number",
        '"order.total > 500000"',
        "`500000`",
    ),
    mistake(
        "a bare true in an expression",
        SPEC,
        "body.status == 'paid'",
        "body.test == true",
        "bare-literal",
        "body.test",
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
        "headers.x",
        '"x-event-id"',
    ),
    mistake(
        "a text without quotes",
        SPEC,
        "body.status == 'paid'",
        "body.status == paid",
        "unknown-name",
        "body.status",
        "'paid'",
    ),
    mistake(
        "an expression that does not end",
        SPEC,
        "key: to_string(body.id)",
        "key: to_string(body.id",
        "expression-syntax",
        "to_string",
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
        "join",
        "did you mean $prefix?",
    ),
    mistake(
        "a hole that is not closed",
        MAPPING,
        '"Order {{ name }}"',
        '"Order {{ name }"',
        "template-syntax",
        '"Order',
        "{{ name }}",
    ),
    mistake(
        "a loop in a text",
        MAPPING,
        '"Order {{ name }}"',
        '"{% for x in y %}{% endfor %}"',
        "template-not-allowed",
        '"{%',
    ),
    mistake(
        "a name out of scope in a text",
        SPEC,
        "{{ order.id }} is large",
        "{{ erp.id }} is large",
        "unknown-name",
        '"{{ erp',
        "in scope",
    ),
]

REFERENCES = [
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


@pytest.mark.parametrize(
    ("edit", "also", "code", "at", "hint"), [*KEYS_AND_TYPES, *SECRETS, *LATER, *EXPRESSIONS, *REFERENCES]
)
def test_one_mistake_is_one_located_fault(edit: Edit, also: tuple[Edit, ...], code: str, at: str, hint: str) -> None:
    files = edited(*also, edit)
    _, faults = read(files)
    assert [fault.code for fault in faults] == [code], told(faults)
    assert text_at(files, faults[0]).startswith(at), f"{told(faults)}\npoints at: {text_at(files, faults[0])}"
    assert hint in faults[0].hint, faults[0].hint
    assert faults[0].severity == "error"


def test_a_fault_points_at_line_and_column_and_says_its_path() -> None:
    _, faults = read(edited((SPEC, "once: order.id", "once: ordr.id")))
    assert [(fault.mark.file, fault.mark.line, fault.mark.column, fault.path) for fault in faults] == [
        (SPEC, 21, 11, "steps[2].once")
    ]


def test_no_message_shows_a_secret_that_was_written_down() -> None:
    for secret, edit in (
        ("tok-4711-abcd", (ERP, "{secret: ERP_TOKEN}", "tok-4711-abcd")),
        ("sk_test_notarealkey", (ERP, "{secret: ERP_TOKEN}", "{secret: sk_test_notarealkey}")),
    ):
        _, faults = read(edited(edit))
        assert faults
        assert secret not in told(faults)


FILES = [
    pytest.param({CHARTER: None}, "missing-file", CHARTER, 1, "waybill init", id="no charter"),
    pytest.param({SPEC: ""}, "empty-file", SPEC, 1, "write it", id="an empty file"),
    pytest.param({SPEC: "# later\n"}, "empty-file", SPEC, 1, "write it", id="a file of comments"),
    pytest.param({"specs/notes.txt": "hello"}, "file-name", "specs/notes.txt", 1, "rename", id="a text among specs"),
    pytest.param(
        {"charter/models/order@1.yaml": "{}"},
        "file-name",
        "charter/models/order@1.yaml",
        1,
        "",
        id="a contract without family",
    ),
    pytest.param(
        {"charter/tables/x/y.csv": "a,b\n"}, "file-name", "charter/tables/x/y.csv", 1, "", id="a table in a folder"
    ),
    pytest.param({SPEC: "reconciliation: orders\n"}, "not-available", SPEC, 1, "leave it out", id="a reconciliation"),
    pytest.param(
        {MAPPING: "mapping: [\n"}, "yaml-syntax", MAPPING, 2, "", id="a mapping that is no YAML is not also unknown"
    ),
    pytest.param(
        {SOURCE: "type: [\n"}, "yaml-syntax", SOURCE, 2, "", id="a contract that is no YAML is not also unknown"
    ),
    pytest.param({ERP: "- erp\n"}, "wrong-type", ERP, 1, "", id="a system that is a list is not also unknown"),
    pytest.param({SOURCE: "type: objekt\n"}, "contract-schema", SOURCE, 1, "", id="a contract of no known type"),
    pytest.param(
        {SOURCE: 'type: object\nproperties:\n  id: {pattern: "(?=a)b"}\n'},
        "contract-schema",
        SOURCE,
        3,
        "",
        id="a contract with a look-ahead",
    ),
    pytest.param({TABLE: "theirs,ours\npaid\n"}, "table", TABLE, 2, "comma", id="a table's row that is too short"),
    pytest.param(
        {TABLE: 'theirs,ours\npaid,"settled\n'}, "table", TABLE, 2, "closed", id="a table's quote that is never closed"
    ),
    pytest.param(
        {TABLE: "theirs,ours\npaid,a\npaid,b\n"}, "table", TABLE, 3, "one answer", id="a table's text that stands twice"
    ),
    pytest.param({TABLE: "theirs,theirs\npaid,a\n"}, "table", TABLE, 1, "", id="a table's column that stands twice"),
    pytest.param({TABLE: "theirs\npaid\n"}, "table", TABLE, 1, "", id="a table of one column"),
    pytest.param({TABLE: b"theirs,ours\npaid,\xff\n"}, "table", TABLE, 2, "UTF-8", id="a table that is not UTF-8"),
    pytest.param({TABLE: "theirs,ours\nx,\0\n"}, "table", TABLE, 2, "", id="a table with a NUL"),
]


@pytest.mark.parametrize(("changed", "code", "file", "line", "hint"), FILES)
def test_one_file_that_cannot_be_read_is_one_fault(
    changed: dict[str, str | bytes | None], code: str, file: str, line: int, hint: str
) -> None:
    files = {name: content for name, content in {**MINIMAL, **changed}.items() if content is not None}
    _, faults = read(files)
    assert [(fault.code, fault.mark.file, fault.mark.line) for fault in faults] == [(code, file, line)], told(faults)
    assert hint in faults[0].hint


def test_two_integrations_on_one_path_are_told_once() -> None:
    files = edited()
    files["specs/again.yaml"] = files[SPEC].replace("integration: orders", "integration: again")
    _, faults = read(files)
    assert [(fault.code, fault.mark.file) for fault in faults] == [("duplicate-path", SPEC)]
    assert "`again`" in faults[0].message


def test_two_files_of_one_name_are_told() -> None:
    files = edited()
    files["specs/eu/orders.yaml"] = files[SPEC].replace("/hooks/orders", "/hooks/eu")
    _, faults = read(files)
    assert [(fault.code, fault.mark.file) for fault in faults] == [("duplicate-name", SPEC)]


def test_a_bare_key_reads_as_a_mapping_without_keys() -> None:
    _, faults = read(edited((CHARTER, "{local: {}, production: {}}", "\n  local:\n  production:")))
    assert not faults, told(faults)
