"""Counts what an engine writes: rows and commits of SQLite, each commit an fsync of its log; checkpoints not counted.

Python imports a module of this name at its start, wherever this folder is on its path; that way the engine is counted
as it is started everywhere else, and knows nothing of it. Each process leaves one line of JSON in the folder that
`WAYBILL_BENCH_COUNTS` names. This file refuses to measure time: counting costs a microsecond a commit.
"""

import atexit
import json
import os
from pathlib import Path

folder = Path(os.environ.get("WAYBILL_BENCH_COUNTS", ""))

if folder.name:
    import apsw

    counts = {"rows": 0, "commits": 0}

    def watch(connection: apsw.Connection) -> None:
        before = 0

        def committed() -> bool:
            nonlocal before
            rows = connection.total_changes()
            counts["rows"] += rows - before
            counts["commits"] += 1
            before = rows
            return False

        connection.set_commit_hook(committed)

    def leave() -> None:
        if counts["commits"]:
            (folder / f"{os.getpid()}.json").write_text(json.dumps(counts))

    apsw.connection_hooks.append(watch)
    atexit.register(leave)
