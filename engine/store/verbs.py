"""The verbs of the store over rows, the same on every database: one class that hands each batch to the file it is in.

Transactions, threads and connections are a committer's matter, and what differs between databases is behind
`database.py`. Statements that read for people are in `readers.py`.
"""

from collections.abc import Sequence

from engine.model import Arrival, Message, Receipt
from engine.store import Answered, Claimed, ClaimRequest, GateRow, Intent, Move, Record, Tally, Turn, topics, turn
from engine.store.arrivals import accept, accept_all
from engine.store.begin import begin
from engine.store.buckets import keep_gates
from engine.store.claim import Claims, recover
from engine.store.database import Database
from engine.store.move import move
from engine.store.record import record
from engine.store.retention import Forgotten, Retention, retain
from engine.store.room import Room
from engine.store.tallies import add_tallies


class SqlStore:
    """The verbs of `engine.store.Store` on a `Database`. `disk_low`: no new events, outcomes only."""

    def __init__(self) -> None:
        self.disk_low = False
        self.claims = Claims()

    def room(self, database: Database) -> Room:
        return Room(database, disk_low=self.disk_low)

    @turn(Turn.ACCEPT)
    def accept(self, database: Database, arrivals: Sequence[Arrival]) -> Sequence[Receipt | Exception]:
        """See `Store.accept`."""
        return accept(database, arrivals, self.room(database))

    @turn(Turn.ACCEPT)
    def accept_all(
        self, database: Database, batches: Sequence[Sequence[Arrival]]
    ) -> Sequence[Sequence[Receipt] | Exception]:
        """See `Store.accept_all`."""
        return accept_all(database, batches, self.room(database))

    @turn(Turn.CLAIM)
    def claim(self, database: Database, requests: Sequence[ClaimRequest]) -> Sequence[Claimed]:
        """See `Store.claim`."""
        return [self.claims.claim(database, request) for request in requests]

    @turn(Turn.BEGIN)
    def begin(self, database: Database, intents: Sequence[Intent]) -> Sequence[Answered]:
        """See `Store.begin`."""
        return begin(database, intents, self.room(database))

    @turn(Turn.RECORD)
    def record(self, database: Database, records: Sequence[Record]) -> Sequence[bool]:
        """See `Store.record`."""
        return record(database, records, self.room(database))

    @turn(Turn.MOVE)
    def move(self, database: Database, moves: Sequence[Move]) -> Sequence[str]:
        """See `Store.move`."""
        return move(database, moves)

    @turn(Turn.READ)
    def messages(self, database: Database, awaited: Sequence[tuple[str, str]]) -> Sequence[tuple[Message, ...]]:
        """See `Store.messages`."""
        return topics.messages(database, awaited)

    @turn(Turn.KEEP)
    def tally(self, database: Database, batches: Sequence[Sequence[Tally]]) -> Sequence[None]:
        """See `Store.tally`."""
        add_tallies(database, [tally for batch in batches for tally in batch])
        return [None] * len(batches)

    @turn(Turn.KEEP)
    def keep_plans(self, database: Database, plans: Sequence[tuple[str, str, int, bytes, int]]) -> Sequence[None]:
        """See `Store.keep_plans`."""
        kept = sorted({plan[0]: plan for plan in plans}.values())
        database.insert("plan", "hash, integration, version, content, kept_at", kept, "ON CONFLICT (hash) DO NOTHING")
        return [None] * len(plans)

    @turn(Turn.KEEP)
    def keep_gates(self, database: Database, rows: Sequence[GateRow]) -> Sequence[None]:
        """See `Store.keep_gates`."""
        return keep_gates(database, rows)

    @turn(Turn.RECOVER)
    def recover(self, database: Database, nodes: Sequence[tuple[int, int]]) -> Sequence[int]:
        """See `Store.recover`."""
        return [recover(database, node, now) for node, now in nodes]

    @turn(Turn.RETAIN)
    def retain(self, database: Database, requests: Sequence[Retention]) -> Sequence[Forgotten]:
        """See `Store.retain`."""
        return retain(database, requests)

    @turn(Turn.KEEP)
    def shift(self, database: Database, jumps: Sequence[int]) -> Sequence[None]:
        """See `Store.shift`."""
        jump = sum(jumps)
        # What waits behind another of its key is not ready, and has its time all the same.
        for table, moved in (("delivery", "(ready > 0 OR in_way > 0)"), ("item", "state IN ('waiting', 'behind')")):
            database.run(f"UPDATE {table} SET due_at = due_at + ? WHERE {moved} AND due_at > 0", (jump,))
        return [None] * len(jumps)
