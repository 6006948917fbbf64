"""The embedded store: the verbs on one SQLite file, and what people and plans ask of it.

Threads, transactions, files and locks are `committer.py`'s and `files.py`'s matter; here, and in the modules that this
one joins, there are rows only. Statements that read for people are in `readers.py`.
"""

from collections.abc import Sequence

import apsw

from engine.model import Allowed, Arrival, Receipt, Status
from engine.store import Answered, Claimed, ClaimRequest, Intent, Line, Move, Record, Tally
from engine.store.arrivals import Room, accept
from engine.store.deliveries import begin_one, claim_one, record_one
from engine.store.rows import promote, write_lines
from engine.store.tallies import add_tallies

MOVES = {
    "release": ("held", "quarantined"),
    "reject": ("held", "quarantined"),
    "redrive": ("dead", "quarantined", "held", "discarded"),
}
"""What a person may do, and to events of which statuses."""


class SqliteStore:
    """The verbs of `engine.store.Store` on a connection of apsw. `disk_low`: no new events, outcomes only."""

    def __init__(self) -> None:
        self.disk_low = False
        self.pages_max: int | None = None

    def accept(self, connection: apsw.Connection, arrivals: Sequence[Arrival]) -> Sequence[Receipt | Exception]:
        """See `Store.accept`."""
        if self.pages_max is None:
            self.pages_max = connection.pragma("max_page_count")
        return accept(connection, arrivals, Room(connection, self.pages_max, disk_low=self.disk_low))

    def claim(self, connection: apsw.Connection, requests: Sequence[ClaimRequest]) -> Sequence[Claimed]:
        """See `Store.claim`."""
        return [claim_one(connection, request) for request in requests]

    def begin(self, connection: apsw.Connection, intents: Sequence[Intent]) -> Sequence[Answered]:
        """See `Store.begin`."""
        return [begin_one(connection, intent) for intent in intents]

    def record(self, connection: apsw.Connection, records: Sequence[Record]) -> Sequence[bool]:
        """See `Store.record`."""
        return [record_one(connection, record) for record in records]

    def tally(self, connection: apsw.Connection, batches: Sequence[Sequence[Tally]]) -> Sequence[None]:
        """See `Store.tally`."""
        add_tallies(connection, [tally for batch in batches for tally in batch])
        return [None] * len(batches)

    def move(self, connection: apsw.Connection, moves: Sequence[Move]) -> Sequence[str]:
        """See `Store.move`."""
        return [self.move_one(connection, move) for move in moves]

    def move_one(self, connection: apsw.Connection, move: Move) -> str:
        row = connection.execute(
            "SELECT status, plan, key_digest, number, step, on_release FROM delivery WHERE event = ?", (move.event,)
        ).fetchone()
        if row is None:
            return f"there is no event evt-{move.event}"
        status, plan, key_digest, number, step, on_release = row
        allowed = MOVES[move.action]
        if status not in allowed:
            return f"it is {status}; {move.action} is for {', '.join(allowed)}"
        if move.action == "redrive":
            if connection.execute("SELECT body IS NULL FROM event WHERE event = ?", (move.event,)).get:
                return "its body was dropped to make room"
            if move.plan is not None and move.plan != plan:
                # The newer plan's steps are other steps: they run afresh, and the effect ledger knows what was done.
                connection.execute("UPDATE line SET ended = 0 WHERE event = ?", (move.event,))
        ends = move.action == "release" and on_release == "end"
        said = ": ".join(part for part in (move.by, move.reason) if part)
        result = {"by": move.by, "reason": move.reason}
        line = Line(step=step, kind=move.action, at=move.at, reason=said, ended=ends, result=result)
        write_lines(connection, move.event, number, [line])
        status, reason, finished_at = Status.ACCEPTED, "", None
        if move.action == "reject":
            status, reason, finished_at = Status.DISCARDED, f"rejected by {said}", move.at
        connection.execute(
            "UPDATE delivery SET status = ?, ready = 0, due_at = ?, attempts = 0, number = number + 1, plan = ?, queue = '', reason = ?, missing = NULL,"
            " on_release = '', again = ?, token = token + 1, finished_at = ? WHERE event = ?",
            (
                status.value,
                move.at,
                move.plan or plan,
                reason,
                allowance(move, on_release).value,
                finished_at,
                move.event,
            ),
        )
        promote(connection, key_digest)
        return ""

    def keep_plans(
        self, connection: apsw.Connection, plans: Sequence[tuple[str, str, int, bytes, int]]
    ) -> Sequence[None]:
        """See `Store.keep_plans`."""
        connection.executemany(
            "INSERT OR IGNORE INTO plan (hash, integration, version, content, kept_at) VALUES (?, ?, ?, ?, ?)", plans
        )
        return [None] * len(plans)

    def recover(self, connection: apsw.Connection, nows: Sequence[int]) -> Sequence[int]:
        """See `Store.recover`."""
        connection.execute(
            "UPDATE delivery SET status = 'accepted', ready = 1, due_at = ? WHERE status = 'running'", (nows[0],)
        )
        return [connection.changes()] * len(nows)

    def shift(self, connection: apsw.Connection, jumps: Sequence[int]) -> Sequence[None]:
        """See `Store.shift`."""
        connection.execute(
            "UPDATE delivery SET due_at = due_at + ? WHERE status IN ('accepted', 'waiting')", (sum(jumps),)
        )
        return [None] * len(jumps)


def allowance(move: Move, on_release: str) -> Allowed:
    """What a decision allows a doubtful call."""
    if move.action == "release" and on_release == "send":
        return Allowed.ANOTHER_REQUEST
    return Allowed.SETTLING if move.action == "redrive" else Allowed.NOTHING
