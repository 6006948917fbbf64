"""The committer on PostgreSQL: groups in transactions, each answered after its commit, whatever becomes of the server.

Every group has a number, written in its own transaction. After a lost connection nobody knows whether a commit that was
sent has happened; the number says it, for the next try of the same group finds either the number before (and holds the
row, so that no straggler can commit any more) or its own. While there is no server arrivals are refused, so that senders
come again; outcomes wait, since what a partner has done must not be forgotten. Nothing is tried on another thread, and
nothing is given up while the engine runs.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from engine.clock import SystemChance, SystemClock
from engine.errors import StatementFailed, StoreAway, StoreBroken, StoreFull
from engine.ports import Item, Result, Verb
from engine.store import Turn, turn_of
from engine.store.groups import Entry, GroupCommitter, run_verbs
from engine.store.opened import TellFact
from engine.store.postgres.connect import Connection, column_types, connect
from engine.store.postgres.database import PostgresDatabase
from engine.store.postgres.errors import RACED, Trouble, said, trouble_of

REFUSE_AFTER_S = 1.0
"""A fail-over that is quicker than this is a slow answer to senders, and no more."""
PAUSE_FIRST_S = 0.02
PAUSE_MAX_S = 2.0
RACES_MAX = 5
CLOSE_S = 5.0
"""How long a stopping engine still waits for a server that is away."""


def nothing(_result: Any) -> None:
    """Who has been told already."""


class PostgresCommitter(GroupCommitter):
    """`node` is this engine's number (`node.register`). `tell` takes facts, in the loop. `wrote` is called from the
    writer's thread after a group that may have made work for other nodes."""

    def __init__(
        self,
        url: str,
        node: int,
        on_failure: Callable[[BaseException], None],
        tell: TellFact,
        wrote: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(on_failure)
        self.url = url
        self.node = node
        self.tell_fact = tell
        self.wrote = wrote
        self.clock = SystemClock()
        self.chance = SystemChance()
        self.database: PostgresDatabase | None = None
        self.group = 0
        self.sent: list[tuple[int, Any]] | None = None  # results of a group whose commit was sent, and not answered
        self.away = ""  # why arrivals are refused; the loop's
        self.closing = threading.Event()
        self.resting = threading.Event()  # set by nobody: a pause of the writer's
        self.groups: queue.SimpleQueue[list[Entry] | None] = queue.SimpleQueue()
        self.writer = threading.Thread(target=self.write, name="waybill-writer", daemon=True)
        self.writer.start()

    # ── in the loop ──────────────────────────────────────────────────────────────────────────────────────────────────

    def hand_in(self, verb: Verb[Item, Result], item: Item, done: Callable[[Result | BaseException], None]) -> None:
        """See `Committer.hand_in`."""
        if self.away and turn_of(verb) is Turn.ACCEPT:
            done(StoreAway(self.away))
        else:
            super().hand_in(verb, item, done)

    def send(self, group: list[Entry]) -> None:
        """See `GroupCommitter.send`."""
        self.groups.put(group)

    def go_away(self, reason: str) -> None:
        """From now on arrivals are refused, and those that wait are told. One that is in the group that is tried may
        yet be stored: its sender comes again and is told that it is a duplicate."""
        if self.failed is not None:
            return
        self.away = reason
        self.tell_fact("store_away", {"reason": reason})
        refused = []
        for entries in (self.flying, self.pending):
            for place, entry in enumerate(entries):
                if turn_of(entry[0]) is Turn.ACCEPT and entry[2] is not nothing:
                    refused.append(entry)
                    entries[place] = (entry[0], entry[1], nothing)
        self.pending = [entry for entry in self.pending if entry[2] is not nothing]
        self.tell(refused, [StoreAway(reason)] * len(refused))

    def come_back(self, away_s: float) -> None:
        self.away = ""
        self.tell_fact("store_back", {"seconds": round(away_s, 1)})

    async def close(self) -> None:
        """Commits what is pending, where there is still a server, then ends the thread."""
        self.closing.set()
        await super().close()
        self.groups.put(None)
        await asyncio.to_thread(self.writer.join)
        if self.database is not None:
            await asyncio.to_thread(self.database.connection.close)

    # ── in the writer's thread ───────────────────────────────────────────────────────────────────────────────────────

    def write(self) -> None:
        while (group := self.groups.get()) is not None:
            outcome: list[Any] | BaseException
            try:
                outcome = self.write_group([(verb, item) for verb, item, _ in group])
            except BaseException as error:  # noqa: BLE001 — whatever it was, the loop must hear of it
                outcome = error
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits for the answer
                self.loop.call_soon_threadsafe(self.answer, outcome)

    def write_group(self, entries: Sequence[tuple[Any, Any]]) -> list[Any]:
        """Commits a group (see `GroupCommitter.answer`). What is raised here ends the committer."""
        results: list[Any] = [None] * len(entries)
        places = list(range(len(entries)))
        began, refusing, pause_s = self.clock.monotonic(), False, PAUSE_FIRST_S
        self.sent, races = None, 0
        while True:
            try:
                written = self.attempt(entries, places)
                break
            except psycopg.Error as error:
                trouble, reason = self.trouble(error), said(error)
                races += error.sqlstate == RACED
                if races > RACES_MAX:
                    raise defect(error) from None
            waited_s = self.clock.monotonic() - began
            if trouble is Trouble.NO_ROOM:
                arrivals = [place for place in places if turn_of(entries[place][0]) is Turn.ACCEPT]
                places = [place for place in places if place not in arrivals]
                for place in arrivals:
                    results[place] = StoreFull(f"the database takes nothing more: {reason}")
            if not refusing and (trouble is Trouble.NO_ROOM or waited_s > REFUSE_AFTER_S):
                refusing = True
                self.loop.call_soon_threadsafe(self.go_away, reason)
            if self.closing.is_set() and waited_s > CLOSE_S:
                return [StoreAway(reason)] * len(entries)
            if trouble is not Trouble.AGAIN or waited_s > REFUSE_AFTER_S:
                self.resting.wait(pause_s * self.chance.uniform())
                pause_s = min(2 * pause_s, PAUSE_MAX_S)
        self.group += 1
        for place, result in written:
            results[place] = result
        if refusing:
            self.loop.call_soon_threadsafe(self.come_back, self.clock.monotonic() - began)
        if any(turn_of(verb) in MAKES_WORK for verb, _ in entries):
            self.wrote()
        return results

    def attempt(self, entries: Sequence[tuple[Any, Any]], places: Sequence[int]) -> list[tuple[int, Any]]:
        """One try of a group: (place, result). Raises psycopg.Error, rolled back."""
        number = self.group + 1
        database = self.database = self.database or self.connected()
        connection = database.connection
        try:
            begun = connection.execute(
                f"BEGIN; UPDATE node_group SET last_group = {number} WHERE node = {self.node} AND last_group = {self.group}"
            )
            begun.nextset()
            if begun.rowcount != 1:
                return self.what_was_sent(connection, number)
            self.sent = None  # whatever was sent before has not happened, and cannot any more: the row is ours
            results = list(zip(places, run_verbs(database, [entries[place] for place in places]), strict=True))
            self.sent = results
            began_s = self.clock.monotonic()
            connection.execute("COMMIT")
            self.commits += 1
            self.commit_s += self.clock.monotonic() - began_s
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                connection.execute("ROLLBACK")
                # The same session answers, so it is known what became of the transaction: nothing.
                self.sent = None
            raise
        return results

    def what_was_sent(self, connection: Connection, number: int) -> list[tuple[int, Any]]:
        """The group was not the next one: it has happened already, or the database is another one than it was."""
        row = connection.execute(f"SELECT last_group FROM node_group WHERE node = {self.node}").fetchone()
        connection.execute("ROLLBACK")
        if row == (number,) and self.sent is not None:
            return self.sent
        there = "does not know this engine" if row is None else f"stands at group {row[0]} of this engine"
        raise StoreBroken(
            f"the database went back, or is another one: it {there}, which has had group {self.group} answered."
            " What was answered since may be lost there; compare it with its backup or its former primary before you start again"
        )

    def connected(self) -> PostgresDatabase:
        connection = connect(self.url, "waybill writer")
        return PostgresDatabase(connection, column_types(connection))

    def trouble(self, error: psycopg.Error) -> Trouble:
        """What to do about an error. Raises where nothing can be done."""
        connection = None if self.database is None else self.database.connection
        found = trouble_of(error, connection)
        if found is Trouble.DEFECT:
            raise defect(error) from None
        if found is Trouble.BROKEN:
            raise StoreBroken(f"the database is damaged: {said(error)}; restore a backup") from error
        if connection is not None and (found is Trouble.AWAY or connection.closed):
            connection.close()
            self.database = None
        return found


def defect(error: psycopg.Error) -> StatementFailed:
    """Where it happened, without the values it happened with."""
    return StatementFailed(f"PostgreSQL refused a statement: {said(error)}").with_traceback(error.__traceback__)


MAKES_WORK = frozenset((Turn.ACCEPT, Turn.RECORD, Turn.MOVE))
