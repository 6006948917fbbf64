"""A node's gates, with a made clock: what is let through, what waits where, what is given back, what is written."""

from collections.abc import Mapping
from typing import Any

import pytest
from spec.minimal import ERP, SPEC, Edit, edited, read, told

from engine.language import Resources
from engine.model import Failure, Outcome, Sent
from engine.rules.budget import FLOOR
from engine.rules.quota import Quota, decode_heard
from engine.run.gates import PROBE_MARGIN_US, Admitted, Denied, Gates
from engine.run.live import Live, live_systems
from engine.spec.compile import compile_workspace
from engine.store import GateRow
from engine.wire.files import find_zone

S = 1_000_000
NOW = 1_700_000_000 * S
TIMEOUT = "timeout: 5s\n"
BREAKER = f"{TIMEOUT}breaker: {{calls_min: 4, slow: 2s}}\n"
DONE = Outcome(Sent.ANSWERED, status=201)
DOWN = Outcome(Sent.NOT_SENT, "connection refused", failure=Failure.CONNECT)
SICK = Outcome(Sent.ANSWERED, status=502)
ANOTHER = "charter/systems/wms.yaml"
WMS = """\
system: wms
kind: wms
base_url: {local: https://wms.example, production: https://wms.example}
operations:
  find:
    request: {method: GET, path: /stock}
    effect: none
    answer: {status: 200, body: {}}
"""
SECOND_CALL = "  - {id: stock, call: wms.find, input: order}\n  - id: erp\n"


def live(*edits: Edit, more: Mapping[str, str] | None = None) -> Live:
    workspace, faults = read({**edited(*edits), **(more or {})})
    assert not faults, told(faults)
    systems = {name: document.content for name, document in workspace.systems.items()}
    plans = compile_workspace(workspace, "local", Resources(tables=workspace.tables, zones=find_zone))
    return Live(plans, live_systems(systems), lambda _: None, lambda _: None)


def gates(keys: str = BREAKER, workers: int = 8) -> Gates:
    return Gates(live((ERP, TIMEOUT, keys)), workers)


def two_systems(workers: int) -> Gates:
    return Gates(live((SPEC, "  - id: erp\n", SECOND_CALL), more={ANOTHER: WMS}), workers)


def ask(of: Gates, now: int = NOW, operation: str = "create_order", *, retry: bool = False) -> Admitted | Denied:
    return of.admit("erp", operation, retry=retry, now=now)


def call(of: Gates, outcome: Outcome, now: int = NOW, operation: str = "create_order") -> tuple[Any, ...]:
    """One call from beginning to end; what it told."""
    admitted = ask(of, now, operation)
    assert isinstance(admitted, Admitted), admitted
    return of.told(admitted, outcome, now)


def opened(of: Gates, now: int = NOW) -> Gates:
    for _ in range(4):
        call(of, DOWN, now)
    return of


# ── breakers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_open_breaker_says_where_to_wait_and_until_when() -> None:
    of = opened(gates())
    assert ask(of) == Denied(
        "erp.create_order", NOW + 30 * S, "the breaker of erp.create_order is open: 4 of 4 calls failed"
    )
    assert not of.admits("erp", "create_order", NOW)
    assert of.allow(NOW) == {"erp.create_order": 0}
    assert of.wakes_at(NOW) == NOW + 30 * S


def test_one_operation_s_breaker_is_not_the_other_s() -> None:
    of = opened(gates())
    assert isinstance(ask(of, operation="find_order"), Admitted)
    assert of.admits("erp", "find_order", NOW)


@pytest.mark.parametrize(
    ("outcome", "opens"),
    [
        (DOWN, True),
        (SICK, True),
        (Outcome(Sent.UNKNOWN, failure=Failure.TIMEOUT_AFTER), True),
        (Outcome(Sent.ANSWERED, status=200, took_us=2 * S), True),
        (Outcome(Sent.ANSWERED, status=422), False),
        (Outcome(Sent.ANSWERED, status=429), False),
        (Outcome(Sent.NOT_SENT, failure=Failure.UNSENDABLE), False),
    ],
)
def test_what_opens_a_breaker(outcome: Outcome, opens: bool) -> None:
    of = gates()
    for later in range(4):
        call(of, outcome, NOW + later)
    assert of.admits("erp", "create_order", NOW + S) is not opens


def test_after_its_time_one_probe_goes_out_and_the_ramp_grows_until_all_workers_may() -> None:
    of, now = opened(gates(workers=4)), NOW + 30 * S
    places = []
    while (most := of.allow(now).get("erp.create_order")) is not None:
        places.append(most)
        out = [ask(of, now) for _ in range(most)]
        assert isinstance(ask(of, now), Denied)
        for admitted in out:
            assert isinstance(admitted, Admitted)
            of.told(admitted, DONE, now)
    assert places == [1, 2, 4]
    assert [row.state for row in of.changed()] == ["closed"]


