"""What each rule of the charter finds, and the neighbour it leaves alone; edits of the minimal workspace."""

from collections.abc import Mapping

import pytest
from spec.minimal import CHARTER, ERP, MAPPING, MINIMAL, SHOP, SOURCE, SPEC, Edit

ERP_CREDENTIALS = "credentials:\n  ERP_TOKEN: {scopes: [orders], rotated: 2026-11-01, rotate_every: 90d}\n"
SHOP_CREDENTIALS = "credentials:\n  SHOP_SECRET: {scopes: [orders], rotated: 2026-11-01, rotate_every: 90d}\n"
VERIFY = "  verify: {scheme: shopify, secret: {secret: SHOP_SECRET}}\n"
SUMMARY = "Every paid order becomes exactly one sales order."
EXAMPLES = """\
examples:
  - name: a paid order
    events: [recordings/order.json]
    expect: [{status: done, calls: [erp.create_order]}]
"""
IDEMPOTENT = "    effect: idempotent\n"
LOOKUP = """\
    lookup:
      call: find_order
      input: "{reference: once}"
      found: "length(body.items) > `0`"
"""
KEY = "idempotency: {header: Idempotency-Key, valid_for: 24h}\n"
RETRY = "retry: {attempts_max: 8, first: 1s, factor: 2, cap: 5m}"
TIMEOUT = "timeout: 5s\n"


def finds(
    title: str, code: str, at: str, *edits: Edit, severity: str = "warning", of: Mapping[str, str] = MINIMAL
) -> object:
    """With these edits the workspace has this one finding, at this text."""
    return pytest.param(edits, code, severity, at, of, id=f"{code}: {title}")


def passes(title: str, code: str, *edits: Edit, of: Mapping[str, str] = MINIMAL) -> object:
    """With these edits the workspace has no finding of this code."""
    return pytest.param(edits, code, of, id=f"{code}: {title}")


