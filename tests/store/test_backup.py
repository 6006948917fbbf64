"""Backup and restore: what is restored is what was there, on every store, and what is not whole is refused."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from conformance import HOUR, T0, arrival, claim, intent, record
from drivers import PostgresDriver, SqliteDriver
from postgres_server import a_database

from engine.cli import main
from engine.errors import StoreBroken
from engine.model import EffectState, Emission, Status, effect_digest
from engine.store import Line, Move, Settled
from engine.store.backup import set_head
from engine.store.files import StoreAddress, open_reader, open_writer
from engine.store.open import reading, store_address
from engine.store.postgres import partitions
from engine.store.postgres.archive import KEPT, check_archive
from engine.store.postgres.connect import column_types, connect, migrate

Captured = pytest.CaptureFixture[str]


def fill(driver: Any) -> None:
    """A little of everything: done, held, running, waiting in a queue, with bodies that no text could hold."""
    driver.commit(driver.store.keep_plans, ("p1", "shop", 1, b"{}", T0))
    odd = [arrival(f"id {n} ü ␀", f"k{n % 3}", bytes(range(256)) * n) for n in range(12)]
    driver.commit(driver.store.accept, *odd, arrival(None, None, reason="no id"))
    first, second, _third = claim(driver, limit=3)
    driver.commit(driver.store.begin, intent(first))
    done = Settled(effect_digest("erp", "create_order", "order-1"), EffectState.DONE, {"id": "so-1"})
    lines = (Line("erp", "call", T0, "erp.create_order", "order-1", "done", 201, 12, "", ended=True, result="so-1"),)
    emitted = (Emission("orders", "k", "m1", b'{"a": 1}', T0),)
    driver.commit(driver.store.record, record(first, Status.DONE, settled=done, emitted=emitted, lines=lines))
    driver.commit(driver.store.record, record(second, Status.HELD, queue="q", reason="r", on_release="end"))


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a store, in order."""
    columns = {
        "event": "event, integration, id, key, received_at, headers, query, body",
        "delivery": "event, plan, key_digest, status, ready, in_way, due_at, token, number, queue, reason, finished_at",
        "line": "event, number, step, kind, at, result",
        "effect": "digest, once, event, state, result",
        "identity": "digest, event, expires_at",
        "message": "message, topic, key, id, at, body",
        "plan": "hash, integration, version, content",
    }
    with reading(store_address(Path(), url)) as reader:
        return {table: reader.rows(f"SELECT {listed} FROM {table} ORDER BY 1, 2") for table, listed in columns.items()}


@pytest.fixture
def sqlite_url(tmp_path: Path) -> Iterator[str]:
    """A store that an engine has open."""
    driver = SqliteDriver(open_writer(StoreAddress(tmp_path / "events.db", None)))
    fill(driver)
    yield f"sqlite:///{tmp_path}/events.db"
    driver.close()


@pytest.fixture
def postgres_store(postgres_url: str) -> Iterator[str]:
    with connect(postgres_url) as connection:
        migrate(connection)
        partitions.make_ahead(connection)
    driver = PostgresDriver(postgres_url)
    fill(driver)
    yield postgres_url
    driver.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_store")
    return url


@pytest.fixture
def empty(store: str, tmp_path: Path, postgres_server_url: str) -> Iterator[str]:
    """Where nothing is yet, of the same kind."""
    if store.startswith("sqlite"):
        yield f"sqlite:///{tmp_path}/restored.db"
    else:
        with a_database(postgres_server_url) as url:
            yield url


def test_what_is_restored_is_what_was_there(store: str, empty: str, tmp_path: Path, capsys: Captured) -> None:
    copy = str(tmp_path / "copy")
    assert main(["store", "backup", copy, "--store", store]) == 0
    assert "13 events, " in capsys.readouterr().out
    assert main(["store", "restore", copy, "--store", empty]) == 0
    assert "13 events, " in capsys.readouterr().out
    assert contents(empty) == contents(store)
    assert all(contents(store).values()), "a table without a row shows nothing"
    assert main(["store", "verify", "--store", empty]) == 0


def test_a_restored_store_goes_on_where_it_stood(store: str, empty: str, tmp_path: Path) -> None:
    copy = str(tmp_path / "copy")
    main(["store", "backup", copy, "--store", store])
    main(["store", "restore", copy, "--store", empty])
    driver: Any
    if empty.startswith("sqlite"):
        driver = SqliteDriver(open_writer(StoreAddress(tmp_path / "restored.db", None)))
    else:
        driver = PostgresDriver(empty)
    first, again = driver.commit(
        driver.store.accept, arrival("new", "new"), arrival("id 3 ü ␀", "k0", bytes(range(256)) * 3)
    )
    assert first.event > max(row[0] for row in contents(store)["event"])
    assert again.verdict == "duplicate"
    held = next(row.event for row in driver.rows() if row.status is Status.HELD)
    assert driver.commit(driver.store.move, Move(held, T0 + 9, "release", "ada", "fine")) == [""]
    leased = claim(driver, at=T0 + 3 * HOUR, limit=20)
    assert {"new"} <= {delivery.id for delivery in leased}, "and what ran when it was copied is claimed again in time"
    driver.close()


