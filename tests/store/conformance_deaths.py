"""What any store must do, continued: leases that end without a record, and what engines die of."""

from conformance import HOUR, T0, Driver, claim, intent, one_claimed, record
from conformance_keys import ids, keyed
from msgspec.structs import replace

from engine.model import Status
from engine.store import ClaimRequest, Move


class DeathsConformance:
    """Every method is a promise; subclasses give the `driver` fixture."""

    def test_who_rejects_what_an_engine_died_of_is_done_with_it(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("poison"))
        (delivery,) = claim(driver)
        asked = record(delivery, Status.HELD, on_release="end", on_reject="continue", due_at=T0 + 5)
        driver.commit(driver.store.record, asked)
        driver.commit(driver.store.move, Move(delivery.event, T0 + 1, "release", "ada"))
        for _ in range(3):
            assert ids(driver, at=T0 + 9) == ["poison"]
            driver.commit(driver.store.recover, (0, T0 + 9))
        driver.commit(driver.store.move, Move(delivery.event, T0 + 10, "reject", "ada"))
        assert [row.status for row in driver.rows()] == [Status.DISCARDED]

    def test_what_an_engine_died_of_is_claimed_alone(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n}", f"{n}") for n in range(3)))
        claim(driver)
        driver.commit(driver.store.recover, (0, T0))
        driver.commit(driver.store.accept, keyed("new", "new"))
        claimed = claim(driver)
        assert sorted(delivery.id or "" for delivery in claimed) == ["0", "new"]
        assert claim(driver) == ()
        driver.commit(driver.store.record, *(record(delivery, Status.DONE) for delivery in claimed))
        assert ids(driver) == ["1"]

    def test_of_those_an_engine_died_of_the_one_that_fewer_died_of_goes_first(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n}", f"{n}") for n in range(3)))
        claim(driver)
        driver.commit(driver.store.recover, (0, T0))
        for at, id_ in enumerate(("0", "1", "2", "0")):
            assert ids(driver, at=T0 + at) == [id_], "an engine that keeps dying would else blame the same one"
            driver.commit(driver.store.recover, (0, T0 + at))

    def test_of_many_that_an_engine_died_of_an_eighth_runs_at_a_time(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n:02}", f"{n}") for n in range(26)))
        claim(driver, limit=26)
        driver.commit(driver.store.recover, (0, T0))
        first = claim(driver, limit=26)
        assert [one.id for one in first] == ["00", "01", "02"]
        assert claim(driver) == ()
        driver.commit(driver.store.record, *(record(one, Status.DONE) for one in first[:2]))
        assert ids(driver) == ["03", "04"]
        driver.commit(driver.store.recover, (0, T0))  # it dies once more, of one of these three
        at = T0
        while (claimed := claim(driver, at=at)) and claimed[0].id not in ("02", "03", "04"):
            driver.commit(driver.store.record, *(record(one, Status.DONE) for one in claimed))
            at += 1
        alone = [one.id for one in claimed]
        while claimed:
            driver.commit(driver.store.record, *(record(one, Status.DONE) for one in claimed))
            at += 1
            claimed = claim(driver, at=at)
            alone += [one.id for one in claimed]
            assert len(claimed) <= 1
        assert alone == ["02", "03", "04"]
        assert {row.status for row in driver.rows()} == {Status.DONE}

    def test_one_that_an_engine_died_of_runs_on_each_node(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n}", f"{n}") for n in range(3)))
        claim(driver)
        driver.commit(driver.store.recover, (0, T0))
        for node, id_ in ((7, "0"), (8, "1")):
            (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0, 9, T0 + HOUR, node=node))
            assert [one.id for one in claimed.deliveries] == [id_]

    def test_the_third_death_quarantines_and_lets_the_key_go_on(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("poison"), keyed("next"))
        for _ in range(3):
            assert ids(driver) == ["poison"]
            driver.commit(driver.store.recover, (0, T0))
        poison, _ = driver.rows()
        assert (poison.status, poison.reason) == (Status.QUARANTINED, "the engine died 3 times while it ran")
        assert [line.kind for line in driver.lines(poison.event)] == ["quarantined"]
        assert ids(driver) == ["next"]

    def test_a_lease_of_another_node_that_runs_out_counts_too(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("poison"))
        for turn in range(4):
            at = T0 + 2 * turn * HOUR
            (claimed,) = driver.commit(driver.store.claim, ClaimRequest(at, 9, at + HOUR, node=7 + turn))
            assert [one.id for one in claimed.deliveries] == (["poison"] if turn < 3 else [])
        assert driver.rows()[0].status is Status.QUARANTINED

    def test_what_a_node_is_at_work_on_it_keeps_however_often_it_was_stopped(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        for turn in range(1, 9):
            at = T0 + 2 * turn * HOUR
            request = ClaimRequest(at, 9, at + HOUR, at_work=(delivery.event,))
            assert driver.commit(driver.store.claim, request)[0].deliveries == ()
        assert driver.commit(driver.store.record, record(delivery, Status.DONE)) == [True]

    def test_another_node_takes_it_though_this_one_believes_it_is_at_work(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        at_work = (delivery.event,)
        for turn, node in ((1, 7), (2, 0)):
            at = T0 + 2 * turn * HOUR
            (claimed,) = driver.commit(driver.store.claim, ClaimRequest(at, 9, at + HOUR, node=node, at_work=at_work))
            assert [one.event for one in claimed.deliveries] == [delivery.event]
        assert driver.commit(driver.store.record, record(delivery, Status.DONE)) == [False]

    def test_what_a_living_node_let_go_of_it_did_not_die_of(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("slow", "1"), keyed("other", "2"))
        for turn in range(5):
            assert ids(driver, at=T0 + 2 * turn * HOUR) == ["slow", "other"]

    def test_what_records_something_is_cleared(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("slow"))
        for _ in range(5):
            (delivery,) = claim(driver)
            driver.commit(driver.store.recover, (0, T0))
            (delivery,) = claim(driver)
            driver.commit(driver.store.record, record(delivery, Status.WAITING, due_at=T0))
        assert ids(driver) == ["slow"]

    def test_a_quarantined_poison_may_be_redriven_with_a_clean_slate(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        for _ in range(3):
            driver.commit(driver.store.recover, (0, T0))
            claim(driver)
        driver.commit(driver.store.move, Move(delivery.event, T0, "redrive"))
        for _ in range(2):
            assert ids(driver) == ["a"]
            driver.commit(driver.store.recover, (0, T0))
        assert ids(driver) == ["a"]

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_recover_gives_back_the_leases_of_that_node_alone(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("a", "1"), keyed("b", "2"))
        for node in (7, 8):
            driver.commit(driver.store.claim, ClaimRequest(T0, 1, T0 + HOUR, node=node))
        assert driver.commit(driver.store.recover, (7, T0)) == [1]
        assert ids(driver) == ["a"]

    def test_a_lease_is_not_shortened_by_an_intent_or_a_record(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.begin, replace(intent(delivery), lease_until=T0 + 5))
        driver.commit(driver.store.record, record(delivery, Status.RUNNING, lease_until=T0 + 5))
        assert claim(driver, at=T0 + 10) == ()

    def test_a_lease_is_made_longer_by_an_intent_and_by_a_record(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.begin, replace(intent(delivery), lease_until=T0 + 2 * HOUR))
        assert claim(driver, at=T0 + 2 * HOUR) == ()
        driver.commit(driver.store.record, record(delivery, Status.RUNNING, lease_until=T0 + 3 * HOUR))
        assert claim(driver, at=T0 + 3 * HOUR) == ()

    def test_a_lease_that_was_given_up_takes_no_second_record(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        ends = [record(delivery, status) for status in (Status.DONE, Status.DEAD)]
        assert driver.commit(driver.store.record, *ends) == [True, False]
        assert driver.commit(driver.store.record, ends[1]) == [False]
        assert driver.rows()[0].status is Status.DONE
