"""What any store must do, continued: splits, items of an `each`, events of topics, phases, and people's decisions."""

from typing import Any

import pytest
from conformance import HOUR, T0, Driver, arrival, claim, intent, one_claimed, record
from msgspec.structs import replace

from engine.errors import StoreFull
from engine.model import Allowed, Arrival, Delivery, Emission, ItemState, Status
from engine.store import Filter, Leave, Line, Move

ENVELOPE = b'{"notificationItems": []}'
RELEASE = ItemState("parcels[1]", "held", "review", 2, T0 + HOUR, "heavy", "end")


def item_of(number: int, envelope: bytes | None = ENVELOPE) -> Arrival:
    return replace(arrival(f"item-{number}", f"k{number}", b"%d" % number), envelope=envelope)


def message(id_: str = "m1", key: str = "k", body: bytes = b"{}", arrivals: tuple[Arrival, ...] = ()) -> Emission:
    return Emission("orders", key, id_, body, T0, arrivals)


def each(place: str, state: str = "waiting", **more: Any) -> ItemState:
    return ItemState(place, state, **more)


class StoriesConformance:
    """Every method is a promise; subclasses give the `driver` fixture."""

    # ── splits ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_split_delivery_is_many_events_with_one_envelope(self, driver: Driver) -> None:
        answers = driver.commit(driver.store.accept_all, [item_of(n) for n in range(3)], [item_of(7, None)])
        assert [[receipt.verdict for receipt in receipts] for receipts in answers] == [["accepted"] * 3, ["accepted"]]
        claimed = claim(driver)
        assert [(one.body, one.envelope) for one in claimed] == [
            (b"0", ENVELOPE),
            (b"1", ENVELOPE),
            (b"2", ENVELOPE),
            (b"7", None),
        ]

    def test_an_envelope_is_stored_once(self, driver: Driver) -> None:
        envelope = b"x" * 3000
        driver.commit(driver.store.accept_all, [item_of(n, envelope) for n in range(50)])
        stored = driver.database.rows("SELECT count(*), min(event), max(last) FROM envelope")
        assert stored == [(1, driver.rows()[0].event, driver.rows()[-1].event)]

    def test_duplicates_and_conflicts_are_found_item_by_item(self, driver: Driver) -> None:
        driver.commit(driver.store.accept_all, [item_of(0), item_of(1)])
        other = replace(item_of(1), body=b"other")
        (receipts,) = driver.commit(driver.store.accept_all, [item_of(0), other, item_of(2), item_of(2)])
        assert [receipt.verdict for receipt in receipts] == ["duplicate", "conflict", "accepted", "duplicate"]

    def test_an_item_that_cannot_be_named_is_quarantined_alone(self, driver: Driver) -> None:
        unnamed = replace(item_of(1), id=None, key=None, reason="no id")
        driver.commit(driver.store.accept_all, [item_of(0), unnamed])
        assert [row.status for row in driver.rows()] == [Status.ACCEPTED, Status.QUARANTINED]

    # ── items of an `each` ───────────────────────────────────────────────────────────────────────────────────────────

    def test_items_that_have_not_ended_come_back_with_the_next_claim(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        items = (
            each("parcels[2]", step="label", attempts=3, due_at=T0 + 5, reason="answered 503"),
            each("parcels[10]", "failed", reason="refused"),
        )
        driver.commit(driver.store.record, record(delivery, Status.WAITING, due_at=T0 + 5, items=items))
        assert driver.items(delivery.event) == items
        (again,) = claim(driver, at=T0 + 5)
        assert again.items == items

    @pytest.mark.parametrize("state", ["waiting", "behind"])
    def test_a_clock_that_is_set_moves_what_items_wait_for(self, driver: Driver, state: str) -> None:
        delivery = one_claimed(driver)
        items = (each("parcels[2]", state, due_at=T0 + 5), each("parcels[3]", "held", due_at=T0 + 5))
        driver.commit(driver.store.record, record(delivery, Status.WAITING, due_at=T0 + 5, items=items))
        driver.commit(driver.store.shift, HOUR)
        assert [item.due_at for item in driver.items(delivery.event)] == [T0 + HOUR + 5, T0 + 5]

    def test_a_record_replaces_the_items_or_leaves_them_as_they_are(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        items = (each("parcels[0]"), each("parcels[1]"))
        driver.commit(driver.store.record, record(delivery, Status.WAITING, due_at=T0, items=items))
        (again,) = claim(driver)
        driver.commit(driver.store.record, record(again, Status.WAITING, due_at=T0))
        (again,) = claim(driver)
        assert again.items == items
        driver.commit(driver.store.record, record(again, Status.WAITING, due_at=T0, items=items[1:]))
        (again,) = claim(driver)
        assert again.items == items[1:]
        driver.commit(driver.store.record, record(again, Status.WAITING, due_at=T0, items=()))
        assert claim(driver)[0].items == ()

    def test_the_attempts_of_an_item_are_counted_with_its_intent(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        label = replace(intent(delivery, again=True), step="parcels[2].label")
        driver.commit(driver.store.begin, label)
        driver.commit(driver.store.begin, label)
        driver.commit(driver.store.begin, replace(label, step="parcels[2].tell", once=None))
        driver.commit(driver.store.recover, (0, T0))
        (again,) = claim(driver)
        assert [(item.place, item.step, item.attempts) for item in again.items] == [("parcels[2]", "tell", 1)]
        assert again.attempts == 0
        assert driver.rows()[0].attempts == 3

    def test_held_items_are_released_with_their_event(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        doubt = replace(RELEASE, place="parcels[2]", step="label", on_release="send")
        failed, behind = each("parcels[3]", "failed"), each("parcels[4]", "behind", step="label", due_at=T0 + 50)
        items = (RELEASE, doubt, failed, behind)
        held = record(delivery, Status.HELD, step="parcels", items=items, due_at=T0 + 50, on_release="send")
        driver.commit(driver.store.record, held)
        driver.commit(driver.store.move, Move(delivery.event, T0 + 9, "release", "ada", "fine"))
        (again,) = claim(driver, at=T0 + 9)
        assert again.items == (
            each("parcels[1]", step="review", due_at=T0 + 9),
            each("parcels[2]", step="label", due_at=T0 + 9, again=Allowed.ANOTHER_REQUEST),
            failed,
            behind,
        )
        assert [(step.id, step.result) for step in again.steps] == [
            ("parcels[1].review", {"by": "ada", "reason": "fine"})
        ]

    def test_held_items_that_are_rejected_fail_and_their_event_goes_on(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        items = (RELEASE, each("parcels[2]", "behind", reason="evt-7"))
        held = record(delivery, Status.HELD, step="parcels", items=items, on_reject="items")
        driver.commit(driver.store.record, held)
        driver.commit(driver.store.move, Move(delivery.event, T0, "reject", "ada", "no"))
        (again,) = claim(driver)
        assert [(item.state, item.reason) for item in again.items] == [
            ("failed", "rejected by ada: no"),
            ("behind", "evt-7"),
        ]

    def test_an_event_that_is_rejected_whole_is_discarded_and_keeps_its_items_for_a_redrive(
        self, driver: Driver
    ) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.record, record(delivery, Status.HELD, step="parcels", items=(RELEASE,)))
        driver.commit(driver.store.move, Move(delivery.event, T0, "reject", "ada", "no"))
        assert driver.rows()[0].status is Status.DISCARDED
        driver.commit(driver.store.move, Move(delivery.event, T0, "redrive", "ada", "yes"))
        (again,) = claim(driver)
        assert [(item.place, item.state) for item in again.items] == [("parcels[1]", "waiting")]

    def test_a_new_effect_is_that_of_the_items_that_stand_still(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        items = tuple(
            each(f"parcels[{at}]", state, step="label") for at, state in ((0, "waiting"), (1, "behind"), (3, "failed"))
        )
        driver.commit(driver.store.record, record(delivery, Status.DEAD, step="parcels", items=items))
        driver.commit(driver.store.move, Move(delivery.event, T0, "redrive", "ada", "yes", new_effect=True))
        (again,) = claim(driver)
        assert again.renewed == {"parcels[3].label": 1}

    def test_failed_items_are_tried_again_when_their_event_is_redriven(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        failed = each("parcels[3]", "failed", step="label", attempts=9, reason="refused")
        driver.commit(driver.store.record, record(delivery, Status.DEAD, items=(failed,)))
        driver.commit(driver.store.move, Move(delivery.event, T0, "redrive"))
        (again,) = claim(driver)
        assert again.items == (each("parcels[3]", step="label", due_at=T0, again=Allowed.SETTLING),)

    def test_under_a_newer_plan_there_are_no_items_yet(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.record, record(delivery, Status.DEAD, items=(each("parcels[3]", "failed"),)))
        driver.commit(driver.store.move, Move(delivery.event, T0, "redrive", plan="p2"))
        assert claim(driver)[0].items == ()

    # ── topics ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def emit(self, driver: Driver, delivery: Delivery, *emissions: Emission, status: Status = Status.DONE) -> None:
        assert driver.commit(driver.store.record, record(delivery, status, emitted=emissions)) == [True]

    def messages(self, driver: Driver, key: str = "k", topic: str = "orders") -> list[bytes]:
        (found,) = driver.commit(driver.store.messages, (topic, key))
        return [one.body for one in found]

    def test_what_is_emitted_arrives_with_the_record_and_is_kept_by_key(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        arrivals = (replace(arrival("m1", "k"), integration="one"), replace(arrival("m1", "k"), integration="two"))
        self.emit(driver, delivery, message(body=b"1", arrivals=arrivals), message("m2", "other", b"2"))
        assert sorted(one.integration for one in claim(driver)) == ["one", "two"]
        assert (self.messages(driver), self.messages(driver, "other")) == ([b"1"], [b"2"])
        assert self.messages(driver, topic="settlements") == []

    def test_the_same_id_again_writes_nothing(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival("a", "1"), arrival("b", "2"))
        first, second = claim(driver)
        arrives = replace(arrival("m1", "k"), integration="one")
        self.emit(driver, first, message(body=b"1", arrivals=(arrives,)))
        self.emit(driver, second, message(body=b"2", arrivals=(arrives,)))
        assert self.messages(driver) == [b"1"]
        assert len(driver.rows(Filter(integration="one"))) == 1

    def test_the_same_id_twice_in_one_group_is_one_event(self, driver: Driver) -> None:
        self.emit(driver, one_claimed(driver), message(body=b"1"), message(body=b"2"))
        assert len(self.messages(driver)) == 1

    def test_the_story_says_of_each_step_whether_what_it_told_was_news(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival("a", "1"), arrival("b", "2"))
        first, second = claim(driver)
        lines = [
            Line("order", "map", T0, ended=True, reason="told under orders"),
            *(
                Line(f"tell_{id_}", "emit", T0, once=id_, reason="told under orders", ended=True)
                for id_ in ("m1", "m2")
            ),
            Line("again", "emit", T0, once="m1", reason="told under orders", ended=True),
        ]
        emitted = (message("m1"), message("m2"), message("m1"))
        more = record(second, Status.DONE, lines=lines[1:3], emitted=(message("m3"), message("m2")))
        driver.commit(driver.store.record, record(first, Status.DONE, lines=lines, emitted=emitted), more)
        told, again = "told under orders", "told under orders before, and not again"
        assert [line.reason for line in driver.lines(first.event)] == [told, told, told, again]
        assert [line.reason for line in driver.lines(second.event)] == [told, again]

    def test_what_a_late_record_emits_is_not_there(self, driver: Driver) -> None:
        stale = one_claimed(driver)
        claim(driver, at=T0 + 2 * HOUR)
        late = record(stale, Status.DONE, emitted=(message(arrivals=(arrival("m1", integration="one"),)),))
        assert driver.commit(driver.store.record, late) == [False]
        assert self.messages(driver) == []
        assert len(driver.rows()) == 1

    def test_of_one_key_the_newest_hundred_are_kept_oldest_first(self, driver: Driver) -> None:
        emissions = tuple(message(f"m{n}", body=b"%d" % n) for n in range(130))
        self.emit(driver, one_claimed(driver), *emissions, message("other", "other"))
        assert self.messages(driver) == [b"%d" % n for n in range(30, 130)]
        assert len(self.messages(driver, "other")) == 1
        assert driver.database.rows("SELECT count(*) FROM message") == [(101,)]

    def waiting(self, driver: Driver, due_at: int = 0, blocks: bool = False, seen: int = 0) -> Delivery:
        driver.commit(driver.store.accept, replace(arrival("waits"), blocks=blocks))
        (delivery,) = claim(driver)
        awaits = record(delivery, Status.WAITING, due_at=due_at, step="paid", awaits=("orders", "k"), seen_message=seen)
        driver.commit(driver.store.record, awaits)
        return delivery

    def another(self, driver: Driver, id_: str = "emits") -> Delivery:
        driver.commit(driver.store.accept, arrival(id_, id_))
        return next(one for one in claim(driver) if one.id == id_)

    def test_whoever_waits_for_it_is_due_at_once(self, driver: Driver) -> None:
        waiting = self.waiting(driver)
        assert claim(driver, at=T0 + HOUR) == ()
        self.emit(driver, self.another(driver), message("m0", "another"))
        assert claim(driver) == ()
        self.emit(driver, self.another(driver, "again"), message())
        (again,) = claim(driver)
        assert (again.event, again.step) == (waiting.event, "paid")

    def test_who_was_woken_does_not_wake_again(self, driver: Driver) -> None:
        self.waiting(driver)
        self.emit(driver, self.another(driver), message())
        (again,) = claim(driver)
        driver.commit(driver.store.record, record(again, Status.WAITING, due_at=T0 + HOUR))
        self.emit(driver, self.another(driver, "again"), message("m2"))
        assert claim(driver) == ()

    def test_one_that_came_meanwhile_is_not_slept_through(self, driver: Driver) -> None:
        self.emit(driver, self.another(driver), message())
        ((seen,),) = driver.commit(driver.store.messages, ("orders", "k"))
        waiting = self.waiting(driver, seen=seen.message)
        assert claim(driver) == ()
        self.emit(driver, self.another(driver, "again"), message("m2"))
        (again,) = claim(driver)
        driver.commit(
            driver.store.record,
            record(again, Status.WAITING, awaits=("orders", "k"), seen_message=seen.message),
        )
        assert [one.event for one in claim(driver, at=T0 + 1)] == [waiting.event]

    def test_a_wait_and_what_it_waits_for_in_one_group_meet(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, arrival("waits"), arrival("emits", "other"))
        waits, emits = claim(driver)
        awaits = record(waits, Status.WAITING, awaits=("orders", "k"))
        driver.commit(driver.store.record, record(emits, Status.DONE, emitted=(message(),)), awaits)
        assert [one.id for one in claim(driver)] == ["waits"]

    def test_a_wait_ends_by_itself_when_it_expires(self, driver: Driver) -> None:
        waiting = self.waiting(driver, due_at=T0 + HOUR)
        assert claim(driver, at=T0 + HOUR - 1) == ()
        assert [one.event for one in claim(driver, at=T0 + HOUR)] == [waiting.event]

    def test_a_wait_lets_its_key_pass_and_then_takes_its_turn(self, driver: Driver) -> None:
        self.waiting(driver)
        driver.commit(driver.store.accept, arrival("b"), arrival("c"))
        (second,) = claim(driver)
        assert second.id == "b"
        self.emit(driver, self.another(driver), message())
        assert claim(driver) == ()
        driver.commit(driver.store.record, record(second, Status.DONE))
        assert [one.id for one in claim(driver)] == ["waits"]

    def test_a_wait_that_blocks_keeps_its_key(self, driver: Driver) -> None:
        self.waiting(driver, blocks=True)
        driver.commit(driver.store.accept, arrival("b"))
        assert claim(driver) == ()
        self.emit(driver, self.another(driver), message())
        assert [one.id for one in claim(driver)] == ["waits"]

    # ── phases ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_phase_and_its_cause_are_kept(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(
            driver.store.record, record(delivery, Status.WAITING, due_at=T0, phase="compensate", cause="refused")
        )
        (again,) = claim(driver)
        assert (again.phase, again.cause) == ("compensate", "refused")
        assert [row.phase for row in driver.rows()] == ["compensate"]

    def test_the_provider_and_the_once_of_a_step_are_remembered(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        line = Line("label", "call", T0, "carrier-b.buy", "order-1", ended=True, result="l-1")
        driver.commit(driver.store.record, record(delivery, Status.WAITING, due_at=T0, lines=(line,)))
        (step,) = claim(driver)[0].steps
        assert (step.id, step.operation, step.once, step.result) == ("label", "carrier-b.buy", "order-1", "l-1")

    def test_an_undo_of_an_items_call_counts_with_its_event(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        before = record(delivery, Status.RUNNING, phase="compensate", cause="refused", lease_until=T0 + HOUR)
        undo = replace(intent(delivery), step="parcels[1].label", operation="cancel", record=before)
        assert driver.commit(driver.store.begin, undo)[0].leave is Leave.SEND
        driver.commit(driver.store.recover, (0, T0))
        (again,) = claim(driver)
        assert (again.attempts, again.items) == (1, ())

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def hold(self, driver: Driver, on_reject: str = "discard") -> Delivery:
        delivery = one_claimed(driver)
        line = Line("review", "hold", T0 + 3)
        held = record(
            delivery, Status.HELD, step="review", lines=(line,), on_reject=on_reject, on_release="end", queue="fraud"
        )
        driver.commit(driver.store.record, held)
        return delivery

    def test_a_rejected_event_is_compensated_where_its_step_says_so(self, driver: Driver) -> None:
        delivery = self.hold(driver, "compensate")
        driver.commit(driver.store.move, Move(delivery.event, T0, "reject", "ada", "fraud"))
        (again,) = claim(driver)
        assert (again.phase, again.cause) == ("compensate", "rejected by ada: fraud")

    def test_a_rejected_event_goes_on_where_its_step_says_so(self, driver: Driver) -> None:
        delivery = self.hold(driver, "continue")
        driver.commit(driver.store.move, Move(delivery.event, T0, "reject", "ada", "fraud"))
        (again,) = claim(driver)
        assert (again.phase, again.cause, again.step) == ("", "rejected by ada: fraud", "review")

    def test_a_claim_knows_since_when_its_step_waits_for_a_person(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        held = record(delivery, Status.HELD, step="review", due_at=T0 + 9, lines=(Line("review", "hold", T0 + 3),))
        driver.commit(driver.store.record, held)
        (again,) = claim(driver, at=T0 + 9)
        assert again.held_at == T0 + 3
        warned = record(again, Status.HELD, step="review", due_at=T0 + 99, lines=(Line("review", "hold", T0 + 9),))
        driver.commit(driver.store.record, warned)
        (again,) = claim(driver, at=T0 + 99)
        assert again.held_at == T0 + 3

    def test_a_hold_that_a_person_had_gone_over_again_begins_anew(self, driver: Driver) -> None:
        delivery = self.hold(driver)
        driver.commit(driver.store.move, Move(delivery.event, T0 + 50, "redrive"))
        (again,) = claim(driver, at=T0 + 50)
        assert again.held_at == 0

    def test_one_event_moved_twice_in_a_group_is_moved_once(self, driver: Driver) -> None:
        delivery = self.hold(driver)
        moves = [Move(delivery.event, T0, "release"), Move(delivery.event, T0, "reject")]
        assert driver.commit(driver.store.move, *moves) == ["", "it is accepted; reject is for held, quarantined"]

    def test_many_are_moved_at_once_each_at_its_time(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(arrival(f"{n}", f"{n}") for n in range(150)))
        dead = claim(driver, limit=150)
        driver.commit(driver.store.record, *(record(one, Status.DEAD) for one in dead))
        moves = [Move(one.event, T0, "redrive", due_at=T0 + n * 100) for n, one in enumerate(dead)]
        assert driver.commit(driver.store.move, *moves) == [""] * 150
        assert len(claim(driver, at=T0, limit=200)) == 1
        assert len(claim(driver, at=T0 + 4950, limit=200)) == 49

    # ── what readers find ────────────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (Filter(), "abc"),
            (Filter(status=("dead", "held")), "bc"),
            (Filter(since=T0 + 1), "bc"),
            (Filter(until=T0 + 2), "ab"),
            (Filter(step="erp"), "bc"),
            (Filter(reason="503"), "b"),
            (Filter(reason="5_3"), ""),
            (Filter(lane=2), "c"),
            (Filter(gate="erp"), "a"),
            (Filter(phase="compensate"), "c"),
            (Filter(integration="shop", key="kb"), "b"),
            (Filter(queue="fraud"), "c"),
        ],
    )
    def test_a_filter_finds_what_it_names(self, driver: Driver, wanted: Filter, found: str) -> None:
        driver.commit(
            driver.store.accept,
            *(replace(arrival(id_, f"k{id_}"), received_at=T0 + n, lane=n) for n, id_ in enumerate("abc")),
        )
        a, b, c = sorted(claim(driver, at=T0 + 5), key=lambda one: one.event)
        driver.commit(
            driver.store.record,
            record(a, Status.WAITING, gate="erp", due_at=T0 + 9),
            record(b, Status.DEAD, step="erp", reason="answered 503, spent"),
            record(c, Status.HELD, step="erp", reason="why", queue="fraud", phase="compensate"),
        )
        assert "".join(row.id or "" for row in driver.rows(wanted)) == found


class BoundedStoriesConformance:
    """What a store with a bound must do; `bounded` is a driver whose store holds about a mebibyte."""

    def test_a_split_delivery_is_stored_whole_or_not_at_all(self, bounded: Driver) -> None:
        stored = 0
        with pytest.raises(StoreFull):
            for n in range(200):
                batch = [replace(arrival(f"{n}-{m}", f"{n}-{m}", b"x" * 4000), envelope=b"e" * 9000) for m in range(7)]
                bounded.commit(bounded.store.accept_all, batch)
                stored += 7
        assert len(bounded.rows()) == stored > 10

    def test_one_that_does_not_fit_leaves_room_for_another_in_its_group(self, bounded: Driver) -> None:
        too_large = [arrival(f"{n}", f"{n}", b"x" * 30_000) for n in range(40)]
        small = [arrival("small", "small")]
        answers = bounded.store.accept_all(bounded.database, [too_large, small, [too_large[0]]])
        assert [isinstance(answer, StoreFull) for answer in answers] == [True, False, False]
        assert [receipt.verdict for receipt in answers[2]] == ["accepted"]  # type: ignore[union-attr]

    def test_an_envelope_goes_with_the_last_of_its_bodies(self, bounded: Driver) -> None:
        envelope = b"e" * 20_000
        batch = [replace(arrival(f"{n}", f"{n}", b"x" * 4000), envelope=envelope) for n in range(2)]
        bounded.commit(bounded.store.accept_all, batch, [arrival("later", "later")])
        first, second, later = claim(bounded)
        bounded.commit(bounded.store.record, record(first, Status.DONE), record(later, Status.DONE))
        self.fill_up(bounded, "one")
        claimed = {one.event: one for one in claim(bounded, at=T0 + 2 * HOUR, limit=1000)}
        again = claimed[second.event]
        assert again.envelope == envelope
        bounded.commit(bounded.store.record, record(again, Status.DONE))
        self.fill_up(bounded, "two")
        assert bounded.database.rows("SELECT count(*) FROM envelope") == [(0,)]

    def test_what_an_outcome_emits_is_taken_though_the_store_is_full(self, bounded: Driver) -> None:
        delivery = one_claimed(bounded)
        self.fill_up(bounded, "full")
        arrives = replace(arrival("m1", "k"), integration="one")
        emitted = record(delivery, Status.DONE, emitted=(message(arrivals=(arrives,)),))
        assert bounded.commit(bounded.store.record, emitted) == [True]
        assert len(bounded.rows(Filter(integration="one"))) == 1

    def fill_up(self, bounded: Driver, name: str) -> None:
        with pytest.raises(StoreFull):
            for n in range(500):
                bounded.commit(bounded.store.accept, arrival(f"{name}-{n}", f"{name}-{n}", b"y" * 4000))
