"""Where one event stands, for a person who asks: whose turn it is, who is in its way, what it has sent without an answer.

Read beside the running engine, a few rows by their keys; what is not indexed is looked for only where the story of the
event has a gap. How often an event came again is not known here: a duplicate writes nothing.
"""

from msgspec import Struct

from engine.model import EffectState, Revision
from engine.store import Effect
from engine.store.database import Database
from engine.store.rows import decode_revision


class Standing(Struct, frozen=True):
    """`has_key`: it is its key's turn, `in_line`: it waits for its key, behind (event, status), None where nobody is;
    `later` others wait behind it. `suspected`: an engine died of it, `crashes` times. `attempts` are those of the step it
    stands at; `lease_until` and `node` say who runs it, `awaits` that it waits for an event of a topic. `split` are the
    first and the last event of the delivery that it came in."""

    has_key: bool = False
    in_line: bool = False
    behind: tuple[int, str] | None = None
    later: int = 0
    suspected: bool = False
    crashes: int = 0
    attempts: int = 0
    lease_until: int = 0
    node: int = 0
    awaits: bool = False
    cause: str = ""
    on_release: str = ""
    on_reject: str = ""
    revision: Revision | None = None
    split: tuple[int, int] | None = None


def read_standing(database: Database, event: int) -> Standing:
    """Where an event stands; as if nothing were known where there is none."""
    for (
        key,
        in_way,
        ready,
        crashes,
        attempts,
        lease_until,
        node,
        awaits,
        cause,
        on_release,
        on_reject,
        revision,
        first,
        last,
    ) in database.rows(
        "SELECT d.key_digest, d.in_way, d.ready, d.crashes, d.attempts, d.lease_until, d.node, d.awaits, d.cause,"
        " d.on_release, d.on_reject, d.revision, v.event, v.last FROM delivery d JOIN event e ON e.event = d.event"
        " LEFT JOIN envelope v ON v.event = e.envelope WHERE d.event = ?",
        (event,),
    ):
        return Standing(
            has_key=in_way == 2,
            in_line=in_way == 1,
            behind=behind(database, key, event) if in_way == 1 else None,
            later=later(database, key, event) if in_way else 0,
            suspected=ready == 4,
            crashes=crashes,
            attempts=attempts,
            lease_until=lease_until,
            node=node,
            awaits=awaits is not None,
            cause=cause,
            on_release=on_release,
            on_reject=on_reject,
            revision=decode_revision(revision),
            split=None if first is None else (first, last),
        )
    return Standing()


def behind(database: Database, key: bytes, event: int) -> tuple[int, str] | None:
    """Who has the key that an event waits for, or stands before it in the line."""
    for found, status in database.rows(
        "SELECT event, status FROM delivery WHERE key_digest = ? AND in_way > 0 AND (in_way = 2 OR event < ?)"
        " ORDER BY in_way DESC, event LIMIT 1",
        (key, event),
    ):
        return found, status
    return None


def later(database: Database, key: bytes, event: int) -> int:
    """How many events wait for a key behind this one."""
    ((count,),) = database.rows(
        "SELECT count(*) FROM delivery WHERE key_digest = ? AND in_way > 0 AND in_way = 1 AND event > ?", (key, event)
    )
    return int(count)


def read_unanswered(database: Database, event: int) -> list[Effect]:
    """Effects of an event that were begun and of which nothing more is known. Reads the whole ledger."""
    return [
        Effect(system, operation, once, EffectState(state), attempts, event, first_sent_at)
        for system, operation, once, state, attempts, first_sent_at in database.rows(
            "SELECT system, operation, once, state, attempts, first_sent_at FROM effect"
            " WHERE event = ? AND state IN ('open', 'unknown') ORDER BY number",
            (event,),
        )
    ]
