"""What the rules find in any_of, each, topics, waits and compensation, and what they leave alone; edits of a workspace
that uses them all."""

from functools import partial

from charter.cases import finds, passes
from spec.everything import CARRIER, CHARTER, ERP, EVERYTHING, OTHER, PAID, PUBLISHED, SPEC

finds_in = partial(finds, of=EVERYTHING)
leaves = partial(passes, of=EVERYTHING)

LABEL_ONCE = """\
        input: parcel
        once: join('-', [order.id, to_string($index)])
"""
LAST_EMIT = """\
  - id: publish
    emit: {topic: orders, body: order}
"""
TELL = """\
        emit: {topic: orders, body: order}
        once: join('-', [order.id, to_string($index)])
"""
COMPENSATE = "    on_failure: compensate\n"
ERP_UNDO = """    undo: {call: cancel_order, input: "{id: result}"}\n"""
LABEL_UNDO = """    undo: {call: void_label, input: "{id: result, reason: once}"}\n"""
LABEL_LOOKUP = """    lookup: {call: find_label, input: "{reference: once}", found: "status == `200`"}\n"""
TLS = "failure == 'tls'"
BILL = """\
  bill_order:
    request: {method: POST, path: /bills, body: "merge(input, {reference: once})"}
    effect: idempotent
    identity: body.reference
    result: body.id
    undo: {call: cancel_order, input: "{id: result}"}
  cancel_order:
"""
VOID = """\
    request: {method: DELETE, path: "/labels/{{ input.id }}"}
    effect: idempotent
"""

FOUND = [
    finds_in(
        "one id for all items of a delivery",
        "id-of-all-items",
        "headers",
        (SPEC, "id: join('-', [headers.\"x-event-id\", to_string($index)])", 'id: headers."x-event-id"'),
    ),
    finds_in(
        "a key space spelled in two ways",
        "key-space-alone",
        "order",
        (PUBLISHED, "  key_space: orders\n", ""),
        severity="note",
    ),
    finds_in(
        "news that are told once and never again",
        "once-constant",
        "\"'news'\"",
        (PAID, "once: join('-', [body.order_id, to_string(body.number)])", "once: \"'news'\""),
    ),
    finds_in(
        "a payment waited for longer than ids are kept",
        "dedupe-outlived",
        "webhook:",
        (SPEC, "expires: 7d", "expires: 14d"),
    ),
    finds_in(
        "a provider with an effect, and no identity",
        "once-missing",
        "id: label",
        (SPEC, LABEL_ONCE, "        input: parcel\n"),
        severity="error",
    ),
    finds_in(
        "the order's id for every parcel",
        "once-of-all-items",
        "order.id",
        (SPEC, LABEL_ONCE, "        once: order.id\n"),
    ),
    finds_in(
        "one id for the events of all items",
        "once-of-all-items",
        "order.id",
        (SPEC, TELL, TELL.splitlines(keepends=True)[0] + "        once: order.id\n"),
    ),
    finds_in(
        "one provider of two that repeats double",
        "exactly-once-impossible",
        "other-carrier.buy_label], pick",
        (OTHER, "effect: verifiable", "effect: unprotected"),
    ),
    finds_in(
        "an undo that may double",
        "exactly-once-impossible",
        "carrier.buy_label, other",
        (CARRIER, VOID, VOID.replace("idempotent", "unprotected")),
    ),
    finds_in(
        "an undo that waits for a person",
        "unknown-needs-person",
        "other-carrier.buy_label], pick",
        (OTHER, VOID, VOID.replace("idempotent", "at_most_once")),
        severity="note",
    ),
    finds_in(
        "every failure called retry, beside another provider",
        "lost-called-known",
        "carrier.buy_label, other",
        (CARRIER, f'{{when: "{TLS}", is: refused}}', "{when: failure != `null`, is: retry}"),
        (CARRIER, "effect: verifiable", "effect: idempotent"),
    ),
    finds_in(
        "a lost answer called refused by a step",
        "lost-called-known",
        "erp.create_order",
        (SPEC, "failure == 'connect' || status == `409`\", is: retry", "failure == 'lost'\", is: refused"),
    ),
    finds_in(
        "a lost answer called done by an operation",
        "lost-called-known",
        "erp.create_order",
        (
            ERP,
            "    result: body.id\n",
            "    result: body.id\n    outcomes: [{when: $failure == 'timeout_after', is: done}]\n",
        ),
    ),
    finds_in(
        "a topic that only its receiver knows",
        "topic-not-emitted",
        "orders",
        (SPEC, LAST_EMIT, ""),
        (SPEC, TELL, "        hold: {queue: told, reason: told}\n"),
    ),
    finds_in(
        "a wait for what nobody emits",
        "topic-not-emitted",
        "payments, when",
        (PAID, "emit: {topic: payments, body: body}", 'map: shop-order\n    from: "{id: body.number}"'),
        (PAID, "    once: join('-', [body.order_id, to_string(body.number)])\n", ""),
    ),
    finds_in(
        "a topic in the charter alone",
        "topic-not-received",
        "{contract: canonical/order@1, key: id}",
        (CHARTER, "topics:\n", "topics:\n  news: {contract: canonical/order@1, key: id}\n"),
        severity="note",
    ),
    finds_in(
        "a mail that sends itself again",
        "topic-loop",
        "orders",
        (
            PUBLISHED,
            'input: "{reference: body.id}"\n',
            'input: "{reference: body.id}"\n  - {id: again, emit: {topic: orders, body: body}}\n',
        ),
    ),
    finds_in("a payment that never comes", "waits-for-ever", "until:", (SPEC, "      expires: 7d\n", "")),
    finds_in(
        "an order that cannot be cancelled",
        "compensation-leaves",
        "compensate",
        (ERP, ERP_UNDO, ""),
    ),
    finds_in(
        "one of two providers that cannot void",
        "compensation-leaves",
        "compensate",
        (OTHER, LABEL_UNDO, ""),
    ),
    finds_in(
        "news that others have received",
        "compensation-leaves",
        "compensate",
        (SPEC, "  - id: route\n", LAST_EMIT.replace("publish", "early") + "  - id: route\n"),
    ),
    finds_in(
        "a first step that compensates",
        "compensation-empty",
        "compensate",
        (SPEC, COMPENSATE, ""),
        (SPEC, "    once: order.id\n", "    once: order.id\n    on_failure: compensate\n"),
    ),
    finds_in(
        "nothing that could be undone",
        "compensation-empty",
        "compensate",
        (ERP, ERP_UNDO, ""),
        (CARRIER, LABEL_UNDO, ""),
        (OTHER, LABEL_UNDO, ""),
    ),
    finds_in(
        "two effects that one undo takes back under one identity",
        "undo-shared",
        "order.id}",
        (ERP, "  cancel_order:\n", BILL),
        (
            SPEC,
            "  - id: route\n",
            "  - {id: bill, call: erp.bill_order, input: order, once: order.id}\n  - id: route\n",
        ),
    ),
    finds_in(
        "the key of a topic that is the same for all",
        "key-constant",
        "\"'all'\"",
        (CHARTER, "key: order_id", "key: \"'all'\""),
    ),
]

