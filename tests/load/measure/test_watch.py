"""Pages of metrics and /proc → rows, and what lies between two of them."""

import asyncio
import os
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

from harness.load.measure.joined import growth_per_s, watched_seconds
from harness.load.measure.ran import Ran
from harness.load.measure.watch import (
    Cpu,
    Page,
    Row,
    Watch,
    both,
    busiest,
    child_of,
    clock_jump_ms,
    cpu_of,
    engine_rss_mib,
    engine_share,
    machine_cpu,
    read_page,
    steal_share,
)
from harness.load.model import PhaseSpan
from harness.served import Listeners

PAGE = """\
# HELP waybill_events Events that are not over, by status
# TYPE waybill_events gauge
waybill_events{integration="orders",status="accepted"} 3.0
waybill_events{integration="a \\"quoted\\" one",status="running"} 2.0
waybill_events{integration="orders",status="waiting"} 4.0
waybill_events{integration="orders",status="held"} 9.0
waybill_oldest_active_seconds 12.5
waybill_gate_parked{gate="erp"} 6.0
waybill_gate_parked{gate="shop"} 0.0
waybill_calls_total{operation="erp.create",kind="call",verdict="done"} 100.0
waybill_calls_total{operation="erp.create",kind="call",verdict="retry"} 7.0
waybill_calls_created{operation="erp.create",kind="call",verdict="retry"} 1.7e+09
waybill_recorded_total{integration="orders",status="done"} 90.0
waybill_recorded_total{integration="orders",status="waiting"} 5.0
waybill_received_total{integration="orders",verdict="accepted"} 110.0
waybill_received_total{integration="orders",verdict="duplicate"} 2.0
waybill_commit_seconds_sum 1.25
waybill_call_seconds_bucket{operation="erp.create",le="0.005"} 3.0
something else
"""
READ = Page(
    backlog=9, running=2, oldest_s=12.5, parked={"erp": 6}, calls=107, retries=7, done=90, accepted=110, commit_s=1.25
)


def test_a_page_is_read_for_what_is_needed_of_it() -> None:
    assert read_page(PAGE) == READ
    assert read_page("") == Page()


def row(at_s: float, page: Page | None = None, used_s: float = 0.0, wall_us: int = 0, steal_s: float = 0.0) -> Row:
    return Row(
        at_us=round(at_s * 1_000_000) + wall_us,
        at_s=at_s,
        page=page,
        engine=Cpu(used_s, 50.0),
        generators=(Cpu(used_s), None),
        machine=Cpu(used_s, 0.0, steal_s, 2 * at_s),
    )


def test_a_row_is_of_one_engine_and_of_the_machine() -> None:
    async def look() -> list[Row]:
        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(text=PAGE, status=200 if request.path == "/metrics" else 500)

        listeners = Listeners()
        port = await listeners.open(serve, "127.0.0.1", 0)
        try:
            async with aiohttp.ClientSession() as session:
                rows = []
                for path in ("metrics", "broken"):
                    watch = Watch(session, f"http://127.0.0.1:{port}/{path}", os.getpid(), [1 << 30], rows_max=1)
                    rows += [await watch.look(), await watch.look()]
                    assert len(watch.rows) == 1
                await listeners.close()
                watch = Watch(session, f"http://127.0.0.1:{port}/metrics", os.getpid())
                return [*rows, await watch.look()]
        finally:
            await listeners.close()

    good, _, broken, _, gone = asyncio.run(look())
    assert good.page == READ
    assert good.engine is not None
    assert good.engine.rss_mib > 10
    assert good.generators == (None,)
    assert (broken.page, gone.page) == (None, None)


def test_an_engine_that_writes_its_store_in_another_process_is_both(tmp_path: Path) -> None:
    """Of a core the busier one counts, of memory both."""
    before, after = (
        Row(
            at_us=0,
            at_s=at_s,
            page=None,
            engine=Cpu(at_s / 2, 50),
            writer=Cpu(at_s * 0.75, 30),
            generators=(),
            machine=None,
        )
        for at_s in (10.0, 12.0)
    )
    assert engine_share(before, after) == pytest.approx(0.75)
    assert engine_rss_mib(after) == 80
    alone = replace(before, writer=None), replace(after, writer=None)
    assert engine_share(*alone) == pytest.approx(0.5)
    assert engine_rss_mib(alone[1]) == 50
    for pid, parent in ((8, 1), (9, 7), (10, 8)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a (strange) name) S {parent} 0 0\n")
    assert child_of(7, tmp_path) == 9
    assert child_of(9, tmp_path) is None
    assert child_of(7, tmp_path / "nowhere") is None


