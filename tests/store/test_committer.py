"""The process that writes: what is answered is on disk, groups are shared, and whatever ends it, everybody is told."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from conformance import arrival, intent
from real import ROOT

from engine.errors import StatementFailed, StoreBroken, UserError, WaybillError
from engine.store import ClaimRequest, Filter, committer
from engine.store.committer import ProcessCommitter
from engine.store.files import Lock, StoreAddress, open_reader, open_writer
from engine.store.readers import read_events
from engine.store.verbs import SqlStore
from engine.store.words import Lost, Pinned
from engine.store.writer import Writer, told

Play = Callable[[ProcessCommitter, SqlStore], Any]
ALL = ClaimRequest(2_000_000_000_000_000, 512, 3_000_000_000_000_000)


def spoil(monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    """What the process does before anything else."""
    before = "from engine.store.writer import serve"
    assert before in committer.START
    monkeypatch.setattr(committer, "START", committer.START.replace(before, f"{before}\n{lines}"))


@pytest.fixture
def syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often the process has synced."""
    count = tmp_path / "syncs"
    count.touch()
    spoil(monkeypatch, f"from counting_disk import CountingDisk\ndisk = CountingDisk({str(count)!r})")
    return lambda: count.stat().st_size


def played(path: Path, play: Play, log_bytes_max: int | None = None) -> Any:
    """Runs `play(committer, store)` with a process that writes the file, and nothing fails."""

    async def run() -> Any:
        failures: list[BaseException] = []
        writing = ProcessCommitter(StoreAddress(path, None), failures.append, log_bytes_max=log_bytes_max)
        try:
            async with asyncio.timeout(60):
                return await play(writing, SqlStore())
        finally:
            await writing.close()
            assert writing.process.returncode == 0
            assert failures == []

    return asyncio.run(run())


def failed(path: Path, play: Play) -> list[BaseException]:
    """As `played`; what the engine heard of failures."""

    async def run() -> list[BaseException]:
        failures: list[BaseException] = []
        writing = ProcessCommitter(StoreAddress(path, None), failures.append)
        async with asyncio.timeout(60):
            await play(writing, SqlStore())
        await writing.close()
        return failures

    return asyncio.run(run())


def test_no_arrival_is_answered_before_it_was_synced(tmp_path: Path, syncs: Callable[[], int]) -> None:
    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        for number in range(20):
            before = syncs()
            await writing.submit(store.accept, arrival(f"{number}", f"{number}"))
            assert syncs() > before

    played(tmp_path / "events.db", play)


def test_no_intent_is_answered_before_it_was_synced(tmp_path: Path, syncs: Callable[[], int]) -> None:
    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        await writing.submit(store.accept, arrival())
        claimed = await writing.submit(store.claim, ALL)
        before = syncs()
        await writing.submit(store.begin, intent(claimed.deliveries[0]))
        assert syncs() > before

    played(tmp_path / "events.db", play)


def test_what_is_answered_is_there_for_another_reader(tmp_path: Path) -> None:
    path = tmp_path / "events.db"

    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        receipts = await asyncio.gather(*(writing.submit(store.accept, arrival(f"{n}", f"{n}")) for n in range(200)))
        reader = open_reader(path)
        assert [row.event for row in read_events(reader, Filter())] == [receipt.event for receipt in receipts]
        reader.close()

    played(path, play)


def test_many_share_few_commits(tmp_path: Path, syncs: Callable[[], int]) -> None:
    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        before = syncs()
        await asyncio.gather(*(writing.submit(store.accept, arrival(f"{n}", f"{n}")) for n in range(400)))
        assert syncs() - before < 40
        assert 1 <= writing.commits < 40
        assert writing.commit_s > 0

    played(tmp_path / "events.db", play)


