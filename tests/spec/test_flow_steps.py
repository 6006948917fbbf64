"""Lists, decisions, news and waits: what is wrong with one is a fault at its place."""

import pytest
from spec.everything import EVERYTHING, SPEC
from spec.minimal import Edit
from spec.mistake import assert_told, mistake

UNTIL = "until: {topic: payments, when: \"body.state == 'paid' && body.number > `0`\"}"
ROUTES = "- {then: {value: [carrier.buy_label, other-carrier.buy_label]}}"
HEAVY = "- {when: body.weight > `20000`, then: {value: [other-carrier.buy_label]}}"
INNER_HOLD = 'hold: {queue: labels, reason: "the label of parcel {{ parcel.number }} is large"}'


def one(title: str, file: str, old: str, new: str, code: str, at: str, hint: str = "", *also: Edit) -> object:
    return mistake(title, file, old, new, code, at, hint, also=also)


EACH = [
    one(
        "a step called as the place", SPEC, "  - id: publish\n", "  - id: index\n", "duplicate-name", "index", "another"
    ),
    one(
        "a mapping that does not read the item",
        SPEC,
        INNER_HOLD,
        "map: shop-order\n        from: label",
        "type-cannot-fit",
        "label",
        "another part",
        (
            SPEC,
            "call: {any_of: [carrier.buy_label, other-carrier.buy_label], pick: route}\n        input: parcel\n        once: join('-', [order.id, to_string($index)])",
            "decide: {first: [{then: \"'a'\"}]}",
        ),
        (SPEC, "parcels[0].label == 'x'", "parcels[0].label == 'a'"),
        (SPEC, "parcel.label != 'none'", "parcel.label != 'a'"),
    ),
    one(
        "no name for the item",
        SPEC,
        "    each: body.parcels\n    as: parcel\n",
        "    each: body.parcels\n",
        "missing-key",
        "id: parcels",
        "add `as:`",
    ),
    one(
        "no steps",
        SPEC,
        "  - id: reasons\n",
        "  - {id: more, each: body.parcels, as: parcel}\n  - id: reasons\n",
        "missing-key",
        "{id: more",
        "add `steps:`",
    ),
    one(
        "an empty list of steps",
        SPEC,
        "  - id: reasons\n",
        "  - {id: more, each: body.parcels, as: parcel, steps: []}\n  - id: reasons\n",
        "empty-list",
        "[]",
    ),
    one(
        "no list",
        SPEC,
        "  - id: told\n    each: parcels\n",
        "  - id: told\n    each: event.id\n",
        "type-cannot-fit",
        "event.id",
        "list",
        (SPEC, "parcel.label != 'none'", "parcel.label != 'x'"),
    ),
    one(
        "the item after its step",
        SPEC,
        "when: length(parcels) > `1`",
        "when: length(parcel) > `1`",
        "unknown-name",
        "parcel)",
        "parcels",
    ),
    one(
        "an inner result after its step",
        SPEC,
        "when: length(parcels) > `1`",
        "when: length(label) > `1`",
        "unknown-name",
        "label)",
    ),
    one(
        "the list inside it",
        SPEC,
        "        input: parcel\n",
        "        input: parcels\n",
        "unknown-name",
        "parcels",
        "parcel",
    ),
    one(
        "the place by its bare name",
        SPEC,
        "        input: parcel\n",
        "        input: index\n",
        "unknown-name",
        "index",
        "write $index",
    ),
    one(
        "what holds the item",
        SPEC,
        "        input: parcel\n",
        "        input: $parent\n",
        "unknown-variable",
        "$parent",
    ),
    one(
        "what was made of the item and is not there",
        SPEC,
        "parcel.label != 'none'",
        "parcel.labl != 'none'",
        "path-not-in-contract",
        "labl",
        "label",
    ),
    one(
        "a name that is taken",
        SPEC,
        "    each: body.parcels\n    as: parcel\n",
        "    each: body.parcels\n    as: order\n",
        "duplicate-name",
        "order",
        "another",
        (SPEC, "        input: parcel\n", "        input: order\n"),
        (SPEC, "{{ parcel.number }}", "{{ order.id }}"),
    ),
    one(
        "the list's own name inside",
        SPEC,
        "      - id: look\n",
        "      - id: parcels\n",
        "duplicate-name",
        "parcels",
        "another",
    ),
    one("an inner id twice", SPEC, "      - id: look\n", "      - id: label\n", "duplicate-name", "label", "another"),
    one(
        "a list inside a list",
        SPEC,
        INNER_HOLD,
        "each: parcel.lines\n        as: line\n        steps: [{id: odd, hold: {queue: odd, reason: odd}}]",
        "not-in-each",
        "parcel.lines",
        "one list",
    ),
    one(
        "a topic waited for inside",
        SPEC,
        INNER_HOLD,
        "hold: {until: {topic: payments}, expires: 1h}",
        "not-in-each",
        "{topic",
        "before or after",
    ),
    one(
        "an item undone alone",
        SPEC,
        "        input: parcel\n",
        "        input: parcel\n        on_failure: compensate\n",
        "key-not-here",
        "compensate",
        "`each` step",
    ),
    one("a failure without what stands for it", SPEC, "    default: []\n", "", "missing-key", "id: told", "default"),
    one(
        "a name beside no list",
        SPEC,
        "    map: shop-order\n",
        "    map: shop-order\n    as: parcel\n",
        "key-not-here",
        "parcel",
        "remove",
    ),
]

