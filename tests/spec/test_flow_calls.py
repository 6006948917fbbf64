"""Providers, picks, outcomes and undoing: what is wrong with one is a fault at its place."""

import pytest
from spec.everything import CARRIER, ERP, EVERYTHING, SPEC
from spec.minimal import Edit, edited, read, told
from spec.mistake import assert_told, mistake

PICKED = "call: {any_of: [carrier.buy_label, other-carrier.buy_label], pick: route}"
ROUTES = "- {then: {value: [carrier.buy_label, other-carrier.buy_label]}}"
HEAVY = "- {when: body.weight > `20000`, then: {value: [other-carrier.buy_label]}}"
UNDO = 'undo: {call: cancel_order, input: "{id: result}"}'


def one(title: str, file: str, old: str, new: str, code: str, at: str, hint: str = "", *also: Edit) -> object:
    return mistake(title, file, old, new, code, at, hint, also=also)


SERVED = """\
  - id: bought
    call: {any_of: [carrier.buy_label, other-carrier.buy_label]}
    once: order.id
  - id: whose
    decide:
      first:
        - {when: event.served.bought == 'carrier.buy_label', then: {value: [carrier.get_label]}}
        - {then: {value: [other-carrier.get_label]}}
  - id: shown
    call: {any_of: [carrier.get_label, other-carrier.get_label], pick: whose}
  - id: reasons
"""

CALLS = [
    one(
        "who served what nobody was asked for",
        SPEC,
        "  - id: reasons\n",
        SERVED.replace("served.bought", "served.bougt"),
        "path-not-in-contract",
        "bougt",
        "bought",
    ),
    one(
        "who served an item, after its list",
        SPEC,
        "  - id: reasons\n",
        SERVED.replace("served.bought", "served.label"),
        "path-not-in-contract",
        "label",
    ),
    one(
        "who served, and is no provider of that step",
        SPEC,
        "  - id: reasons\n",
        SERVED.replace("== 'carrier.buy", "== 'carrier.by"),
        "comparison-cannot-hold",
        "event.served",
        "carrier.buy_label",
    ),
    one(
        "who served another step",
        SPEC,
        "  - id: reasons\n",
        SERVED.replace("pick: whose", 'pick: "[event.served.bought]"'),
        "pick-not-among",
        "[event",
        "decide",
    ),
    one(
        "a provider that is none",
        SPEC,
        PICKED,
        PICKED.replace("[carrier.buy", "[carrier.by"),
        "unknown-operation",
        "carrier.by",
        "buy_label",
        (SPEC, ROUTES, ROUTES.replace("[carrier.buy", "[carrier.by")),
    ),
    one(
        "a system that is none",
        SPEC,
        PICKED,
        PICKED.replace("[carrier.", "[carier."),
        "unknown-system",
        "carier",
        "carrier",
        (SPEC, ROUTES, ROUTES.replace("[carrier.", "[carier.")),
    ),
    one(
        "a provider twice",
        SPEC,
        PICKED,
        PICKED.replace("[carrier.", "[other-carrier.buy_label, carrier."),
        "duplicate-name",
        "other-carrier.buy_label], pick",
        "remove",
    ),
    one("nobody", SPEC, PICKED, "call: {any_of: []}", "empty-list", "[]", "at least one"),
    one(
        "one that is no operation",
        SPEC,
        PICKED,
        "call: {any_of: [carrier], pick: route}",
        "bad-name",
        "carrier]",
        "erp.create_order",
    ),
    one("a key of any_of misspelled", SPEC, PICKED, PICKED.replace("pick:", "pikc:"), "unknown-key", "pikc", "`pick`"),
    one(
        "a picked one that is not among them",
        SPEC,
        HEAVY,
        HEAVY.replace("other-carrier.", "third."),
        "pick-not-among",
        "third.",
        "other-carrier.buy_label",
    ),
    one(
        "a picked one written at the step",
        SPEC,
        PICKED,
        PICKED.replace("pick: route", "pick: {value: [ups.buy]}"),
        "pick-not-among",
        "ups.buy",
        "carrier.buy_label",
    ),
    one(
        "a picked one that is no list",
        SPEC,
        ROUTES,
        "- {then: {value: carrier.buy_label}}",
        "pick-not-among",
        "carrier.buy_label}",
        "[carrier.buy_label]",
    ),
    one("nobody picked", SPEC, ROUTES, "- {then: {value: []}}", "pick-not-among", "[]", "carrier.buy_label"),
    one(
        "a pick that is never a list",
        SPEC,
        PICKED,
        PICKED.replace("pick: route", "pick: event.id"),
        "type-cannot-fit",
        "event.id",
        "list",
    ),
    one(
        "a pick out of scope",
        SPEC,
        PICKED,
        PICKED.replace("pick: route", "pick: rout"),
        "unknown-name",
        "rout}",
        "route",
    ),
    one(
        "a look-up that one provider lacks",
        SPEC,
        "        input: parcel\n",
        "        input: parcel\n        on_unknown: lookup\n",
        "no-lookup",
        "lookup",
        "",
        (CARRIER, '    lookup: {call: find_label, input: "{reference: once}", found: "status == `200`"}\n', ""),
        (CARRIER, "effect: verifiable", "effect: idempotent"),
    ),
    one(
        "once more what never must be",
        SPEC,
        "        input: parcel\n",
        "        input: parcel\n        on_unknown: retry\n",
        "at-most-once",
        "retry",
        "hold",
        (CARRIER, "effect: verifiable", "effect: at_most_once"),
    ),
    one(
        "an outcome that reads what is not there",
        SPEC,
        "failure == 'connect' ||",
        "failur == 'connect' ||",
        "unknown-name",
        "failur",
        "failure",
    ),
    one("an outcome of the system", CARRIER, "failure == 'tls'", "failed == 'tls'", "unknown-name", "failed"),
    one(
        "what failed where there is an answer",
        ERP,
        "    result: body.id\n",
        "    result: failure\n",
        "unknown-name",
        "failure",
    ),
    one(
        "outcomes of what is no call",
        SPEC,
        "    map: shop-order\n",
        "    map: shop-order\n    outcomes: [{when: body.id, is: done}]\n",
        "key-not-here",
        "[{when",
        "remove",
    ),
    one("an answer read as nobody can", CARRIER, "read: base64", "read: pdf", "unknown-word", "pdf", "`base64`"),
]

