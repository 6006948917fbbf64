"""A group in one transaction: what a full disk still takes, and what is said where the disk or somebody else fails it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from conformance import arrival, record

from engine.errors import StoreBroken, StoreFull
from engine.model import Status
from engine.store import ClaimRequest, Filter, Turn, turn
from engine.store.files import StoreAddress, open_memory, open_writer
from engine.store.readers import read_events
from engine.store.settle import settle_group
from engine.store.verbs import SqlStore


@turn(Turn.ACCEPT)
def full(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
    raise apsw.FullError


def test_a_full_disk_refuses_arrivals_and_still_writes_outcomes() -> None:
    connection, store = open_memory(), SqlStore()
    settle_group(connection, [(store.accept, arrival())])
    ((claimed,),) = [settle_group(connection, [(store.claim, ClaimRequest(2 * 10**15, 1, 3 * 10**15))])]
    results = settle_group(
        connection, [(full, None), (store.record, record(claimed.deliveries[0], Status.DONE)), (full, None)]
    )
    assert [type(result) for result in results] == [StoreFull, bool, StoreFull]
    assert next(read_events(connection, Filter())).status is Status.DONE


def test_a_disk_that_fails_is_not_tried_again() -> None:
    def failing(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
        raise apsw.IOError("disk I/O error")

    with pytest.raises(StoreBroken, match="the disk failed"):
        settle_group(open_memory(), [(failing, None)])


def test_a_file_that_somebody_holds_for_too_long_is_said_in_a_sentence(tmp_path: Path) -> None:
    address = StoreAddress(tmp_path / "events.db", None)
    writer, somebody = open_writer(address), open_writer(address)
    writer.set_busy_timeout(10)
    somebody.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBroken, match="another process has held the store's file"):
        settle_group(writer, [(SqlStore().accept, arrival())])
    somebody.execute("ROLLBACK")
    assert settle_group(writer, [(SqlStore().accept, arrival())])[0].verdict == "accepted"