def test_a_hanging_probe_is_given_up_after_its_timeout_and_a_margin() -> None:
    of, now = opened(gates()), NOW + 30 * S
    assert isinstance(ask(of, now), Admitted)
    given_up = now + 5 * S + PROBE_MARGIN_US
    assert of.wakes_at(now) == given_up
    assert of.allow(given_up - 1)["erp.create_order"] == 0
    assert ask(of, given_up) == Denied(
        "erp.create_order",
        given_up + 30 * S,
        "the breaker of erp.create_order is open: a probe did not come back in time",
    )


def test_a_probe_that_was_not_sent_gives_its_place_back() -> None:
    of, now = opened(gates()), NOW + 30 * S
    probe = ask(of, now)
    assert isinstance(probe, Admitted)
    of.withdraw(probe, now)
    assert of.allow(now) == {"erp.create_order": 1}


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_person_opened_lets_nothing_through_and_what_they_closed_everything() -> None:
    of = gates()
    of.take_rows([GateRow("erp", forced="open")], NOW)
    assert ask(of) == Denied("erp", NOW, "erp was opened by hand")
    assert of.allow(NOW) == {"erp": 0}
    of.take_rows([GateRow("erp", forced="open"), GateRow("erp.create_order", forced="closed")], NOW)
    assert isinstance(ask(of), Admitted)
    assert isinstance(ask(of, operation="find_order"), Denied)
    of.take_rows([], NOW)
    assert isinstance(ask(of, operation="find_order"), Admitted)


def test_a_breaker_closed_by_hand_does_not_open() -> None:
    of = gates()
    of.take_rows([GateRow("erp", forced="closed")], NOW)
    for _ in range(20):
        call(of, DOWN)
    assert of.allow(NOW) == {}


# ── bulkhead and budget ──────────────────────────────────────────────────────────────────────────────────────────────


def test_calls_to_one_system_take_at_most_half_of_the_workers() -> None:
    of = two_systems(workers=5)
    out = [ask(of), ask(of, operation="find_order")]
    denied = ask(of)
    assert isinstance(denied, Denied)
    assert (denied.gate, denied.until) == ("erp", NOW)
    assert of.allow(NOW) == {"erp": 0, "wms": 2}
    assert isinstance(of.admit("wms", "find", retry=False, now=NOW), Admitted)
    of.told(out[0], DONE, NOW)  # type: ignore[arg-type]
    of.withdraw(out[1], NOW)  # type: ignore[arg-type]
    assert of.allow(NOW) == {"erp": 2, "wms": 1}


def test_the_only_system_that_is_called_takes_them_all() -> None:
    of = gates(workers=3)
    assert all(isinstance(ask(of), Admitted) for _ in range(3))
    assert "erp" not in of.allow(NOW)


def test_one_worker_is_enough_for_two_systems() -> None:
    assert isinstance(ask(two_systems(workers=1)), Admitted)


def test_what_was_admitted_is_given_back_once() -> None:
    of = two_systems(workers=4)
    admitted = ask(of)
    assert isinstance(admitted, Admitted)
    of.told(admitted, DONE, NOW)
    of.told(admitted, DONE, NOW)
    of.withdraw(admitted, NOW)
    assert of.out["erp"] == 0


def test_retries_wait_when_their_budget_is_spent_and_at_no_gate() -> None:
    of = gates(f"{TIMEOUT}quota: {{rate: 5/s}}\n")
    for _ in range(10):
        assert isinstance(ask(of, retry=True), Admitted)
    assert ask(of, retry=True) == Denied("", NOW + S, "the retry budget of erp is spent: a fifth of its calls")
    assert isinstance(ask(of), Admitted)
    assert isinstance(ask(of, operation="find_order", retry=True), Denied), "the budget is the system's"


def test_a_retry_that_was_not_sent_is_no_part_of_the_budget() -> None:
    of = gates()
    for _ in range(2 * FLOOR):
        admitted = ask(of, retry=True)
        assert isinstance(admitted, Admitted)
        of.withdraw(admitted, NOW)


# ── quotas ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_intent_carries_the_quotas_of_both_gates() -> None:
    keys = f"{TIMEOUT}quota: {{rate: 25/s, burst: 50, concurrency: 8}}\n"
    quota = "    effect: idempotent\n    quota: {rate: 100/min, kind: leaky_bucket, spacing: 250ms}\n"
    of = Gates(live((ERP, TIMEOUT, keys), (ERP, "    effect: idempotent\n", quota)), 8)
    system = Quota("erp", rate=25, burst=48, concurrency=8)
    operation = Quota("erp.create_order", rate=100, per_us=60 * S, burst=1, spacing_us=250_000, kind="leaky_bucket")
    admitted, other = ask(of), ask(of, operation="find_order")
    assert isinstance(admitted, Admitted)
    assert isinstance(other, Admitted)
    assert admitted.quotas == (system, operation)
    assert other.quotas == (system,)
    assert of.quotas(NOW) == {"erp": system, "erp.create_order": operation}


