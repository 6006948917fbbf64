"""Gates as rows: the buckets of quotas that a batch takes from, what partners told of them, what became of breakers.

How a bucket fills, and what it allows, is `rules.quota`'s; here it is read once for a batch, held until the commit, and
written once. Whoever shares it goes by one clock, the database's, read when the bucket is held: so no node finds in it
what flowed in by a clock that is ahead, and none finds time running backwards.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from engine.rules import quota
from engine.rules.quota import Bucket, Quota
from engine.store import GateRow, Learnt
from engine.store.database import Database


class Buckets:
    """The buckets of some gates, theirs until the commit. `parked` is the most urgent lane that waits at a gate. `asked_at`
    is the time of whoever asks, and what he is told of times is by his clock."""

    def __init__(self, database: Database, gates: Iterable[str], asked_at: int) -> None:
        self.database = database
        self.found: dict[str, Bucket] = {}
        self.parked: dict[str, int] = {}
        self.written: dict[str, Bucket] = {}
        self.under_way: dict[str, int] | None = None
        self.now = self.behind = 0
        wanted = sorted(set(gates))
        if wanted:
            self.read(wanted)
            missing = [gate for gate in wanted if gate not in self.found]
            if missing:
                database.insert("gate", "gate", [(gate,) for gate in missing], "ON CONFLICT (gate) DO NOTHING")
                self.read(missing)
            self.now = database.now(asked_at)
            self.behind = asked_at - self.now
            self.found = {gate: quota.enter(bucket, self.now) for gate, bucket in self.found.items()}

    def read(self, gates: Sequence[str]) -> None:
        inside, values = self.database.among("g.gate", gates)
        for gate, stored, lane in self.database.rows(
            "SELECT g.gate, g.quota, (SELECT min(d.lane) FROM delivery d WHERE d.gate = g.gate AND d.ready = 2)"
            f" FROM gate g WHERE {inside} ORDER BY g.gate{self.database.lock}",
            values,
        ):
            self.found[gate] = self.written[gate] = quota.decode(stored or b"")
            if lane is not None:
                self.parked[gate] = lane

    def available(self, policy: Quota) -> int:
        """How many calls may begin at this gate now."""
        bucket = self.found[policy.gate]
        in_flight = 0
        if policy.concurrency or bucket.heard is not None:
            in_flight = self.in_flight(policy.gate)
        return quota.available(bucket, policy, self.now, in_flight)

    def take(self, policy: Quota, count: int = 1, calling: str = "") -> None:
        """Takes tokens for calls that begin now; `calling` counts them among those under way."""
        self.found[policy.gate] = quota.take(self.found[policy.gate], policy, self.now, count)
        if calling and self.under_way is not None:
            self.under_way[calling] = self.under_way.get(calling, 0) + count

    def next_at(self, policy: Quota) -> int:
        """When the next call may begin, by the clock of whoever asks."""
        return quota.next_at(self.found[policy.gate], policy, self.now) + self.behind

    def turn(self, gate: str) -> int:
        return self.found[gate].turn

    def set_turn(self, gate: str, turn: int) -> None:
        if turn != self.found[gate].turn:
            self.found[gate] = replace(self.found[gate], turn=turn)

    def learn(self, learnt: Learnt) -> None:
        self.found[learnt.gate] = quota.learn(self.found[learnt.gate], quota.decode_heard(learnt.quota), self.now)

    def in_flight(self, gate: str) -> int:
        """Calls under way through a gate: of an operation, or of all those of a system."""
        if self.under_way is None:
            self.under_way = dict(
                self.database.rows(
                    "SELECT calling, count(*) FROM delivery WHERE status = 'running' AND calling != '' GROUP BY calling"
                )
            )
        return sum(count for name, count in self.under_way.items() if name == gate or name.startswith(f"{gate}."))

    def store(self) -> None:
        """Writes what was taken and learnt."""
        self.database.update(
            "gate",
            "gate",
            "quota",
            [(gate, quota.encode(bucket)) for gate, bucket in self.found.items() if bucket is not self.written[gate]],
        )
        self.written = dict(self.found)


def keep_gates(database: Database, rows: Sequence[GateRow]) -> Sequence[None]:
    """See `Store.keep_gates`."""
    engines = {row.gate: (row.gate, row.state, row.until, row.reason, row.at) for row in rows if row.state}
    people = {row.gate: (row.gate, row.forced) for row in rows if not row.state}
    database.insert(
        "gate",
        "gate, state, until, reason, at",
        sorted(engines.values()),
        "ON CONFLICT (gate) DO UPDATE SET state = excluded.state, until = excluded.until, reason = excluded.reason,"
        " at = excluded.at",
    )
    database.insert(
        "gate", "gate, forced", sorted(people.values()), "ON CONFLICT (gate) DO UPDATE SET forced = excluded.forced"
    )
    return [None] * len(rows)


def learn_all(database: Database, told: Sequence[Learnt], asked_at: int) -> None:
    """What answers told of gates."""
    if told:
        buckets = Buckets(database, [learnt.gate for learnt in told], asked_at)
        for learnt in told:
            buckets.learn(learnt)
        buckets.store()
