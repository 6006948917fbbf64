"""Changed tables, taken into a running engine: what people try first when a SKU is missing at night.

A file of charter/tables is taken once it has stood still between two looks (a copy under way is half a table, and may
well be sound), and only if the workspace as it runs is sound with it. A broken one is told once, and the old one stays.
Nothing else is taken in this way: specs, mappings and contracts wait for a reload, since an edit of theirs spans files.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from engine.errors import Fault, FaultyWorkspace, UserError
from engine.language import Table
from engine.rules.steps import version_text
from engine.run.load import Loaded, check_read, grave
from engine.spec.read import Reader
from engine.spec.workspace import TABLES, Workspace, read_named_table
from engine.wire.files import find_files, read_bounded

LOOK_EVERY_S = 1.0
LOOKS_MAX = 5
"""How often a command that needs the newest tables looks, before it goes on without what never stands still."""

Marks = Mapping[str, tuple[int, int, int]]
"""What tells that a file changed, without reading it: file → (time of change, size, inode)."""


def find_marks(root: Path) -> Marks:
    """The table files of a workspace as they are now. Raises UserError as `find_files` does."""
    marks = {}
    for file, path in find_files(root, TABLES):
        try:
            found = path.stat()
        except OSError:
            continue  # gone since it was listed
        marks[file] = (found.st_mtime_ns, found.st_size, found.st_ino)
    return marks


def read_tables(root: Path, wanted: Collection[str] | None = None) -> tuple[dict[str, Table], list[Fault]]:
    """Tables by name with their faults, from the files that are wanted (None: all). Raises UserError."""
    reader, tables = Reader(), dict[str, Table]()
    for file, path in find_files(root, TABLES):
        if wanted is None or file in wanted:
            try:
                read_named_table(reader, file, read_bounded(path), tables)
            except OSError as error:
                raise UserError(f"{path} cannot be read: {error.strerror}") from None
    return tables, reader.faults


class TableWatch:
    """Looks at the table files of a running engine; `loaded` gives the workspace of the moment."""

    def __init__(self, root: Path, marks: Marks, loaded: Callable[[], Loaded], fact: Callable[..., None]) -> None:
        self.root = root
        self.loaded = loaded
        self.fact = fact
        self.settled = self.seen = marks
        self.refused: tuple[Marks, str] | None = None
        self.looking = asyncio.Lock()

    def forget(self) -> None:
        """Has all tables read anew at the next look: a reload may have read them before they changed."""
        self.settled = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def settle(self) -> None:
        """Looks until nothing is to come."""
        for _ in range(LOOKS_MAX):
            if not await self.look():
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Takes or refuses what has changed and stood still since the last look; true where something has not yet."""
        async with self.looking:
            try:
                return await self.look_now()
            except UserError as error:
                return self.refuse(str(error))
            except OSError as error:  # a folder that went away under the look is no reason to stop the engine
                return self.refuse(f"{TABLES} cannot be read: {error.strerror}")

    def refuse(self, reason: str) -> bool:
        self.settled = self.seen
        if self.refused != (self.seen, reason):
            self.refused = self.seen, reason
            self.fact("tables_refused", reason=reason)
        return False

    async def look_now(self) -> bool:
        marks = await asyncio.to_thread(find_marks, self.root)
        if marks == self.settled:
            return False
        if marks != self.seen:
            self.seen = marks
            return True
        changed = {file for file in marks if marks[file] != self.settled.get(file)}
        loaded = self.loaded()
        tables = await asyncio.to_thread(read_changed, self.root, loaded.workspace, changed, {*marks})
        if await asyncio.to_thread(find_marks, self.root) != marks or self.loaded() is not loaded:
            return True
        self.settled = marks
        taken = put_in(loaded.workspace.tables, tables)
        if taken:
            self.fact("tables_taken", tables=" ".join(taken))
        return False


def read_changed(root: Path, workspace: Workspace, changed: set[str], there: set[str]) -> dict[str, Table]:
    """All tables of a workspace with the changed ones read anew. Raises FaultyWorkspace where it would not be sound."""
    fresh, faults = read_tables(root, changed)
    kept = {name: table for name, table in workspace.tables.items() if f"{TABLES}{name}.csv" in there}
    checked = check_read(replace(workspace, tables={**kept, **fresh}), faults)
    if grave(checked):
        raise FaultyWorkspace(grave(checked))
    return checked.workspace.tables


def put_in(tables: dict[str, Table], newest: Mapping[str, Table]) -> list[str]:
    """Makes a dictionary of tables the newest, in place; which are other ones now, as `name@version`."""
    taken = [
        version_text(name, table)
        for name, table in newest.items()
        if name not in tables or tables[name].version != table.version
    ]
    gone = [name for name in tables if name not in newest]
    tables.update(newest)
    for name in gone:
        del tables[name]
    return [*taken, *(f"{name} (removed)" for name in gone)]
