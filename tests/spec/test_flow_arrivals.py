"""Topics, ways in, revisions and promises: what is wrong with one is a fault at its place."""

import pytest
from spec.everything import CHARTER, EVERYTHING, PAID, PUBLISHED, SPEC
from spec.minimal import Edit, edited, read, told
from spec.mistake import assert_told, mistake


def one(title: str, file: str, old: str, new: str, code: str, at: str, hint: str = "", *also: Edit) -> object:
    return mistake(title, file, old, new, code, at, hint, also=also)


TOPICS = [
    one(
        "a mapping that reads another part of the topic",
        PUBLISHED,
        '    call: erp.find_order\n    input: "{reference: body.id}"\n',
        "    map: shop-order\n    from: body.id\n",
        "type-cannot-fit",
        "body.id",
        "another part",
    ),
    one("a topic that is none", PUBLISHED, "topic: orders", "topic: order", "unknown-topic", "order", "`orders`"),
    one("an emitted one", PAID, "{topic: payments,", "{topic: payment,", "unknown-topic", "payment,", "`payments`"),
    one(
        "one that is waited for", SPEC, "until: {topic: payments", "until: {topic: paymens", "unknown-topic", "paymens"
    ),
    one(
        "a contract that is none",
        CHARTER,
        "canonical/order@1, key",
        "canonical/order@7, key",
        "unknown-contract",
        "canon",
    ),
    one(
        "a key that no body has",
        CHARTER,
        "key: order_id",
        "key: orderid",
        "path-not-in-contract",
        "orderid",
        "order_id",
    ),
    one(
        "a key that is no text",
        CHARTER,
        "key: order_id",
        "key: '[order_id]'",
        "type-cannot-fit",
        "[order_id]'",
        "join(",
    ),
    one("a revision that no body has", CHARTER, "[at, number]", "[at, nummer]", "path-not-in-contract", "nummer"),
    one("a revision of objects", CHARTER, "[at, number]", "'{a: at}'", "type-cannot-fit", "{a: at}'", "what grows"),
    one("a scope that topics do not have", CHARTER, "key: order_id", "key: $body.id", "unknown-variable", "$body"),
    one(
        "a key that the charter says",
        PUBLISHED,
        "  topic: orders\n",
        "  topic: orders\n  key: body.id\n",
        "key-not-here",
        "body.id",
        "remove",
    ),
    one(
        "an id that the emitter says",
        PUBLISHED,
        "  topic: orders\n",
        "  topic: orders\n  id: body.id\n",
        "key-not-here",
        "body.id",
        "remove",
    ),
    one(
        "a contract that the charter says",
        PUBLISHED,
        "  topic: orders\n",
        "  topic: orders\n  contract: canonical/order@1\n",
        "key-not-here",
        "canonical",
    ),
    one(
        "a revision that the charter says",
        PUBLISHED,
        "  topic: orders\n",
        "  topic: orders\n  revision: [body.id]\n",
        "key-not-here",
        "[body",
    ),
    one(
        "a split event",
        PUBLISHED,
        "  topic: orders\n",
        "  topic: orders\n  split: body.lines\n",
        "key-not-here",
        "body.lines",
    ),
    one(
        "a webhook too",
        PUBLISHED,
        "  topic: orders\n",
        "  topic: orders\n  webhook: {path: /x, system: shop}\n",
        "one-of",
        "topic",
    ),
    one("a body that breaks the contract", PAID, "body: body}", "body: order}", "unknown-name", "order}"),
    one("a body of another kind", PAID, "body: body}", "body: body.number}", "type-cannot-fit", "body.number"),
    one(
        "a body without what is required",
        PAID,
        "body: body}",
        "body: {fields: {order_id: body.order_id, at: body.at, number: body.number}}}",
        "target-required",
        "fields:",
        "make it",
    ),
    one(
        "a literal that is not allowed",
        PAID,
        "body: body}",
        "body: {value: {order_id: a, at: x, number: 1, state: odd}}}",
        "value-not-in-contract",
        "x,",
    ),
    one(
        "what is waited for and no body has",
        SPEC,
        "body.state == 'paid' &&",
        "body.stat == 'paid' &&",
        "path-not-in-contract",
        "stat =",
    ),
    one(
        "a state that never comes",
        SPEC,
        "payment.state == 'refused'",
        "payment.state == 'lost'",
        "comparison-cannot-hold",
        "payment.state",
    ),
]

RECEIVE = [
    one(
        "an item's place without items",
        PAID,
        'id: headers."x-event-id"',
        "id: to_string($index)",
        "unknown-variable",
        "$index",
    ),
    one("the envelope without items", PAID, "key: body.order_id", "key: envelope.order_id", "unknown-name", "envelope"),
    one("the place by its bare name", SPEC, "&& $index >=", "&& index >=", "unknown-name", "index", "write $index"),
    one(
        "the place among the steps",
        SPEC,
        "    input: order\n    once: order.id\n",
        "    input: $index\n    once: order.id\n",
        "unknown-variable",
        "$index",
    ),
    one(
        "the item before it is split", SPEC, "split: body.orders", "split: envelope.orders", "unknown-name", "envelope"
    ),
    one("a split into a number", SPEC, "split: body.orders", "split: length(body.orders)", "type-cannot-fit", "length"),
    one(
        "a split into no list",
        PAID,
        "  revision: ",
        "  split: \"'x'\"\n  revision: ",
        "type-cannot-fit",
        "'x'",
        "list",
        (PAID, "key: body.order_id", "key: body.number"),
    ),
    one("no id", PAID, '  id: headers."x-event-id"\n', "", "missing-key", "webhook", "add `id:`"),
    one("no key", PAID, "  key: body.order_id\n", "", "missing-key", "webhook", "add `key:`"),
    one("no way in", PUBLISHED, "  topic: orders\n", "", "one-of", "when"),
    one("a word of `keep`", SPEC, "keep: newest", "keep: new", "unknown-word", "new", "`newest`"),
    one("a word of `on_stuck`", SPEC, "on_stuck: block", "on_stuck: stop", "unknown-word", "stop", "`block`"),
    one("a key space in the wrong case", SPEC, "key_space: orders", "key_space: Orders", "bad-name", "Orders"),
    one("no revision at all", PAID, "[body.at, body.number]", "[]", "empty-list", "[]"),
    one(
        "one of several revisions",
        PAID,
        "[body.at, body.number]",
        "[body.at, body.numer]",
        "path-not-in-contract",
        "numer",
    ),
    one("a revision out of scope", PAID, "[body.at, body.number]", "[event.at, body.number]", "unknown-name", "event"),
    one("a lane that is none", SPEC, "lane: urgent", "lane: fast", "unknown-word", "fast"),
    one("a promise without a unit", SPEC, "within: 24h", "within: 24", "bad-duration", "24"),
]


@pytest.mark.parametrize(("edit", "also", "code", "at", "hint"), [*TOPICS, *RECEIVE])
def test_one_mistake_is_one_located_fault(edit: Edit, also: tuple[Edit, ...], code: str, at: str, hint: str) -> None:
    assert_told(edit, also, code, at, hint, EVERYTHING)


def test_how_many_events_a_delivery_holds_that_is_split_is_not_known() -> None:
    two = (SPEC, "    expect: [{status: done}]", "    expect: [{status: done}, {status: ignored}]")
    _, faults = read(edited(two, of=EVERYTHING))
    assert not faults, told(faults)
    whole = (SPEC, "  split: body.orders\n", "")
    _, faults = read(edited(two, whole, of=EVERYTHING))
    assert "example-count" in {fault.code for fault in faults}
