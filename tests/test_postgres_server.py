"""The server that tests start: what was committed outlives every way to stop it, and nothing of it stays behind."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from postgres_server import PostgresServer


@pytest.mark.slow
def test_what_was_committed_outlives_every_way_to_stop_it_and_nothing_stays_behind() -> None:
    with PostgresServer() as server:
        url = server.url()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept (how text)")
        for how in ("fast", "immediate", "kill"):
            before = server.pid
            with psycopg.connect(url) as connection:
                connection.execute("INSERT INTO kept VALUES (%s)", (how,))
            server.restart(how)
            assert server.pid != before
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT how FROM kept").fetchall() == [("fast",), ("immediate",), ("kill",)]
        last, folder = server.pid, server.folder
    assert not folder.exists()
    with contextlib.suppress(ProcessLookupError):
        os.kill(last, 0)
        pytest.fail("the server still runs")


@pytest.mark.slow
def test_it_ends_with_whoever_started_it_and_was_killed() -> None:
    program = "from postgres_server import PostgresServer as S; s = S(); s.start(); print(s.pid, s.folder, flush=True); input()"
    starter = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    pid, folder = starter.stdout.readline().split()
    starter.kill()
    starter.communicate()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    shutil.rmtree(folder)
