"""An asyncio loop without a clock, a socket or a thread: time is a number that moves when nothing else can.

What is called soon runs in the order in which it was called, as asyncio promises; shuffling that too, as others do,
makes schedules that no loop can have. What interleaves is what takes time: timers run by deadline, and those of one
deadline in a drawn order. Where `steps` are given, the steps of tasks that are ready in one turn also change places
among themselves. When nothing is ready and no timer is set, whoever waits would wait for ever: `Deadlock` says who,
and where.

It is built on `AbstractEventLoop`: asyncio's own `BaseEventLoop` is not meant to be inherited from by others. All that
a loop can do besides is refused by name."""

import asyncio
import heapq
from asyncio.events import _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from pathlib import Path
from typing import Any, NoReturn, TypeVar, TypeVarTuple

from engine.errors import WaybillError
from harness.simulation.fence import Fenced
from harness.simulation.streams import Stream

AT_ONCE_MAX = 200_000
"""Callbacks at one moment: more never let time pass."""
CALLBACKS_MAX = 200_000
CALLBACKS_EACH_MAX = 20_000
"""Callbacks of one run, and more for each message told in it: one takes about sixty, and five hundred where a partner
is tried in vain. With far more, an engine that never comes to rest would keep whoever proves it waiting for minutes in
each of hundreds of runs."""
WAITING_SHOWN = 10

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Deadlock(WaybillError):
    """Nothing is ready and no timer is set; the text says what waits for what."""


class Livelock(WaybillError):
    """Callbacks run and run, and the run does not come to its end."""


