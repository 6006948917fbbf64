"""The loop of simulated runs: what asyncio promises it keeps, time jumps, and who would wait for ever is named."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from harness.simulation import loop as simulated
from harness.simulation.fence import Fenced
from harness.simulation.loop import Deadlock, Livelock, SimLoop
from harness.simulation.streams import Streams


def new(seed: int = 1, *, permute: bool = False) -> SimLoop:
    streams = Streams(seed)
    return SimLoop(streams.of("ties"), streams.of("steps") if permute else None)  # type: ignore[abstract]


def run(work: Callable[[SimLoop], Awaitable[Any]], seed: int = 1, *, permute: bool = False) -> Any:
    loop = new(seed, permute=permute)
    try:
        return loop.run_until_complete(work(loop))
    finally:
        loop.close()


@pytest.mark.parametrize("permute", [False, True])
def test_what_is_called_soon_runs_in_its_order_whatever_the_seed(permute: bool) -> None:
    async def work(loop: SimLoop) -> list[int]:
        order: list[int] = []
        for number in range(6):
            loop.call_soon(order.append, number)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return order

    assert all(run(work, seed, permute=permute) == [0, 1, 2, 3, 4, 5] for seed in range(100))


async def five_tasks(loop: SimLoop) -> tuple[int, ...]:
    order: list[int] = []

    async def step(number: int) -> None:
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(step(number))
    return tuple(order)


def test_tasks_go_on_in_their_order_unless_steps_are_permuted() -> None:
    assert {run(five_tasks, seed) for seed in range(50)} == {(0, 1, 2, 3, 4)}
    found = {run(five_tasks, seed, permute=True) for seed in range(300)}
    assert len(found) > 100
    assert run(five_tasks, 7, permute=True) == run(five_tasks, 7, permute=True)


async def same_time(loop: SimLoop) -> tuple[str, ...]:
    order: list[str] = []
    for name, delay_s in (("later", 2.0), ("a", 1.0), ("b", 1.0), ("c", 1.0), ("sooner", 0.5)):
        loop.call_later(delay_s, order.append, name)
    await asyncio.sleep(3)
    return tuple(order)


def test_timers_run_by_deadline_and_those_of_one_deadline_in_a_drawn_order() -> None:
    found = {run(same_time, seed) for seed in range(100)}
    assert {(order[0], order[-1]) for order in found} == {("sooner", "later")}
    assert len(found) == 6


def test_time_jumps_and_timeouts_end_when_they_should() -> None:
    async def work(loop: SimLoop) -> tuple[float, float]:
        await asyncio.sleep(3_600)
        slept_s = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(86_400 * 365)
        return slept_s, loop.time()

    assert run(work) == (3_600.0, 3_630.0)


def test_who_would_wait_for_ever_is_named_with_the_line() -> None:
    async def waits_for_what_nobody_does(loop: SimLoop) -> None:
        await loop.create_future()

    async def work(loop: SimLoop) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(waits_for_what_nobody_does(loop), name="walk of order 7")

    with pytest.raises(Deadlock, match=r"walk of order 7 at test_loop\.py:\d+ .*waits_for_what_nobody_does"):
        run(work)


def test_idle_may_end_a_wait_where_nothing_is_due() -> None:
    async def work(loop: SimLoop) -> str:
        future = loop.create_future()

        def idle() -> bool:
            future.set_result("ended")
            return True

        loop.idle = idle
        return str(await future)

    assert run(work) == "ended"


def test_it_is_quiet_when_nothing_else_is_ready_in_this_turn_or_the_next() -> None:
    async def work(loop: SimLoop) -> list[bool]:
        seen: list[bool] = []
        for _ in range(2):
            loop.call_soon(lambda: seen.append(loop.quiet))
        await asyncio.sleep(1)
        return seen

    assert run(work) == [False, True]


def test_what_never_lets_time_pass_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "AT_ONCE_MAX", 1_000)

    async def work(loop: SimLoop) -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Livelock, match="AT_ONCE_MAX"):
        run(work)


def test_what_goes_on_and_on_in_time_is_ended_too() -> None:
    async def work(loop: SimLoop) -> None:
        loop.callbacks_max = 1_000
        while True:
            await asyncio.sleep(1)

    with pytest.raises(Livelock, match="CALLBACKS_MAX"):
        run(work)


def test_no_timer_fires_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(loop: SimLoop) -> tuple[str, float]:
        future = loop.create_future()
        loop.ends_at = 100.0
        loop.late = lambda: future.set_result("too late")
        loop.call_later(101, future.set_result, "in time")
        return await future, loop.time()

    assert run(work) == ("too late", 100.0)


def test_threads_are_asked_for_here_and_now() -> None:
    async def work(loop: SimLoop) -> tuple[int, str]:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(sum, (1, 2)), "same"

    assert run(work) == (3, "same")


def test_an_error_in_a_callback_ends_the_run() -> None:
    async def work(loop: SimLoop) -> None:
        loop.call_soon(lambda: 1 // 0)
        await asyncio.sleep(1)

    with pytest.raises(ZeroDivisionError):
        run(work)


@pytest.mark.parametrize("name", ["create_connection", "create_server", "add_signal_handler", "subprocess_exec",
                                  "call_soon_threadsafe", "getaddrinfo", "add_reader"])  # fmt: skip
def test_what_the_loop_does_not_do_is_refused_by_name(name: str) -> None:
    with pytest.raises(Fenced, match=rf"loop\.{name}"):
        getattr(new(), name)()
