"""The fence: what touches the real world is named, and nothing else is kept from it."""

import contextlib
import os  # noqa: F401 — what is evaluated below sees it, as it sees the next ones
import random  # noqa: F401
import secrets  # noqa: F401
import socket  # noqa: F401
import subprocess  # noqa: F401
import threading
import time
import uuid  # noqa: F401

import pytest
from acting import order, play

from engine.run.walk import Walk
from harness.simulation.fence import FENCED, Fence, Fenced

TOUCHES = {
    "time.time": "time.time()",
    "time.monotonic": "time.monotonic()",
    "time.sleep": "time.sleep(0)",
    "random.random": "random.random()",
    "random.randint": "random.randint(1, 2)",
    "random._urandom": "secrets.randbits(8)",
    "os.urandom": "os.urandom(1)",
    "uuid.uuid4": "uuid.uuid4()",
    "Thread.start": "threading.Thread(target=print).start()",
    "socket.__init__": "socket.socket()",
    "socket.getaddrinfo": "socket.getaddrinfo('localhost', 1)",
    "Popen.__init__": "subprocess.Popen(['true'])",
}
INSIDE = ("random._urandom",)
"""Called by the library for whoever is at fault."""


@pytest.mark.parametrize("name", TOUCHES)
def test_what_touches_the_real_world_is_named_with_its_place(name: str) -> None:
    code = compile(TOUCHES[name], "somewhere.py", "eval")
    fence = Fence()
    where = "random.py:" if name in INSIDE else "somewhere.py:1"
    with fence.standing(), pytest.raises(Fenced, match=rf"{name} was called at .*{where}.*: a simulated run has no "):
        eval(code, globals())
    assert len(fence.touched) == 1


def test_all_is_as_it_was_when_it_is_gone() -> None:
    before = [vars(where)[name] for where, name, _ in FENCED]
    with pytest.raises(KeyError), Fence().standing():
        raise KeyError
    assert [vars(where)[name] for where, name, _ in FENCED] == before
    assert time.time() > 0


def test_other_threads_go_on() -> None:
    seen: list[float] = []
    begin, fenced = threading.Event(), threading.Event()

    def beside() -> None:
        begin.set()
        fenced.wait(10)
        seen.append(time.time())

    thread = threading.Thread(target=beside)
    thread.start()
    begin.wait(10)
    fence = Fence()
    with fence.standing():
        fenced.set()
        thread.join(10)
    assert len(seen) == 1
    assert fence.touched == []


def test_a_run_tells_of_what_was_touched_though_it_was_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk.run

    async def peeks(self: Walk) -> None:
        with contextlib.suppress(Fenced):
            time.time()
        await walk(self)

    monkeypatch.setattr(Walk, "run", peeks)
    with pytest.raises(Fenced, match=r"time\.time was called at .*test_fence\.py"):
        play(order(1))
