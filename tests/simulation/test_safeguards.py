"""What the world would show if the engine's own safeguards were not there: a simulation that cannot see that is none."""

from typing import Any

import pytest
from acting import DOUBLES, booked, order, play, shop, statuses

from engine.store import Answered, Leave, arrivals
from engine.store.begin import Ledger
from harness.simulation.scenario import Fault, Run

VERIFIABLE = shop(*DOUBLES)


def announced_twice() -> Run:
    return play(order(1), faults=(Fault("duplicate", "shop", "shop-orders", 0, 5.0),), of=VERIFIABLE)


def forget_identities(monkeypatch: pytest.MonkeyPatch) -> None:
    look = arrivals.look_around

    def nothing_known(*asked: Any) -> tuple[dict[bytes, int], set[bytes]]:
        return {}, look(*asked)[1]

    monkeypatch.setattr(arrivals, "look_around", nothing_known)


def test_without_identities_a_duplicate_is_a_second_event_and_the_ledger_still_keeps_the_effect_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forget_identities(monkeypatch)
    run = announced_twice()
    assert (statuses(run), booked(run)) == (["done", "done"], ["shop-1"])


def test_without_identities_and_ledger_the_partner_holds_two(monkeypatch: pytest.MonkeyPatch) -> None:
    assert booked(announced_twice()) == ["shop-1"]
    forget_identities(monkeypatch)
    monkeypatch.setattr(Ledger, "ask", lambda *_: Answered(Leave.SEND))
    assert booked(announced_twice()) == ["shop-1", "shop-1"]


def test_without_a_wake_the_engine_still_finds_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.simulation.life import Life

    monkeypatch.setattr(Life, "wake", lambda _: None)
    run = play(order(1))
    assert statuses(run) == ["done"]
    assert 1_000_000 < run.calls[0].at_us < 6_000_000  # at its next look, as in production