DECISIONS = [
    one(
        "a row behind the last",
        SPEC,
        f"        {ROUTES}\n",
        f"        {ROUTES}\n        {HEAVY.replace('20000', '1')}\n",
        "row-never-reached",
        "{when: body.weight > `1`",
        "last",
    ),
    one(
        "no rows",
        SPEC,
        "  - id: reasons\n",
        "  - {id: more, decide: {first: []}}\n  - id: reasons\n",
        "empty-list",
        "[]",
    ),
    one("no kind of table", SPEC, "  - id: reasons\n", "  - {id: more, decide: {}}\n  - id: reasons\n", "one-of", "{}"),
    one(
        "a row without a decision",
        SPEC,
        "  - id: reasons\n",
        "  - {id: more, decide: {first: [{when: body.id}]}}\n  - id: reasons\n",
        "missing-key",
        "{when",
        "add `then:`",
    ),
    one("a row out of scope", SPEC, "{when: body.weight >", "{when: parcel.weight >", "unknown-name", "parcel"),
    one("a decision out of scope", SPEC, "\"'several parcels'\"", "parcel", "unknown-name", "parcel"),
    one(
        "a decision that goes on",
        SPEC,
        "  - id: reasons\n",
        "  - id: reasons\n    on_failure: continue\n",
        "key-not-here",
        "continue",
        "remove",
    ),
    one(
        "news that go on",
        SPEC,
        "  - id: publish\n",
        "  - id: publish\n    on_failure: hold\n",
        "key-not-here",
        "hold",
        "remove",
    ),
    one(
        "a compared decision that never is",
        SPEC,
        "  - id: parcels\n",
        "  - {id: more, decide: {first: [{then: \"'a'\"}]}}\n  - {id: odd, when: more == 'b', hold: {queue: odd, reason: odd}}\n  - id: parcels\n",
        "comparison-cannot-hold",
        "more == ",
    ),
]

HOLDS = [
    one(
        "an end that is no time",
        SPEC,
        "expires: body.until",
        "expires: length(event.id)",
        "type-cannot-fit",
        "length",
        "time",
    ),
    one("a reason without a queue", SPEC, "hold: {queue: large-orders,", "hold: {", "one-of", "{ reason", ""),
    one(
        "a queue without a reason",
        SPEC,
        'reason: "{{ order.id }} is large", expires',
        "expires",
        "missing-key",
        "{queue",
        "add `reason:`",
    ),
    one("a queue for a topic", SPEC, f"      {UNTIL}\n", f"      {UNTIL}\n      queue: odd\n", "one-of", "until:"),
    one(
        "a reason for a topic",
        SPEC,
        f"      {UNTIL}\n",
        f"      {UNTIL}\n      reason: odd\n",
        "key-not-here",
        "odd",
        "remove",
    ),
    one("an end that is no time", SPEC, "expires: 7d", "expires: 7", "bad-duration", "7", "30s"),
    one("an end as it begins", SPEC, "expires: 7d", "expires: 0d", "out-of-range", "0d", "expires: 12h"),
    one("an end out of scope", SPEC, "expires: body.until", "expires: until", "unknown-name", "until,"),
    one("a warning that is no span", SPEC, "warn: 3d", "warn: soon", "bad-duration", "soon"),
    one("a warning when it is over", SPEC, "warn: 3d", "warn: 7d", "warn-too-late", "7d", "shorter"),
    one(
        "a hold that fails into a hold",
        SPEC,
        "    on_failure: continue\n  - id: review",
        "    on_failure: hold\n  - id: review",
        "key-not-here",
        "hold",
        "remove",
    ),
    one(
        "what stands for nothing",
        SPEC,
        "  - id: erp\n",
        "    default: {}\n  - id: erp\n",
        "missing-key",
        "id: review",
        "default",
    ),
]


@pytest.mark.parametrize(("edit", "also", "code", "at", "hint"), [*EACH, *DECISIONS, *HOLDS])
def test_one_mistake_is_one_located_fault(edit: Edit, also: tuple[Edit, ...], code: str, at: str, hint: str) -> None:
    assert_told(edit, also, code, at, hint, EVERYTHING)
