"""The head of the sequence: what SQLite drops without a word is told, and nothing else is."""

import asyncio
import shutil
from pathlib import Path

import pytest
from conformance import arrival

from engine.cli import main
from engine.errors import StoreBroken
from engine.store import Filter
from engine.store.committer import ProcessCommitter
from engine.store.files import StoreAddress, open_reader, open_writer
from engine.store.head import Head, head_path, line, read_head
from engine.store.readers import read_events
from engine.store.verbs import SqlStore

GROUPS = 5
FRAME_BYTES = 24 + 4096


def killed(folder: Path, groups: int = GROUPS) -> Path:
    """The files of a store as a killed engine leaves them: nothing was closed."""
    path = folder / "alive" / "events.db"
    path.parent.mkdir()

    async def play() -> None:
        committer = ProcessCommitter(StoreAddress(path, None), pytest.fail)
        await committer.submit(SqlStore().keep_plans, ("p1", "shop", 1, b"", 1))
        for number in range(groups - 1):
            await committer.submit(SqlStore().accept, arrival(f"{number}", f"{number}"))
        shutil.copytree(path.parent, folder / "dead")
        await committer.close()

    asyncio.run(play())
    return folder / "dead" / "events.db"


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def flip(path: Path, at: int) -> None:
    """One bit of one byte, counted from the end."""
    raw = bytearray(path.read_bytes())
    raw[-at] ^= 1
    path.write_bytes(raw)


def ids(path: Path) -> list[str | None]:
    reader = open_reader(path)
    try:
        return [row.id for row in read_events(reader, Filter())]
    finally:
        reader.close()


def test_after_a_crash_nothing_is_missing_and_nothing_is_said(tmp_path: Path) -> None:
    path = killed(tmp_path)
    assert read_head(path) == GROUPS
    open_writer(StoreAddress(path, None)).close()
    assert len(ids(path)) == GROUPS - 1


def test_a_flipped_byte_in_the_log_drops_its_tail_without_a_word_and_is_told(tmp_path: Path) -> None:
    path = killed(tmp_path)
    flip(log_of(path), 100)
    assert len(ids(path)) == GROUPS - 2, "SQLite says ok and gives what is left"
    with pytest.raises(StoreBroken, match=r"lost the last group of commits: .* Restore a backup .* --accept-loss"):
        open_writer(StoreAddress(path, None))


def test_a_log_that_was_cut_is_told_with_how_much_is_missing(tmp_path: Path) -> None:
    path = killed(tmp_path)
    log_of(path).write_bytes(log_of(path).read_bytes()[: -20 * FRAME_BYTES])
    left = len(ids(path)) + 1
    assert left < GROUPS - 1
    with pytest.raises(StoreBroken, match=f"lost the last {GROUPS - left} groups of commits"):
        open_writer(StoreAddress(path, None))


def test_a_log_that_is_gone_is_told(tmp_path: Path) -> None:
    path = killed(tmp_path)
    shutil.copy(path, tmp_path / "events.db")
    log_of(path).write_bytes(b"")
    with pytest.raises(StoreBroken, match=f"lost the last {GROUPS} groups"):
        open_writer(StoreAddress(path, None))


def test_an_older_copy_in_the_place_of_the_store_is_told(tmp_path: Path) -> None:
    path = killed(tmp_path)
    old = tmp_path / "old.db"
    assert main(["store", "backup", str(old), "--store", f"sqlite:///{path}"]) == 0
    Head(path).write(GROUPS + 3)
    log_of(path).unlink()
    shutil.copy(old, path)
    with pytest.raises(StoreBroken, match="lost the last 3 groups"):
        open_writer(StoreAddress(path, None))


@pytest.mark.parametrize("left", [0, 1, GROUPS - 1])
def test_a_head_that_is_behind_is_no_alarm(tmp_path: Path, left: int) -> None:
    """As after a power cut: it is not synced, the store is."""
    path = killed(tmp_path)
    Head(path).write(left)
    open_writer(StoreAddress(path, None)).close()


@pytest.mark.parametrize(
    "raw", [b"", b"\0" * 64, line(9)[:40], line(9).replace(b"9", b"8"), b"waybill head", line(9) + b"x"]
)
def test_a_head_that_cannot_be_read_is_no_alarm(tmp_path: Path, raw: bytes) -> None:
    path = killed(tmp_path)
    head_path(path).write_bytes(raw)
    assert read_head(path) is None
    open_writer(StoreAddress(path, None)).close()


def test_a_store_without_a_head_is_taken(tmp_path: Path) -> None:
    path = killed(tmp_path)
    head_path(path).unlink()
    open_writer(StoreAddress(path, None)).close()


def test_a_head_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.store.head.os.pwrite", full)
    path = killed(tmp_path)
    assert len(ids(path)) == GROUPS - 1


@pytest.mark.parametrize("left", ["nothing", "an empty file"])
def test_a_store_that_is_gone_is_told_and_begins_anew_only_without_its_head(tmp_path: Path, left: str) -> None:
    path = killed(tmp_path)
    path.unlink()
    if left == "an empty file":
        path.touch()
    with pytest.raises(StoreBroken, match=rf"no store at .* group {GROUPS} .* move events.db.head away too"):
        open_writer(StoreAddress(path, None))
    assert path.exists() == (left == "an empty file"), "and nothing is begun that would stand in a backup's way"
    head_path(path).unlink()
    open_writer(StoreAddress(path, None)).close()
    assert ids(path) == []


def test_what_lies_beside_a_store_that_is_not_sound_is_named(tmp_path: Path) -> None:
    path = killed(tmp_path)
    path.write_bytes(b"x" * 8192)
    log_of(path).write_bytes(b"")
    with pytest.raises(
        StoreBroken, match=r"away to begin anew, and what lies beside it .*events\.db-wal.*events\.db\.head"
    ):
        open_writer(StoreAddress(path, None))
    for file in path.parent.iterdir():
        file.unlink()
    open_writer(StoreAddress(path, None)).close()


def test_verify_tells_what_is_missing_and_the_store_can_be_taken_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = killed(tmp_path)
    url = f"sqlite:///{path}"
    assert main(["store", "verify", "--store", url]) == 0
    assert f"  {GROUPS} groups of commits; its head agrees\n" in capsys.readouterr().out
    flip(log_of(path), 100)
    assert main(["store", "verify", "--store", url]) == 1
    out = capsys.readouterr().out
    assert f"  {GROUPS - 1} groups of commits; 1 group that came after, and was answered, is missing\n" in out
    assert "`waybill store verify --accept-loss`" in out
    assert main(["events", "--store", url]) == 0, "what is there can still be read"
    assert main(["store", "verify", "--accept-loss", "--store", url]) == 0
    assert "1 group of commits given up" in capsys.readouterr().out
    assert main(["store", "verify", "--store", url]) == 0
    open_writer(StoreAddress(path, None)).close()


def test_what_a_command_writes_is_counted_too(tmp_path: Path) -> None:
    path = killed(tmp_path)
    assert main(["release", "evt-1", "--by", "ada", "--reason", "why", "--store", f"sqlite:///{path}"]) == 1
    assert read_head(path) == GROUPS + 1
    open_writer(StoreAddress(path, None)).close()
