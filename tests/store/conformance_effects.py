"""What any store must do, continued: the ledger of effects, quotas and gates."""

from typing import Any

import pytest
from conformance import DIGEST, HOUR, T0, Driver, arrival, claim, intent, one_claimed, record
from msgspec.structs import replace

from engine.model import Delivery, EffectState, ItemState, Status, effect_digest
from engine.rules import quota
from engine.rules.quota import Heard, Quota
from engine.store import Answered, ClaimRequest, GateRow, Intent, Learnt, Leave, Line, Move, Settled

SECOND = 1_000_000
OTHERS = (("carrier-a", "buy"), ("carrier-b", "buy"))
SLOW = Quota("erp", rate=1, burst=1)
BY_HAND = GateRow("erp", state="", forced="open")


def begin(driver: Driver, *intents: Intent) -> list[Answered]:
    return driver.commit(driver.store.begin, *intents)


def several(driver: Driver, count: int, **more: Any) -> tuple[Delivery, ...]:
    driver.commit(driver.store.accept, *(replace(arrival(f"{n}", f"{n}"), **more) for n in range(count)))
    return claim(driver, limit=count)


def own(delivery: Delivery, **more: Any) -> Intent:
    """An intent whose effect is nobody else's."""
    return replace(intent(delivery, once=f"own-{delivery.event}"), **more)


def over(step: str, kind: str) -> Line:
    return Line(step, kind, T0, ended=True)


