"""Keys, types, words and secrets that a newcomer gets wrong: one fault each, at the place, with the mend."""

import pytest
from spec.minimal import CHARTER, ERP, MAPPING, SHOP, SPEC, Edit, edited, read, told
from spec.mistake import assert_told, mistake

VENDOR = "kind: erp\nvendor: {availability: high}"

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
    mistake(
        "a peak that does not say how long it lasts",
        SPEC,
        "impact: revenue",
        "impact: revenue\nsla: {peak: {rate: 2000/min}}",
        "missing-key",
        "{rate",
        "add `for:` — how long it lasts",
    ),
    mistake(
        "an answer in no time",
        SPEC,
        "impact: revenue",
        "impact: revenue\nsla: {accept: {p99: 0s}}",
        "out-of-range",
        "0s",
        "250ms",
    ),
    mistake(
        "a share of successes that is no percentage",
        SPEC,
        "impact: revenue",
        "impact: revenue\nsla: {complete: {success: 0.999}}",
        "wrong-type",
        "0.999",
    ),
    mistake("a number for a text", CHARTER, "charter: Acme", "charter: 42", "wrong-type", "42", '`charter: "42"`'),
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
    mistake("a deadline of nothing", ERP, "timeout: 5s", "timeout: 0s", "out-of-range", "0s", "timeout: 5s"),
    mistake("a key that is forgotten at once", ERP, "valid_for: 24h", "valid_for: 0h", "out-of-range", "0h", "24h"),
    mistake(
        "late from the beginning",
        SPEC,
        "impact: revenue",
        "impact: revenue\nsla: {complete: {within: 0.0s}}",
        "out-of-range",
        "0.0s",
        "within: 24h",
    ),
    mistake(
        "a step's id in kebab-case", SPEC, "- id: review", "- id: re-view", "bad-name", "re-view", "write `re_view`"
    ),
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

NAMED = [
    mistake(
        "an address for every environment at once",
        ERP,
        "{local: {env: ERP_URL}, production: https://erp.example}",
        "https://erp.example",
        "wrong-type",
        "https",
        "write `base_url: {production: https://…}`",
    ),
    mistake(
        "a text for a list",
        SPEC,
        "[recordings/order.json]",
        "recordings/order.json",
        "wrong-type",
        "recordings",
        "write `events: [TEXT]`",
    ),
    mistake(
        "a text for the webhook",
        SPEC,
        "{path: /hooks/orders, system: shop}",
        "/hooks/orders",
        "wrong-type",
        "/hooks",
        "write `webhook: {path: /hooks/shopify/orders, system: shopify-orders}`",
    ),
    mistake(
        "a text for the sign-in",
        ERP,
        "{bearer: {secret: ERP_TOKEN}}",
        "none",
        "wrong-type",
        "none",
        "write `auth: {bearer: {secret: NAME}}`",
    ),
    mistake("a word for a number", ERP, "status: 201", "status: created", "wrong-type", "created", "`status: 1`"),
    mistake("a word for a percentage", ERP, "kind: erp", VENDOR, "wrong-type", "high", "`availability: 99.9%`"),
]

SECRETS = [
    mistake(
        "a pasted Stripe key as a name",
        ERP,
        "{secret: ERP_TOKEN}}",
        "{secret: sk_live_" + "4eC39HqLyjWDarjt}}",
        "literal-secret",
        "{secret: sk_live",
    ),
    mistake(
        "a pasted Shopify token as a name",
        ERP,
        "{secret: ERP_TOKEN}}",
        "{secret: shpat_" + "0123456789abcdef0123456789abcdef}}",
        "literal-secret",
        "{secret: shpat",
    ),
    mistake(
        "a random text as a name",
        ERP,
        "{secret: ERP_TOKEN}}",
        "{secret: a8f3k2m9x1q7z5w4e6r8}}",
        "literal-secret",
        "{secret: a8f3",
    ),
    mistake(
        "a UUID as a name",
        ERP,
        "{secret: ERP_TOKEN}}",
        "{secret: c56a4180-65aa-42ec-a945-5fd21dec0538}}",
        "literal-secret",
        "{secret: c56a",
    ),
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


@pytest.mark.parametrize(("edit", "also", "code", "at", "hint"), [*KEYS_AND_TYPES, *NAMED, *SECRETS])
def test_one_mistake_is_one_located_fault(edit: Edit, also: tuple[Edit, ...], code: str, at: str, hint: str) -> None:
    assert_told(edit, also, code, at, hint)


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


def test_a_bare_key_reads_as_a_mapping_without_keys() -> None:
    _, faults = read(edited((CHARTER, "{local: {}, production: {}}", "\n  local:\n  production:")))
    assert not faults, told(faults)


@pytest.mark.parametrize(
    "name", ["core_pw", "erp-token", "ErpToken", "erpProductionTokenKey2", "whsec_shop", "k8s_token"]
)
def test_a_secret_has_a_name_in_any_case(name: str) -> None:
    _, faults = read(edited((ERP, "bearer: {secret: ERP_TOKEN}", f"bearer: {{secret: {name}}}")))
    assert not faults, told(faults)


def test_a_message_of_a_wrong_type_names_its_key() -> None:
    _, faults = read(edited((ERP, "{local: {env: ERP_URL}, production: https://erp.example}", "https://erp.example")))
    assert [fault.message for fault in faults] == ["`base_url`: text where a mapping is expected"]
