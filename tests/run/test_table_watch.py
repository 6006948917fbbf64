"""Changed tables of a running engine: taken when they stand still and are sound, refused once when they are not."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from blackbox.rig import Rig
from run.test_walk_sightings import NEWER, TABLE, with_table

from engine.errors import UserError
from engine.run import tables
from engine.run.load import Loaded, load
from engine.run.tables import TableWatch, find_marks, read_tables

Told = tuple[str, str]


class Shop:
    """A workspace on disk, loaded and watched; `told` is what the log was told."""

    def __init__(self, root: Path) -> None:
        rig = Rig(root, files=with_table())
        rig.write()
        self.root = root
        self.file = root / "charter/tables/sku-registry.csv"
        self.told: list[Told] = []
        marks = find_marks(root)
        self.loaded: Loaded = load(root, "local")
        self.watch = TableWatch(root, marks, lambda: self.loaded, self.fact)

    def fact(self, name: str, **data: object) -> None:
        ((_, text),) = data.items()
        self.told.append((name, str(text)))

    def erp_sku(self, sku: str) -> str | None:
        """What the plan's own tables give."""
        (plan,) = self.loaded.plans.values()
        return plan.tables["sku-registry"].find("sku", "erp_sku", sku)

    def looks(self, times: int) -> list[bool]:
        async def look() -> list[bool]:
            return [await self.watch.look() for _ in range(times)]

        return asyncio.run(look())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def test_nothing_is_told_where_nothing_changed(shop: Shop) -> None:
    assert (shop.looks(2), shop.told) == ([False, False], [])


def test_a_changed_table_is_taken_once_it_has_stood_still(shop: Shop) -> None:
    shop.file.write_text(NEWER[:-4])
    assert (shop.looks(1), shop.erp_sku("4711-B")) == ([True], None)
    shop.file.write_text(NEWER)  # the first look met half of it
    assert (shop.looks(1), shop.erp_sku("4711-B")) == ([True], None)
    assert (shop.looks(2), shop.erp_sku("4711-B")) == ([False, False], "200")
    version = shop.loaded.workspace.tables["sku-registry"].version
    assert shop.told == [("tables_taken", f"sku-registry@{version[:12]}")]


