"""`waybill`, spoilt from outside: `spoilt_engine.py MISCHIEF… run DIR …`. The engine itself knows of no such thing.

    die=POINT:N       SIGKILL by its own hand, the N-th time it comes to a named point (`crash_points` lists them)
    die=POINT:N:WORD  the same, of what has WORD in it alone: an order's number, an operation
    stop=POINT:N      SIGSTOP instead: it stands still until it is told to go on, and comes there no second time
    lease=SECONDS     leases, and the margin of a call's, are so short
    clock=FILE        its wall clock is off by as many seconds as FILE says at the moment
    sync=FILE         while FILE exists, no fsync of a file whose name ends with its content succeeds

Points lie at the ports: before a verb of the store is handed in and after its commit (nobody has heard of it yet),
before a request goes out, while it is out, and after its outcome is known.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from engine import clock
from engine.cli import main
from engine.run import app  # noqa: F401 — with it every module of the loops is there to be spoilt
from engine.store import committer
from engine.store.groups import GroupCommitter
from engine.wire.http_client import HttpClient

VERBS = ("keep_plans", "recover", "accept", "claim", "begin", "record", "move")
WHILE_OUT_S = 0.02


def crash_points() -> tuple[str, ...]:
    """Every point at which an engine can be made to die."""
    return (*(f"{when}-{verb}" for verb in VERBS for when in ("before", "after")), *SENDS)


SENDS = ("before-send", "while-sent", "after-send")


class Countdown:
    """Counts how often the point was come to, and does its mischief the N-th time."""

    def __init__(self, words: str, number: signal.Signals) -> None:
        self.point, times, *word = words.split(":")
        assert self.point in crash_points(), self.point
        self.left = int(times)
        self.word = word[0] if word else ""
        self.number = number

    def come_to(self, point: str, item: Any) -> None:
        if point == self.point and self.word in repr(item):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)


def at_point(number: signal.Signals, words: str) -> None:
    count = Countdown(words, number)
    hand_in, send = GroupCommitter.hand_in, HttpClient.send

    def handed_in(self: Any, verb: Any, item: Any, done: Callable[[Any], None]) -> None:
        def told(result: Any) -> None:
            count.come_to(f"after-{verb.__name__}", item)
            done(result)

        count.come_to(f"before-{verb.__name__}", item)
        hand_in(self, verb, item, told)

    async def sent(client: HttpClient, request: Any, timeout_s: float) -> Any:
        count.come_to("before-send", request)
        asyncio.get_running_loop().call_later(WHILE_OUT_S, count.come_to, "while-sent", request)
        outcome = await send(client, request, timeout_s)
        count.come_to("after-send", request)
        return outcome

    GroupCommitter.hand_in, HttpClient.send = handed_in, sent  # type: ignore[method-assign]


def shorten_leases(seconds: str) -> None:
    found = 0
    for module in [module for name, module in sys.modules.items() if name.startswith("engine.run.")]:
        for name in ("LEASE_US", "LEASE_MARGIN_US"):
            if hasattr(module, name):  # also where it was imported by name
                setattr(module, name, int(float(seconds) * 1_000_000))
                found += 1
    assert found >= 2


def shift_clock(file: str) -> None:
    def now(self: clock.SystemClock) -> int:
        return true(self) + int(float(path.read_text()) * 1_000_000)

    path, true = Path(file), clock.SystemClock.now
    clock.SystemClock.now = now  # type: ignore[method-assign]


def fail_sync(file: str) -> None:
    """The disk is that of the process which writes the store."""
    before = "from engine.store.writer import serve\n"
    assert before in committer.START
    committer.START = committer.START.replace(
        before, f"{before}from spoilt_disk import fail_sync\nfail_sync({file!r})\n"
    )


MISCHIEF: dict[str, Callable[[str], None]] = {
    "die": partial(at_point, signal.SIGKILL),
    "stop": partial(at_point, signal.SIGSTOP),
    "lease": shorten_leases,
    "clock": shift_clock,
    "sync": fail_sync,
}


def run(words: Sequence[str]) -> int:
    start = list(words).index("run")
    for word in words[:start]:
        name, _, value = word.partition("=")
        MISCHIEF[name](value)
    return main(list(words[start:]))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
