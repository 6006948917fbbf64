"""What any store must do, continued: which tables an attempt looked up in, and what is counted beside events."""

from conformance import HOUR, T0, Driver, claim, intent, one_claimed, record
from msgspec.structs import replace

from engine.model import Sighted, Sighting, Status
from engine.store import Line, Move, Tally

ROW = Sighting(Sighted.MISSING_ROW, "sku-registry", "4711-B", "sku")
FIELD = Sighting(Sighted.UNKNOWN_FIELD, "shop/order@1", "duties")


def tally(seen: Sighting, count: int = 1, first_at: int = T0, last_at: int = T0, event: int = 1) -> Tally:
    return Tally(seen, count, first_at, last_at, event)


class CountingConformance:
    """Every method is a promise; subclasses give the `driver` fixture."""

    # ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_the_tables_of_an_attempt_are_kept_with_its_intent_already(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        assert driver.rows()[0].tables == ()
        driver.commit(driver.store.begin, replace(intent(delivery), tables=("sku@1a", "status@2b")))
        assert driver.rows()[0].tables == ("sku@1a", "status@2b")

    def test_each_line_keeps_its_tables_and_the_event_those_of_the_newest_attempt(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        first = Line("erp", "call", T0, tables=("sku@1a",))
        driver.commit(
            driver.store.record, record(delivery, Status.WAITING, due_at=T0, lines=(first,), tables=("sku@1a",))
        )
        (again,) = claim(driver)
        second = Line("erp", "call", T0 + 1, tables=("sku@2b",))
        driver.commit(driver.store.record, record(again, Status.DONE, lines=(second,), tables=("sku@2b",)))
        assert [line.tables for line in driver.lines(again.event)] == [("sku@1a",), ("sku@2b",)]
        assert driver.rows()[0].tables == ("sku@2b",)

    def test_a_claim_that_looks_nothing_up_leaves_what_is_known_of_tables(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.begin, replace(intent(delivery), tables=("sku@1a",)))
        driver.commit(driver.store.record, record(delivery, Status.HELD, queue="gone"))
        assert driver.rows()[0].tables == ("sku@1a",)

    # ── what is counted ──────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_tally_adds_up_with_its_first_and_last_time_and_its_newest_event(self, driver: Driver) -> None:
        driver.commit(driver.store.tally, [tally(FIELD, 3, T0 + 10, T0 + 20, event=7)])
        driver.commit(driver.store.tally, [tally(FIELD, 2, T0 + 5, T0 + 15, event=6)], [tally(ROW)])
        assert driver.tallies() == [tally(FIELD, 5, T0 + 5, T0 + 20, event=7), tally(ROW)]
        driver.commit(driver.store.tally, [tally(FIELD, 1, T0 + 30, T0 + 30, event=9)])
        assert driver.tallies() == [tally(FIELD, 6, T0 + 5, T0 + 30, event=9), tally(ROW)]

    def test_the_same_thing_twice_in_one_group_counts_twice(self, driver: Driver) -> None:
        seen = [tally(FIELD, 3, T0 + 10, T0 + 20, event=7), tally(FIELD, 2, T0 + 5, T0 + 15, event=6)]
        driver.commit(driver.store.tally, seen, [tally(FIELD, 1, T0 + 30, T0 + 30, event=9)])
        assert driver.tallies() == [tally(FIELD, 6, T0 + 5, T0 + 30, event=9)]

    def test_the_same_name_counts_apart_in_another_place_column_or_kind(self, driver: Driver) -> None:
        others = (
            replace(ROW, place="carriers"),
            replace(ROW, part="ean"),
            replace(ROW, name="4711-C"),
            replace(ROW, kind=Sighted.MISSING_FIELD),
        )
        driver.commit(driver.store.tally, [tally(seen) for seen in (ROW, *others)])
        assert {each.sighting for each in driver.tallies()} == {ROW, *others}
        assert {each.count for each in driver.tallies()} == {1}

    def test_what_a_record_saw_is_counted_with_it(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.record, record(delivery, Status.QUARANTINED, at=T0 + 5, sightings=(ROW, FIELD)))
        assert {(each.sighting, each.count, each.last_at, each.event) for each in driver.tallies()} == {
            (ROW, 1, T0 + 5, delivery.event),
            (FIELD, 1, T0 + 5, delivery.event),
        }

    def test_what_a_late_record_saw_is_not_counted(self, driver: Driver) -> None:
        stale = one_claimed(driver)
        claim(driver, at=T0 + 2 * HOUR)
        assert driver.commit(driver.store.record, record(stale, Status.QUARANTINED, sightings=(ROW,))) == [False]
        assert driver.tallies() == []

    def test_the_rows_an_event_waits_for_are_kept_until_a_person_moves_it(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.record, record(delivery, Status.QUARANTINED, sightings=(ROW, FIELD)))
        assert driver.rows()[0].missing == (("sku-registry", "sku", "4711-B"),)
        driver.commit(driver.store.move, Move(delivery.event, T0 + 9, "redrive"))
        assert driver.rows()[0].missing == ()
        assert [each.count for each in driver.tallies()] == [1, 1]

    def test_of_one_place_those_seen_longest_ago_are_forgotten_first_and_no_other_place_loses(
        self, driver: Driver
    ) -> None:
        driver.commit(driver.store.tally, [tally(FIELD), tally(ROW)])
        for at in range(1, 4_000, 100):
            flood = [
                tally(replace(ROW, name=f"sku-{at + n}"), first_at=T0 + at + n, last_at=T0 + at + n) for n in range(100)
            ]
            driver.commit(driver.store.tally, flood)
        kept = driver.tallies()
        rows = [each for each in kept if each.sighting.kind is Sighted.MISSING_ROW]
        assert FIELD in [each.sighting for each in kept]
        assert 500 < len(rows) <= 1_000
        newest = {f"sku-{n}" for n in range(4_001 - len(rows), 4_001)}
        assert {each.sighting.name for each in rows} == newest

    def test_of_all_places_those_seen_longest_ago_are_forgotten_first(self, driver: Driver) -> None:
        for number in range(30):
            many = [
                tally(replace(FIELD, place=f"shop/order@{number}", name=f"f{n}"), last_at=T0 + number)
                for n in range(900)
            ]
            driver.commit(driver.store.tally, many)
        kept = driver.tallies()
        assert 5_000 < len(kept) <= 10_000
        oldest = min(each.last_at for each in kept)
        assert {each.last_at for each in kept} == set(range(oldest, T0 + 30))


class BoundedCountingConformance:
    """What a store with a bound must do; `bounded` is a driver whose store holds about a mebibyte."""

    def test_what_is_counted_does_not_use_up_the_room_of_events(self, bounded: Driver) -> None:
        delivery = one_claimed(bounded)
        for number in range(50):
            flood = [tally(replace(ROW, name=f"sku-{number}-{n}" * 10), last_at=T0 + number) for n in range(50)]
            bounded.commit(bounded.store.tally, flood)
        assert 0 < len(bounded.tallies()) <= 100
        assert bounded.commit(bounded.store.record, record(delivery, Status.QUARANTINED, sightings=(ROW,))) == [True]
