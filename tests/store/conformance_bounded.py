"""What a store with a bound must do: refuse arrivals, never outcomes, and forget bodies before it refuses."""

import pytest
from conformance import T0, Driver, arrival, claim, intent, record

from engine.errors import StoreFull
from engine.model import EffectState, Status, effect_digest
from engine.store import Line, Settled


class BoundedConformance:
    """What a store with a bound must do; `bounded` is a driver whose store holds about a mebibyte."""

    def test_a_full_store_refuses_arrivals_and_still_records_outcomes(self, bounded: Driver) -> None:
        accepted = self.fill(bounded)
        assert accepted > 10
        done = 0
        while deliveries := claim(bounded, limit=8):
            for delivery in deliveries:
                bounded.commit(bounded.store.begin, intent(delivery, once=delivery.id))
                digest = effect_digest("erp", "create_order", delivery.id or "")
                lines = (Line("erp", "call", T0, ended=True, result={"id": "so"}),)
                finished = record(
                    delivery, Status.DONE, settled=Settled(digest, EffectState.DONE, {"id": "so"}), lines=lines
                )
                assert bounded.commit(bounded.store.record, finished) == [True]
                done += 1
        assert done == accepted

    def test_a_full_store_takes_events_again_once_finished_bodies_can_go(self, bounded: Driver) -> None:
        self.fill(bounded)
        for delivery in claim(bounded, limit=40):
            bounded.commit(bounded.store.record, record(delivery, Status.DONE))
        (receipt,) = bounded.commit(bounded.store.accept, arrival("new", "new", b"x" * 4000))
        assert receipt.verdict == "accepted"

    def test_a_duplicate_is_still_known_after_its_body_was_dropped(self, bounded: Driver) -> None:
        body = b'{"filler": "' + b"x" * 4000 + b'"}'
        (first,) = bounded.commit(bounded.store.accept, arrival("first", "first", body))
        (delivery,) = claim(bounded)
        bounded.commit(bounded.store.record, record(delivery, Status.DONE))
        self.fill(bounded)
        (again,) = bounded.commit(bounded.store.accept, arrival("first", "first", body.replace(b": ", b":")))
        assert (again.verdict, again.event) == ("duplicate", first.event)

    def fill(self, bounded: Driver) -> int:
        accepted = 0
        with pytest.raises(StoreFull):
            for n in range(2000):
                bounded.commit(
                    bounded.store.accept, arrival(f"id-{n}", f"key-{n}", b'{"filler": "%b"}' % (b"x" * 4000))
                )
                accepted += 1
        return accepted
