"""A group in one transaction of SQLite: all of it, or nothing; and what a full disk still takes.

The verbs are the caller's, and so is the connection. Nothing here waits for anybody, and nothing is tried twice but
outcomes that a full disk refused together with arrivals.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import apsw

from engine.errors import StoreBroken, StoreFull
from engine.store import Turn, turn_of
from engine.store.files import BUSY_WAIT_S
from engine.store.groups import run_verbs


def run_group(
    connection: apsw.Connection, entries: Sequence[tuple[Any, Any]], committing: Callable[[], None] = lambda: None
) -> list[Any]:
    """Runs one group in one transaction; results in the order of the entries. Raises what a verb raised, rolled back.

    `committing` is called when all is written and only the disk is waited for.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = run_verbs(connection, entries)
        committing()
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back by itself (disk full); a second rollback is then an error of no interest.
        with contextlib.suppress(apsw.SQLError):
            connection.execute("ROLLBACK")
        raise
    return results


def settle_group(
    connection: apsw.Connection, entries: Sequence[tuple[Any, Any]], committing: Callable[[], None] = lambda: None
) -> list[Any]:
    """As `run_group`, but a full store or disk refuses new arrivals alone: outcomes are tried again without them.

    A result may be an exception, to be raised where the entry was submitted.
    """
    try:
        return run_group(connection, entries, committing)
    except apsw.FullError:
        arrivals = {place for place, (verb, _) in enumerate(entries) if turn_of(verb) is Turn.ACCEPT}
        rest = [place for place in range(len(entries)) if place not in arrivals]
        results: list[Any] = [StoreFull("the store is full") for _ in entries]
        if rest and arrivals:
            for place, result in zip(
                rest, settle_group(connection, [entries[place] for place in rest], committing), strict=True
            ):
                results[place] = result
        return results
    except apsw.IOError as error:
        raise disk_failed(error) from error
    except apsw.BusyError as error:
        raise StoreBroken(
            f"another process has held the store's file for {BUSY_WAIT_S} s; end it, then start the engine again"
        ) from error


def disk_failed(error: apsw.IOError) -> StoreBroken:
    return StoreBroken(
        f"the disk failed under the store ({error}); nothing more is written until a restart has checked it"
    )
