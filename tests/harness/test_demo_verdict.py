"""The demo's verdict, as a table: promises and books in, what was broken out."""

import pytest

from harness.demo.script import Promise
from harness.demo.verdict import SHOWN_MAX, Verdict, judge

A, B = Promise("erp", "o-a", "a", "order a"), Promise("erp", "o-b", "b", "order b")
AUTHORIZED = Promise("ledger", "p:authorized", "p", "payment p authorized")
PAID = Promise("ledger", "p:paid", "p", "payment p paid")
REFUNDED = Promise("ledger", "r:refunded", "p", "payment p refunded")

CASES: dict[str, tuple[dict[Promise, bool], dict[str, list[str]], dict[str, tuple[str, ...]]]] = {
    "every acknowledged promise once": ({A: True, B: True}, {"erp": ["o-b", "o-a"]}, {}),
    "nothing promised, nothing booked": ({}, {"erp": [], "ledger": []}, {}),
    "sent but never acknowledged may be booked": ({A: False}, {"erp": ["o-a"]}, {}),
    "sent but never acknowledged may be missing": ({A: False}, {"erp": []}, {}),
    "sent but never acknowledged may not be doubled": (
        {A: False},
        {"erp": ["o-a", "o-a"]},
        {"doubled": ("order a stands 2 times in the book of erp",)},
    ),
    "acknowledged and missing": (
        {A: True, B: True},
        {"erp": ["o-a"]},
        {"missing": ("order b is not in the book of erp",)},
    ),
    "acknowledged and in another system's book": (
        {A: True},
        {"erp": [], "ledger": ["o-a"]},
        {"missing": ("order a is not in the book of erp",), "unasked": ("o-a in the book of ledger",)},
    ),
    "acknowledged and doubled": (
        {A: True},
        {"erp": ["o-a", "o-a", "o-a"]},
        {"doubled": ("order a stands 3 times in the book of erp",)},
    ),
    "booked and never sent": ({A: True}, {"erp": ["o-a", "o-x"]}, {"unasked": ("o-x in the book of erp",)}),
    "states of one payment in their order": (
        {AUTHORIZED: True, PAID: True, REFUNDED: True},
        {"ledger": ["p:authorized", "p:paid", "r:refunded"]},
        {},
    ),
    "a state booked before an earlier one of its payment": (
        {AUTHORIZED: True, PAID: True, REFUNDED: True},
        {"ledger": ["p:paid", "p:authorized", "r:refunded"]},
        {"out_of_order": ("payment p paid was booked before what came before it",)},
    ),
    "an order among different keys does not matter": ({A: True, B: True}, {"erp": ["o-b", "o-a"]}, {}),
    "a double after a later state is a double, not disorder": (
        {AUTHORIZED: True, PAID: True},
        {"ledger": ["p:authorized", "p:paid", "p:authorized"]},
        {"doubled": ("payment p authorized stands 2 times in the book of ledger",)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_judge(name: str) -> None:
    promises, books, broken = CASES[name]
    verdict = judge(promises, books, {}, ())
    sorts = ("missing", "doubled", "unasked", "out_of_order", "refused")
    assert {sort: getattr(verdict, sort) for sort in sorts if getattr(verdict, sort)} == broken
    assert verdict.held == (not broken)
    assert verdict.acknowledged == sum(promises.values())


def test_a_refused_webhook_breaks_the_verdict() -> None:
    verdict = judge({A: True}, {"erp": ["o-a"]}, {}, ["order b: answered 401"])
    assert not verdict.held
    assert verdict.faults() == ["refused: order b: answered 401"]


def test_what_follows_from_a_promise_may_not_be_doubled_either() -> None:
    verdict = judge({A: True}, {"erp": ["o-a"]}, {"wms.pack": ["o-a"], "parcelpost.buy_label": ["l", "l"]}, ())
    assert not verdict.held
    assert verdict.faults() == ["doubled: l stands 2 times in the book of parcelpost.buy_label"]
    assert verdict.booked == {"erp": 1, "wms.pack": 1, "parcelpost.buy_label": 2}


def test_a_long_list_is_cut_and_says_so() -> None:
    missing = tuple(f"order {number}" for number in range(SHOWN_MAX + 5))
    verdict = Verdict(0, {}, missing, (), (), (), ())
    lines = verdict.faults()
    assert len(lines) == SHOWN_MAX + 1
    assert lines[-1] == "missing: 5 more"
