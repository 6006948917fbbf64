"""The embedded store passes the suite of all stores, and keeps the promises that are its own."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw
import pytest
from conformance import arrival, claim, record
from conformance_bounded import BoundedConformance
from conformance_counting import BoundedCountingConformance
from conformance_stories import BoundedStoriesConformance
from drivers import SqliteDriver

from engine.errors import StoreBroken, UserError
from engine.model import Status
from engine.store import Filter
from engine.store.files import Lock, StoreAddress, is_alive, is_defective, open_reader, open_writer, parse_store_url
from engine.store.readers import read_events
from engine.store.settle import run_group


class TestBoundedSqlite(BoundedConformance, BoundedCountingConformance, BoundedStoriesConformance):
    @pytest.fixture
    def bounded(self, tmp_path: Path) -> Iterator[SqliteDriver]:
        connection = open_writer(StoreAddress(tmp_path / "events.db", 1 << 20))
        yield SqliteDriver(connection)
        connection.close()


def test_a_committed_group_is_durable_and_a_failed_one_leaves_nothing(tmp_path: Path) -> None:
    connection = open_writer(StoreAddress(tmp_path / "events.db", None))
    driver = SqliteDriver(connection)
    driver.commit(driver.store.accept, arrival())

    def break_(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_group(connection, [(driver.store.accept, arrival("b")), (break_, None)])
    connection.close()
    reader = open_reader(tmp_path / "events.db")
    assert [row.id for row in read_events(reader, Filter())] == ["a"]


def test_commits_are_synced_to_disk(tmp_path: Path) -> None:
    connection = open_writer(StoreAddress(tmp_path / "events.db", None))
    assert connection.pragma("synchronous") == 2
    assert connection.pragma("journal_mode") == "wal"


def test_a_second_engine_is_refused_with_the_process_that_has_the_file(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "events.db")
    with pytest.raises(UserError, match=f"process {os.getpid()}"):
        Lock(tmp_path / "events.db")
    lock.release()
    Lock(tmp_path / "events.db").release()


def left_behind(path: Path, holder: str) -> int:
    """A lock that somebody has, in whose file stands this process."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, holder.encode())
    return descriptor


def dead() -> str:
    """A number of which there is no process any more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    return str(ended.pid)


def test_what_a_dead_engine_left_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    descriptor = left_behind(path, dead())
    threading.Timer(0.1, os.close, (descriptor,)).start()
    lock = Lock(path)
    assert lock.path.read_text() == str(os.getpid())
    lock.release()


def test_an_engine_that_is_not_seen_and_does_not_let_go_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.files.ENDING_S", 0.1)
    path, holder = tmp_path / "events.db", dead()
    descriptor = left_behind(path, holder)
    with pytest.raises(UserError, match=rf"\(process {holder}\) is gone, or runs where it cannot be seen from here"):
        Lock(path)
    os.close(descriptor)


def test_a_process_that_has_ended_and_was_not_buried_is_dead() -> None:
    assert is_alive(str(os.getpid()))
    assert is_alive("1")
    assert is_alive("")
    assert not is_alive(dead())
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as ended:
        assert ended.stdout is not None
        ended.stdout.read()
        until_s = time.monotonic() + 20
        while is_alive(str(ended.pid)):
            assert time.monotonic() < until_s
            time.sleep(0.01)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    driver = SqliteDriver(open_writer(StoreAddress(path, None)))
    driver.commit(driver.store.accept, *(arrival(f"{n}", f"{n}", b"x" * 3000) for n in range(200)))
    driver.connection.close()
    raw = bytearray(path.read_bytes())
    for page in range(4096 * 5, len(raw), 4096):
        raw[page : page + 64] = b"\xff" * 64
    path.write_bytes(raw)
    with pytest.raises(StoreBroken, match="restore a backup"):
        open_writer(StoreAddress(path, None))


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.db").write_bytes(b"not a database at all, but long enough to look at" * 100)
    with pytest.raises(StoreBroken, match="not a sound store"):
        open_writer(StoreAddress(tmp_path / "events.db", None))


def test_a_file_of_the_first_schema_is_migrated_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    old = apsw.Connection(str(path))
    old.execute(files("engine.store").joinpath("migrations", "0001.sql").read_text())
    old.pragma("user_version", 1)
    old.execute("INSERT INTO event (event, integration, received_at) VALUES (1, 'shop', 5)")
    old.execute(
        "INSERT INTO delivery (event, integration, plan, key_digest, status, ready, due_at) VALUES (1, 'shop', 'p', x'00', 'held', 0, 0)"
    )
    old.execute("INSERT INTO line VALUES (1, 0, 'review', 'hold', 5, '', '', '', 0, 0, 'why', 0, NULL)")
    old.close()
    with pytest.raises(UserError, match="start the engine once to migrate it"):
        open_reader(path)
    open_writer(StoreAddress(path, None)).close()
    driver = SqliteDriver(open_reader(path))
    (row,) = driver.rows()
    assert (row.status, row.tables, row.missing) == (Status.HELD, (), ())
    assert [(line.reason, line.tables) for line in driver.lines(1)] == [("why", ())]
    assert driver.tallies() == []


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    connection = open_writer(StoreAddress(path, None))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(StoreBroken, match="newer than this Waybill"):
        open_writer(StoreAddress(path, None))


@pytest.mark.parametrize(
    ("version", "defective"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 54, 1), False),
    ],
)
def test_versions_with_the_wal_reset_defect_are_known(version: tuple[int, int, int], defective: bool) -> None:
    assert is_defective(version) is defective


@pytest.mark.parametrize(
    ("url", "path", "bytes_max"),
    [
        ("sqlite:///var/lib/events.db", "/var/lib/events.db", None),
        ("sqlite:////tmp/events.db", "/tmp/events.db", None),
        ("sqlite:///e.db?max_size=64MiB", "/e.db", 64 << 20),
    ],
)
def test_store_urls(url: str, path: str, bytes_max: int | None) -> None:
    assert parse_store_url(url) == StoreAddress(Path(path), bytes_max)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://x/y", "not a store URL"),
        ("events.db", "not a store URL"),
        ("sqlite://", "not a store URL"),
        ("sqlite:///e.db?max_size=64MB", "64MiB"),
        ("sqlite:///e.db?max_size=10KiB", "too small"),
        ("sqlite:///e.db?mode=ro", "unknown store option `mode`; known: max_size=64MiB, keep=90d, keep_effects=400d"),
        ("sqlite:///e.db?keep=30", "keep=30d"),
        ("sqlite:///e.db?keep=0d", "keep=30d"),
    ],
)
def test_bad_store_urls_say_what_to_write(url: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_store_url(url)


def test_a_row_of_state_is_rewritten_without_its_payload(tmp_path: Path) -> None:
    driver = SqliteDriver(open_writer(StoreAddress(tmp_path / "events.db", None)))
    driver.commit(driver.store.accept, arrival(body=b"x" * 100_000))
    driver.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    (delivery,) = claim(driver)
    driver.commit(driver.store.record, record(delivery, Status.DONE))
    assert (tmp_path / "events.db-wal").stat().st_size < 60_000
