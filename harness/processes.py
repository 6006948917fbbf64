"""Engines and partners as processes of their own, so that killing one is a real kill and touches no other.

The one home of how they are started, how their ports are read and how they end: the demo, the tests that kill, and the
benchmarks use it. Everything is bounded: a start, a wait, a life where one is given. Each has a session of its own, so
that Ctrl-C at a terminal reaches only who started them, who ends them by their ids. This file refuses to look for
processes by name.
"""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.clock import SystemClock
from engine.errors import UserError
from engine.ports import Chance

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the ports systems draw from for outgoing connections: one of those could take the engine's while it is dead,
or even reach itself."""
START_S = 60.0
WAIT_S = 120.0
LINE_BYTES_MAX = 64 << 10
TOLD_LINES = 12
ENGINE = ("-m", "engine")


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment and `more`; a child finds the same packages also where they are not installed."""
    here = str(Path(__file__).resolve().parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}


def free_ports(chance: Chance) -> tuple[int, int]:
    """Two ports that nobody listens on."""
    found: list[int] = []
    for _ in range(200):
        port = PORTS[int(chance.uniform() * len(PORTS))]
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            if port not in found:
                found.append(port)
        if len(found) == 2:
            return found[0], found[1]
    raise UserError(f"no free ports from {PORTS.start} to {PORTS.stop - 1}", exit_code=4)


class Process:
    """One child. Its standard error goes to `log`, its standard output too unless `piped`; `life_s` bounds its life."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log: Path,
        variables: Mapping[str, str],
        *,
        folder: Path | None = None,
        life_s: float | None = None,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.log = log
        self.variables = variables
        self.folder = folder
        self.life_s = life_s
        self.running: subprocess.Popen[bytes] | None = None
        self.end_of_life: threading.Timer | None = None

    def start(self, *, piped: bool = False) -> None:
        """Starts it and does not wait; with `piped`, `read_line` reads what it says."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(  # noqa: S603 — the words are ours, and there is no shell
                self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if piped else log, stderr=log,
                bufsize=0, env=environment(self.variables), cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        if self.life_s is not None:
            self.end_of_life = threading.Timer(self.life_s, self.running.kill)
            self.end_of_life.daemon = True
            self.end_of_life.start()

    def read_line(self) -> str:
        """The first line it prints, when it is ready. Raises UserError with its last words where none comes."""
        assert self.running is not None
        assert self.running.stdout is not None
        clock = SystemClock()
        pipe, line, until = self.running.stdout, b"", clock.monotonic() + START_S
        while not line.endswith(b"\n") and len(line) < LINE_BYTES_MAX:
            ready, _, _ = select.select([pipe], [], [], max(0.0, until - clock.monotonic()))
            if not ready:
                raise self.failed()
            part = pipe.read(1)  # a line of a hundred bytes, once in a life: nothing behind it is taken away
            if not part:
                self.wait()
                raise self.failed()
            line += part
        return line.decode()

    @property
    def pid(self) -> int:
        assert self.running is not None
        return self.running.pid

    @property
    def is_alive(self) -> bool:
        return self.running is not None and self.running.poll() is None

    @property
    def ended(self) -> bool:
        return self.running is not None and not self.is_alive

    def send_signal(self, number: signal.Signals) -> None:
        if self.is_alive and self.running is not None:
            self.running.send_signal(number)

    def wait(self, limit_s: float = WAIT_S) -> int | None:
        """Its exit code once it has ended; None where it never ran. Raises TimeoutError after `limit_s` seconds."""
        if self.running is None:
            return None
        try:
            code = self.running.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} has not ended in {limit_s:g} s") from None
        if self.running.stdout is not None:
            self.running.stdout.close()
        if self.end_of_life is not None:
            self.end_of_life.cancel()
        return code

    def kill(self) -> int | None:
        """SIGKILL: no goodbye."""
        self.send_signal(signal.SIGKILL)
        return self.wait()

    def end(self, grace_s: float) -> int | None:
        """SIGTERM, and SIGKILL for what has not ended after `grace_s` seconds; its exit code."""
        self.send_signal(signal.SIGTERM)
        try:
            return self.wait(grace_s)
        except TimeoutError:
            return self.kill()

    def failed(self) -> UserError:
        """The process ended by itself, or never was ready; its last lines say why."""
        lines = self.log.read_text(errors="replace").splitlines()[-TOLD_LINES:]
        code = None if self.running is None else self.running.poll()
        how = "is not ready" if code is None else f"ended with {code}"
        return UserError("\n  ".join([f"{self.name} {how}; its last words:", *lines]), exit_code=4)


class Engine(Process):
    """`waybill run` on fixed ports (0: any free one, known once it runs); killed and started again it is the same
    engine to the world. `program` is what runs instead of the engine itself, `options` more words for `run`."""

    def __init__(
        self,
        workspace: Path,
        log: Path,
        variables: Mapping[str, str],
        ports: tuple[int, int] = (0, 0),
        *,
        program: Sequence[str] = ENGINE,
        options: Sequence[str] = (),
        folder: Path | None = None,
        life_s: float | None = None,
    ) -> None:
        self.port, self.admin_port = ports
        words = [
            *python(*program, "run", str(workspace), "--host", HOST),
            *("--port", str(self.port), "--admin-port", str(self.admin_port)),
            *options,
        ]
        super().__init__("the engine", words, log, variables, folder=folder, life_s=life_s)

    def start_ready(self) -> None:
        """Starts it and waits until it takes events. Raises UserError with its last words where it does not."""
        self.start(piped=True)
        self.read_ports()

    def read_ports(self) -> None:
        """What is left of `start_ready` once it was started: waits until it takes events."""
        found = re.search(rf"http://{HOST}:(\d+), admin on http://{HOST}:(\d+)", self.read_line())
        if found is None:
            raise self.failed()
        self.port, self.admin_port = int(found[1]), int(found[2])


class PartnerProcess(Process):
    """A served partner (`harness.served`); its addresses are known once it runs."""

    def __init__(self, system: str, workspace: Path, log: Path, seed: int, faults: str) -> None:
        self.system = system
        self.url = self.admin_url = ""
        words = python("-m", "harness.served", str(workspace), system, "--seed", str(seed), "--faults", faults)
        super().__init__(f"partner {system}", words, log, {})

    def start_ready(self) -> None:
        """Starts it and waits for its ports. Raises UserError with its last words where it does not."""
        self.start(piped=True)
        self.read_ports()

    def read_ports(self) -> None:
        """What is left of `start_ready` once it was started: waits for its ports."""
        ports = msgspec.json.decode(self.read_line())
        self.url = f"http://{HOST}:{ports['port']}"
        self.admin_url = f"http://{HOST}:{ports['admin_port']}"