UNDOING = [
    one(
        "an undo that is none",
        ERP,
        UNDO,
        UNDO.replace("cancel_order", "cancel_orders"),
        "unknown-operation",
        "cancel_orders",
        "cancel_order",
    ),
    one(
        "an undo that only reads",
        ERP,
        UNDO,
        UNDO.replace("cancel_order", "find_order"),
        "undo-effect",
        "find_order",
        "cancellation",
    ),
    one(
        "an undo by doing it again",
        ERP,
        UNDO,
        UNDO.replace("cancel_order", "create_order"),
        "undo-effect",
        "create_order",
        "cancellation",
    ),
    one(
        "an undo of what only reads",
        ERP,
        "    effect: none\n",
        f"    effect: none\n    {UNDO}\n",
        "key-not-here",
        "{call: cancel",
        "remove",
    ),
    one("what an undo does not see", ERP, UNDO, UNDO.replace("result}", "body.id}"), "unknown-name", "body", "result"),
]


@pytest.mark.parametrize(("edit", "also", "code", "at", "hint"), [*CALLS, *UNDOING])
def test_one_mistake_is_one_located_fault(edit: Edit, also: tuple[Edit, ...], code: str, at: str, hint: str) -> None:
    assert_told(edit, also, code, at, hint, EVERYTHING)


def test_who_served_is_there_for_later_steps() -> None:
    _, faults = read(edited((SPEC, "  - id: reasons\n", SERVED), of=EVERYTHING))
    assert not faults, told(faults)