def test_a_table_that_changes_while_it_is_read_waits_for_the_next_look(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = tables.read_changed

    def read_and_write(*given: Any) -> Any:
        found = read(*given)
        shop.file.write_text(NEWER)
        monkeypatch.setattr(tables, "read_changed", read)
        return found

    monkeypatch.setattr(tables, "read_changed", read_and_write)
    shop.file.write_text(TABLE + "4711-B,999\n")
    assert (shop.looks(2), shop.erp_sku("4711-B")) == ([True, True], None)
    assert (shop.looks(2), shop.erp_sku("4711-B")) == ([True, False], "200")


BROKEN = {
    "no table": ("sku,erp_sku\nA-1\n", "charter/tables/sku-registry.csv:2:1: table: 1 cells where the header has 2"),
    "a SKU twice": (TABLE + "A-1,101\n", "stands in line 2 already"),
    "not text": ("sku,erp_sku\nA-1,\udcff\n", "the table is not UTF-8"),
    "without the column that a mapping names": (TABLE.replace("erp_sku", "number"), "mappings/order.yaml:"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_table_that_is_not_sound_is_told_once_and_the_old_one_stays(name: str, tmp_path: Path) -> None:
    text, words = BROKEN[name]
    files = with_table()
    files["mappings/order.yaml"] = files["mappings/order.yaml"].replace(
        "table: sku-registry", "table: sku-registry, give: erp_sku"
    )
    shop = Shop(tmp_path / "shop")
    (shop.root / "mappings/order.yaml").write_text(files["mappings/order.yaml"])
    shop.loaded = load(shop.root, "local")
    shop.file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert shop.looks(4) == [True, False, False, False]
    ((fact, reason),) = shop.told
    assert (fact, words in reason) == ("tables_refused", True)
    assert shop.erp_sku("A-1") == "100"
    shop.file.write_text(NEWER)
    assert (shop.looks(2), shop.erp_sku("4711-B")) == ([True, False], "200")


def test_a_table_that_is_needed_cannot_be_removed_and_one_that_is_not_can_come_and_go(shop: Shop) -> None:
    extra = shop.root / "charter/tables/carriers.csv"
    extra.write_text("code,name\nups,UPS\n")
    assert shop.looks(2) == [True, False]
    assert set(shop.loaded.resources.tables) == {"sku-registry", "carriers"}
    extra.unlink()
    assert shop.looks(2) == [True, False]
    assert set(shop.loaded.resources.tables) == {"sku-registry"}
    shop.file.unlink()
    assert shop.looks(2) == [True, False]
    assert shop.erp_sku("A-1") == "100"
    assert [fact for fact, _ in shop.told] == ["tables_taken", "tables_taken", "tables_refused"]


def test_a_link_out_of_the_workspace_is_told_once(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text(NEWER)
    shop.file.unlink()
    shop.file.symlink_to(tmp_path / "other.csv")
    assert shop.looks(3) == [False, False, False]
    ((fact, reason),) = shop.told
    assert (fact, "leads out of the workspace" in reason) == ("tables_refused", True)
    assert shop.erp_sku("4711-B") is None


def test_a_folder_that_goes_away_under_a_look_is_told_once_and_stops_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: Path) -> object:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(tables, "find_marks", gone)
    assert shop.looks(3) == [False, False, False]
    assert shop.told == [("tables_refused", "charter/tables/ cannot be read: No such file or directory")]


def test_a_reload_that_read_a_table_before_it_changed_does_not_lose_the_change(shop: Shop) -> None:
    stale = load(shop.root, "local")
    shop.file.write_text(NEWER)
    assert (shop.looks(2), shop.erp_sku("4711-B")) == ([True, False], "200")
    shop.loaded = stale  # the reload had begun earlier, and ends now
    shop.watch.forget()
    assert (shop.looks(2), shop.erp_sku("4711-B")) == ([False, False], "200")


def test_a_reload_in_the_middle_of_a_look_wins(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    read = tables.read_changed

    def read_and_reload(*given: Any) -> Any:
        found = read(*given)
        shop.loaded = load(shop.root, "local")
        monkeypatch.setattr(tables, "read_changed", read)
        return found

    monkeypatch.setattr(tables, "read_changed", read_and_reload)
    shop.file.write_text(NEWER)
    assert shop.looks(3) == [True, True, False]
    assert (shop.erp_sku("4711-B"), shop.told) == ("200", [])  # the reload had it already


def test_whoever_needs_the_newest_waits_for_it_but_not_for_ever(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def meanwhile(act: Callable[[], object]) -> Callable[[float], Coroutine[Any, Any, None]]:
        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            act()

        return sleep

    monkeypatch.setattr(asyncio, "sleep", meanwhile(lambda: None))
    shop.file.write_text(NEWER)
    asyncio.run(shop.watch.settle())
    assert (shop.erp_sku("4711-B"), len(waits)) == ("200", 1)
    monkeypatch.setattr(asyncio, "sleep", meanwhile(lambda: shop.file.write_text(NEWER + f"D-{len(waits)},1\n")))
    shop.file.write_text(TABLE)
    asyncio.run(shop.watch.settle())
    assert (shop.erp_sku("4711-B"), len(waits)) == ("200", 1 + tables.LOOKS_MAX)


def test_tables_are_read_with_all_their_faults(shop: Shop) -> None:
    (shop.root / "charter/tables/carriers.csv").write_text("code\n")
    (shop.root / "charter/tables/methods.csv").write_text("")
    found, faults = read_tables(shop.root)
    assert (set(found), {fault.mark.file for fault in faults}) == (
        {"sku-registry"},
        {"charter/tables/carriers.csv", "charter/tables/methods.csv"},
    )


def test_a_file_that_may_not_be_read_is_a_sentence(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tables, "read_bounded", refuse)
    with pytest.raises(UserError, match=r"sku-registry\.csv cannot be read: Permission denied"):
        read_tables(shop.root)