FOUND = [
    finds(
        "a team without on-call owns revenue",
        "owner-unreachable",
        "{contact",
        (CHARTER, ", on_call: orders-oncall", ""),
    ),
    finds("a contact of nothing", "owner-unreachable", '" "', (CHARTER, '"#orders"', '" "')),
    finds("nobody monitors", "raci-incomplete", "{deploys", (CHARTER, "monitors: orders, ", "")),
    finds(
        "no raci at all",
        "raci-incomplete",
        "charter:",
        (CHARTER, "raci: {deploys: orders, monitors: orders, resolves: orders}\n", ""),
    ),
    finds(
        "a summary of two words",
        "summary-says-nothing",
        "Paid orders",
        (SPEC, SUMMARY, "Paid orders."),
        severity="note",
    ),
    finds(
        "a summary that repeats the name",
        "summary-says-nothing",
        "orders",
        (SPEC, SUMMARY, "orders, orders, orders, orders"),
        severity="note",
    ),
    finds(
        "a sender without verification",
        "unsigned-webhook",
        "{path",
        (SHOP, "webhooks:\n" + VERIFY, ""),
        (SHOP, SHOP_CREDENTIALS, ""),
        severity="error",
    ),
    finds(
        "webhooks of which only the answer is said",
        "unsigned-webhook",
        "{path",
        (SHOP, VERIFY, "  answer: {status: 200}\n"),
        (SHOP, SHOP_CREDENTIALS, ""),
        severity="error",
    ),
    finds(
        "a Stripe key in a summary",
        "secret-in-text",
        "Every paid",
        (SPEC, "sales order.", "sales order, sk_live_" + "4eC39HqLyjWDarjt."),
    ),
    finds(
        "a Shopify token in a contract",
        "secret-in-text",
        "shpat_",
        (SOURCE, "type: object\n", "type: object\ndescription: shpat_" + "0123456789abcdef0123456789abcdef\n"),
    ),
    finds(
        "an Authorization header in a request",
        "secret-in-text",
        '"Bearer abc',
        (ERP, "{method: GET,", '{headers: {Authorization: {value: "Bearer abc123def456ghi7"}}, method: GET,'),
    ),
    finds(
        "a password in an address",
        "secret-in-text",
        "https://me",
        (ERP, "https://erp.example", "https://me:hush@erp.example"),
    ),
    finds(
        "a private key in a mapping",
        "secret-in-text",
        '"-----BEGIN',
        (MAPPING, "{value: shop}", '{value: "-----BEGIN RSA PRIVATE KEY-----"}'),
    ),
    finds(
        "a random key in an expression",
        "secret-in-text",
        "\"'aZ3",
        (MAPPING, "\"'shop'\"", "\"'aZ3kP9qLm2Xw8RtV5bNc'\""),
    ),
    finds(
        "a key in hexadecimal",
        "secret-in-text",
        "9f86d081",
        (MAPPING, "{value: shop}", "{value: 9f86d081884c7d659a2feaa0c55ad015}"),
    ),
    finds(
        "a key as a name of a field",
        "secret-in-text",
        "ghp_",
        (MAPPING, "  channel: {value: shop}", "  ghp_" + "0123456789abcdefghijABCDEFGHIJ: id"),
    ),
    finds("http in production", "insecure-address", "http://", (ERP, "https://erp.example", "http://erp.example")),
    finds(
        "a called system without an address",
        "address-missing",
        "{local",
        (ERP, ", production: https://erp.example", ""),
    ),
    finds("a rotation without its period", "rotation-unknown", "{scopes", (ERP, ", rotate_every: 90d", "")),
    finds("a period without the last rotation", "rotation-unknown", "{scopes", (ERP, "rotated: 2026-11-01, ", "")),
    finds(
        "a credential nothing uses",
        "credential-unused",
        "{scopes",
        (ERP, "credentials:\n", "credentials:\n  OLD_TOKEN: {scopes: [], rotated: 2026-11-01, rotate_every: 90d}\n"),
        severity="note",
    ),
    finds(
        "a secret that is left out of the list",
        "credential-undeclared",
        "{secret: ERP_USER",
        (ERP, "{bearer: {secret: ERP_TOKEN}}", "{basic: {user: {secret: ERP_USER}, password: {secret: ERP_TOKEN}}}"),
        severity="note",
    ),
    finds(
        "a webhook secret that is left out of the list",
        "credential-undeclared",
        "[{secret: SHOP",
        (SHOP, "{secret: SHOP_SECRET}", "[{secret: SHOP_SECRET}, {secret: SHOP_NEXT}]"),
        severity="note",
    ),
    finds("a literal id", "id-constant", "\"'x'\"", (SPEC, 'headers."x-event-id"', "\"'x'\"")),
    finds("an id of the environment", "id-constant", "environment", (SPEC, 'headers."x-event-id"', "environment")),
    finds("a literal key", "key-constant", "{value: all}", (SPEC, "to_string(body.id)", "{value: all}")),
    finds(
        "a key of a text without holes", "key-constant", "{template", (SPEC, "to_string(body.id)", "{template: orders}")
    ),
    finds(
        "an id that is the key", "id-is-key", "to_string", (SPEC, 'headers."x-event-id"', "body.id"), severity="note"
    ),
    finds("no contract", "contract-missing", "webhook:", (SPEC, "  contract: shop/order@1\n", "")),
    finds(
        "an accepted webhook answered 302",
        "answer-not-accepted",
        "302",
        (SHOP, "webhooks:\n", "webhooks:\n  answer: {status: 302}\n"),
    ),
    finds("a call without identity", "once-missing", "id: erp", (SPEC, "    once: order.id\n", ""), severity="error"),
    finds(
        "an identity for what only reads",
        "once-unused",
        "order.id",
        (SPEC, "call: erp.create_order\n", "call: erp.find_order\n"),
        severity="note",
    ),
    finds("an event's id as identity", "once-per-delivery", "event.id", (SPEC, "once: order.id", "once: event.id")),
    finds(
        "an event's id within an identity",
        "once-per-delivery",
        '"join',
        (SPEC, "once: order.id", "once: \"join('-', [order.id, $event.id])\""),
    ),
    finds(
        "an event's id in a text",
        "once-per-delivery",
        "{template",
        (SPEC, "once: order.id", 'once: {template: "{{ event.id }}"}'),
    ),
    finds(
        "a header of the delivery as identity",
        "once-per-delivery",
        "headers",
        (SPEC, "once: order.id", 'once: headers."x-event-id"'),
    ),
    finds(
        "the time of the delivery as identity",
        "once-per-delivery",
        "{from",
        (SPEC, "once: order.id", "once: {from: $root.event.received_at}"),
    ),
    finds("a literal identity", "once-constant", "{value: x}", (SPEC, "once: order.id", "once: {value: x}")),
    finds(
        "an unprotected effect that is retried",
        "exactly-once-impossible",
        "erp.create",
        (ERP, IDEMPOTENT, "    effect: unprotected\n"),
    ),
    finds(
        "a verifiable effect that is retried without looking",
        "exactly-once-impossible",
        "erp.create",
        (ERP, IDEMPOTENT, "    effect: verifiable\n"),
        (SPEC, "once: order.id", "once: order.id\n    on_unknown: retry"),
    ),
    finds(
        "a key forgotten before the last send",
        "key-forgotten",
        "erp.create",
        (ERP, LOOKUP, ""),
        (ERP, "valid_for: 24h", "valid_for: 1m"),
    ),
    finds(
        "a verifiable effect without a look-up",
        "lookup-missing",
        "verifiable",
        (ERP, LOOKUP, ""),
        (ERP, IDEMPOTENT, "    effect: verifiable\n"),
        severity="error",
    ),
    finds(
        "an effect nobody can ask for",
        "unknown-needs-person",
        "erp.create",
        (ERP, LOOKUP, ""),
        (ERP, IDEMPOTENT, "    effect: at_most_once\n"),
        severity="note",
    ),
    finds(
        "Shopify repeats for 4 hours",
        "dedupe-too-short",
        "3h",
        (SPEC, "  key: to_string", "  dedupe_for: 3h\n  key: to_string"),
    ),
    finds(
        "Stripe repeats for 3 days",
        "dedupe-too-short",
        "71h",
        (SHOP, "scheme: shopify", "scheme: stripe"),
        (SPEC, "  key: to_string", "  dedupe_for: 71h\n  key: to_string"),
    ),
    finds(
        "an unknown sender may repeat for 76 hours",
        "dedupe-too-short",
        "3d",
        (SHOP, "scheme: shopify", "scheme: hmac-sha256, header: X-Sign"),
        (SPEC, "  key: to_string", "  dedupe_for: 3d\n  key: to_string"),
    ),
    finds(
        "a retry that outlives the id",
        "dedupe-outlived",
        "4h",
        (ERP, RETRY, "retry: {attempts_max: 60, first: 1s, factor: 2, cap: 5m}"),
        (SPEC, "  key: to_string", "  dedupe_for: 4h\n  key: to_string"),
    ),
    finds("revenue without examples", "examples-missing", "revenue", (SPEC, EXAMPLES, "")),
    finds(
        "a system of record that cannot be asked",
        "record-out-of-reach",
        "shop}",
        (CHARTER, "system_of_record: erp", "system_of_record: shop"),
        severity="note",
    ),
    finds(
        "a quota too slow for the breaker's window",
        "breaker-never-opens",
        "{rate: 10/min}",
        (ERP, TIMEOUT, TIMEOUT + "quota: {rate: 10/min}\nbreaker: {window: 1m}\n"),
    ),
    finds(
        "a quota too slow for the window of a breaker that nobody wrote",
        "breaker-never-opens",
        "{spacing",
        (ERP, IDEMPOTENT, IDEMPOTENT + "    quota: {spacing: 5s, concurrency: 4}\n"),
        severity="note",
    ),
    finds(
        "slow is what has timed out",
        "slow-never-seen",
        "5s}",
        (ERP, TIMEOUT, TIMEOUT + "breaker: {slow: 5s}\n"),
    ),
    finds(
        "a peak that no quota drains in time",
        "peak-beyond-quota",
        "{rate: 2000/min",
        (ERP, TIMEOUT, TIMEOUT + "quota: {rate: 20/s, burst: 50}\n"),
        (SPEC, "owner: orders\n", "owner: orders\nsla: {peak: {rate: 2000/min, for: 15m, drain: 5m}}\n"),
    ),
    finds(
        "a peak beyond the quota of the operation alone, with no time to drain",
        "peak-beyond-quota",
        "{rate: 30/s",
        (ERP, IDEMPOTENT, IDEMPOTENT + "    quota: {rate: 25/s}\n"),
        (SPEC, "owner: orders\n", "owner: orders\nsla: {peak: {rate: 30/s, for: 10s}}\n"),
    ),
]

