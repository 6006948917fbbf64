"""What any store must do, continued: whose turn it is. Lanes, keys that block or are shared, revisions, sleepers."""

from typing import Any

import pytest
from conformance import HOUR, T0, Driver, arrival, claim, one_claimed, record
from msgspec.structs import replace

from engine.model import Arrival, Status
from engine.store import ClaimRequest, Move


def keyed(id_: str, key: str = "k", **more: Any) -> Arrival:
    return replace(arrival(id_, key), **more)


def ids(driver: Driver, at: int = T0, limit: int = 10) -> list[str | None]:
    return [delivery.id for delivery in claim(driver, at=at, limit=limit)]


class KeysConformance:
    """Every method is a promise; subclasses give the `driver` fixture."""

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize("status", [Status.HELD, Status.QUARANTINED, Status.DEAD])
    def test_what_is_stuck_and_blocks_keeps_its_key(self, driver: Driver, status: Status) -> None:
        driver.commit(driver.store.accept, keyed("a", blocks=True), keyed("b", blocks=True))
        (first,) = claim(driver)
        assert first.blocks
        driver.commit(driver.store.record, record(first, status))
        driver.commit(driver.store.accept, keyed("c", blocks=True))
        assert claim(driver) == ()

    def test_a_key_goes_on_once_a_person_has_moved_what_blocked_it(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("a", blocks=True), keyed("b", blocks=True))
        (first,) = claim(driver)
        driver.commit(driver.store.record, record(first, Status.HELD, on_release="end"))
        driver.commit(driver.store.move, Move(first.event, T0, "release", "ada"))
        (again,) = claim(driver)
        assert again.id == "a"
        driver.commit(driver.store.record, record(again, Status.DONE))
        assert ids(driver) == ["b"]

    def test_a_rejected_event_blocks_no_more(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("a", blocks=True), keyed("b", blocks=True))
        (first,) = claim(driver)
        driver.commit(driver.store.record, record(first, Status.HELD))
        driver.commit(driver.store.move, Move(first.event, T0, "reject", "ada"))
        assert ids(driver) == ["b"]

    def test_a_conflict_that_blocks_keeps_its_key(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("a", blocks=True))
        (first,) = claim(driver)
        driver.commit(driver.store.accept, keyed("a", body=b"2", blocks=True), keyed("b", blocks=True))
        driver.commit(driver.store.record, record(first, Status.DONE))
        assert claim(driver) == ()

    def test_a_conflict_that_blocks_keeps_its_key_from_what_came_with_it(self, driver: Driver) -> None:
        driver.commit(
            driver.store.accept, keyed("a", blocks=True, reason="no contract"), keyed("b", blocks=True), keyed("c", "j")
        )
        assert ids(driver) == ["c"]

    def test_an_older_one_that_a_person_moved_goes_before_the_newer_one_that_is_stuck(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("old"), keyed("new", blocks=True))
        (old,) = claim(driver)
        driver.commit(driver.store.record, record(old, Status.DEAD))
        (new,) = claim(driver)
        driver.commit(driver.store.record, record(new, Status.HELD))
        driver.commit(driver.store.move, Move(old.event, T0, "redrive"))
        assert ids(driver) == ["old"]

    def test_an_older_one_lets_the_younger_of_its_key_go_on_whose_effect_it_waits_for(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *map(keyed, ("old", "between", "new")))
        by_id: dict[str | None, int] = {}
        for _ in range(3):
            (delivery,) = claim(driver)
            by_id[delivery.id] = delivery.event
            driver.commit(driver.store.record, record(delivery, Status.HELD))
        driver.commit(driver.store.move, *(Move(event, T0, "release") for event in by_id.values()))
        driver.commit(driver.store.accept, keyed("last"))
        for _ in range(2):
            (old,) = claim(driver)
            assert old.id == "old"
            driver.commit(driver.store.record, record(old, Status.WAITING, due_at=T0, behind=(by_id["new"],)))
            (new,) = claim(driver)
            assert new.id == "new"
            driver.commit(driver.store.record, record(new, Status.WAITING, due_at=T0))
        (old,) = claim(driver)
        driver.commit(driver.store.record, record(old, Status.WAITING, due_at=T0, behind=(by_id["new"],)))
        (new,) = claim(driver)
        driver.commit(driver.store.record, record(new, Status.DONE))
        assert [self.end(driver) for _ in range(3)] == ["old", "between", "last"]

    @pytest.mark.parametrize(
        ("due_at", "asks_at", "passes"), [(T0, T0, True), (T0 + 5, T0 + 5, True), (T0 + 6, T0 + 5, False)]
    )
    def test_who_waits_for_an_effect_of_another_key_lets_a_younger_one_pass_that_has_begun_and_is_due(
        self, driver: Driver, due_at: int, asks_at: int, passes: bool
    ) -> None:
        driver.commit(driver.store.accept, keyed("old"), keyed("begun"), keyed("new"), keyed("other", "other"))
        old, other = claim(driver)
        driver.commit(driver.store.record, record(old, Status.HELD), record(other, Status.HELD))
        (begun,) = claim(driver)
        driver.commit(driver.store.move, Move(old.event, T0, "release"))
        driver.commit(driver.store.record, record(begun, Status.WAITING, due_at=due_at))
        for _ in range(2):
            (old,) = claim(driver, at=asks_at)
            assert old.id == "old"
            waits = record(old, Status.WAITING, due_at=asks_at, behind=(other.event,))
            driver.commit(driver.store.record, waits)
            (first,) = claim(driver, at=asks_at)
            assert first.id == ("begun" if passes else "old")
            driver.commit(driver.store.record, record(first, Status.WAITING, due_at=T0))

    def test_nobody_passes_who_has_not_begun_nor_one_that_waits_for_nobody(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *map(keyed, ("old", "new")))
        (old,) = claim(driver)
        driver.commit(driver.store.record, record(old, Status.WAITING, due_at=T0, behind=(99,)))
        assert ids(driver) == ["old"]
        driver.commit(driver.store.accept, *(keyed(name, "other") for name in ("first", "second")))
        (first,) = claim(driver)
        driver.commit(driver.store.record, record(first, Status.HELD))
        (second,) = claim(driver)
        driver.commit(driver.store.move, Move(first.event, T0, "release"))
        driver.commit(driver.store.record, record(second, Status.WAITING, due_at=T0))
        (first,) = claim(driver)
        driver.commit(driver.store.record, record(first, Status.WAITING, due_at=T0))
        assert ids(driver) == ["first"]

    def test_the_keys_of_many_who_wait_pass_on_at_once(self, driver: Driver) -> None:
        names = [f"{number}" for number in range(70)]
        driver.commit(driver.store.accept, *(keyed(f"old-{name}", name) for name in names))
        olds = claim(driver, limit=70)
        driver.commit(driver.store.accept, *(keyed(f"begun-{name}", name) for name in names))
        driver.commit(driver.store.record, *(record(old, Status.HELD) for old in olds))
        begun = claim(driver, limit=70)
        driver.commit(driver.store.move, *(Move(old.event, T0, "release") for old in olds))
        driver.commit(driver.store.record, *(record(one, Status.WAITING, due_at=T0) for one in begun))
        olds = claim(driver, limit=70)
        assert all((old.id or "").startswith("old") for old in olds)
        driver.commit(driver.store.record, *(record(old, Status.WAITING, due_at=T0, behind=(99999,)) for old in olds))
        assert all((one.id or "").startswith("begun") for one in claim(driver, limit=70))

    def test_of_another_key_nobody_goes_first(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("a"), keyed("b"), keyed("c", "other"), keyed("d", "other"))
        first, other = claim(driver)
        driver.commit(driver.store.record, record(first, Status.WAITING, due_at=T0, behind=(other.event + 1,)))
        driver.commit(driver.store.record, record(other, Status.WAITING, due_at=T0, behind=(first.event,)))
        assert ids(driver) == ["a", "c"]

    def end(self, driver: Driver) -> str | None:
        (delivery,) = claim(driver)
        driver.commit(driver.store.record, record(delivery, Status.DONE))
        return delivery.id

    def test_integrations_that_share_a_key_space_share_its_keys(self, driver: Driver) -> None:
        driver.commit(
            driver.store.accept,
            keyed("a", space="orders"),
            keyed("b", space="orders", integration="other"),
            keyed("c", integration="third"),
        )
        first, third = claim(driver)
        assert (first.id, third.id) == ("a", "c")
        driver.commit(driver.store.record, record(first, Status.DONE))
        assert ids(driver) == ["b"]

    def test_a_long_queue_of_one_key_is_worked_off_in_order(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n}") for n in range(150)))
        seen = []
        while deliveries := claim(driver):
            (delivery,) = deliveries
            seen.append(int(delivery.id or ""))
            driver.commit(driver.store.record, record(delivery, Status.DONE))
        assert seen == list(range(150))

    def test_many_keys_end_in_one_group_and_each_goes_on(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{turn}-{n}", f"k{n}") for turn in "ab" for n in range(70)))
        first = claim(driver, limit=200)
        driver.commit(driver.store.record, *(record(delivery, Status.DONE) for delivery in first))
        assert sorted(map(str, ids(driver, limit=200))) == sorted(f"b-{n}" for n in range(70))

    # ── lanes ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_lanes_share_places_by_their_weights_and_none_starves(self, driver: Driver) -> None:
        driver.commit(
            driver.store.accept,
            *(keyed(f"{lane}-{n}", f"{lane}-{n}", lane=lane) for lane in (2, 1, 0) for n in range(60)),
        )
        got = [delivery.id for _ in range(42) for delivery in claim(driver, limit=1)]
        assert [sum(str(id_).startswith(f"{lane}-") for id_ in got) for lane in (0, 1, 2)] == [32, 8, 2]

    def test_a_lane_with_nothing_to_do_wastes_nothing(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n}", f"{n}", lane=2) for n in range(20)))
        assert len(claim(driver, limit=15)) == 15

    def test_within_a_lane_the_one_that_is_due_longest_goes_first(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n}", f"{n}", received_at=T0 - n) for n in range(5)))
        assert ids(driver, limit=2) == ["4", "3"]

    def test_of_very_many_integrations_each_gets_its_share(self, driver: Driver) -> None:
        driver.commit(
            driver.store.accept,
            *(keyed(f"{n}-{m}", f"{n}-{m}", integration=f"i{n}") for n in range(150) for m in range(3)),
        )
        claimed = claim(driver, limit=150)
        assert len({delivery.integration for delivery in claimed}) == 150

    def test_claims_go_on_until_nothing_is_left_that_is_due(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n}", f"{n}") for n in range(30)))
        driver.commit(
            driver.store.accept, *(keyed(f"l{n}", f"l{n}", integration=f"i{n}", received_at=T0 + 9) for n in range(40))
        )
        seen = 0
        for _ in range(30):
            (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0, 10, T0 + HOUR))
            seen += len(claimed.deliveries)
            if claimed.next_due_at is None or claimed.next_due_at > T0:
                break
        assert seen == 30
        assert claimed.next_due_at == T0 + 9

    def test_a_claim_says_that_more_is_due_than_it_had_places_for(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n}", f"{n}", integration=f"i{n % 2}") for n in range(6)))
        (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0, 5, T0 + HOUR))
        assert (len(claimed.deliveries), claimed.next_due_at) == (5, T0)

    # ── revisions ────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_claim_knows_the_newest_revision_of_its_key_that_is_done(self, driver: Driver) -> None:
        for id_, revision in (("a", ("2026", 2)), ("b", ("2026", 10)), ("c", ("2026", 9)), ("d", ("2026", 1))):
            driver.commit(driver.store.accept, keyed(id_, revision=revision))
            (delivery,) = claim(driver)
            driver.commit(driver.store.record, record(delivery, Status.DONE))
        driver.commit(driver.store.accept, keyed("e", revision=("2026", 3)), keyed("f", "other", revision=(1,)))
        same, other = claim(driver)
        assert (same.revision, same.done_revision) == (("2026", 3), ("2026", 10))
        assert (other.revision, other.done_revision) == ((1,), None)

    def test_what_does_not_end_done_is_not_the_newest(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("a", revision=(5,)))
        (delivery,) = claim(driver)
        driver.commit(driver.store.record, record(delivery, Status.DEAD))
        driver.commit(driver.store.accept, keyed("b", revision=(4,)))
        assert claim(driver)[0].done_revision is None

    def test_the_newest_of_several_that_end_in_one_group_is_kept(self, driver: Driver) -> None:
        driver.commit(
            driver.store.accept, *(keyed(f"{n}", revision=(n,), integration=f"i{n}", space="s") for n in (3, 1))
        )
        for _ in range(2):
            (delivery,) = claim(driver)
            driver.commit(driver.store.record, record(delivery, Status.DONE))
        driver.commit(driver.store.accept, keyed("x", revision=(2,), space="s"))
        assert claim(driver)[0].done_revision == (3,)

    # ── the newest only ──────────────────────────────────────────────────────────────────────────────────────────────

    def newest(self, id_: str, revision: tuple[str | int, ...] | None = None) -> Arrival:
        return keyed(id_, keep_newest=True, revision=revision)

    def test_an_arrival_supersedes_what_is_older_and_never_ran(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, self.newest("a", (1,)))
        (receipt,) = driver.commit(driver.store.accept, self.newest("b", (2,)))
        assert receipt.verdict == "accepted"
        assert [(row.id, row.status) for row in driver.rows()] == [("a", Status.SUPERSEDED), ("b", Status.ACCEPTED)]
        assert f"evt-{receipt.event}" in driver.rows()[0].reason
        assert ids(driver) == ["b"]

    def test_an_arrival_older_than_one_that_waits_is_superseded_at_once(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, self.newest("a", (2,)))
        (receipt,) = driver.commit(driver.store.accept, self.newest("b", (1,)))
        assert receipt.verdict == "superseded"
        assert [row.status for row in driver.rows()] == [Status.ACCEPTED, Status.SUPERSEDED]
        assert ids(driver) == ["a"]

    def test_without_revisions_and_with_equal_ones_the_later_arrival_is_the_newer(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, self.newest("a"), self.newest("b"), self.newest("c"))
        assert ids(driver) == ["c"]
        driver.commit(
            driver.store.accept, *(replace(self.newest(id_, (1,)), integration="other") for id_ in ("a", "b"))
        )
        assert ids(driver) == ["b"]

    def test_what_runs_or_ran_is_not_superseded(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, self.newest("a"))
        (first,) = claim(driver)
        driver.commit(driver.store.accept, self.newest("b"))
        driver.commit(driver.store.record, record(first, Status.WAITING, due_at=T0))
        driver.commit(driver.store.accept, self.newest("c"))
        (again,) = claim(driver)
        assert again.id == "a"
        driver.commit(driver.store.record, record(again, Status.DONE))
        assert ids(driver) == ["c"]

    def test_what_an_engine_died_of_is_not_superseded_either(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, self.newest("a"))
        claim(driver)
        driver.commit(driver.store.recover, (0, T0))
        driver.commit(driver.store.accept, self.newest("b"))
        assert ids(driver) == ["a"]

    def test_another_integration_of_the_key_space_is_not_superseded(self, driver: Driver) -> None:
        driver.commit(
            driver.store.accept,
            *(keyed(id_, space="s", integration="other") for id_ in "ab"),
            replace(self.newest("c"), space="s"),
        )
        assert {row.status for row in driver.rows()} == {Status.ACCEPTED}

    # ── sleepers ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_held_event_with_a_time_wakes_by_itself_and_its_key_is_passed_until_then(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, keyed("a"), keyed("b"))
        (first,) = claim(driver)
        driver.commit(driver.store.record, record(first, Status.HELD, step="review", queue="q", due_at=T0 + HOUR))
        assert ids(driver) == ["b"]
        assert driver.rows()[0].status is Status.HELD
        assert claim(driver, at=T0 + HOUR) == ()  # its key is taken
        (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0 + 1, 1, T0 + HOUR))
        assert claimed.deliveries == ()

    def test_a_held_event_falls_due(self, driver: Driver) -> None:
        first = one_claimed(driver)
        driver.commit(driver.store.record, record(first, Status.HELD, step="review", due_at=T0 + HOUR))
        (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0, 1, T0 + HOUR))
        assert (claimed.deliveries, claimed.next_due_at) == ((), T0 + HOUR)
        (again,) = claim(driver, at=T0 + HOUR)
        assert (again.event, again.step) == (first.event, "review")

    def test_what_is_told_to_go_on_later_lets_its_key_pass_until_then(self, driver: Driver) -> None:
        first = one_claimed(driver)
        driver.commit(driver.store.record, record(first, Status.DEAD))
        driver.commit(driver.store.move, Move(first.event, T0, "redrive", due_at=T0 + HOUR))
        driver.commit(driver.store.accept, keyed("b"))
        (second,) = claim(driver)
        assert second.id == "b"
        driver.commit(driver.store.record, record(second, Status.DONE))
        assert claim(driver, at=T0 + HOUR - 1) == ()
        assert ids(driver, at=T0 + HOUR) == ["a"]

    def test_many_sleepers_wake_in_their_order(self, driver: Driver) -> None:
        driver.commit(driver.store.accept, *(keyed(f"{n}", f"{n}") for n in range(300)))
        for _ in range(3):
            held = [record(one, Status.HELD, due_at=T0 + 1000 - int(one.id or "")) for one in claim(driver, limit=100)]
            driver.commit(driver.store.record, *held)
        assert ids(driver, at=T0 + 701 + 0, limit=2) == ["299"]
        assert len(claim(driver, at=T0 + 2000, limit=100)) == 100
