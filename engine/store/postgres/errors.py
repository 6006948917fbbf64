"""What an error of PostgreSQL means to us, in one place: again, elsewhere, no room, untrustworthy, or a defect of ours."""

from enum import Enum

import psycopg


class Trouble(Enum):
    """`AGAIN`: the same group once more. `AWAY`: connect anew first. `NO_ROOM`: arrivals are refused, outcomes wait.
    `BROKEN`: nothing more may be written. `DEFECT`: ours, and loud."""

    AGAIN = "again"
    AWAY = "away"
    NO_ROOM = "no room"
    BROKEN = "broken"
    DEFECT = "defect"


AGAIN = frozenset(("40001", "40P01", "55P03", "57014", "23514"))
"""Serialization failure, deadlock, a lock or a statement that took too long, a partition that is about to be made."""
RACED = "23505"
"""Two nodes wrote the same row at the same time: the next try finds it there. A few tries later it is a defect."""
AWAY = frozenset(("25006", "25P03", "25P04", "57P01", "57P02", "57P03", "57P05", "53300"))
"""A standby, our transaction ended for us, the server going down or coming up, no connection left."""
NO_ROOM = frozenset(("53100", "53200", "53000", "53400", "42501", "58030"))
"""Disk full, memory or locks used up, a permission taken away, an error of reading or writing."""
BROKEN = frozenset(("XX001", "XX002"))
"""A damaged page, a damaged index."""


def trouble_of(error: psycopg.Error, connection: "psycopg.Connection | None") -> Trouble:
    """What to do about an error that this connection gave."""
    state = error.sqlstate or ""
    if state in BROKEN:
        return Trouble.BROKEN
    if state in AGAIN or state == RACED:
        return Trouble.AGAIN
    if state in NO_ROOM:
        return Trouble.NO_ROOM
    lost = connection is None or connection.closed or error.diag.severity_nonlocalized in ("FATAL", "PANIC")
    if lost or state in AWAY or state.startswith("08"):
        return Trouble.AWAY
    return Trouble.DEFECT


OF_VALUES = "22"
"""Errors of this class quote the value they do not like."""


def said(error: psycopg.Error) -> str:
    """An error for people: the server's own first line and its code. Details and statements may hold customers' data."""
    if error.sqlstate is None:
        return "the connection was lost" if not str(error) else first_line(str(error))
    words = "" if error.sqlstate.startswith(OF_VALUES) else error.diag.message_primary or ""
    return f"{first_line(words) or type(error).__name__} ({error.sqlstate})"


def first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200] if text.strip() else ""
