"""Several engines on one database, and a database that goes away: what one node holds when it dies or stands still, the
others do, once; what a server took down with it is known to have happened or not.
"""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from blackbox.rig import DEADLINE_S, Rig
from postgres_server import PostgresServer
from stores import POSTGRESQL

from survival.brand import make_sale
from survival.life import Life, Partners, another, beside, rig_beside, told

pytestmark = pytest.mark.slow

RESTARTS = 3
RESTART_EVERY_S = 5.0


def stands_still(rig: Rig) -> bool:
    assert rig.engine is not None
    return Path(f"/proc/{rig.engine.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_node_that_is_killed(partners: Partners, tmp_path: Path) -> None:
    with rig_beside(partners, tmp_path, POSTGRESQL) as rig, another(rig, tmp_path) as other:
        other.start_engine("die=while-sent:3")
        life = Life(rig, make_sale("killed-node"), partners, [()], others=[other])

        async def happens() -> None:
            while other.is_alive():
                await asyncio.sleep(0.01)
            life.others.clear()

        asyncio.run(beside(life, happens))
        assert life.verdict() == []


def test_a_node_that_stands_still_until_it_is_taken_for_dead(partners: Partners, tmp_path: Path) -> None:
    with rig_beside(partners, tmp_path, POSTGRESQL) as rig, another(rig, tmp_path) as other:
        other.start_engine("stop=after-send:3")
        life = Life(rig, make_sale("stopped-node"), partners, [()], others=[other])

        async def happens() -> None:
            while not stands_still(other):
                await asyncio.sleep(0.01)
            life.others.clear()

        asyncio.run(beside(life, happens))
        assert stands_still(other)
        done = life.verdict()
        assert done == [], "the other one did all of it"
        assert other.engine is not None
        other.engine.send_signal(signal.SIGCONT)
        asyncio.run(until_told(other, "lease_lost"))
        assert other.engine.end(DEADLINE_S) == 0
        assert life.verdict() == []


async def until_told(rig: Rig, fact: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not told(rig, fact):
            await asyncio.sleep(0.05)


def test_a_database_that_is_restarted_again_and_again(partners: Partners, tmp_path: Path) -> None:
    with (
        PostgresServer() as server,
        rig_beside(replace(partners, server_url=server.url()), tmp_path, POSTGRESQL) as rig,
    ):
        life = Life(rig, make_sale("restarted", orders=100), partners, [()], pause_s=0.7)
        restarts = []

        async def happens() -> None:
            for _ in range(RESTARTS):
                await asyncio.sleep(RESTART_EVERY_S)
                restarts.append(len(life.sale.acknowledged))
                await asyncio.to_thread(server.restart, "immediate")

        asyncio.run(beside(life, happens))
        assert restarts == sorted(set(restarts)), "it was under load all the time"
        assert restarts[-1] < len(life.sale.order_of)
        assert rig.is_alive()
        assert life.verdict() == []