def test_the_loop_goes_on_while_a_group_passes_that_no_pipe_holds(tmp_path: Path) -> None:
    """Both ways: many bodies go to the store in one group, and come back in one claim."""
    bodies = {f"{n}": bytes([n]) * 300_000 for n in range(60)}

    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        turning = asyncio.ensure_future(turn())
        await asyncio.gather(
            *(writing.submit(store.accept, arrival(name, name, body)) for name, body in bodies.items())
        )
        claimed = await writing.submit(store.claim, ALL)
        assert {delivery.key: delivery.body for delivery in claimed.deliveries} == bodies
        turning.cancel()
        assert turns > 20

    played(tmp_path / "events.db", play)


def test_a_low_disk_is_a_matter_of_the_group_that_comes_next(tmp_path: Path) -> None:
    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        writing.disk_low = True
        with pytest.raises(WaybillError, match="no room for new events"):
            await writing.submit(store.accept, arrival())
        writing.disk_low = False
        assert (await writing.submit(store.accept, arrival())).verdict == "accepted"

    played(tmp_path / "events.db", play)


# ── what ends it ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_defect_stops_everything_loudly_and_says_where_it_was(tmp_path: Path) -> None:
    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        with pytest.raises(AttributeError) as raised:
            await writing.submit(store.accept, "no arrival")  # type: ignore[arg-type]
        assert "in accept" in "".join(raised.value.__notes__)
        with pytest.raises(AttributeError):
            await writing.submit(store.accept, arrival())

    assert [type(failure) for failure in failed(tmp_path / "events.db", play)] == [AttributeError]


