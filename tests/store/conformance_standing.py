"""What any store must tell of one event, continued: whose turn it is, who is in its way, what it sent without an answer."""

import pytest
from conformance import DIGEST, T0, Driver, arrival, claim, intent, one_claimed, record
from conformance_stories import item_of
from msgspec.structs import replace

from engine.model import EffectState, Status
from engine.store import Line, Move, Settled
from engine.store.standing import Standing, read_standing, read_unanswered


class StandingConformance:
    """Every method is a promise; subclasses give the `driver` fixture."""

    def test_an_event_knows_who_has_its_key_and_how_many_wait_behind_it(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(arrival(name) for name in "abc"), arrival("z", "other"))
        first, second, third = (read_standing(driver.database, event) for event in (1, 2, 3))
        assert (first.has_key, first.behind, first.later) == (True, None, 2)
        assert (second.in_line, second.behind, second.later) == (True, (1, "accepted"), 1)
        assert (third.behind, third.later) == ((1, "accepted"), 0)

    def test_what_is_stuck_and_blocks_is_in_the_way_of_the_others(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(replace(arrival(name), blocks=True) for name in "ab"))
        (first, *_) = claim(driver)
        driver.commit(driver.store.record, record(first, Status.HELD, step="review", on_reject="compensate"))
        standing = read_standing(driver.database, first.event)
        assert (standing.later, standing.on_reject) == (1, "compensate")
        assert read_standing(driver.database, 2).behind == (first.event, "held")

    def test_what_came_in_one_delivery_knows_the_first_and_the_last(self, driver: Driver) -> None:
        driver.commit(driver.store.accept_all, [item_of(n) for n in range(3)])
        assert read_standing(driver.database, 2).split == (1, 3)

    def test_a_lease_and_a_death_are_told(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        assert read_standing(driver.database, delivery.event).lease_until == delivery.lease_until
        driver.commit(driver.store.recover, (0, T0))
        standing = read_standing(driver.database, delivery.event)
        assert (standing.suspected, standing.crashes) == (True, 1)

    def test_what_was_sent_and_not_answered_is_found_without_a_line(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        driver.commit(driver.store.begin, intent(delivery))
        (effect,) = read_unanswered(driver.database, delivery.event)
        assert (effect.operation, effect.once, effect.state) == ("create_order", "order-1", EffectState.OPEN)
        assert effect.first_sent_at == intent(delivery).at
        driver.commit(driver.store.record, record(delivery, Status.DONE, settled=Settled(DIGEST, EffectState.DONE, 1)))
        assert read_unanswered(driver.database, delivery.event) == []

    @pytest.mark.parametrize("action", ["release", "redrive", "reject"])
    def test_why_it_was_quarantined_as_it_came_is_told_after_a_person_has_decided(
        self, driver: Driver, action: str
    ) -> None:
        unnamed = replace(arrival("a"), id=None, reason="no id", received_at=T0 + 1)
        driver.commit(driver.store.accept, arrival("b"), unnamed, replace(arrival("b", body=b"other"), key="k2"))
        _, nameless, conflict = driver.rows()
        moves = [Move(row.event, T0 + 9, action, "ada", "fine") for row in (nameless, conflict)]
        assert driver.commit(driver.store.move, *moves) == ["", ""]
        told = [[(line.kind, line.at, line.reason) for line in driver.lines(one.event)] for one in (nameless, conflict)]
        assert told == [
            [("quarantined", T0 + 1, "no id"), (action, T0 + 9, "ada: fine")],
            [("quarantined", T0, conflict.reason), (action, T0 + 9, "ada: fine")],
        ]
        assert conflict.reason.startswith("conflict: ")

    def test_what_was_quarantined_later_is_told_so_once(self, driver: Driver) -> None:
        delivery = one_claimed(driver)
        why = Line("map", "quarantined", T0 + 1, reason="no such row")
        driver.commit(driver.store.record, record(delivery, Status.QUARANTINED, reason=why.reason, lines=(why,)))
        driver.commit(
            driver.store.move, Move(delivery.event, T0 + 2, "redrive"), Move(delivery.event, T0 + 3, "reject")
        )
        assert [line.kind for line in driver.lines(delivery.event)] == ["quarantined", "redrive"]

    def test_of_an_event_that_is_not_there_nothing_is_known(self, driver: Driver) -> None:
        assert read_standing(driver.database, 99) == Standing()
