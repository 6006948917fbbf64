"""What any store must do: one suite, run by every store's own test file.

A driver gives `commit(verb, items)` (one transaction), and what readers see. Each case says in its name
what is promised; it knows nothing of SQL.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest
from msgspec.structs import replace

from engine.model import Arrival, Delivery, EffectState, ItemState, Status, effect_digest
from engine.store import (
    ClaimRequest,
    Effect,
    EventRow,
    Filter,
    GateRow,
    Intent,
    Leave,
    Line,
    Move,
    Record,
    Settled,
    Store,
    Tally,
)

T0 = 1_800_000_000_000_000
HOUR = 3_600_000_000


class Driver(Protocol):
    store: Store
    database: Any

    def commit(self, verb: Callable[..., Sequence[Any]], *items: Any) -> list[Any]: ...

    def rows(self, wanted: Filter = ...) -> list[EventRow]: ...

    def lines(self, event: int) -> list[Line]: ...

    def tallies(self) -> list[Tally]: ...

    def items(self, event: int) -> tuple[ItemState, ...]: ...

    def gates(self) -> list[GateRow]: ...

    def effects(self, event: int) -> list[Effect]: ...


def arrival(
    id_: str | None = "a",
    key: str | None = "k",
    body: bytes = b'{"n":1}',
    at: int = T0,
    reason: str = "",
    integration: str = "shop",
) -> Arrival:
    return Arrival(
        integration=integration,
        plan="p1",
        id=id_,
        key=key,
        headers={"x": "1"},
        query={},
        body=body,
        received_at=at,
        dedupe_for_s=3600,
        reason=reason,
    )


def claim(driver: Driver, at: int = T0, limit: int = 10, running: dict[str, int] | None = None) -> tuple[Delivery, ...]:
    (claimed,) = driver.commit(driver.store.claim, ClaimRequest(at, limit, at + HOUR, running or {}))
    return claimed.deliveries


def record(delivery: Delivery, status: Status, at: int = T0 + 1, **more: Any) -> Record:
    return Record(event=delivery.event, token=delivery.token, at=at, status=status, **more)


def intent(
    delivery: Delivery, once: str | None = "order-1", request: bytes = b"r", again: bool = False, at: int = T0
) -> Intent:
    return Intent(
        event=delivery.event,
        token=delivery.token,
        step="erp",
        system="erp",
        operation="create_order",
        once=once,
        request_digest=request,
        at=at,
        lease_until=at + HOUR,
        again=again,
    )


DIGEST = effect_digest("erp", "create_order", "order-1")


def one_claimed(driver: Driver, **more: Any) -> Delivery:
    driver.commit(driver.store.accept, arrival(**more))
    (delivery,) = claim(driver)
    return delivery


class Conformance:
    """Every method is a promise; subclasses give the `driver` fixture."""

    # ── accept ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_an_arrival_is_stored_whole_and_claimed_as_it_came(self, driver: Driver) -> None:
        (receipt,) = driver.commit(driver.store.accept, arrival(body=b'{"id": 123456789012345678901234567890}'))
        (delivery,) = claim(driver)
        assert receipt.verdict == "accepted"
        assert (delivery.event, delivery.id, delivery.key, delivery.plan) == (receipt.event, "a", "k", "p1")
        assert delivery.body == b'{"id": 123456789012345678901234567890}'
        assert delivery.headers == {"x": "1"}
        assert delivery.received_at == T0

    def test_the_same_id_again_is_a_duplicate_of_the_first(self, driver: Driver) -> None:
        (first,) = driver.commit(driver.store.accept, arrival())
        (second,) = driver.commit(driver.store.accept, arrival(at=T0 + 5))
        assert (second.verdict, second.event) == ("duplicate", first.event)
        assert len(driver.rows()) == 1

    def test_the_same_id_in_one_batch_is_a_duplicate_too(self, driver: Driver) -> None:
        receipts = driver.commit(driver.store.accept, arrival(), arrival(), arrival("b"))
        assert [receipt.verdict for receipt in receipts] == ["accepted", "duplicate", "accepted"]

    def test_the_same_json_written_otherwise_is_still_a_duplicate(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival(body=b'{"a": 1.0, "b": [1]}'))
        (second,) = driver.commit(driver.store.accept, arrival(body=b'{"b":[1],"a":1}'))
        assert second.verdict == "duplicate"

    def test_the_same_id_with_another_body_is_a_conflict_and_quarantined(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival())
        (second,) = driver.commit(driver.store.accept, arrival(body=b'{"n":2}'))
        assert second.verdict == "conflict"
        assert [row.status for row in driver.rows()] == [Status.ACCEPTED, Status.QUARANTINED]

    def test_a_conflict_delivered_again_is_a_duplicate_of_the_conflict(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival())
        (conflict,) = driver.commit(driver.store.accept, arrival(body=b'{"n":2}'))
        (again,) = driver.commit(driver.store.accept, arrival(body=b'{"n":2}'))
        assert (again.verdict, again.event) == ("duplicate", conflict.event)

    def test_another_integration_may_have_the_same_id(self, driver: Driver) -> None:
        receipts = driver.commit(driver.store.accept, arrival(), arrival(integration="other"))
        assert [receipt.verdict for receipt in receipts] == ["accepted", "accepted"]

    def test_a_forgotten_id_is_new_again(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival())
        (later,) = driver.commit(driver.store.accept, arrival(at=T0 + 2 * HOUR))
        assert later.verdict == "accepted"

    def test_what_cannot_be_named_is_quarantined_and_its_redelivery_is_a_duplicate(self, driver: Driver) -> None:
        (first,) = driver.commit(driver.store.accept, arrival(None, None, reason="no id"))
        (again,) = driver.commit(driver.store.accept, arrival(None, None, reason="no id"))
        assert (first.verdict, again.verdict) == ("accepted", "duplicate")
        (row,) = driver.rows()
        assert (row.status, row.reason) == (Status.QUARANTINED, "no id")
        assert claim(driver) == ()

    def test_a_large_batch_is_accepted_in_order(self, driver: Driver) -> None:
        receipts = driver.commit(driver.store.accept, *(arrival(f"id-{n}", f"key-{n}") for n in range(333)))
        assert [receipt.event for receipt in receipts] == sorted(receipt.event for receipt in receipts)
        assert len(driver.rows()) == 333

    # ── claim ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_one_key_runs_one_at_a_time_in_order_of_arrival(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(arrival(f"id-{n}", "same") for n in range(3)))
        order = []
        for _ in range(3):
            (delivery,) = claim(driver)
            assert claim(driver) == ()
            order.append(delivery.id)
            driver.commit(driver.store.record, record(delivery, Status.DONE))
        assert order == ["id-0", "id-1", "id-2"]

    def test_a_waiting_event_keeps_later_ones_of_its_key_waiting(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival("a"), arrival("b"))
        (first,) = claim(driver)
        driver.commit(driver.store.record, record(first, Status.WAITING, due_at=T0 + HOUR))
        assert claim(driver) == ()
        (again,) = claim(driver, at=T0 + HOUR)
        assert again.id == "a"

    def test_a_slow_key_does_not_block_another(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival("a", "slow"), arrival("b", "quick"))
        (slow, _) = claim(driver)
        assert slow.key == "slow"
        driver.commit(driver.store.accept, arrival("c", "slow"), arrival("d", "other"))
        assert [delivery.id for delivery in claim(driver)] == ["d"]

    @pytest.mark.parametrize("status", [Status.HELD, Status.QUARANTINED, Status.DEAD])
    def test_what_waits_for_a_person_is_passed(self, driver: Driver, status: Status) -> None:
        driver.commit(driver.store.accept, arrival("a"), arrival("b"))
        (first,) = claim(driver)
        driver.commit(driver.store.record, record(first, status))
        (second,) = claim(driver)
        assert second.id == "b"

    def test_places_are_shared_evenly_among_integrations(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(arrival(f"a-{n}", f"a-{n}", integration="busy") for n in range(20)))
        driver.commit(driver.store.accept, *(arrival(f"b-{n}", f"b-{n}", integration="quiet") for n in range(2)))
        claimed = claim(driver, limit=6)
        assert sorted(delivery.integration for delivery in claimed) == ["busy"] * 4 + ["quiet"] * 2

    def test_what_already_runs_counts_in_the_share(self, driver: Driver) -> None:
        driver.commit(
            driver.store.accept,
            *(arrival(f"{name}-{n}", f"{name}-{n}", integration=name) for name in ("busy", "quiet") for n in range(5)),
        )
        claimed = claim(driver, limit=3, running={"busy": 3})
        assert [delivery.integration for delivery in claimed] == ["quiet"] * 3

    def test_an_expired_lease_is_claimed_anew_with_a_higher_token(self, driver: Driver) -> None:
        first = one_claimed(driver)
        assert claim(driver, at=T0 + 1) == ()
        (second,) = claim(driver, at=T0 + 2 * HOUR)
        assert second.event == first.event
        assert second.token > first.token

    def test_claim_says_when_the_next_delivery_is_due(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.record, record(delivery, Status.WAITING, due_at=T0 + 77))
        (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0, 1, T0 + HOUR))
        assert claimed.next_due_at == T0 + 77

    @pytest.mark.parametrize("jump", [HOUR, -HOUR])
    def test_a_clock_that_is_set_moves_what_is_due(self, driver: Driver, jump: int) -> None:
        waits = one_claimed(driver)
        driver.commit(driver.store.record, record(waits, Status.WAITING, due_at=T0 + 50))
        driver.commit(driver.store.accept, arrival("b", "b", at=T0 + 40))
        driver.commit(driver.store.shift, jump)
        assert [delivery.id for delivery in claim(driver, at=T0 + jump + 49)] == ["b"]
        assert [delivery.id for delivery in claim(driver, at=T0 + jump + 50)] == ["a"]

    @pytest.mark.parametrize("jump", [HOUR, -HOUR])
    def test_a_clock_that_is_set_moves_what_waits_behind_another_of_its_key(self, driver: Driver, jump: int) -> None:
        first = one_claimed(driver)
        driver.commit(driver.store.accept, arrival("b", at=T0 + 40))
        driver.commit(driver.store.shift, jump)
        driver.commit(driver.store.record, record(first, Status.DONE))
        assert claim(driver, at=T0 + jump + 39) == ()
        assert [delivery.id for delivery in claim(driver, at=T0 + jump + 40)] == ["b"]

    def test_recover_gives_back_every_lease_at_once(self, driver: Driver) -> None:
        first = one_claimed(driver)
        assert driver.commit(driver.store.recover, (0, T0 + 5)) == [1]
        (second,) = claim(driver, at=T0 + 5)
        assert second.event == first.event

    # ── record ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_late_record_is_refused_whole(self, driver: Driver) -> None:
        stale = one_claimed(driver)
        (fresh,) = claim(driver, at=T0 + 2 * HOUR)
        driver.commit(driver.store.begin, intent(fresh))
        late = record(
            stale, Status.DONE, settled=Settled(DIGEST, EffectState.DONE, "wrong"), lines=(Line("erp", "call", T0),)
        )
        assert driver.commit(driver.store.record, late) == [False]
        assert driver.rows()[0].status is Status.RUNNING
        (answered,) = driver.commit(driver.store.begin, intent(fresh))
        assert answered.leave is Leave.UNKNOWN

    def test_ended_steps_and_their_exact_results_come_back_with_the_next_claim(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        result = {"id": "so-1", "big": 123456789012345678901234567890}
        lines = (Line("erp", "call", T0, reason="answered 503"), Line("erp", "call", T0, ended=True, result=result))
        driver.commit(driver.store.record, record(delivery, Status.WAITING, due_at=T0, lines=lines))
        (again,) = claim(driver)
        assert [(step.id, step.result) for step in again.steps] == [("erp", result)]

    def test_attempts_are_counted_when_the_intent_is_written_and_kept(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.begin, intent(delivery))
        driver.commit(driver.store.recover, (0, T0))
        (again,) = claim(driver)
        assert again.attempts == 1

    # ── the effect ledger ────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_new_effect_may_be_sent(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        (answered,) = driver.commit(driver.store.begin, intent(delivery))
        assert (answered.leave, answered.first_sent_at) == (Leave.SEND, T0)

    def test_an_intent_without_an_outcome_is_unknown_to_the_next_claim(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.begin, intent(delivery))
        driver.commit(driver.store.recover, (0, T0))
        (again,) = claim(driver)
        (answered,) = driver.commit(driver.store.begin, intent(again))
        assert answered.leave is Leave.UNKNOWN

    def test_a_decision_to_send_again_is_followed_and_keeps_the_first_time(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.begin, intent(delivery))
        (answered,) = driver.commit(driver.store.begin, intent(delivery, again=True, at=T0 + 9))
        assert (answered.leave, answered.first_sent_at) == (Leave.SEND, T0)

    def test_a_second_event_gets_the_recorded_result(self, driver: Driver) -> None:
        first = one_claimed(driver)
        driver.commit(driver.store.begin, intent(first))
        driver.commit(
            driver.store.record, record(first, Status.DONE, settled=Settled(DIGEST, EffectState.DONE, {"id": "so-1"}))
        )
        second = one_claimed(driver, id_="b", key="other")
        (answered,) = driver.commit(driver.store.begin, intent(second, request=b"other"))
        assert (answered.leave, answered.result, answered.event, answered.differs) == (
            Leave.KNOWN,
            {"id": "so-1"},
            first.event,
            True,
        )

    def test_a_second_event_waits_for_an_open_intent(self, driver: Driver) -> None:
        first = one_claimed(driver)
        driver.commit(driver.store.begin, intent(first))
        second = one_claimed(driver, id_="b", key="other")
        (answered,) = driver.commit(driver.store.begin, intent(second))
        assert (answered.leave, answered.event) == (Leave.BUSY, first.event)

    def test_two_events_in_one_group_cannot_both_send(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival("a", "k1"), arrival("b", "k2"))
        first, second = claim(driver)
        answers = driver.commit(driver.store.begin, intent(first), intent(second))
        assert [answer.leave for answer in answers] == [Leave.SEND, Leave.BUSY]

    @pytest.mark.parametrize("status", [Status.DEAD, Status.WAITING, Status.HELD, Status.RUNNING])
    @pytest.mark.parametrize("state", [EffectState.REFUSED, EffectState.CLEAR])
    def test_a_second_event_sends_what_surely_did_not_happen_wherever_the_first_stands(
        self, driver: Driver, state: EffectState, status: Status
    ) -> None:
        first = one_claimed(driver)
        driver.commit(driver.store.begin, intent(first))
        settled = Settled(DIGEST, state)
        driver.commit(driver.store.record, record(first, status, settled=settled, due_at=T0 + HOUR, lease_until=HOUR))
        second = one_claimed(driver, id_="b", key="other")
        (answered,) = driver.commit(driver.store.begin, intent(second))
        assert answered.leave is Leave.SEND
        if status is Status.RUNNING:
            (answered,) = driver.commit(driver.store.begin, intent(first))
            assert (answered.leave, answered.event) == (Leave.BUSY, second.event)

    def test_a_second_event_waits_for_the_first_that_was_told_to_come_later(self, driver: Driver) -> None:
        first = one_claimed(driver)
        driver.commit(driver.store.begin, intent(first))
        settled = Settled(DIGEST, EffectState.TURNED_AWAY)
        driver.commit(driver.store.record, record(first, Status.WAITING, settled=settled, due_at=T0 + HOUR))
        second = one_claimed(driver, id_="b", key="other")
        (answered,) = driver.commit(driver.store.begin, intent(second))
        assert (answered.leave, answered.event) == (Leave.BUSY, first.event)

    def test_a_second_event_inherits_the_doubt_of_a_dead_one(self, driver: Driver) -> None:
        first = one_claimed(driver)
        driver.commit(driver.store.begin, intent(first))
        driver.commit(driver.store.record, record(first, Status.DEAD, settled=Settled(DIGEST, EffectState.UNKNOWN)))
        second = one_claimed(driver, id_="b", key="other")
        (answered,) = driver.commit(driver.store.begin, intent(second))
        assert answered.leave is Leave.UNKNOWN

    def test_the_same_event_with_another_request_is_told_so(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.begin, intent(delivery, request=b"one"))
        (answered,) = driver.commit(driver.store.begin, intent(delivery, request=b"two"))
        assert answered.leave is Leave.CHANGED

    def test_calls_without_effect_leave_no_row_but_are_counted(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        answers = [driver.commit(driver.store.begin, intent(delivery, once=None))[0].leave for _ in range(2)]
        assert answers == [Leave.SEND, Leave.SEND]
        driver.commit(driver.store.recover, (0, T0))
        assert claim(driver)[0].attempts == 2

    def test_what_ended_before_is_written_with_the_intent_that_follows(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        line = Line("score", "call", T0, ended=True, result=7)
        before = record(delivery, Status.RUNNING, lines=(line,), lease_until=T0 + HOUR)
        (answered,) = driver.commit(driver.store.begin, replace(intent(delivery), record=before))
        assert answered.leave is Leave.SEND
        driver.commit(driver.store.recover, (0, T0))
        (again,) = claim(driver)
        assert ([step.result for step in again.steps], again.attempts) == ([7], 1)

    def test_a_stale_record_takes_its_intent_with_it(self, driver: Driver) -> None:
        stale = one_claimed(driver)
        (fresh,) = claim(driver, at=T0 + 2 * HOUR)
        late = replace(intent(stale), record=record(stale, Status.RUNNING, lines=(Line("score", "call", T0),)))
        assert driver.commit(driver.store.begin, late)[0].leave is Leave.STALE
        assert driver.commit(driver.store.begin, intent(fresh))[0].leave is Leave.SEND

    def test_a_stale_lease_may_not_send(self, driver: Driver) -> None:
        stale = one_claimed(driver)
        claim(driver, at=T0 + 2 * HOUR)
        (answered,) = driver.commit(driver.store.begin, intent(stale))
        assert answered.leave is Leave.STALE

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def held(self, driver: Driver, on_release: str = "end", status: Status = Status.HELD) -> Delivery:
        delivery = one_claimed(driver)
        driver.commit(
            driver.store.record, record(delivery, status, step="review", queue="fraud", on_release=on_release)
        )
        return delivery

    def test_a_release_ends_the_hold_and_keeps_who_decided(self, driver: Driver) -> None:
        delivery = self.held(driver)
        assert driver.commit(driver.store.move, Move(delivery.event, T0 + 9, "release", "ada", "known customer")) == [
            ""
        ]
        (again,) = claim(driver, at=T0 + 9)
        assert [(step.id, step.result) for step in again.steps] == [
            ("review", {"by": "ada", "reason": "known customer"})
        ]

    def test_a_release_of_a_doubtful_call_allows_one_more_send(self, driver: Driver) -> None:
        delivery = self.held(driver, on_release="send")
        driver.commit(driver.store.move, Move(delivery.event, T0 + 9, "release", "ada", "not there"))
        (again,) = claim(driver, at=T0 + 9)
        assert again.again == 2
        assert again.steps == ()

    def test_a_rejected_event_is_discarded(self, driver: Driver) -> None:
        delivery = self.held(driver)
        driver.commit(driver.store.move, Move(delivery.event, T0 + 9, "reject", "ada", "fraud"))
        (row,) = driver.rows()
        assert (row.status, row.reason) == (Status.DISCARDED, "rejected by ada: fraud")
        assert claim(driver, at=T0 + 10) == ()

    def test_a_released_event_waits_for_the_one_of_its_key_that_runs(self, driver: Driver) -> None:
        delivery = self.held(driver)
        driver.commit(driver.store.accept, arrival("b"))
        (second,) = claim(driver)
        driver.commit(driver.store.move, Move(delivery.event, T0, "release", "ada", "fine"))
        assert claim(driver, at=T0 + 9) == ()
        driver.commit(driver.store.record, record(second, Status.DONE))
        (released,) = claim(driver, at=T0 + 9)
        assert released.event == delivery.event

    @pytest.mark.parametrize("runs", [False, True], ids=["waits", "runs"])
    def test_a_released_event_goes_before_a_later_one_of_its_key_that_waits_for_it(
        self, driver: Driver, runs: bool
    ) -> None:
        delivery = self.held(driver)
        driver.commit(driver.store.accept, arrival("b"))
        (second,) = claim(driver)
        waits, release = record(second, Status.WAITING, due_at=T0 + 2), Move(delivery.event, T0 + 1, "release", "ada")
        for verb, item in [(driver.store.record, waits), (driver.store.move, release)][:: -1 if runs else 1]:
            driver.commit(verb, item)
        (released,) = claim(driver, at=T0 + 9)
        assert released.event == delivery.event
        driver.commit(driver.store.record, record(released, Status.DONE, at=T0 + 10))
        assert [one.event for one in claim(driver, at=T0 + 10)] == [second.event]

    def test_a_dead_event_is_redriven_with_fresh_attempts(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.begin, intent(delivery))
        driver.commit(driver.store.record, record(delivery, Status.DEAD, attempts=12))
        assert driver.commit(driver.store.move, Move(delivery.event, T0 + 9, "redrive")) == [""]
        (again,) = claim(driver, at=T0 + 9)
        assert (again.attempts, again.plan, again.again) == (0, "p1", 1)

    def test_a_redrive_under_a_newer_plan_runs_its_steps_afresh(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        line = Line("erp", "call", T0, ended=True, result=1)
        driver.commit(driver.store.record, record(delivery, Status.DEAD, lines=(line,)))
        driver.commit(driver.store.move, Move(delivery.event, T0 + 9, "redrive", plan="p2"))
        (again,) = claim(driver, at=T0 + 9)
        assert (again.plan, again.steps) == ("p2", ())

    @pytest.mark.parametrize(
        ("action", "status"), [("release", Status.DONE), ("reject", Status.DEAD), ("redrive", Status.DONE)]
    )
    def test_what_cannot_be_moved_is_said(self, driver: Driver, action: str, status: Status) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.record, record(delivery, status))
        (said,) = driver.commit(driver.store.move, Move(delivery.event, T0, action))
        assert status.value in said

    def test_an_event_that_does_not_exist_is_said(self, driver: Driver) -> None:
        assert driver.commit(driver.store.move, Move(99, T0, "release")) == ["there is no event evt-99"]