def test_a_backup_is_of_one_moment_while_engines_write(store: str, tmp_path: Path) -> None:
    before = contents(store)
    copy = tmp_path / "copy"
    assert main(["store", "backup", str(copy), "--store", store]) == 0
    assert contents(store) == before, "and changes nothing"
    assert copy.stat().st_mode & 0o077 == 0, "for nobody else's eyes"


def test_nothing_is_written_over(store: str, empty: str, tmp_path: Path, capsys: Captured) -> None:
    copy = tmp_path / "copy"
    copy.write_text("precious")
    assert main(["store", "backup", str(copy), "--store", store]) == 2
    assert copy.read_text() == "precious"
    copy.unlink()
    main(["store", "backup", str(copy), "--store", store])
    before = contents(store)
    assert main(["store", "restore", str(copy), "--store", store]) == 2
    assert "nothing is written over" in capsys.readouterr().err
    assert contents(store) == before


def test_a_file_without_a_byte_stands_in_nobodys_way(sqlite_url: str, tmp_path: Path) -> None:
    """A start that came no further leaves one."""
    copy, url = str(tmp_path / "copy"), f"sqlite:///{tmp_path}/restored.db"
    main(["store", "backup", copy, "--store", sqlite_url])
    (tmp_path / "restored.db").touch()
    (tmp_path / "restored.db-wal").touch()
    assert main(["store", "restore", copy, "--store", url]) == 0
    assert contents(url) == contents(sqlite_url)
    (tmp_path / "restored.db").unlink()
    (tmp_path / "restored.db-wal").write_bytes(b"commits")
    assert main(["store", "restore", copy, "--store", url]) == 2, "a log may hold what the file has not got yet"


@pytest.mark.parametrize("dies_at", ["put", "sync_folder"])
def test_a_restore_that_dies_leaves_no_false_alarm(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, dies_at: str
) -> None:
    """A store had come further than its backup, and was lost; its head is still there."""
    path, copy = tmp_path / "events.db", str(tmp_path / "copy")
    assert main(["store", "backup", copy, "--store", sqlite_url]) == 0
    set_head(path, 999)
    path.unlink()
    path.with_name("events.db-wal").unlink()

    class Dead(Exception):
        pass

    def die(*_given: object) -> None:
        raise Dead

    with monkeypatch.context() as patched:
        patched.setattr(f"engine.store.backup.{dies_at}", die)
        assert main(["store", "restore", copy, "--store", sqlite_url]) == 4
    if dies_at == "put":
        assert not path.exists()
        assert main(["store", "restore", copy, "--store", sqlite_url]) == 0
    open_writer(StoreAddress(path, None)).close()
    capsys.readouterr()
    assert main(["store", "verify", "--store", sqlite_url]) == 0
    assert "its head agrees" in capsys.readouterr().out


def flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def test_a_damaged_backup_is_refused_and_leaves_nothing(
    store: str, empty: str, tmp_path: Path, capsys: Captured
) -> None:
    copy = tmp_path / "copy"
    main(["store", "backup", str(copy), "--store", store])
    if store.startswith("sqlite"):
        copy.write_bytes(copy.read_bytes()[:-8192])
    else:
        with zipfile.ZipFile(copy) as archive:
            event = archive.getinfo("event")
        flip(copy, event.header_offset + 100 + event.compress_size // 2)
    assert main(["store", "restore", str(copy), "--store", empty]) == 4
    said = capsys.readouterr().err
    assert "is damaged" in said or "is not whole" in said or "is not a store that can be read" in said
    if store.startswith("sqlite"):
        assert not (tmp_path / "restored.db").exists()
    else:
        with psycopg.connect(empty) as connection:
            assert connection.execute("SELECT to_regclass('delivery')").fetchone() == (None,)
    assert not list(tmp_path.glob("*.part"))


def test_every_byte_of_an_archive_is_under_its_sums(postgres_store: str, tmp_path: Path, postgres_url: str) -> None:
    """A table that was exchanged for another one, whole in itself, is told."""
    copy, forged = tmp_path / "copy", tmp_path / "forged"
    main(["store", "backup", str(copy), "--store", postgres_store])
    with zipfile.ZipFile(copy) as source, zipfile.ZipFile(forged, "w") as target:
        for name in source.namelist():
            raw = source.read(name)
            target.writestr(name, raw.replace(b"id 3", b"id 4") if name == "event" else raw)
    check_archive(copy)
    with pytest.raises(StoreBroken, match="event is not as it was written"):
        check_archive(forged)


@pytest.mark.parametrize("raw", [b"", b"PK\3\4", b"no archive", b"SQLite format 3\0"])
def test_what_is_no_backup_is_told_in_a_sentence(
    store: str, empty: str, tmp_path: Path, raw: bytes, capsys: Captured
) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(raw)
    assert main(["store", "restore", str(copy), "--store", empty]) in (2, 4)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_backup_of_another_kind_of_store_is_told_where_it_belongs(
    sqlite_url: str, postgres_store: str, tmp_path: Path, capsys: Captured
) -> None:
    main(["store", "backup", str(tmp_path / "a"), "--store", sqlite_url])
    main(["store", "backup", str(tmp_path / "b"), "--store", postgres_store])
    capsys.readouterr()
    assert main(["store", "restore", str(tmp_path / "a"), "--store", postgres_store]) == 2
    assert "it goes to a sqlite:/// store" in capsys.readouterr().err
    assert main(["store", "restore", str(tmp_path / "b"), "--store", f"sqlite:///{tmp_path}/new.db"]) == 2
    assert "goes to a postgresql:// store" in capsys.readouterr().err


def test_the_archive_of_a_newer_waybill_is_refused(postgres_store: str, tmp_path: Path, capsys: Captured) -> None:
    copy, newer = tmp_path / "copy", tmp_path / "newer"
    main(["store", "backup", str(copy), "--store", postgres_store])
    with zipfile.ZipFile(copy) as source, zipfile.ZipFile(newer, "w") as target:
        for name in source.namelist():
            raw = source.read(name)
            if name == "manifest.json":
                raw = json.dumps({**json.loads(raw), "schema": 99}).encode()
            target.writestr(name, raw)
    capsys.readouterr()
    assert main(["store", "restore", str(newer), "--store", postgres_store]) == 4
    assert "newer" in capsys.readouterr().err


def test_verify_tells_a_damaged_page(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "events.db"
    driver = SqliteDriver(open_writer(StoreAddress(path, None)))
    fill(driver)
    driver.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    driver.close()
    raw = bytearray(path.read_bytes())
    for page in range(5, len(raw) // 4096):
        raw[page * 4096 : page * 4096 + 8] = b"\x05\xff\xff\xff\xff\xff\xff\xff"
    path.write_bytes(raw)
    assert main(["store", "verify", "--store", f"sqlite:///{path}"]) == 1
    assert "  damaged: " in capsys.readouterr().out
    assert main(["store", "backup", str(tmp_path / "copy"), "--store", f"sqlite:///{path}"]) in (2, 4)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("left", [4096, 100])
def test_verify_of_a_file_that_was_cut_says_that_it_is_not_whole(tmp_path: Path, capsys: Captured, left: int) -> None:
    path = tmp_path / "events.db"
    driver = SqliteDriver(open_writer(StoreAddress(path, None)))
    fill(driver)
    driver.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    driver.close()
    path.write_bytes(path.read_bytes()[:left])
    assert main(["store", "verify", "--store", f"sqlite:///{path}"]) == 1
    said = capsys.readouterr()
    assert "damaged" in said.out or "not a store that can be read" in said.out
    assert said.err == ""


def test_verify_tells_what_does_not_fit_together(store: str, capsys: Captured) -> None:
    if store.startswith("sqlite"):
        path = Path(store.removeprefix("sqlite:///"))
        writer: Any = open_writer(StoreAddress(path, None))
        writer.execute("DELETE FROM event WHERE event = 2")
        writer.close()
    else:
        with psycopg.connect(store) as connection:
            connection.execute("DELETE FROM event WHERE event = 2")
    assert main(["store", "verify", "--store", store]) == 1
    assert "  1 deliveries have no event\n" in capsys.readouterr().out


def test_a_reader_of_a_restored_store_sees_its_schema(sqlite_url: str, tmp_path: Path) -> None:
    main(["store", "backup", str(tmp_path / "copy"), "--store", sqlite_url])
    open_reader(tmp_path / "copy").close()


def test_what_else_is_in_the_database_is_no_part_of_the_store(
    postgres_store: str, tmp_path: Path, postgres_server_url: str, capsys: Captured
) -> None:
    """A view of an extension's, as most servers for rent have one; a table of somebody else's."""
    with connect(postgres_store) as connection:
        connection.execute("CREATE TABLE others (x bigint); CREATE VIEW watched AS SELECT 1 / 0 AS x")
    assert main(["store", "backup", str(tmp_path / "copy"), "--store", postgres_store]) == 0
    with a_database(postgres_server_url) as url:
        assert main(["store", "restore", str(tmp_path / "copy"), "--store", url]) == 0, capsys.readouterr().err
        assert contents(url) == contents(postgres_store)


def test_a_backup_has_every_table_of_the_store(postgres_url: str) -> None:
    with connect(postgres_url) as connection:
        migrate(connection)
        assert {*column_types(connection)} - {*KEPT} == {"node_group"}
