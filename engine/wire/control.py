"""The engine's own door for commands: one line of JSON in, one out, over a Unix socket only its user may open.

Commands that write go through it while an engine runs, because the store has one writer.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from engine.errors import UserError

LINE_BYTES_MAX = 1 << 20
TIMEOUT_S = 30.0
Handler = Callable[[Any], Awaitable[Any]]


def socket_path(root: Path) -> Path:
    """Where the engine of a workspace listens for commands."""
    return (root / ".waybill" / "engine.sock").resolve()


class ControlServer:
    """Listens on `path`; each request is handed to `handle`, whose answer must be JSON."""

    def __init__(self, path: Path, handle: Handler) -> None:
        self.path = path
        self.handle = handle
        self.server: asyncio.Server | None = None

    async def start(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_path(self.path) as short:
            listener.bind(short)
        self.path.chmod(0o600)
        self.server = await asyncio.start_unix_server(self.serve, sock=listener, limit=LINE_BYTES_MAX)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                line = await reader.readline()
                answer = await self.handle(json.loads(line))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ValueError, ConnectionError):
            return  # a command that went away or does not speak our language
        finally:
            writer.close()

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
        self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def short_path(path: Path) -> "Any":
    """The kernel takes at most 107 bytes for a socket's path; a folder's descriptor makes any path short."""
    if len(os.fsencode(path)) <= 100:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def ask(path: Path, request: Any, timeout_s: float = TIMEOUT_S) -> Any:
    """Sends one request to a running engine; None where none listens. Raises UserError where it does not answer."""
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    caller.settimeout(timeout_s)
    with caller:
        try:
            with short_path(path) as short:
                caller.connect(short)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        line = b""
        try:
            caller.sendall(json.dumps(request).encode() + b"\n")
            with caller.makefile("rb") as answers:
                line = answers.readline()
        except TimeoutError:
            raise UserError(
                f"the engine has not answered for {timeout_s:g} s, and may yet do what was asked; look at its log and"
                " at what is stored before you ask again"
            ) from None
        except ConnectionError:
            pass  # it died: no answer either
    if not line:
        raise UserError("the engine went away without an answer; look at its log, then try again")
    return json.loads(line)
