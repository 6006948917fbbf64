"""Claims: what is due, by lane and share; what waits at gates, as they let it; what an engine died of, a few at a time.

A claim first gives back what dead engines hold and wakes what slept long enough. Then it deals the free places among
what is ready and what the gates let through, and leases it with a new token.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from engine.model import Status
from engine.rules.lanes import WEIGHTS, deal, share
from engine.store import Claimed, ClaimRequest, Line, Quota
from engine.store.buckets import Buckets
from engine.store.database import Database, Value
from engine.store.deliveries import load
from engine.store.keys import promote, wake
from engine.store.rows import hold_deliveries, write_lines

CRASHES_MAX = 3
"""So often an engine may die while an event runs; then a person looks at it."""
SUSPECTS_SHARE = 8
"""One in so many of what an engine died of runs at a time."""
WAKE_MAX = 256
HEADS_AT_ONCE = 64
"""Heads of so many queues are read in one statement."""
SLOT_WAIT_US = 50_000
"""When to look again at a gate where only calls under way stand against the next one: their end wakes nobody on another
node."""

Queues = list[dict[str, list[int]]]
"""For each lane the events of each integration, in order."""


class Ready(Struct):
    """What might be claimed. `gates` says of an event at which gate it waits, `turns` where the lanes are there then,
    `left` at which gates more would wait, `promised` how many tokens of each quota are spoken for; `next_at` is when
    more may be due."""

    queues: Queues
    gates: dict[int, str]
    turns: dict[str, int]
    left: list[str]
    promised: Counter[str]
    next_at: list[int]


class Claims:
    """Claims of one engine. `turn` is where its lanes are with its places."""

    def __init__(self) -> None:
        self.turn = 0

    def claim(self, database: Database, request: ClaimRequest) -> Claimed:
        """See `Store.claim`."""
        ready = Ready([{} for _ in WEIGHTS], {}, {}, [], Counter(), [])
        tidy(database, request, ready)
        pairs, parked = read_queues(database)
        buckets = Buckets(database, [quota.gate for gate in parked for quota in quotas_at(request, gate)], request.now)
        gates = sorted(parked)
        first = self.turn % max(1, len(gates))  # operations of one system share its tokens: each is first in turn
        for gate in (*gates[first:], *gates[:first]):
            take_parked(database, request, buckets, (gate, parked[gate], self.turn), ready)
        take_heads(database, request, pairs, ready)
        waiting = sum(len(events) for lane in ready.queues for events in lane.values())
        chosen, self.turn = share(ready.queues, request.running, request.limit, self.turn)
        if waiting > len(chosen):
            ready.next_at.append(request.now)
        passes = {event: ready.gates[event] for event in chosen if event in ready.gates}
        take_tokens(request, buckets, Counter(passes.values()), ready)
        next_due_at = min(ready.next_at, default=None)
        if not chosen:
            return Claimed((), next_due_at)
        lease(database, request, chosen, passes)
        passed = {
            event: (gate, *(quota.gate for quota in quotas_at(request, gate) if quota.gate != gate))
            for event, gate in passes.items()
        }
        return Claimed(load(database, chosen, passed), next_due_at)


def quotas_at(request: ClaimRequest, gate: str) -> list[Quota]:
    """The quotas whose tokens it takes to pass a gate: its own, and those of the system that an operation is of."""
    names = dict.fromkeys((gate, gate.partition(".")[0]))
    return [request.quotas[name] for name in names if name in request.quotas]


def take_tokens(request: ClaimRequest, buckets: Buckets, calls: Mapping[str, int], ready: Ready) -> None:
    """Takes the tokens of those that pass a gate, and says when more may."""
    for gate, count in calls.items():
        for policy in quotas_at(request, gate):
            buckets.take(policy, count)
        if gate in request.quotas:
            buckets.set_turn(gate, ready.turns[gate])
    for gate in ready.left:
        at = max(buckets.next_at(policy) for policy in quotas_at(request, gate))
        ready.next_at.append(at if at > request.now else request.now + SLOT_WAIT_US)
    buckets.store()


def lease(database: Database, request: ClaimRequest, chosen: Sequence[int], passes: Mapping[int, str]) -> None:
    inside, values = database.among("event", chosen)
    database.run(
        "UPDATE delivery SET status = 'running', ready = 0, token = token + 1, lease_until = ?, node = ?"
        f" WHERE {inside}",
        (request.lease_until, request.node, *values),
    )
    # A call through a gate counts among those under way from here on: its token is taken.
    database.update(
        "delivery",
        "event",
        "gate, calling",
        [(event, "", gate if quotas_at(request, gate) else "") for event, gate in passes.items()],
    )


# ── what comes first ─────────────────────────────────────────────────────────────────────────────────────────────────

LATE = (
    "SELECT 'lost', event FROM delivery WHERE status = 'running' AND lease_until < ?"
    " UNION ALL SELECT 'due', event FROM"
    " (SELECT event FROM delivery WHERE ready > 2 AND ready = 3 AND due_at <= ? ORDER BY due_at, event"
    f" LIMIT {WAKE_MAX}) AS due"
    " UNION ALL SELECT 'later', min(due_at) FROM delivery WHERE ready > 2 AND ready = 3 AND due_at > ?"
    " UNION ALL SELECT 'suspect', min(event) FROM delivery WHERE ready > 2 AND ready = 4"
)
"""Leases that ran out, what slept long enough, when the next one will have, and what an engine died of."""


def tidy(database: Database, request: ClaimRequest, ready: Ready) -> None:
    """Gives back what nobody holds any more, wakes what slept long enough, and takes some of what an engine died of."""
    now = request.now
    found: dict[str, list[int]] = {"lost": [], "due": [], "later": [], "suspect": []}
    for what, number in database.rows(LATE, (now, now, now)):
        if number is not None:
            found[what].append(number)
    ready.next_at += found["later"]
    silent = [node for node in database.silent_nodes() if node != request.node]  # who claims lives
    if silent:
        inside, values = database.among("node", silent)
        rows = database.rows(f"SELECT event FROM delivery WHERE status = 'running' AND {inside}", values)
        found["lost"] += [event for (event,) in rows]
    if found["lost"]:
        give_back(database, found["lost"], now, silent, (request.node, request.at_work))
    if found["due"]:
        wake(database, found["due"], now)
    if found["suspect"] or found["lost"]:
        take_suspects(database, request.node, ready)


def give_back(
    database: Database, events: Sequence[int], now: int, nodes: Sequence[int], living: tuple[int, Sequence[int]] | None
) -> int:
    """Leases that ran out, or are held by these nodes, end without a record; how many. What an engine died of too often
    waits for a person.

    `living` is the node that asks, and what it is at work on: it was stopped for a while, or its clock was set. What it
    has in hand it keeps, and what it let go of it did not die of."""
    alive, at_work = living or (None, ())
    rows = [
        row
        for row in hold_deliveries(
            database, events, "event, key_digest, step, number, crashes, blocks, status, lease_until, node"
        )
        if row[6] == Status.RUNNING
        and (row[7] < now or row[8] in nodes)
        and not (row[8] == alive and row[0] in at_work)
    ]
    deaths = {row[0]: row[4] + (row[8] != alive) for row in rows}
    poisonous = [row for row in rows if deaths[row[0]] >= CRASHES_MAX]
    again = [
        (event, "accepted", 4 if count else 1, now, count, "") for event, count in deaths.items() if count < CRASHES_MAX
    ]
    database.update("delivery", "event", "status, ready, due_at, crashes, calling", again)
    reason = f"the engine died {CRASHES_MAX} times while it ran"
    database.update(
        "delivery",
        "event",
        "status, ready, in_way, crashes, calling, reason, finished_at, number, on_reject",
        [
            (event, "quarantined", 0, blocks, 0, "", reason, now, number + 1, "discard")
            for event, _, _, number, _, blocks, *_ in poisonous
        ],
    )
    lines = [(row[0], row[3], [Line(row[2], "quarantined", now, reason=reason)]) for row in poisonous]
    write_lines(database, lines)
    promote(database, [row[1] for row in poisonous])
    return len(rows)


def recover(database: Database, node: int, now: int) -> int:
    """See `Store.recover`."""
    rows = database.rows("SELECT event FROM delivery WHERE status = 'running' AND node = ?", (node,))
    return give_back(database, [event for (event,) in rows], now, (node,), None) if rows else 0


def take_suspects(database: Database, node: int, ready: Ready) -> None:
    """A few at a time, so that of many an engine died of only one will be left to blame: an eighth of those that one
    engine died of, and each alone that more did. All that was under way is suspected, and what only happened to be is
    cleared by what it records; one by one it took minutes at a slow partner. Those that fewer engines died of go first:
    an engine that keeps dying of something else would else find the same ones at work."""
    running, worst = database.rows(
        "SELECT count(*), coalesce(max(crashes), 0) FROM delivery WHERE status = 'running' AND crashes > 0 AND node = ?",
        (node,),
    )[0]
    ((waiting,),) = database.rows("SELECT count(*) FROM delivery WHERE ready > 2 AND ready = 4 AND crashes = 1")
    most = max(1, (running + waiting) // SUSPECTS_SHARE) if worst <= 1 and waiting else 1
    if running >= most:
        return
    for lane, integration, event in database.rows(
        "SELECT lane, integration, event FROM delivery WHERE ready > 2 AND ready = 4"
        f" ORDER BY crashes, due_at, event LIMIT ?{database.skip_locked}",
        (most - running,),
    ):
        ready.queues[lane].setdefault(integration, []).append(event)


# ── what might be claimed ────────────────────────────────────────────────────────────────────────────────────────────


def loose(table: str, first: str, second: str, where: str) -> str:
    """The distinct pairs at the head of an index, by a seek or two for each. Neither database skips through an index for
    a DISTINCT, and for `(first, second) > (?, ?)` SQLite seeks by the first column alone."""
    within = f"FROM delivery WHERE {where} AND {first} = {table}.{first} AND {second} > {table}.{second}"
    beyond = f"FROM delivery WHERE {where} AND {first} > {table}.{first} ORDER BY {first}, {second} LIMIT 1"
    return (
        f"{table}({first}, {second}) AS (SELECT * FROM (SELECT {first}, {second} FROM delivery WHERE {where}"
        f" ORDER BY {first}, {second} LIMIT 1) AS head UNION ALL SELECT"
        f" coalesce((SELECT {first} {within} LIMIT 1), (SELECT {first} {beyond})),"
        f" coalesce((SELECT min({second}) {within}), (SELECT {second} {beyond}))"
        f" FROM {table} WHERE {table}.{first} IS NOT NULL)"
    )


QUEUES = (
    f"WITH RECURSIVE {loose('queue', 'lane', 'integration', 'ready = 1')},"
    f" {loose('parked', 'gate', 'lane', 'ready = 2')}"
    " SELECT 1, lane, integration FROM queue WHERE lane IS NOT NULL"
    " UNION ALL SELECT 2, lane, gate FROM parked WHERE gate IS NOT NULL"
)


def read_queues(database: Database) -> tuple[list[tuple[int, str]], dict[str, list[int]]]:
    """((lane, integration) of what is ready, lanes of what waits at each gate)."""
    ready: list[tuple[int, str]] = []
    parked: dict[str, list[int]] = {}
    for what, lane, name in database.rows(QUEUES):
        if what == 1:
            ready.append((lane, name))
        else:
            parked.setdefault(name, []).append(lane)
    return ready, parked


def take_heads(database: Database, request: ClaimRequest, pairs: Sequence[tuple[int, str]], ready: Ready) -> None:
    """The heads of the queues, what is due longest first: twice an even share of each, and one more to tell of."""
    each = min(request.limit, 2 * -(-request.limit // max(1, len(pairs)))) + 1
    for at in range(0, len(pairs), HEADS_AT_ONCE):
        chunk = pairs[at : at + HEADS_AT_ONCE]
        one = (
            "SELECT * FROM (SELECT lane, integration, due_at, event FROM delivery WHERE ready = 1 AND lane = ?"
            f" AND integration = ? ORDER BY due_at, event LIMIT ?{database.skip_locked}) AS heads"
        )
        values = [value for lane, integration in chunk for value in (lane, integration, each)]
        due: Counter[tuple[int, str]] = Counter()
        for lane, integration, due_at, event in database.rows(" UNION ALL ".join([one] * len(chunk)), values):
            if due_at <= request.now:
                ready.queues[lane].setdefault(integration, []).append(event)
                due[lane, integration] += 1
            else:
                ready.next_at.append(due_at)
        if each in due.values():
            ready.next_at.append(request.now)  # of one queue there is more than was read


def take_parked(
    database: Database, request: ClaimRequest, buckets: Buckets, parked: tuple[str, Sequence[int], int], ready: Ready
) -> None:
    """As many of those that wait at a gate as it, and its system, let through: by lane, then by age. `parked` is the
    gate, the lanes that wait there, and the turn for a gate that has no row of its own to keep one in."""
    gate, lanes, turn = parked
    policies = quotas_at(request, gate)
    names = (gate, gate.partition(".")[0])
    most = allowed = min(request.limit, *(request.allow.get(name, request.limit) for name in names))
    if policies and allowed:
        free = (buckets.available(policy) - ready.promised[policy.gate] for policy in policies)
        most = max(0, min(allowed, *free))
        if most < allowed:
            ready.left.append(gate)
    waiting = heads_of_gate(database, gate, lanes, most) if most else {}
    counts = [len(waiting.get(lane, ())) for lane in range(len(WEIGHTS))]
    dealt, ready.turns[gate] = deal(most, counts, buckets.turn(gate) if gate in request.quotas else turn)
    for policy in policies:
        ready.promised[policy.gate] += sum(dealt)
    for lane, count in enumerate(dealt):
        for integration, event in waiting.get(lane, [])[:count]:
            ready.queues[lane].setdefault(integration, []).append(event)
            ready.gates[event] = gate


def heads_of_gate(database: Database, gate: str, lanes: Sequence[int], most: int) -> dict[int, list[tuple[str, int]]]:
    """(integration, event) by lane, the oldest first."""
    one = (
        "SELECT * FROM (SELECT lane, integration, event FROM delivery WHERE ready = 2 AND gate = ? AND lane = ?"
        f" ORDER BY event LIMIT ?{database.skip_locked}) AS heads"
    )
    found: dict[int, list[tuple[str, int]]] = {}
    values: list[Value] = [value for lane in lanes for value in (gate, lane, most)]
    for lane, integration, event in database.rows(" UNION ALL ".join([one] * len(lanes)), values):
        found.setdefault(lane, []).append((integration, event))
    return found
