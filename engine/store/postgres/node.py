"""Nodes: each engine on a database has a number, and says every second that it lives, by the database's clock.

A node that was not heard of for ten seconds is dead to the others: any claim gives its deliveries back. Whether a record
of it still counts is never decided here, but by the fencing token of each delivery. The heartbeat has a thread and a
connection of its own, so that neither a long group nor a busy loop makes a living node look dead; the same connection
hears hints that there is work. Hints may be lost: whoever waits for work looks by himself once a second.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg

from engine.clock import SystemChance, SystemClock
from engine.store.opened import TellFact
from engine.store.postgres.connect import Connection, connect
from engine.store.postgres.database import NOW
from engine.store.postgres.errors import said

BEAT_S = 1.0
HINT_S = 0.2
"""Seconds between two looks whether there is something to hint at, or a hint."""
SKEW_US = 5_000_000
TELL_EVERY_BEATS = 60
"""A fault that lasts is told again after so many."""
CHANNEL = "waybill_work"
FORGOTTEN_US = 24 * 3_600_000_000


def own_name() -> str:
    """`host boot pid-namespace pid start`: enough for another engine of this machine to see that we are gone."""
    return " ".join((socket.gethostname(), *machine(), str(os.getpid()), started(os.getpid())))


def machine() -> tuple[str, str]:
    """Which boot of which machine, and which of its spaces of process numbers; `-` where it cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return boot, str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "-", "-"


def started(pid: int) -> str:
    """When a process began, in the kernel's ticks; `-` where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "-"


def surely_gone(name: str) -> bool:
    """Did the engine of that name run on this machine, and has its process ended?"""
    host, *where, pid, start = name.split(" ") if name.count(" ") == 4 else ("", "", "", "", "")
    if host != socket.gethostname() or tuple(where) != machine() or "-" in where or not pid.isdigit():
        return False
    return started(int(pid)) != start


def register(connection: Connection) -> int:
    """Gives this engine a number of its own. Former lives on this machine are dead at once, others by their silence."""
    with connection.transaction():
        nodes = connection.execute("SELECT node, name FROM node WHERE seen_at > 0").fetchall()
        gone = [node for node, name in nodes if surely_gone(name)]
        connection.execute("UPDATE node SET seen_at = 0 WHERE node = ANY(%s::bigint[])", (gone,))
        row = connection.execute(
            f"INSERT INTO node (node, name, seen_at) VALUES (nextval('node_number'), %s, {NOW}) RETURNING node",
            (own_name(),),
        ).fetchone()
        assert row is not None
        connection.execute("INSERT INTO node_group (node, last_group) VALUES (%s, 0)", row)
    return int(row[0])


def forget_dead(connection: Connection) -> None:
    """Takes nodes off the list that were silent for a day and hold nothing."""
    with connection.transaction():
        gone = connection.execute(
            f"DELETE FROM node WHERE seen_at < {NOW} - {FORGOTTEN_US}"
            " AND NOT EXISTS (SELECT FROM delivery WHERE delivery.node = node.node AND status = 'running') RETURNING node"
        ).fetchall()
        connection.execute("DELETE FROM node_group WHERE node = ANY(%s::bigint[])", ([node for (node,) in gone],))


def hint(connection: Connection) -> None:
    """Tells every node that there is work. In a transaction of its own: PostgreSQL lets only one that hints commit."""
    connection.execute(f"NOTIFY {CHANNEL}")


class Heartbeat:
    """Beats until it is stopped. `on_hint` is called from its thread when there may be work, once a beat at least, and
    `tell` with facts."""

    def __init__(self, url: str, node: int, on_hint: Callable[[], None], tell: TellFact) -> None:
        self.url = url
        self.node = node
        self.on_hint = on_hint
        self.tell = tell
        self.clock = SystemClock()
        self.chance = SystemChance()
        self.stopping = threading.Event()
        self.work = threading.Event()
        self.skewed = 0
        self.connection: Connection | None = None
        self.thread = threading.Thread(target=self.run, name="waybill-heartbeat", daemon=True)

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                try:
                    self.beat()
                except psycopg.Error as error:
                    self.drop()
                    self.tell("heartbeat_missed", {"reason": said(error)})
                    self.stopping.wait(BEAT_S)
                self.on_hint()
        finally:
            self.leave()

    def beat(self) -> None:
        """Says that we live, hears hints until the next beat is due."""
        if self.connection is None:
            self.connection = connect(self.url, "waybill heartbeat")
            # A beat lost with a crashed server costs nothing: it is told anew a second later.
            self.connection.execute(f"SET synchronous_commit = off; LISTEN {CHANNEL}")
        before = self.clock.now()
        row = self.connection.execute(
            f"UPDATE node SET seen_at = {NOW} WHERE node = %s RETURNING seen_at", (self.node,)
        ).fetchone()
        after = self.clock.now()
        if row is not None:
            self.compare_clocks(int(row[0]), before, after)
        until = self.clock.monotonic() + BEAT_S * (0.75 + self.chance.uniform() / 2)
        while not self.stopping.is_set() and (left := until - self.clock.monotonic()) > 0:
            if self.work.is_set():
                self.work.clear()
                hint(self.connection)
            for heard in self.connection.notifies(timeout=min(HINT_S, left), stop_after=1):
                if heard.pid != self.connection.info.backend_pid:
                    self.on_hint()

    def compare_clocks(self, there: int, before: int, after: int) -> None:
        """Ours must lie about where the database's does: leases are reckoned by ours, silence by its."""
        skew = 0 if before <= there <= after else min(there - before, there - after, key=abs)
        if abs(skew) <= SKEW_US:
            self.skewed = 0
            return
        if self.skewed % TELL_EVERY_BEATS == 0:
            self.tell("clock_skew", {"seconds": round(skew / 1e6, 1), "reason": "our clock is not the database's"})
        self.skewed += 1

    def drop(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def leave(self) -> None:
        """The others need not wait for our silence."""
        with contextlib.suppress(psycopg.Error):
            if self.connection is not None:
                self.connection.execute("UPDATE node SET seen_at = 0 WHERE node = %s", (self.node,))
        self.drop()

    def stop(self) -> None:
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join()