class SimLoop(asyncio.AbstractEventLoop):
    """Runs until its main task has ended. `idle` is asked when nothing is ready and no timer is set: True where it has
    made something ready. No timer after `ends_at` fires; `late` is told instead, once, and makes the main task end."""

    def __init__(self, ties: Stream, steps: Stream | None = None) -> None:
        self._now = 0.0
        self._ties = ties
        self._steps = steps
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = 0
        self._tasks_made = 0
        self._at_once = 0
        self._left = 0  # of this turn
        self.callbacks_max = CALLBACKS_MAX
        self._stopping = False
        self._closed = False
        self.idle: Callable[[], bool] = lambda: False
        self.ends_at = float("inf")
        self.late: Callable[[], None] = self.stop
        self.failed: Callable[[BaseException], None] = self._fail
        self._error: BaseException | None = None

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def time(self) -> float:
        """Seconds since the beginning of the run."""
        return self._now

    def next_timer_at(self) -> float | None:
        """When the next timer is due, None where there is none."""
        self._drop_cancelled()
        return self._timers[0][0] if self._timers else None

    @property
    def quiet(self) -> bool:
        """Nothing is ready but what runs now."""
        return not self._ready and not self._left

    # ── what is to run ───────────────────────────────────────────────────────────────────────────────────────────────

    def call_soon(
        self, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, timer))
        return timer

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: "Coroutine[Any, Any, Any] | Generator[Any, None, Any]",
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> "asyncio.Task[Any]":
        """A task; its own count names it, for that of the process is another one in each run."""
        self._tasks_made += 1
        return asyncio.Task(coro, loop=self, name=name or f"task-{self._tasks_made}", context=context)

    def run_in_executor(
        self,
        executor: object,  # noqa: ARG002
        func: Callable[[*Arguments], Result],
        *args: *Arguments,
    ) -> "asyncio.Future[Result]":
        """Runs it at once, here: there is no thread beside the loop."""
        future: asyncio.Future[Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 — told to whoever waits, as an executor does
            future.set_exception(error)
        return future

    # ── the turns ────────────────────────────────────────────────────────────────────────────────────────────────────

    def run_until_complete(self, future: Any) -> Any:
        """Runs to the end of one task. Raises Deadlock, Livelock, and what a callback raised."""
        main = asyncio.ensure_future(future, loop=self)
        main.add_done_callback(lambda _: self.stop())
        self.run_forever()
        return main.result()

    def run_forever(self) -> None:
        self._stopping, turns = False, 0
        _set_running_loop(self)
        try:
            while not self._stopping:
                turns += self._turn()
                if self._error is not None:
                    raise self._error
                if turns > self.callbacks_max:
                    raise Livelock(f"more than {self.callbacks_max} callbacks (CALLBACKS_MAX) did not end the run")
        finally:
            _set_running_loop(None)

    def _turn(self) -> int:
        """Runs what is ready; where nothing is, time jumps to the next timer first. How much it ran."""
        if not self._ready:
            self._jump()
        self._take_due()
        turn = [self._ready.popleft() for _ in range(len(self._ready))]
        if self._steps is not None and len(turn) > 1:
            turn = permuted(turn, self._steps)
        self._left = len(turn)
        for handle in turn:
            self._left -= 1
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 — what a loop does with its handles
        self._at_once += len(turn)
        if self._at_once > AT_ONCE_MAX:
            raise Livelock(f"more than {AT_ONCE_MAX} callbacks (AT_ONCE_MAX) at one moment: {self.waiting()}")
        return len(turn)

    def _jump(self) -> None:
        self._drop_cancelled()
        while not self._timers and not self._ready:
            if not self.idle():
                raise Deadlock(f"nothing is ready and no timer is set: {self.waiting()}")
        if self._ready or self._timers[0][0] <= self._now:
            return
        self._at_once = 0
        if self._timers[0][0] > self.ends_at:
            self._now, self.ends_at = self.ends_at, float("inf")
            self.late()
        else:
            self._now = self._timers[0][0]

    def _take_due(self) -> None:
        """Timers that are due become ready: by deadline, those of one in a drawn order."""
        while self._timers and self._timers[0][0] <= self._now:
            when = self._timers[0][0]
            tied = []
            while self._timers and self._timers[0][0] == when:
                timer = heapq.heappop(self._timers)[2]
                if not timer.cancelled():
                    tied.append(timer)
            if len(tied) > 1:
                self._ties.shuffle(tied)
            self._ready.extend(tied)

    def _drop_cancelled(self) -> None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)

    # ── what asyncio asks of a loop ──────────────────────────────────────────────────────────────────────────────────

    def stop(self) -> None:
        self._stopping = True

    def close(self) -> None:
        """Forgets what is left; nothing of it runs any more."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An error that nobody waits for is told to `failed`, by default the end of the run. What has no error, such as
        a task that was dropped half-way, is what a crash leaves."""
        error = context.get("exception")
        if error is not None and not self._closed:
            self.failed(error)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Dropped when its time comes."""

    # ── who waits ────────────────────────────────────────────────────────────────────────────────────────────────────

    def waiting(self) -> str:
        """Which tasks wait, and where."""
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: (len(task.get_name()), task.get_name()))
        shown = [f"{task.get_name()} at {place(task)}" for task in tasks[:WAITING_SHOWN]]
        more = [f"and {len(tasks) - WAITING_SHOWN} more"] if len(tasks) > WAITING_SHOWN else []
        return "; ".join([*shown, *more]) or "no task is left"


def permuted(turn: "list[asyncio.Handle]", steps: Stream) -> "list[asyncio.Handle]":
    """The same turn with the steps of its tasks in a drawn order; every other callback keeps its place."""
    places = [at for at, handle in enumerate(turn) if is_step(handle)]
    shuffled = list(places)
    steps.shuffle(shuffled)
    after = list(turn)
    for at, other in zip(places, shuffled, strict=True):
        after[at] = turn[other]
    return after


def is_step(handle: asyncio.Handle) -> bool:
    """Is this a task going on? A task has one such handle at most, so their order is nobody's promise."""
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)  # type: ignore[attr-defined]  # noqa: SLF001


def place(task: "asyncio.Task[Any]") -> str:
    """Where a task waits: the innermost line of its coroutines."""
    coroutine: Any = task.get_coro()
    while asyncio.iscoroutine(getattr(coroutine, "cr_await", None)):
        coroutine = coroutine.cr_await
    frame = getattr(coroutine, "cr_frame", None)
    if frame is None:
        return "its end"
    code = frame.f_code
    return f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_qualname}"


def refuse(name: str) -> Callable[..., NoReturn]:
    def refused(*_: object, **__: object) -> NoReturn:
        raise Fenced(f"loop.{name}: a simulated run has no socket, process, signal or thread")

    return refused


def fence_the_rest() -> None:
    """Names what the loop does not do, where `AbstractEventLoop` would only say that it is not implemented."""
    for name, value in vars(asyncio.AbstractEventLoop).items():
        if callable(value) and not name.startswith("_") and name not in vars(SimLoop):
            setattr(SimLoop, name, refuse(name))


fence_the_rest()