def test_where_nothing_is_declared_nothing_is_asked_until_something_is_told() -> None:
    of = gates()
    assert of.quotas(NOW) == {}
    (learnt,) = call(of, Outcome(Sent.ANSWERED, status=429, headers={"retry-after": "30"}))
    assert learnt.gate == "erp"
    assert decode_heard(learnt.quota).pause_us == 30 * S
    assert of.quotas(NOW) == {"erp": Quota("erp")}
    admitted = ask(of)
    assert isinstance(admitted, Admitted)
    assert admitted.quotas == (Quota("erp"),)
    assert of.quotas(NOW + 3600 * S) == {}


def test_amazon_s_limits_are_kept_at_the_operation() -> None:
    (learnt,) = call(gates(), Outcome(Sent.ANSWERED, status=200, headers={"x-amzn-ratelimit-limit": "0.5"}))
    assert learnt.gate == "erp.create_order"


def answered(**headers: str) -> Outcome:
    return Outcome(Sent.ANSWERED, status=200, headers={name.replace("_", "-"): text for name, text in headers.items()})


NEWS: list[Any] = [
    ("the same limit again", [answered(x_amzn_ratelimit_limit="0.5")] * 3, [1, 0, 0]),
    (
        "another limit",
        [answered(x_amzn_ratelimit_limit="0.5"), answered(x_amzn_ratelimit_limit="0.4")],
        [1, 1],
    ),
    ("calls left that only we use up", [answered(ratelimit=f'"a";r={left};t=60') for left in (9, 8, 7)], [1, 0, 0]),
    ("calls left that others use up", [answered(ratelimit=f'"a";r={left};t=60') for left in (9, 5, 4)], [1, 1, 0]),
    ("another window", [answered(ratelimit='"a";r=9;t=60'), answered(ratelimit='"a";r=9;t=90')], [1, 1]),
    (
        "a bucket that is nearly full",
        [answered(x_shopify_shop_api_call_limit=f"{used}/40") for used in (1, 5, 9)],
        [1, 0, 0],
    ),
    (
        "a bucket that runs out",
        [answered(x_shopify_shop_api_call_limit=f"{used}/40") for used in (1, 31, 38)],
        [1, 1, 1],
    ),
    ("nothing", [DONE, DOWN], [0, 0]),
]


@pytest.mark.parametrize(("title", "outcomes", "expected"), NEWS, ids=[row[0] for row in NEWS])
def test_only_news_is_written(title: str, outcomes: list[Outcome], expected: list[int]) -> None:
    of = gates(TIMEOUT)
    assert [len(call(of, outcome, NOW + place)) for place, outcome in enumerate(outcomes)] == expected, title


def test_after_half_an_hour_all_is_news_again() -> None:
    of, limited = gates(TIMEOUT), answered(x_amzn_ratelimit_limit="0.5")
    assert [len(call(of, limited, NOW + minutes * 60 * S)) for minutes in (0, 29, 31, 32)] == [1, 0, 1, 0]


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_change_of_a_breaker_is_written_once() -> None:
    of = opened(gates())
    rows = of.changed()
    assert rows == (GateRow("erp.create_order", "open", NOW + 30 * S, reason="4 of 4 calls failed", at=NOW),)
    assert of.changed() == ()
    of.allow(NOW + 30 * S)
    (half,) = of.changed()
    assert (half.state, half.at) == ("half_open", NOW + 30 * S)


def test_rows_that_could_not_be_written_are_written_later_unless_there_is_newer() -> None:
    of = opened(gates())
    rows = of.changed()
    of.give_back(rows)
    assert of.changed() == rows
    of.allow(NOW + 30 * S)
    of.give_back(rows)
    assert [row.state for row in of.changed()] == ["half_open"]


def test_a_node_begins_where_its_former_life_or_another_is() -> None:
    first, second = opened(gates()), gates()
    second.take_rows(first.changed(), NOW + S)
    assert ask(second, NOW + S) == ask(first, NOW + S)
    assert second.changed() == (), "it is not its own to write"
    first.take_rows([GateRow("erp.create_order", "open", NOW + 30 * S, reason="4 of 4 calls failed", at=NOW)], NOW + S)
    assert first.changed() == ()


def test_rows_of_what_is_no_longer_in_the_workspace_are_left_alone() -> None:
    of = gates()
    of.take_rows([GateRow("gone", "open", NOW + S, at=NOW), GateRow("gone.call", "open", NOW + S, at=NOW)], NOW)
    assert of.allow(NOW) == {}
    assert isinstance(of.admit("gone", "call", retry=False, now=NOW), Admitted)