LEFT_ALONE = [
    passes(
        "a team without on-call owns operations",
        "owner-unreachable",
        (CHARTER, ", on_call: orders-oncall", ""),
        (SPEC, "impact: revenue", "impact: operations"),
    ),
    passes("all three tasks by one team", "raci-incomplete"),
    passes("four words that say something", "summary-says-nothing", (SPEC, SUMMARY, "Paid orders reach SAP")),
    passes("a verified sender", "unsigned-webhook"),
    passes("an unknown sender, which is a fault", "unsigned-webhook", (SPEC, "system: shop}", "system: nobody}")),
    passes(
        "long names and paths",
        "secret-in-text",
        (
            SPEC,
            "sales order.",
            "sales order, see https://docs.example/getOrdersByCustomerReferenceNumber2024 or charge.dispute.funds_reinstated",
        ),
    ),
    passes(
        "the word bearer", "secret-in-text", (SPEC, "sales order.", "sales order for the bearer of responsibilities")
    ),
    passes(
        "a hole in an address",
        "secret-in-text",
        (MAPPING, "Order {{ name }}", "https://shop.example/{{ name }}:{{ id }}@x"),
    ),
    passes(
        "a secret in the clear, which is a fault",
        "secret-in-text",
        (ERP, "{secret: ERP_TOKEN}}", "sk_live_" + "4eC39HqLyjWDarjt}"),
    ),
    passes("http on this machine", "insecure-address", (ERP, "{env: ERP_URL}", "http://127.0.0.1:9000")),
    passes("an address from the environment", "insecure-address", (ERP, "https://erp.example", "{env: ERP_URL}")),
    passes("a system that only sends", "address-missing"),
    passes("both dates", "rotation-unknown"),
    passes("a listed secret that is used", "credential-unused"),
    passes(
        "two secrets while one replaces the other",
        "credential-undeclared",
        (SHOP, "{secret: SHOP_SECRET}", "[{secret: SHOP_SECRET}]"),
    ),
    passes(
        "systems that list no credentials",
        "credential-undeclared",
        (SHOP, SHOP_CREDENTIALS, ""),
        (ERP, ERP_CREDENTIALS, ""),
    ),
    passes(
        "an id from a filter",
        "id-constant",
        (SPEC, 'headers."x-event-id"', "\"body.notes[?name == 'id'] | [0].value\""),
    ),
    passes("an id that cannot be parsed, which is a fault", "id-constant", (SPEC, 'headers."x-event-id"', "body.")),
    passes("a key of the whole body", "key-constant", (SPEC, "to_string(body.id)", "hash(to_string(@))")),
    passes(
        "a key that is a text with a broken hole, which is a fault",
        "key-constant",
        (SPEC, "to_string(body.id)", '{template: "{{ body.id }"}'),
    ),
    passes("an id of the event and a key of the order", "id-is-key"),
    passes("a contract", "contract-missing"),
    passes(
        "an accepted webhook answered 204",
        "answer-not-accepted",
        (SHOP, "webhooks:\n", "webhooks:\n  answer: {status: 204}\n"),
    ),
    passes(
        "a read without identity",
        "once-missing",
        (SPEC, "call: erp.create_order\n", "call: erp.find_order\n"),
        (SPEC, "    once: order.id\n", ""),
    ),
    passes(
        "a call of nothing, which is a fault",
        "once-missing",
        (SPEC, "call: erp.create_order\n", "call: erp.nothing\n"),
        (SPEC, "    once: order.id\n", ""),
    ),
    passes("an identity for an effect", "once-unused"),
    passes(
        "the key of the event, which names the order", "once-per-delivery", (SPEC, "once: order.id", "once: event.key")
    ),
    passes(
        "a field called event inside an element",
        "once-per-delivery",
        (SPEC, "once: order.id", "once: \"order.lines[?event.id].sku | join('-', @)\""),
    ),
    passes("an identity of the order", "once-constant"),
    passes(
        "an unprotected effect that a person decides on",
        "exactly-once-impossible",
        (ERP, IDEMPOTENT, "    effect: unprotected\n"),
        (SPEC, "once: order.id", "once: order.id\n    on_unknown: hold"),
    ),
    passes(
        "a verifiable effect that is looked up",
        "exactly-once-impossible",
        (ERP, IDEMPOTENT, "    effect: verifiable\n"),
    ),
    passes("a key forgotten, and a look-up", "key-forgotten", (ERP, "valid_for: 24h", "valid_for: 1m")),
    passes("a key that outlives the last send", "key-forgotten", (ERP, LOOKUP, "")),
    passes("an effect idempotent by nature", "key-forgotten", (ERP, LOOKUP, ""), (ERP, KEY, "")),
    passes("a verifiable effect with a look-up", "lookup-missing", (ERP, IDEMPOTENT, "    effect: verifiable\n")),
    passes("at most once, and a look-up", "unknown-needs-person", (ERP, IDEMPOTENT, "    effect: at_most_once\n")),
    passes(
        "exactly as long as Shopify repeats",
        "dedupe-too-short",
        (SPEC, "  key: to_string", "  dedupe_for: 4h\n  key: to_string"),
    ),
    passes("the default window", "dedupe-outlived"),
    passes(
        "a window of exactly the sum",
        "dedupe-outlived",
        (ERP, RETRY, "retry: {attempts_max: 3, first: 2h, factor: 1, cap: 2h}"),
        (SPEC, "  key: to_string", "  dedupe_for: 14415s\n  key: to_string"),
    ),
    passes(
        "operations without examples",
        "examples-missing",
        (SPEC, "impact: revenue", "impact: operations"),
        (SPEC, EXAMPLES, ""),
    ),
    passes("a system of record with an operation that reads", "record-out-of-reach"),
    passes("one version of each contract", "contract-outgrown"),
    passes("a mapping used by one step alone", "unused"),
    passes(
        "a burst that shows enough",
        "breaker-never-opens",
        (ERP, TIMEOUT, TIMEOUT + "quota: {rate: 10/min, burst: 20}\n"),
    ),
    passes("a quota of how many at once", "breaker-never-opens", (ERP, TIMEOUT, TIMEOUT + "quota: {concurrency: 1}\n")),
    passes(
        "a peak that has drained when its time is over",
        "peak-beyond-quota",
        (ERP, TIMEOUT, TIMEOUT + "quota: {rate: 20/s, burst: 50}\n"),
        (SPEC, "owner: orders\n", "owner: orders\nsla: {peak: {rate: 2000/min, for: 15m, drain: 10m}}\n"),
    ),
    passes(
        "a call that not every event makes",
        "peak-beyond-quota",
        (ERP, TIMEOUT, TIMEOUT + "quota: {rate: 20/s}\n"),
        (SPEC, "owner: orders\n", "owner: orders\nsla: {peak: {rate: 2000/min, for: 15m}}\n"),
        (SPEC, "    call: erp.create_order\n", "    call: erp.create_order\n    when: order.total\n"),
    ),
    passes(
        "a quota of calls at once alone",
        "peak-beyond-quota",
        (ERP, TIMEOUT, TIMEOUT + "quota: {concurrency: 1}\n"),
        (SPEC, "owner: orders\n", "owner: orders\nsla: {peak: {rate: 2000/min, for: 15m}}\n"),
    ),
    passes("slow well below the timeout", "slow-never-seen", (ERP, TIMEOUT, TIMEOUT + "breaker: {slow: 4s}\n")),
]