LEFT_ALONE = [
    leaves("the item's place", "id-of-all-items"),
    leaves(
        "the item's own id",
        "id-of-all-items",
        (SPEC, "join('-', [headers.\"x-event-id\", to_string($index)])", "body.id"),
    ),
    passes("a delivery that is one event", "id-of-all-items"),
    leaves("a key space of two", "key-space-alone"),
    passes("no key space", "key-space-alone"),
    leaves("news of a state", "once-constant"),
    leaves("a wait that ends before ids are forgotten", "dedupe-outlived"),
    leaves("the item's place", "once-of-all-items"),
    leaves(
        "the item's own id", "once-of-all-items", (SPEC, LABEL_ONCE, "        input: parcel\n        once: parcel.id\n")
    ),
    leaves(
        "what an inner step made of it",
        "once-of-all-items",
        (SPEC, TELL, TELL.splitlines(keepends=True)[0] + "        once: parcel.label\n"),
    ),
    leaves("what never arrived, called what it is", "lost-called-known"),
    leaves(
        "a lost answer sent again under the partner's key",
        "lost-called-known",
        (SPEC, "failure == 'connect' || status == `409`", "failure == 'lost'"),
    ),
    leaves("a lost answer left unknown", "lost-called-known", (SPEC, '`409`", is: retry', '`409`", is: unknown')),
    leaves(
        "a rule of answers that holds of nothing",
        "lost-called-known",
        (ERP, "    result: body.id\n", "    result: body.id\n    outcomes: [{when: status != `200`, is: refused}]\n"),
    ),
    leaves("topics that are emitted", "topic-not-emitted"),
    leaves("while a spec cannot be read", "topic-not-emitted", (PAID, "version: 1", "version: one")),
    leaves("topics that are received, or waited for", "topic-not-received"),
    leaves("while a spec cannot be read", "topic-not-received", (PUBLISHED, "version: 1", "version: one")),
    leaves(
        "topics that lead on",
        "topic-loop",
        (
            PUBLISHED,
            'input: "{reference: body.id}"\n',
            'input: "{reference: body.id}"\n  - {id: again, emit: {topic: payments, body: {value: {order_id: a, at: "2026-01-01T00:00:00Z", number: 1, state: paid}}}}\n',
        ),
    ),
    leaves("a wait with an end", "waits-for-ever"),
    leaves("effects that are undone, and news after them", "compensation-leaves"),
    leaves(
        "an effect behind the step that compensates",
        "compensation-leaves",
        (SPEC, LAST_EMIT, LAST_EMIT + "  - {id: more, call: erp.cancel_order, input: erp, once: order.id}\n"),
    ),
    leaves("something to undo", "compensation-empty"),
    leaves("providers of one step, of which one serves", "undo-shared"),
    leaves(
        "two effects that one undo takes back under two identities",
        "undo-shared",
        (ERP, "  cancel_order:\n", BILL),
        (
            SPEC,
            "  - id: route\n",
            "  - {id: bill, call: erp.bill_order, input: order, once: \"join('-', [order.id, 'bill'])\"}\n  - id: route\n",
        ),
    ),
    leaves("while a system before it cannot be read", "compensation-empty", (ERP, "timeout: 5s", "timeout: 5")),
    leaves(
        "while a system before it cannot be read",
        "compensation-leaves",
        (ERP, ERP_UNDO, ""),
        (CARRIER, "kind: carrier", "kind: odd"),
    ),
    leaves(
        "an undo that is not needed",
        "exactly-once-impossible",
        (CARRIER, VOID, VOID.replace("idempotent", "unprotected")),
        (SPEC, COMPENSATE, ""),
    ),
]
