"""The writer thread: what is answered is on disk, groups are shared, and a full disk refuses arrivals alone."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from conformance import arrival, intent, record

from engine.errors import StoreBroken, StoreFull
from engine.model import Status
from engine.store import ClaimRequest, Filter, Turn, turn
from engine.store.committer import ThreadCommitter, settle_group
from engine.store.files import StoreAddress, open_memory, open_reader, open_writer
from engine.store.readers import read_events
from engine.store.verbs import SqlStore


class CountingFile(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int]) -> None:
        super().__init__("unix", name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 — SQLite's own name
        CountingDisk.syncs += 1
        CountingDisk.wait()
        super().xSync(flags)


class CountingDisk(apsw.VFS):
    """The real disk, and how often it was asked to make things last."""

    syncs = 0

    @staticmethod
    def wait() -> None:
        """What a sync waits for."""

    def __init__(self) -> None:
        super().__init__("counting", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return CountingFile(name, flags)


@pytest.fixture
def disk() -> Any:
    before = apsw.vfs_names()[0]
    disk = CountingDisk()
    yield disk
    disk.unregister()
    assert apsw.vfs_names()[0] == before


def on_thread(path: Path, play: Any, *log_bytes_max: int) -> Any:
    """Runs `play(committer, store)` with a writer thread over the file."""

    async def run() -> Any:
        failures: list[BaseException] = []
        committer = ThreadCommitter(open_writer(StoreAddress(path, None)), path, failures.append, *log_bytes_max)
        try:
            return await play(committer, SqlStore())
        finally:
            await committer.close()
            assert failures == []

    return asyncio.run(run())


def test_no_arrival_is_answered_before_it_was_synced(tmp_path: Path, disk: Any) -> None:
    async def play(committer: ThreadCommitter, store: SqlStore) -> None:
        for number in range(20):
            before = CountingDisk.syncs
            await committer.submit(store.accept, arrival(f"{number}", f"{number}"))
            assert CountingDisk.syncs > before

    on_thread(tmp_path / "events.db", play)


def test_no_intent_is_answered_before_it_was_synced(tmp_path: Path, disk: Any) -> None:
    async def play(committer: ThreadCommitter, store: SqlStore) -> None:
        await committer.submit(store.accept, arrival())
        claimed = await committer.submit(store.claim, ClaimRequest(2_000_000_000_000_000, 1, 3_000_000_000_000_000))
        before = CountingDisk.syncs
        await committer.submit(store.begin, intent(claimed.deliveries[0]))
        assert CountingDisk.syncs > before

    on_thread(tmp_path / "events.db", play)


def test_what_is_answered_is_there_for_another_reader(tmp_path: Path) -> None:
    path = tmp_path / "events.db"

    async def play(committer: ThreadCommitter, store: SqlStore) -> None:
        reader = open_reader(path)
        receipts = await asyncio.gather(*(committer.submit(store.accept, arrival(f"{n}", f"{n}")) for n in range(200)))
        assert [row.event for row in read_events(reader, Filter())] == [receipt.event for receipt in receipts]
        reader.close()

    on_thread(path, play)


def test_many_share_few_commits(tmp_path: Path, disk: Any) -> None:
    async def play(committer: ThreadCommitter, store: SqlStore) -> None:
        before = CountingDisk.syncs
        await asyncio.gather(*(committer.submit(store.accept, arrival(f"{n}", f"{n}")) for n in range(400)))
        assert CountingDisk.syncs - before < 40

    on_thread(tmp_path / "events.db", play)


def test_the_first_few_after_a_crowd_wait_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def sized(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
        sizes.append(len(items))
        return items

    async def play(committer: ThreadCommitter, store: SqlStore) -> None:
        monkeypatch.setattr("engine.store.groups.GATHER_S", 0.5)
        await asyncio.gather(*(committer.submit(sized, n) for n in range(32)))
        few = [committer.submit(sized, n) for n in range(4)]
        await asyncio.sleep(0.05)
        await asyncio.gather(*few, *(committer.submit(sized, n) for n in range(28)))
        monkeypatch.setattr("engine.store.groups.GATHER_S", 3600)
        await asyncio.gather(*(committer.submit(sized, n) for n in range(16)))
        await asyncio.gather(*(committer.submit(sized, n) for n in range(32)))
        await committer.submit(store.accept, arrival())  # a sender waits for nobody

    on_thread(tmp_path / "events.db", play)
    assert sizes == [32, 32, 16, 32]


def test_a_verb_that_fails_stops_everything_loudly(tmp_path: Path) -> None:
    def broken(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
        raise ZeroDivisionError

    async def run() -> None:
        failures: list[BaseException] = []
        path = tmp_path / "events.db"
        committer = ThreadCommitter(open_writer(StoreAddress(path, None)), path, failures.append)
        with pytest.raises(ZeroDivisionError):
            await committer.submit(broken, None)
        with pytest.raises(ZeroDivisionError):
            await committer.submit(SqlStore().accept, arrival())
        await committer.close()
        assert [type(failure) for failure in failures] == [ZeroDivisionError]

    asyncio.run(run())


def test_a_fault_in_one_who_is_told_is_loud_and_the_others_are_told(tmp_path: Path) -> None:
    fault = ZeroDivisionError("in what was to be done next")

    def failing(receipt: Any) -> None:
        raise fault

    async def run() -> None:
        failures: list[BaseException] = []
        path = tmp_path / "events.db"
        committer = ThreadCommitter(open_writer(StoreAddress(path, None)), path, failures.append)
        store, told = SqlStore(), asyncio.Queue[Any]()
        for number, done in enumerate((told.put_nowait, failing, told.put_nowait)):
            committer.hand_in(store.accept, arrival(f"{number}", f"{number}"), done)
        async with asyncio.timeout(20):
            assert [(await told.get()).event for _ in range(2)] == [1, 3]
        await committer.close()
        assert failures == [fault]

    asyncio.run(run())


def test_everybody_is_told_of_a_store_that_fails_and_whoever_comes_later(tmp_path: Path) -> None:
    def broken(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
        raise ZeroDivisionError

    async def run() -> None:
        failures: list[BaseException] = []
        path = tmp_path / "events.db"
        committer = ThreadCommitter(open_writer(StoreAddress(path, None)), path, failures.append)
        told = asyncio.Queue[Any]()
        for verb in (SqlStore().accept, broken):
            committer.hand_in(verb, arrival(), told.put_nowait)
        async with asyncio.timeout(20):
            assert [type(await told.get()) for _ in range(2)] == [ZeroDivisionError] * 2
        committer.hand_in(SqlStore().accept, arrival(), told.put_nowait)
        assert type(told.get_nowait()) is ZeroDivisionError
        await committer.close()
        assert [type(failure) for failure in failures] == [ZeroDivisionError]

    asyncio.run(run())


def test_the_loop_goes_on_beside_a_group_that_takes_long(tmp_path: Path) -> None:
    """The writer has the interpreter to itself for a while and no longer: here it waits for the loop."""
    gate = threading.Event()

    def slow(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
        return [gate.wait(20) for _ in items]

    async def play(committer: ThreadCommitter, store: SqlStore) -> None:
        waiting = committer.submit(slow, None)
        asyncio.get_running_loop().call_later(0.01, gate.set)
        assert await waiting is True

    on_thread(tmp_path / "events.db", play)


def test_the_writer_has_the_interpreter_to_itself_while_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Group after group, whether the one before was written or failed."""
    monkeypatch.setattr("engine.store.committer.LEND_S", 60)
    went_on = threading.Event()

    async def play(committer: ThreadCommitter, store: SqlStore) -> None:
        loop = asyncio.get_running_loop()

        def watched(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
            went_on.clear()
            loop.call_soon_threadsafe(went_on.set)
            return [went_on.wait(0.05) for _ in items]

        for _ in range(3):
            assert await committer.submit(watched, None) is False

    on_thread(tmp_path / "events.db", play)


def test_the_interpreter_is_given_back_by_a_group_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.committer.LEND_S", 60)

    def broken(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
        raise ZeroDivisionError

    async def run() -> None:
        path = tmp_path / "events.db"
        committer = ThreadCommitter(open_writer(StoreAddress(path, None)), path, lambda error: None)
        rescue = threading.Timer(10, committer.give_back)
        rescue.start()
        with pytest.raises(ZeroDivisionError):
            await committer.submit(broken, None)
        assert rescue.is_alive(), "the loop had to be rescued"
        rescue.cancel()
        await committer.close()

    asyncio.run(run())


def test_the_loop_goes_on_while_the_disk_is_waited_for(
    tmp_path: Path, disk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interpreter is given back before the commit: it is, whenever a sync has to wait for the loop to go on."""
    gate = threading.Event()
    passed: list[bool] = []
    monkeypatch.setattr("engine.store.committer.LEND_S", 60)

    async def play(committer: ThreadCommitter, store: SqlStore) -> None:
        await committer.submit(store.accept, arrival("0"))
        monkeypatch.setattr(CountingDisk, "wait", lambda: passed.append(gate.wait(20)))
        waiting = committer.submit(store.accept, arrival("1"))
        asyncio.get_running_loop().call_later(0.01, gate.set)
        await waiting
        assert passed
        assert all(passed)

    on_thread(tmp_path / "events.db", play)


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


def test_the_log_is_moved_into_the_file_beside_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "events.db"

    async def play(committer: ThreadCommitter, store: SqlStore) -> int:
        for number in range(30):
            await committer.submit(store.accept, arrival(f"{number}", f"{number}", b"x" * 50_000))
        async with asyncio.timeout(20):
            while path.stat().st_size < 1_000_000:
                await asyncio.sleep(0.02)
        return path.stat().st_size

    assert on_thread(path, play) >= 1_000_000


def test_the_log_begins_anew_under_steady_writing(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    log = tmp_path / "events.db-wal"

    async def play(committer: ThreadCommitter, store: SqlStore) -> int:
        for batch in range(70):
            bodies = (arrival(f"{batch}-{n}", f"{batch}-{n}", b"x" * 100_000) for n in range(10))
            await asyncio.gather(*(committer.submit(store.accept, body) for body in bodies))
        return log.stat().st_size

    assert on_thread(path, play, 4 << 20) < 60_000_000


def test_a_checkpoint_that_meets_another_is_put_off_and_the_group_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.committer.CHECKPOINT_EVERY_S", 0.0001)

    async def play(committer: ThreadCommitter, store: SqlStore) -> None:
        for number in range(300):
            committer.restart_wal = True  # as if the log were long: every group meets the other thread's checkpoints
            await committer.submit(store.accept, arrival(f"{number}", f"{number}", b"x" * 20_000))

    on_thread(tmp_path / "events.db", play)
