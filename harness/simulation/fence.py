"""A fence around a simulated run: whatever touches real time, chance, threads, sockets or processes is refused by name.

The engine is handed its world; what goes past that would make two runs of one seed differ, and nobody would know why.
The fence stands while a run lasts and for the thread that runs it alone: a progress bar beside it goes on. What was
imported by name before (`from time import time`) and what is written in C (`datetime.now`) it does not see; the linter
forbids those in the engine."""

import os
import random
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

HAS = {
    "time": "no real clock: take `Clock` of engine.ports",
    "random": "no chance but its seed: take `Chance` of engine.ports",
    "thread": "no thread",
    "socket": "no socket: take `HttpOut` of engine.ports",
    "process": "no process",
}


class Fenced(Exception):
    """Something touched the real world; the text says what, where, and what to take instead."""


def fenced() -> list[tuple[Any, str, str]]:
    """(owner, attribute, what it is) of all that is fenced."""
    clocks = [
        *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"),
        *("process_time_ns", "thread_time", "clock_gettime", "clock_gettime_ns", "sleep", "localtime", "ctime"),
    ]
    drawn = [name for name, value in vars(random).items() if getattr(value, "__self__", None) is random._inst]  # noqa: SLF001
    return [
        *((time, name, "time") for name in clocks),
        *((random, name, "random") for name in drawn),
        (random, "_urandom", "random"),  # what SystemRandom and `secrets` draw from
        (os, "urandom", "random"),
        (os, "getrandom", "random"),
        (uuid, "uuid1", "random"),
        (uuid, "uuid4", "random"),
        (threading.Thread, "start", "thread"),
        (socket.socket, "__init__", "socket"),
        (socket, "create_connection", "socket"),
        (socket, "getaddrinfo", "socket"),
        (subprocess.Popen, "__init__", "process"),
        (os, "fork", "process"),
        (os, "posix_spawn", "process"),
        (os, "system", "process"),
    ]


FENCED = fenced()


class Fence:
    """What was touched while it stood. The first is raised where it happens, and again at the end of the run: what
    touched it may have swallowed the error."""

    def __init__(self) -> None:
        self.touched: list[str] = []

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Stands for the length of the block, for this thread."""
        owner = threading.get_ident()
        kept = [(where, name, vars(where)[name]) for where, name, _ in FENCED]
        for (where, name, what), (_, _, real) in zip(FENCED, kept, strict=True):
            setattr(where, name, self._guard(owner, f"{where.__name__}.{name}", what, real))
        try:
            yield
        finally:
            for where, name, real in kept:
                setattr(where, name, real)

    def _guard(self, owner: int, name: str, what: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def guard(*arguments: Any, **more: Any) -> Any:
            if threading.get_ident() != owner:
                return real(*arguments, **more)
            return self._refuse(name, what)

        return guard

    def _refuse(self, name: str, what: str) -> NoReturn:
        caller = sys._getframe(2)  # noqa: SLF001 — who is at fault is half of the message
        text = f"{name} was called at {caller.f_code.co_filename}:{caller.f_lineno}: a simulated run has {HAS[what]}"
        self.touched.append(text)
        raise Fenced(text)
