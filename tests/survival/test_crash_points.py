"""The matrix: at every named point the engine dies by SIGKILL in the middle of a sale, and the partners' books hold.

Each store, each kind of point: one small sale of its own during which the engine dies at one point after the other, a
few sales at a time beside one another, over loopback, with partners that outlive every engine. What the books must show
is `brand.broken_promises`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from stores import STORES

from survival.brand import UNDOING, WORKSPACE, broken_promises, make_sale, not_undone
from survival.life import Life, Partners, rig_beside

pytestmark = pytest.mark.slow

AT_ONCE = 3
SIGKILLED = -9

POINTS = {
    "arrivals": {"before-accept": 12, "after-accept": 12},
    "claims": {"before-claim": 6, "after-claim": 6, "before-record": 15, "after-record": 15},
    "intents": {"before-begin": 50, "after-begin": 50},
    "sends": {"before-send": 50, "while-sent": 50, "after-send": 50},
    "starts": {"before-keep_plans": 1, "after-keep_plans": 1, "before-recover": 1, "after-recover": 1},
    "decisions": {"before-move": 2, "after-move": 2},
}
"""For each kind of point, the points and the how-manieth time of a life it dies there: each next life at the next."""
OF_UNDOING = ("before-begin", "after-begin", "before-send", "while-sent", "after-send", "before-record", "after-record")
UNDOES = "undoing"
UNDOES_TIMES = 6
LARGE = 3


Told = tuple[list[int | None], list[str]]
"""How its engines died, and the promises that were not kept."""


def live(partners: Partners, folder: Path, store: str, kind: str) -> Told:
    """One sale during which the engine dies at each point of a kind."""
    if kind == UNDOES:
        deaths = [f"die={point}:{UNDOES_TIMES}:void" for point in OF_UNDOING]
    else:
        deaths = [f"die={point}:{times}" for point, times in POINTS[kind].items()]
    sale = make_sale(f"{store}-{kind}", large=LARGE if kind == "decisions" else 0)
    with rig_beside(partners, folder, store, UNDOING if kind == UNDOES else WORKSPACE) as rig:
        starts: list[Sequence[str]] = [[death] for death in deaths]
        starts = [*([()] if kind == "starts" else []), *starts, ()]
        life = Life(rig, sale, partners, starts, not_undone if kind == UNDOES else broken_promises, suspects_go_on=True)
        if kind == "decisions":
            life.start()
            asyncio.run(life.send_and_settle())
            released(life)
        else:
            asyncio.run(killed_midway(life) if kind == "starts" else life.run())
        return life.deaths, life.verdict()


async def killed_midway(life: Life) -> None:
    async def kill() -> None:
        await life.until(0.5)
        life.rig.kill_engine()

    await asyncio.gather(life.run(), kill())


def released(life: Life) -> None:
    """A person releases the large orders, the engine dies of it, and the person releases what is still held."""
    while life.starts:
        release_large(life)
        life.revive()
    release_large(life)
    life.sale.large = 0
    asyncio.run(life.settled())


def release_large(life: Life) -> None:
    held = life.rig.events("--queue", "large-orders", "--status", "held")
    life.release([event["event"] for event in held])


@pytest.fixture(scope="module")
def lives(
    request: pytest.FixtureRequest, partners: Partners, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], "Future[Told]"]]:
    """The lives of all chosen tests, begun at once and run a few at a time."""
    chosen = [item for item in request.session.items if "lives" in getattr(item, "fixturenames", ())]
    pairs = [(one.callspec.params["store"], one.callspec.params.get("kind", UNDOES)) for one in chosen]  # type: ignore[attr-defined]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (store, kind): pool.submit(live, partners, tmp_path_factory.mktemp(kind), store, kind)
            for store, kind in pairs
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("kind", POINTS)
def test_an_engine_that_dies_there(store: str, kind: str, lives: dict[tuple[str, str], "Future[Told]"]) -> None:
    deaths, broken = lives[store, kind].result()
    assert broken == []
    assert deaths == [SIGKILLED] * (len(POINTS[kind]) + (kind == "starts")), "it did not die there"


@pytest.mark.parametrize("store", STORES)
def test_an_engine_that_dies_while_it_undoes(store: str, lives: dict[tuple[str, str], "Future[Told]"]) -> None:
    deaths, broken = lives[store, UNDOES].result()
    assert broken == []
    assert deaths == [SIGKILLED] * len(OF_UNDOING), "it did not die there"