def test_proc_is_read_also_where_a_name_has_brackets_and_what_is_not_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(["S", *["0"] * 10, "150", "50", *["0"] * 8, "1000", "0"])
    (tmp_path / "7" / "stat").write_text(f"7 (a (strange) name) {fields}\n")
    (tmp_path / "stat").write_text("cpu  100 0 50 800 50 0 0 20 0 0\ncpu0 1 2 3\n")
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert cpu_of(7, tmp_path) == Cpu(200 / ticks, 1_000 * page / (1 << 20))
    assert cpu_of(8, tmp_path) is None
    assert machine_cpu(tmp_path) == Cpu(170 / ticks, 0.0, 20 / ticks, 1_020 / ticks)
    assert machine_cpu(tmp_path / "nowhere") is None
    (tmp_path / "7" / "stat").write_text("7 (short) S 1\n")
    assert cpu_of(7, tmp_path) is None


def test_the_busiest_five_seconds_of_a_generator_are_found() -> None:
    idle = [row(at, used_s=0.1 * at) for at in range(10)]
    busy = [row(10 + at, used_s=0.9 + at) for at in range(7)]
    assert busiest([*idle, *busy]) == pytest.approx(1.0, abs=0.1)
    assert busiest(idle) == pytest.approx(0.1)
    assert busiest(idle[:3]) == pytest.approx(0.1)  # a run that is shorter is looked at as a whole
    assert busiest([]) == 0.0


def test_a_clock_that_was_set_is_seen_and_one_that_is_kept_right_is_not() -> None:
    steady = [row(at, wall_us=400 * at) for at in range(300)]
    assert clock_jump_ms(steady) == pytest.approx(0.4)
    assert clock_jump_ms([*steady, row(300, wall_us=-80_000)]) == pytest.approx(199.6)
    assert clock_jump_ms([]) == 0.0


def test_both_clocks_are_read_at_one_moment() -> None:
    class Slow:
        """Stops between its first two readings."""

        times = iter([0.0, 0.5, 1.0, 1.0001])

        def now(self) -> int:
            return 42

        def monotonic(self) -> float:
            return next(self.times)

    assert both(Slow()) == (42, 1.0)


def test_what_others_took_of_the_machine_is_a_share_of_it() -> None:
    assert steal_share([row(0), row(10, steal_s=4.0)]) == pytest.approx(0.2)
    assert steal_share([row(0)]) == 0.0


def test_a_second_holds_what_came_since_the_last_look() -> None:
    began_us = 100 * 1_000_000
    rows = [
        row(99.5, Page(calls=10)),
        row(100.5, Page(calls=30, retries=2, backlog=5, running=1, commit_s=0.5), 0.25),
        row(103.5, Page(calls=90, retries=2, backlog=8, commit_s=0.8), 1.75),
        row(104.5, None, 1.75),
    ]
    found = watched_seconds(rows, began_us)
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert (found[0].calls, found[0].retries, found[0].backlog, found[0].running) == (20, 2, 5, 1)
    assert (found[0].engine_cpu, found[0].commit_busy, found[0].engine_rss_mib) == (0.25, 0.5, 50.0)
    assert [found[at].calls for at in (1, 2, 3)] == [20, 20, 20]
    assert found[2].engine_cpu == 0.5
    assert (found[4].calls, found[4].backlog) == (0, 0)


def test_the_slope_is_that_of_the_last_steady_phase_once_it_has_begun() -> None:
    phases = (PhaseSpan("short", 0, 10), PhaseSpan("steady", 10, 70), PhaseSpan("outage", 70, 200, outage=True))
    backlog = {at: 500 if at < 30 else 500 + 3 * (at - 30) for at in range(200)}
    rows = [row(at, Page(backlog=count)) for at, count in backlog.items()]
    ran = Ran(began_us=0, ended_us=0, phases=phases, messages=(), sent=(), rows=rows)
    assert growth_per_s(ran) == pytest.approx(3.0)
    assert growth_per_s(Ran(began_us=0, ended_us=0, phases=(), messages=(), sent=(), rows=rows)) == 0.0
