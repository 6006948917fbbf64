"""The matrix: at every named point the engine dies by SIGKILL in the middle of a sale, and the partners' books hold.

Each store, each point: one small sale of its own, a few at a time beside one another, over loopback, with partners that
outlive every engine. What the books must show is `brand.broken_promises`.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from survival.brand import make_sale
from survival.life import STORES, Life, Partners, rig_beside

pytestmark = pytest.mark.slow

AT_ONCE = 3
SIGKILLED = -9

TIMES = {
    "before-accept": 30,
    "after-accept": 30,
    "before-claim": 12,
    "after-claim": 12,
    "before-begin": 90,
    "after-begin": 90,
    "before-send": 90,
    "while-sent": 90,
    "after-send": 90,
    "before-record": 25,
    "after-record": 25,
}
"""Points of an engine at work, and the how-manieth time it dies there: in the middle of the sale."""
AT_START = {"before-keep_plans": 1, "after-keep_plans": 1, "before-recover": 1, "after-recover": 1}
"""Points of a start: an engine that was killed in the middle of the sale dies there a second time."""
OF_PEOPLE = {"before-move": 2, "after-move": 2}
"""Points of a person's command: three large orders are released at once, and the engine dies at the second."""
POINTS = {**TIMES, **AT_START, **OF_PEOPLE}
LARGE = 3


Told = tuple[list[int | None], list[str]]
"""How its engines died, and the promises that were not kept."""


def live(partners: Partners, folder: Path, store: str, point: str) -> Told:
    """One sale during which the engine dies at the point."""
    death = (f"die={point}:{POINTS[point]}",)
    sale = make_sale(f"{store}-{point}", large=LARGE if point in OF_PEOPLE else 0)
    with rig_beside(partners, folder, store) as rig:
        life = Life(rig, sale, partners, starts=[(), death, ()] if point in AT_START else [death, ()])
        if point in OF_PEOPLE:
            life.start()
            asyncio.run(life.send_and_settle())
            released(life)
        else:
            asyncio.run(killed_midway(life) if point in AT_START else life.run())
        return life.deaths, life.verdict()


async def killed_midway(life: Life) -> None:
    async def kill() -> None:
        await life.until(0.5)
        life.rig.kill_engine()

    await asyncio.gather(life.run(), kill())


def released(life: Life) -> None:
    """A person releases the large orders, the engine dies of it, and the person releases what is still held."""
    for died in (True, False):
        held = life.rig.events("--queue", "large-orders", "--status", "held")
        life.release([event["event"] for event in held])
        if died:
            life.revive()
    life.sale.large = 0
    asyncio.run(life.settled())


@pytest.fixture(scope="module")
def lives(
    request: pytest.FixtureRequest, partners: Partners, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], "Future[Told]"]]:
    """The lives of all chosen tests, begun at once and run a few at a time."""
    chosen = [item.callspec.params for item in request.session.items if "lives" in getattr(item, "fixturenames", ())]  # type: ignore[attr-defined]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (one["store"], one["point"]): pool.submit(
                live, partners, tmp_path_factory.mktemp(one["point"]), one["store"], one["point"]
            )
            for one in chosen
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("store", STORES)
def test_an_engine_that_dies_there(store: str, point: str, lives: dict[tuple[str, str], "Future[Told]"]) -> None:
    deaths, broken = lives[store, point].result()
    assert broken == []
    assert deaths == [SIGKILLED] * (2 if point in AT_START else 1), "it did not die there"