class TwoWords(Exception):
    """Pickled, it is made again of its one argument, which does not do."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def test_an_error_that_cannot_pass_is_told_in_words() -> None:
    class Local(Exception):
        pass

    for error in (Local("here it was"), TwoWords("here", "it was")):
        said = told(error)
        assert isinstance(said, StatementFailed)
        assert "here it was" in str(said)


def test_what_cannot_pass_is_loud_and_everybody_is_told(tmp_path: Path) -> None:
    told: list[Any] = []

    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        first = writing.submit(store.accept, arrival())
        while not writing.flying:
            await asyncio.sleep(0)
        writing.hand_in(store.accept, arrival("told", "told"), told.append)
        waiting = [writing.submit(store.accept, item) for item in (arrival("2", "2"), lambda: None)]  # type: ignore[arg-type]
        assert (await first).verdict == "accepted"
        for said in await asyncio.gather(*waiting, return_exceptions=True):
            assert "lambda" in str(said)

    assert len(failed(tmp_path / "events.db", play)) == 1
    assert len(told) == 1


@pytest.mark.parametrize("busy", [False, True])
def test_everybody_is_told_of_a_process_that_was_killed(tmp_path: Path, busy: bool) -> None:
    told: list[Any] = []

    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        await writing.submit(store.accept, arrival())
        os.kill(writing.process.pid, signal.SIGSTOP)
        if busy:
            writing.hand_in(store.accept, arrival("told", "told"), told.append)
        waiting = [writing.submit(store.accept, arrival(f"{n}", f"{n}")) for n in range(3 * busy)]
        await asyncio.sleep(0.05)
        waiting += [writing.submit(store.accept, arrival(f"{n}", f"{n}")) for n in range(3, 3 + 3 * busy)]
        os.kill(writing.process.pid, signal.SIGKILL)
        while writing.failed is None:
            await asyncio.sleep(0.01)
        for said in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(said, StoreBroken)
        with pytest.raises(StoreBroken, match="killed by signal 9; start the engine again"):
            await writing.submit(store.accept, arrival())

    assert [type(failure) for failure in failed(tmp_path / "events.db", play)] == [StoreBroken]
    assert [type(each) for each in told] == [StoreBroken] * busy  # once, also when it is closed


def test_who_waits_for_a_store_that_failed_is_told_when_it_closes(tmp_path: Path) -> None:
    told: list[Any] = []

    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        os.kill(writing.process.pid, signal.SIGSTOP)
        writing.hand_in(store.accept, arrival(), told.append)
        await asyncio.sleep(0.05)
        writing.hear(Lost(StoreBroken("the disk failed")))
        assert told == []
        os.kill(writing.process.pid, signal.SIGCONT)

    failed(tmp_path / "events.db", play)
    assert [str(each) for each in told] == ["the disk failed"]


def test_what_is_handed_in_while_it_closes_is_refused(tmp_path: Path) -> None:
    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        await writing.submit(store.accept, arrival())
        closing = asyncio.ensure_future(writing.close())
        while writing.failed is None:
            await asyncio.sleep(0)
        with pytest.raises(StoreBroken, match="the store is closed"):
            await writing.submit(store.accept, arrival("2", "2"))
        await closing
        writing.drop = writing.close = nothing  # type: ignore[method-assign]

    async def nothing() -> None: ...

    assert failed(tmp_path / "events.db", play) == []


def test_who_asks_all_processes_to_end_means_the_engine(tmp_path: Path) -> None:
    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(writing.process.pid, number)
            assert await writing.submit(store.accept, arrival(f"{number}", f"{number}"))

    played(tmp_path / "events.db", play)


def test_a_disk_that_fails_while_the_log_is_moved_ends_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(
        monkeypatch,
        "import apsw, engine.store.writer as writer\n"
        "class Connection(apsw.Connection):\n"
        "    def wal_checkpoint(self, **more):\n"
        "        raise apsw.IOError('disk I/O error')\n"
        "apsw.Connection = Connection",
    )

    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        await writing.submit(store.accept, arrival())
        while writing.failed is None:
            await asyncio.sleep(0.01)
        with pytest.raises(StoreBroken, match="the disk failed under the store"):
            await writing.submit(store.accept, arrival("2", "2"))

    assert [type(failure) for failure in failed(tmp_path / "events.db", play)] == [StoreBroken]


def test_a_file_that_is_no_store_is_said_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    path.write_bytes(b"x" * 8192)

    async def run() -> None:
        with pytest.raises(StoreBroken, match="is not a sound store"):
            ProcessCommitter(StoreAddress(path, None), pytest.fail)

    asyncio.run(run())


def test_a_process_that_does_not_come_up_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, "raise SystemExit(3)")

    async def run() -> None:
        with pytest.raises(StoreBroken, match="the process that writes the store ended with 3"):
            ProcessCommitter(StoreAddress(tmp_path / "events.db", None), pytest.fail)

    asyncio.run(run())


def test_a_process_that_cannot_be_started_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))

    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    async def run() -> None:
        before = descriptors()
        with pytest.raises(StoreBroken, match="the process that writes the store cannot be started"):
            ProcessCommitter(StoreAddress(tmp_path / "events.db", None), pytest.fail)
        assert descriptors() == before

    asyncio.run(run())


def test_nothing_of_the_folder_it_is_started_in_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("signal", "functools", "apsw"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(5)")
    monkeypatch.chdir(tmp_path)

    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        assert (await writing.submit(store.accept, arrival())).verdict == "accepted"

    played(tmp_path / "events.db", play)


ENGINE = """
import asyncio, sys
from pathlib import Path
from conformance import arrival
from engine.store import committer
from engine.store.files import Lock, StoreAddress
from engine.store.verbs import SqlStore

async def run(path, start):
    lock = Lock(path)
    committer.START = start
    writing = committer.ProcessCommitter(StoreAddress(path, None), print, lock.descriptor)
    for number in range(1_000_000):
        await writing.submit(SqlStore().accept, arrival(f"{number}", f"{number}"))
        print(number, flush=True)

asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
"""


def kill_engine(path: Path, there: Path | None = None) -> None:
    """An engine that writes one group after the other, and is killed; as soon as there is the file `there`, if one is
    named."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/store")])
    words = [sys.executable, "-c", ENGINE, str(path), committer.START]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}) as running:
        assert running.stdout is not None
        while there is not None and not there.exists():
            time.sleep(0.01)
        if there is None:
            running.stdout.readline()
        running.kill()
        running.wait()


