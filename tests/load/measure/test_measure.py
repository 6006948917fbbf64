"""A real engine, a real partner, a few dozen messages: what is measured of them, and what the books say."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from load.stand import Stand, stand
from msgspec.structs import replace

from engine.run.load import load
from harness.load.judge.verdict import judge, promises_of
from harness.load.measure.ran import Partners
from harness.load.model import Measures, PhaseSpan, Sent

pytestmark = pytest.mark.slow

PHASES = (PhaseSpan("warm", 0, 1, counted=False), PhaseSpan("all", 1, 60))


def run(root: Path, talk: Callable[[Stand], Awaitable[Measures]], **more: Any) -> Measures:
    async def whole() -> Measures:
        async with asyncio.timeout(100), stand(root, **more) as it:
            return await talk(it)

    return asyncio.run(whole())


def test_what_went_well_is_measured_and_held(tmp_path: Path) -> None:
    async def talk(it: Stand) -> Measures:
        await it.watch.look()
        await it.send(1, 1, phase=0)
        await asyncio.sleep(max(0, 1.2 - it.now_us() / 1e6))
        for number in range(2, 42):
            await it.send(number, number % 7, due_us=it.now_us() - 100_000, phase=1)
        await it.send(5, 5, phase=1)  # once more
        await it.settle()
        return await it.measured(PHASES)

    found = run(tmp_path, talk, options=("--latency", "erp=20ms"))
    assert (found.offered, found.sent, found.accepted, found.duplicates) == (42, 42, 41, 1)
    assert (found.events, found.completed, found.failed, found.refused) == (41, 41, 0, {})
    assert found.ended == {"done": 82}
    assert (found.books.checked, found.books.lost, found.books.doubled, found.books.out_of_order) == (82, 0, 0, 0)
    assert found.accept.count == 41  # the warm-up is left out, the second delivery is not
    assert found.accept.quantiles_ms["0.5"] > found.accept_service.quantiles_ms["0.5"] + 90
    assert found.complete.count == 40
    assert found.complete_service.quantiles_ms["0.5"] >= 20
    assert found.by_phase["warm"]["complete"].count == 1
    assert found.by_integration["orders"]["complete"].count == 40
    assert found.by_integration["notes"]["complete"].count >= 40
    assert "accept" not in found.by_integration["notes"]
    stages = {each.stage: each.latency for each in found.stages}
    assert stages["partner"].mean_ms >= 20
    assert stages["send"].mean_ms == pytest.approx(100, abs=30)
    assert stages["person"].max_ms == 0
    (partner,) = found.partners
    assert (partner.system, partner.requests, partner.booked, partner.throttled) == ("erp", 82, 82, 0)
    assert partner.statuses == {"200": 41, "201": 41}
    assert partner.quota == "1000/s, burst 1000"
    assert found.calls_per_event == 2.0
    assert found.drain_s is not None
    assert found.drain_s < 20
    assert sum(second.due for second in found.seconds) == 42
    assert sum(second.completed for second in found.seconds) == 41
    assert sum(second.statuses.get("erp 201", 0) for second in found.seconds) == 41
    assert max(second.engine_rss_mib for second in found.seconds) > 20
    verdict, why, rows = judge(found, promises_of(load(tmp_path, "local"), ["orders"]))
    assert [row.name for row in rows if not row.held] == [], why
    assert verdict in ("held", "invalid")  # an engine and its sender share two cores with the tests here
    assert {row.name for row in rows} >= {
        "orders accept.p99", "orders complete.p99", "orders complete.within", "orders complete.success", "order",
    }  # fmt: skip


def test_what_the_books_do_not_have_is_lost_and_what_they_have_twice_is_doubled(tmp_path: Path) -> None:
    def forged(partners: Partners) -> Partners:
        book = partners.books["erp"]
        _, *others = book.rows
        rows = tuple(others)
        return replace(
            partners, books={"erp": replace(book, rows=rows, doubles={"create_order": ["3"], "note": ["4"]})}
        )

    async def talk(it: Stand) -> Measures:
        for number in range(1, 6):
            await it.send(number, number, phase=1)
        await it.settle()
        it.sent.append(Sent(len(it.messages), 1, 0, 10, 20, 202, 9_999))  # acknowledged, and nowhere
        it.messages.append(replace(it.messages[0], ids=("w-nowhere",)))
        return await it.measured(PHASES, forged)

    found = run(tmp_path, talk)
    assert (found.books.lost, found.books.doubled, found.books.unprotected) == (2, 1, 1)
    told = {violation.kind: violation for violation in found.books.violations if violation.event}
    assert "erp.create_order is done in the ledger" in told["lost"].what
    assert told["lost"].timeline[0][1] == "accepted by orders"
    assert any("create_order done (201)" in what for _, what in told["lost"].timeline)
    assert "erp has one effect of create_order" in told["doubled"].what
    assert any("message 5 of orders" in violation.what for violation in found.books.violations)
    assert judge(found, [])[1][0].startswith(("no loss: 2 lost", "the generator"))


def test_what_never_ends_is_not_drained_and_counts_with_the_time_it_took(tmp_path: Path) -> None:
    async def talk(it: Stand) -> Measures:
        for number in range(1, 31):
            await it.send(number, number, phase=1)
        await asyncio.sleep(1.0)
        await it.watch.look()
        return await it.measured(PHASES)

    found = run(tmp_path, talk, options=("--faults", "throttle=1,throttle_wait_s=60"))
    assert (found.accepted, found.completed, found.drain_s) == (30, 0, None)
    assert found.books.unfinished == 30
    assert found.complete.count == 30
    assert found.complete.quantiles_ms["0.5"] >= 900
    assert found.ends["orders"].unfinished == 30
    assert found.partners[0].throttled > 0
    assert next(row for row in judge(found, [])[2] if row.name == "backlog").measured == "not drained, 30 left"