class EffectsConformance:
    """Every method is a promise; subclasses give the `driver` fixture."""

    # ── ownership ────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_an_effect_that_another_event_made_stays_its_own(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, intent(first))
        driver.commit(driver.store.record, record(first, Status.DONE, settled=Settled(DIGEST, EffectState.DONE, 1)))
        assert begin(driver, intent(second))[0].leave is Leave.KNOWN
        undone = record(second, Status.COMPENSATED, undone=(DIGEST,))
        driver.commit(driver.store.record, undone)
        (third,) = several(driver, 1, integration="third")
        assert begin(driver, intent(third))[0].leave is Leave.KNOWN

    def test_a_doubt_that_was_inherited_is_the_heirs_to_undo(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, intent(first))
        driver.commit(driver.store.record, record(first, Status.DEAD))
        assert begin(driver, intent(second))[0].leave is Leave.UNKNOWN
        (effect,) = self.story(driver, second)
        assert effect.event == second.event

    @pytest.mark.parametrize(
        ("step", "state", "more", "leave"),
        [
            ("erp", "unknown", {}, Leave.BUSY),
            ("erp", "unknown", {"lines": (over("erp", "release"),)}, Leave.UNKNOWN),
            ("erp", "open", {"lines": (over("erp", "release"),)}, Leave.BUSY),
            ("erp", "turned_away", {}, Leave.BUSY),
            ("erp", "turned_away", {"lines": (over("erp", "release"),)}, Leave.SEND),
            ("erp", "unknown", {"lines": (over("other", "release"),)}, Leave.BUSY),
            ("erp", "unknown", {"lines": (Line("erp", "release", T0),)}, Leave.BUSY),
            ("erp", "unknown", {"phase": "compensate", "lines": (over("erp", "call"),)}, Leave.BUSY),
            ("erp", "unknown", {"phase": "compensate", "lines": (over("erp", "release"),)}, Leave.UNKNOWN),
            ("erp", "unknown", {"phase": "compensate", "lines": (over("erp", "in-doubt"),)}, Leave.UNKNOWN),
            ("erp", "unknown", {"phase": "compensate", "items": (ItemState("erp", "failed", "erp"),)}, Leave.UNKNOWN),
            ("a_b[1].label", "unknown", {"items": (ItemState("a_b[1]", "failed", "label"),)}, Leave.UNKNOWN),
            ("a_b[1].label", "unknown", {"items": (ItemState("a_b[1]", "failed", "later"),)}, Leave.UNKNOWN),
            ("a_b[1].label", "unknown", {"items": (ItemState("a_b[1]", "held", "label"),)}, Leave.BUSY),
            ("a_b[1].label", "unknown", {"items": (ItemState("a_b[1]", "waiting", "label"),)}, Leave.BUSY),
            ("a_b[12].label", "unknown", {"items": (ItemState("a_b[1]", "failed", "label"),)}, Leave.BUSY),
            ("a_b[1].label", "unknown", {"lines": (over("a_b", "default"),)}, Leave.UNKNOWN),
            ("axb[1].label", "unknown", {"lines": (over("a_b", "default"),)}, Leave.BUSY),
            ("a_b[1].label", "unknown", {"phase": "compensate", "lines": (over("a_b", "default"),)}, Leave.BUSY),
        ],
    )
    def test_a_doubt_is_its_events_until_that_leaves_it_behind(
        self, driver: Driver, step: str, state: str, more: dict[str, Any], leave: Leave
    ) -> None:
        first, second, third = several(driver, 3)
        begin(driver, replace(intent(first), step=step))
        settled = Settled(DIGEST, EffectState(state))
        driver.commit(driver.store.record, record(first, Status.WAITING, due_at=T0 + HOUR, settled=settled, **more))
        answers = begin(driver, intent(second), intent(third))
        heir = first if leave is Leave.BUSY else second
        assert [(one.leave, one.event) for one in answers] == [(leave, heir.event), (Leave.BUSY, heir.event)]
        assert begin(driver, intent(third))[0].event == heir.event

    def test_who_comes_back_to_a_doubt_that_it_left_behind_waits_for_its_heir(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, intent(first))
        settled = Settled(DIGEST, EffectState.UNKNOWN)
        left = record(first, Status.RUNNING, lines=(over("erp", "release"),), settled=settled)
        driver.commit(driver.store.record, left)
        assert begin(driver, intent(second))[0].leave is Leave.UNKNOWN
        assert begin(driver, intent(first))[0].leave is Leave.BUSY
        assert begin(driver, intent(second, again=True))[0].leave is Leave.SEND

    def test_a_doubt_about_another_provider_that_was_left_behind_is_the_heirs_too(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, replace(intent(first), system="carrier-a", operation="buy"))
        settled = Settled(effect_digest("carrier-a", "buy", "order-1"), EffectState.UNKNOWN)
        left = record(first, Status.WAITING, due_at=T0, lines=(over("erp", "release"),), settled=settled)
        driver.commit(driver.store.record, left)
        asks = replace(intent(second), system="carrier-b", operation="buy", others=OTHERS[:1])
        (answered,) = begin(driver, asks)
        assert (answered.leave, answered.event, answered.place) == (Leave.UNKNOWN, second.event, 1)

    def story(self, driver: Driver, delivery: Delivery) -> list[Any]:
        line = Line("erp", "call", T0, "erp.create_order", "order-1")
        assert driver.commit(driver.store.record, record(delivery, Status.HELD, lines=(line,))) == [True]
        return driver.effects(delivery.event)

    def test_what_was_undone_is_not_made_again_under_the_same_once(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, intent(first))
        driver.commit(driver.store.record, record(first, Status.RUNNING, settled=Settled(DIGEST, EffectState.DONE, 1)))
        driver.commit(driver.store.record, record(first, Status.COMPENSATED, undone=(DIGEST,)))
        (answered,) = begin(driver, intent(second, request=b"other"))
        assert (answered.leave, answered.event) == (Leave.UNDONE, first.event)

    def test_one_event_cannot_send_twice_in_one_group(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        assert [one.leave for one in begin(driver, intent(delivery), intent(delivery))] == [Leave.SEND, Leave.UNKNOWN]

    def test_many_events_of_one_effect_in_one_group_send_once(self, driver: Driver) -> None:
        answers = begin(driver, *(intent(delivery) for delivery in several(driver, 70)))
        assert [one.leave for one in answers].count(Leave.SEND) == 1
        assert {one.event for one in answers} == {answers[0].event}

    def test_a_record_in_the_same_group_is_seen_by_the_intents(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, intent(first))
        done = record(
            first, Status.RUNNING, lines=(Line("erp", "call", T0),), settled=Settled(DIGEST, EffectState.DONE, 5)
        )
        answers = begin(driver, intent(second), replace(own(first), record=done))
        assert [(one.leave, one.result) for one in answers] == [(Leave.KNOWN, 5), (Leave.SEND, None)]

    def test_an_intent_keeps_the_effect_and_its_attempts(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        for _ in range(3):
            begin(driver, intent(delivery, again=True))
        (effect,) = self.story(driver, delivery)
        assert (effect.state, effect.attempts) == (EffectState.OPEN, 3)

    # ── any of several providers ─────────────────────────────────────────────────────────────────────────────────────

    def at(self, delivery: Delivery, provider: int) -> Intent:
        system, operation = OTHERS[provider]
        return replace(intent(delivery), system=system, operation=operation, others=(OTHERS[1 - provider],))

    def settle(self, provider: int, state: EffectState) -> Settled:
        return Settled(effect_digest(*OTHERS[provider], "order-1"), state, "label-1")

    def test_an_effect_at_another_provider_is_known(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, self.at(first, 0))
        driver.commit(driver.store.record, record(first, Status.DONE, settled=self.settle(0, EffectState.DONE)))
        (answered,) = begin(driver, self.at(second, 1))
        assert (answered.leave, answered.result, answered.event, answered.place) == (
            Leave.KNOWN,
            "label-1",
            first.event,
            1,
        )

    def test_an_open_intent_at_another_provider_is_waited_for(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        (_, answered) = begin(driver, self.at(first, 0), self.at(second, 1))
        assert (answered.leave, answered.event, answered.place) == (Leave.BUSY, first.event, 1)

    def test_a_doubt_at_another_provider_stops_this_one_even_if_it_may_send_again(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        begin(driver, self.at(delivery, 0))
        (answered,) = begin(driver, replace(self.at(delivery, 1), again=True))
        assert (answered.leave, answered.place) == (Leave.UNKNOWN, 1)

    def test_the_doubt_of_a_dead_event_at_another_provider_is_inherited(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, self.at(first, 0))
        driver.commit(driver.store.record, record(first, Status.DEAD))
        (answered,) = begin(driver, self.at(second, 1))
        assert (answered.leave, answered.event, answered.place) == (Leave.UNKNOWN, second.event, 1)
        line = Line("label", "call", T0, "carrier-a.buy", "order-1")
        driver.commit(driver.store.record, record(second, Status.HELD, lines=(line,)))
        assert [effect.event for effect in driver.effects(second.event)] == [second.event]

    def test_what_surely_did_not_happen_elsewhere_lets_this_one_send(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        begin(driver, self.at(delivery, 0))
        clear = record(delivery, Status.RUNNING, settled=self.settle(0, EffectState.CLEAR), lease_until=T0 + HOUR)
        (answered,) = begin(driver, replace(self.at(delivery, 1), record=clear))
        assert (answered.leave, answered.place) == (Leave.SEND, 0)

    def test_a_provider_that_said_later_is_asked_again_by_this_event_and_no_other_in_its_place(
        self, driver: Driver
    ) -> None:
        first, second = several(driver, 2)
        begin(driver, self.at(first, 0))
        later = record(first, Status.RUNNING, settled=self.settle(0, EffectState.TURNED_AWAY), lease_until=T0 + HOUR)
        (answered,) = begin(driver, replace(self.at(first, 1), record=later))
        assert (answered.leave, answered.place) == (Leave.STAY, 1)
        assert begin(driver, self.at(second, 1))[0].leave is Leave.BUSY
        assert begin(driver, replace(self.at(first, 0), request_digest=b"other"))[0].leave is Leave.SEND
        driver.commit(driver.store.record, record(first, Status.DEAD, settled=self.settle(0, EffectState.TURNED_AWAY)))
        assert begin(driver, self.at(second, 1))[0].leave is Leave.SEND

    # ── quotas ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def park(self, driver: Driver, *deliveries: Delivery, gate: str = "erp") -> None:
        driver.commit(
            driver.store.record, *(record(one, Status.WAITING, due_at=T0 + SECOND, gate=gate) for one in deliveries)
        )

    def claim_at(
        self, driver: Driver, at: int, limit: int = 10, **more: Any
    ) -> tuple[tuple[Delivery, ...], int | None]:
        request = ClaimRequest(at, limit, at + HOUR, **{"quotas": {"erp": SLOW}, **more})
        (claimed,) = driver.commit(driver.store.claim, request)
        return claimed.deliveries, claimed.next_due_at

    def test_an_empty_bucket_sends_to_the_gate_and_counts_no_attempt(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        answers = begin(driver, own(first, quotas=(SLOW,)), own(second, quotas=(SLOW,)))
        assert [one.leave for one in answers] == [Leave.SEND, Leave.GATED]
        assert (answers[1].gate, answers[1].at) == ("erp", T0 + SECOND)
        assert [row.attempts for row in driver.rows()] == [1, 0]
        assert begin(driver, own(second, quotas=(SLOW,), at=T0 + SECOND))[0].leave is Leave.SEND

    def test_a_bucket_is_shared_by_groups_and_nodes(self, driver: Driver) -> None:
        deliveries = several(driver, 6)
        policy = Quota("erp", rate=1, burst=3)
        leaves = [begin(driver, own(one, quotas=(policy,)))[0].leave for one in deliveries]
        assert leaves == [Leave.SEND] * 3 + [Leave.GATED] * 3

    def test_a_clock_set_back_neither_locks_a_bucket_nor_fills_it(self, driver: Driver) -> None:
        first, second, third = several(driver, 3)
        begin(driver, own(first, quotas=(SLOW,)))
        back = T0 - 24 * HOUR
        (answered,) = begin(driver, own(second, quotas=(SLOW,), at=back))
        assert (answered.leave, answered.at) == (Leave.GATED, back + SECOND)
        leaves = [begin(driver, own(one, quotas=(SLOW,), at=back + SECOND))[0].leave for one in (second, third)]
        assert leaves == [Leave.SEND, Leave.GATED]

    def test_a_group_goes_by_the_newest_of_its_times(self, driver: Driver) -> None:
        first, second, third = several(driver, 3)
        begin(driver, own(first, quotas=(SLOW,)))
        answers = begin(driver, own(second, quotas=(SLOW,)), own(third, quotas=(SLOW,), at=T0 + SECOND))
        assert [one.leave for one in answers] == [Leave.SEND, Leave.GATED]
        assert answers[1].at == T0 + 2 * SECOND

    def test_what_the_ledger_answers_costs_no_token(self, driver: Driver) -> None:
        first, second, third = several(driver, 3)
        begin(driver, intent(first))
        answers = begin(driver, replace(intent(second), quotas=(SLOW,)), own(third, quotas=(SLOW,)))
        assert [one.leave for one in answers] == [Leave.BUSY, Leave.SEND]

    def test_all_gates_or_none_are_paid(self, driver: Driver) -> None:
        first, second, third = several(driver, 3)
        narrow, wide = Quota("erp.create_order", rate=1, burst=1), Quota("erp", rate=1, burst=2)
        leaves = [
            begin(driver, own(first, quotas=(wide, narrow)))[0],
            begin(driver, own(second, quotas=(wide, narrow)))[0],
            begin(driver, own(third, quotas=(wide,)))[0],
        ]
        assert [one.leave for one in leaves] == [Leave.SEND, Leave.GATED, Leave.SEND]
        assert leaves[1].gate == "erp.create_order"

    def test_the_more_urgent_of_a_group_get_the_tokens(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        answers = begin(driver, own(first, quotas=(SLOW,), lane=2), own(second, quotas=(SLOW,), lane=0))
        assert [one.leave for one in answers] == [Leave.GATED, Leave.SEND]

    def test_whoever_comes_waits_behind_those_that_wait_unless_more_urgent(self, driver: Driver) -> None:
        first, second, third, fourth = several(driver, 4)
        policy = Quota("erp", rate=10, burst=10)
        self.park(driver, first)
        answers = begin(
            driver,
            own(second, quotas=(policy,), lane=1),
            own(third, quotas=(policy,), lane=2),
            own(fourth, quotas=(policy,), lane=0),
        )
        assert [one.leave for one in answers] == [Leave.GATED, Leave.GATED, Leave.SEND]

    def test_what_waits_at_a_gate_is_claimed_only_as_it_lets_through_and_oldest_first(self, driver: Driver) -> None:
        first, second, third = several(driver, 3)
        begin(driver, own(first, quotas=(SLOW,)))
        self.park(driver, third, second)
        assert self.claim_at(driver, T0) == ((), T0 + SECOND)
        ((claimed,), next_due_at) = self.claim_at(driver, T0 + SECOND)
        assert (claimed.event, claimed.passes, next_due_at) == (second.event, ("erp",), T0 + 2 * SECOND)

    def test_a_token_taken_by_the_claim_is_not_paid_again(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        self.park(driver, first, second)
        ((claimed,), _) = self.claim_at(driver, T0)
        (answered,) = begin(driver, own(claimed, quotas=(SLOW,), passes=claimed.passes))
        assert answered.leave is Leave.SEND

    def test_a_gate_without_a_quota_lets_through_what_this_node_allows(self, driver: Driver) -> None:
        deliveries = several(driver, 5)
        self.park(driver, *deliveries, gate="erp.create_order")
        assert self.claim_at(driver, T0, allow={"erp.create_order": 0}) == ((), None)
        claimed, _ = self.claim_at(driver, T0, allow={"erp.create_order": 2}, quotas={})
        assert [one.event for one in claimed] == [one.event for one in deliveries[:2]]
        claimed, _ = self.claim_at(driver, T0, allow={"erp": 1}, quotas={})
        assert [one.event for one in claimed] == [deliveries[2].event], "what its system may have bounds it too"
        claimed, _ = self.claim_at(driver, T0, quotas={})
        assert [one.event for one in claimed] == [one.event for one in deliveries[3:]]

    def test_a_gate_without_a_quota_shares_its_places_by_lanes_too(self, driver: Driver) -> None:
        for lane in (2, 1, 0):
            driver.commit(
                driver.store.accept, *(replace(arrival(f"{lane}-{n}", f"{lane}-{n}"), lane=lane) for n in range(60))
            )
        self.park(driver, *claim(driver, limit=200))
        got = []
        for _ in range(42):
            claimed, _ = self.claim_at(driver, T0, allow={"erp": 1}, quotas={})
            got += [(one.id or "")[0] for one in claimed]
        assert [got.count(lane) for lane in "012"] == [32, 8, 2]

    def test_who_needs_tokens_of_two_gates_waits_at_the_narrow_one_and_is_given_both(self, driver: Driver) -> None:
        first, second, third = several(driver, 3)
        wide, narrow = SLOW, Quota("erp.create_order", rate=10, burst=10)
        begin(driver, own(first, quotas=(wide, narrow)))
        (answered,) = begin(driver, own(second, quotas=(wide, narrow)))
        assert (answered.leave, answered.gate, answered.at) == (Leave.GATED, "erp.create_order", T0 + SECOND)
        self.park(driver, second, third, gate="erp.create_order")
        both = {"erp": wide, "erp.create_order": narrow}
        assert self.claim_at(driver, T0, quotas=both) == ((), T0 + SECOND)
        ((claimed,), _) = self.claim_at(driver, T0 + SECOND, quotas=both)
        assert (claimed.event, claimed.passes) == (second.event, ("erp.create_order", "erp"))
        (answered,) = begin(driver, own(claimed, quotas=(wide, narrow), passes=claimed.passes))
        assert answered.leave is Leave.SEND

    def test_what_waits_at_a_gate_keeps_its_key(self, driver: Driver) -> None:
        first = one_claimed(driver)
        self.park(driver, first)
        driver.commit(driver.store.accept, arrival("b"))
        assert self.claim_at(driver, T0, allow={"erp": 0})[0] == ()

    def test_a_gate_shares_its_tokens_by_lanes(self, driver: Driver) -> None:
        for lane in (2, 1, 0):
            driver.commit(
                driver.store.accept, *(replace(arrival(f"{lane}-{n}", f"{lane}-{n}"), lane=lane) for n in range(60))
            )
        self.park(driver, *claim(driver, limit=200))
        got = []
        for turn in range(42):
            claimed, _ = self.claim_at(driver, T0 + turn * SECOND)
            got += [(one.id or "")[0] for one in claimed]
        assert [got.count(lane) for lane in "012"] == [32, 8, 2]

    def test_calls_under_way_are_bounded_and_a_record_ends_one(self, driver: Driver) -> None:
        first, second, third = several(driver, 3)
        policy = Quota("erp", concurrency=2)
        leaves = [begin(driver, own(one, quotas=(policy,)))[0].leave for one in (first, second, third)]
        assert leaves == [Leave.SEND, Leave.SEND, Leave.GATED]
        driver.commit(driver.store.record, record(first, Status.DONE))
        assert begin(driver, own(third, quotas=(policy,)))[0].leave is Leave.SEND

    def test_a_call_of_a_lost_lease_is_under_way_no_more(self, driver: Driver) -> None:
        (first,) = several(driver, 1)
        policy = Quota("erp.create_order", concurrency=1)
        begin(driver, own(first, quotas=(policy,)))
        driver.commit(driver.store.recover, (0, T0))
        (again,) = claim(driver)
        assert begin(driver, own(again, quotas=(policy,), again=True))[0].leave is Leave.SEND

    def test_what_is_claimed_through_a_gate_counts_among_the_calls_under_way(self, driver: Driver) -> None:
        deliveries = several(driver, 3)
        self.park(driver, *deliveries)
        policy = {"erp": Quota("erp", concurrency=2)}
        claimed, _ = self.claim_at(driver, T0, quotas=policy)
        assert len(claimed) == 2
        rest, next_due_at = self.claim_at(driver, T0, quotas=policy)
        assert rest == ()
        assert next_due_at is not None
        assert next_due_at > T0

    def test_what_a_partner_told_holds_for_all(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, own(first, quotas=(SLOW,)))
        told = Learnt("erp", quota.encode(Heard(pause_us=60 * SECOND)))
        driver.commit(driver.store.record, record(first, Status.DONE, learnt=(told,)))
        (answered,) = begin(driver, own(second, quotas=(SLOW,), at=T0 + 30 * SECOND))
        assert (answered.leave, answered.at) == (Leave.GATED, T0 + 60 * SECOND + 1)

    def test_a_stale_record_teaches_nothing(self, driver: Driver) -> None:
        stale = one_claimed(driver)
        (fresh,) = claim(driver, at=T0 + 2 * HOUR)
        told = Learnt("erp", quota.encode(Heard(pause_us=60 * SECOND)))
        driver.commit(driver.store.record, record(stale, Status.DONE, learnt=(told,)))
        assert begin(driver, own(fresh, quotas=(SLOW,)))[0].leave is Leave.SEND

    # ── gates as they are kept ───────────────────────────────────────────────────────────────────────────────────────

    def test_gates_are_kept_and_read_with_who_waits_there(self, driver: Driver) -> None:
        opened = GateRow("erp.create_order", "open", T0 + 30 * SECOND, "", "12 of 20 calls failed", T0)
        driver.commit(driver.store.keep_gates, opened, BY_HAND)
        self.park(driver, *several(driver, 2), gate="erp.create_order")
        assert driver.gates() == [GateRow("erp", forced="open"), replace(opened, parked=2)]

    def test_the_newest_word_on_a_gate_holds_and_its_bucket_is_not_touched(self, driver: Driver) -> None:
        first, second = several(driver, 2)
        begin(driver, own(first, quotas=(SLOW,)))
        driver.commit(driver.store.keep_gates, BY_HAND, replace(BY_HAND, forced=""))
        assert [gate.forced for gate in driver.gates()] == [""]
        assert begin(driver, own(second, quotas=(SLOW,)))[0].leave is Leave.GATED

    def test_an_engine_s_word_and_a_person_s_do_not_undo_each_other(self, driver: Driver) -> None:
        opened = GateRow("erp", "open", T0 + 30 * SECOND, reason="12 of 20 calls failed", at=T0)
        driver.commit(driver.store.keep_gates, opened, BY_HAND, GateRow("erp", "half_open", at=T0 + 30 * SECOND))
        assert driver.gates() == [GateRow("erp", "half_open", forced="open", at=T0 + 30 * SECOND)]
        driver.commit(driver.store.keep_gates, replace(BY_HAND, forced=""), opened)
        assert driver.gates() == [opened]

    def test_parked_events_are_told_of_at_a_gate_nobody_has_kept(self, driver: Driver) -> None:
        self.park(driver, one_claimed(driver), gate="wms")
        assert driver.gates() == [GateRow("wms", parked=1)]

    def test_a_new_effect_is_asked_for_and_counted(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.record, record(delivery, Status.DEAD, step="erp"))
        for turn in (1, 2):
            driver.commit(driver.store.move, Move(delivery.event, T0, "redrive", "ada", "lost", new_effect=True))
            (again,) = claim(driver)
            assert again.renewed == {"erp": turn}
            driver.commit(driver.store.record, record(again, Status.DEAD, step="erp"))