def test_what_writes_for_an_engine_ends_with_it_and_another_may_begin(tmp_path: Path) -> None:
    kill_engine(tmp_path / "events.db")
    Lock(tmp_path / "events.db").release()  # which it can have as soon as nobody else has


def stand_still(monkeypatch: pytest.MonkeyPatch, there: Path, seconds: int, *lines: str) -> None:
    """What `lines` put `wait` in the place of, touches a file and takes long."""
    before = ["import time", "from pathlib import Path", "import engine.store.writer as writer", "def wait(*all):"]
    wait = [f"    Path({str(there)!r}).touch()", f"    time.sleep({seconds})", "    raise SystemExit"]
    spoil(monkeypatch, "\n".join([*before, *wait, *lines]))


@pytest.mark.parametrize("busy", ["writer.open_writer = wait", "writer.Writer.write_group = wait"])
def test_it_ends_with_its_engine_whatever_it_is_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: str) -> None:
    stand_still(monkeypatch, tmp_path / "there", 60, busy)
    kill_engine(tmp_path / "events.db", tmp_path / "there")
    began_s = time.monotonic()
    Lock(tmp_path / "events.db").release()
    assert time.monotonic() - began_s < 30


def test_no_engine_begins_beside_a_write_that_the_disk_has_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, path = tmp_path / "there", tmp_path / "events.db"
    # What waits for a disk cannot be ended.
    stand_still(monkeypatch, there, 2, "writer.Writer.write_group = wait", "writer.end_with = lambda hears: None")
    kill_engine(path, there)
    monkeypatch.setattr("engine.store.files.ENDING_S", 0.1)
    with pytest.raises(UserError, match="is gone, or runs where it cannot be seen"):
        Lock(path)
    monkeypatch.setattr("engine.store.files.ENDING_S", 20)
    Lock(path).release()


# ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_log_is_moved_into_the_file_beside_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "events.db"

    async def play(writing: ProcessCommitter, store: SqlStore) -> int:
        for number in range(30):
            await writing.submit(store.accept, arrival(f"{number}", f"{number}", b"x" * 50_000))
        while path.stat().st_size < 1_000_000:
            await asyncio.sleep(0.02)
        return path.stat().st_size

    assert played(path, play) >= 1_000_000


def test_the_log_begins_anew_under_steady_writing(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    log = tmp_path / "events.db-wal"

    async def play(writing: ProcessCommitter, store: SqlStore) -> int:
        for batch in range(70):
            bodies = (arrival(f"{batch}-{n}", f"{batch}-{n}", b"x" * 100_000) for n in range(10))
            await asyncio.gather(*(writing.submit(store.accept, body) for body in bodies))
        return log.stat().st_size

    assert played(path, play, 4 << 20) < 60_000_000


def test_a_checkpoint_that_meets_another_is_put_off_and_the_group_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.writer.CHECKPOINT_EVERY_S", 0.0001)
    path = tmp_path / "events.db"
    words: list[Pinned | Lost] = []
    writer, store = Writer(open_writer(StoreAddress(path, None)), path, words.append), SqlStore()
    writer.start()
    for number in range(300):
        writer.restart_wal = True  # as if the log were long: every group meets the other thread's checkpoints
        (receipt,), _ = writer.write_group([(store.accept, arrival(f"{number}", f"{number}", b"x" * 20_000))])
        assert receipt.verdict == "accepted"
    writer.close()
    assert words == []


def test_a_reader_that_pins_the_log_is_told_until_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "events.db"

    async def play(writing: ProcessCommitter, store: SqlStore) -> None:
        number = 0

        async def write_until(done: Callable[[], bool]) -> None:
            nonlocal number
            while not done():
                number += 1
                await writing.submit(store.accept, arrival(f"{number}", f"{number}"))
                await asyncio.sleep(0.005)

        await write_until(lambda: number > 20)
        assert writing.pinned_s == 0
        reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        reader.execute("BEGIN; SELECT count(*) FROM event")
        await write_until(lambda: writing.pinned_s >= 1)
        reader.close()
        await write_until(lambda: writing.pinned_s < 1)

    played(path, play)
