"""The engine and the partners as processes of their own, so that killing one is a real kill and touches no other.

Each has a session of its own: Ctrl-C at the terminal reaches the demo alone, which ends them by their ids. This file
refuses to look for processes by name.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from engine.errors import UserError
from engine.ports import Chance

PORTS = range(20_000, 32_000)
"""Below the ports systems draw from for outgoing connections: one of those could take the engine's while it is dead,
or even reach itself."""
START_S = 30.0
LOOK_EVERY_S = 0.05
TOLD_LINES = 12
HOST = "127.0.0.1"


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment and `more`; a child finds the same packages also where they are not installed."""
    here = str(Path(__file__).resolve().parents[2])
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
    """One child. Its standard error goes to `log`, its standard output too unless `piped`."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path, variables: Mapping[str, str]) -> None:
        self.name = name
        self.arguments = arguments
        self.log = log
        self.variables = variables
        self.running: asyncio.subprocess.Process | None = None

    async def start(self, *, piped: bool = False) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            self.running = await asyncio.create_subprocess_exec(
                *self.arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE if piped else log,
                stderr=log, env=environment(self.variables), start_new_session=True,
            )  # fmt: skip
        return self.running

    async def kill(self) -> None:
        """SIGKILL: no goodbye."""
        await self._signal(signal.SIGKILL)

    async def end(self, grace_s: float) -> None:
        """SIGTERM, and SIGKILL for what has not ended after `grace_s` seconds."""
        try:
            async with asyncio.timeout(grace_s):
                await self._signal(signal.SIGTERM)
        except TimeoutError:
            await self.kill()

    async def _signal(self, number: signal.Signals) -> None:
        if self.running is None:
            return
        with suppress(ProcessLookupError):
            self.running.send_signal(number)
        await self.running.wait()

    @property
    def ended(self) -> bool:
        return self.running is not None and self.running.returncode is not None

    def failed(self) -> UserError:
        """The process ended by itself, or never was ready; its last lines say why."""
        lines = self.log.read_text(errors="replace").splitlines()[-TOLD_LINES:]
        code = None if self.running is None else self.running.returncode
        how = "is not ready" if code is None else f"ended with {code}"
        return UserError("\n  ".join([f"{self.name} {how}; its last words:", *lines]), exit_code=4)


class Engine(Process):
    """`waybill run` on fixed ports; killed and started again it is the same engine to the world."""

    def __init__(self, workspace: Path, log: Path, variables: Mapping[str, str], chance: Chance) -> None:
        self.port, self.admin_port = free_ports(chance)
        super().__init__(
            "the engine",
            python(
                "-m", "engine", "run", str(workspace), "--host", HOST, "--port", str(self.port),
                "--admin-port", str(self.admin_port),
            ),
            log,
            variables,
        )  # fmt: skip

    async def start_ready(self, session: aiohttp.ClientSession) -> None:
        """Starts it and waits until it takes events. Raises UserError with its last words where it does not."""
        process = await self.start()
        try:
            async with asyncio.timeout(START_S):
                while not await self.is_ready(session):
                    if process.returncode is not None:
                        raise self.failed()
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise self.failed() from None

    async def is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"http://{HOST}:{self.admin_port}/ready") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def metrics(self, session: aiohttp.ClientSession) -> str | None:
        """The page of the moment; None while the engine does not answer."""
        try:
            async with session.get(f"http://{HOST}:{self.admin_port}/metrics") as answer:
                return await answer.text() if answer.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None


class PartnerProcess(Process):
    """A served partner; `url` is known once it runs."""

    def __init__(self, system: str, workspace: Path, log: Path, seed: int, faults: str) -> None:
        self.system = system
        self.url = self.admin_url = ""
        super().__init__(
            f"partner {system}",
            python("-m", "harness.served", str(workspace), system, "--seed", str(seed), "--faults", faults),
            log,
            {},
        )

    async def start_ready(self) -> None:
        """Starts it and waits for its ports. Raises UserError with its last words where it does not."""
        process = await self.start(piped=True)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                line = await process.stdout.readline()
                if not line:
                    await process.wait()
                    raise self.failed()
        except TimeoutError:
            raise self.failed() from None
        ports = msgspec.json.decode(line)
        self.url = f"http://{HOST}:{ports['port']}"
        self.admin_url = f"http://{HOST}:{ports['admin_port']}"

    async def ask(self, session: aiohttp.ClientSession, page: str) -> dict[str, Any]:
        """`_book` or `_counts`. Raises UserError with its last words where it does not answer."""
        try:
            async with session.get(f"{self.admin_url}/{page}") as answer:
                data: dict[str, Any] = await answer.json()
                return data
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise self.failed() from None
