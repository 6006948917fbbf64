"""Workspaces and scenarios for the tests of simulated runs: one shop, one ERP, orders."""

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from blackbox.rig import FILES, order_body

from engine.run.load import Loaded, load
from engine.wire.answers import Inbound
from harness.simulation.scenario import Fault, Run, Scenario, Sending, simulate

SECOND = 1_000_000
ERP = "charter/systems/erp.yaml"
SPEC = "specs/shop-orders.yaml"


def files(*changes: tuple[str, str, str]) -> tuple[tuple[str, str], ...]:
    """The shop's workspace with texts replaced: (file, what, by what); each must be there."""
    changed = dict(FILES)
    for path, old, new in changes:
        assert old in changed[path], f"{old!r} is not in {path}"
        changed[path] = changed[path].replace(old, new)
    return tuple(changed.items())


@lru_cache
def loaded_from(contents: tuple[tuple[str, str], ...]) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:
        for path, text in contents:
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.lstrip())
        return load(Path(folder), "local")


def shop(*changes: tuple[str, str, str]) -> Loaded:
    return loaded_from(files(*changes))


DOUBLES = (
    (ERP, "effect: idempotent", "effect: verifiable"),
    (ERP, "idempotency: {header: Idempotency-Key, valid_for: 24h}\n", ""),
)
"""An ERP in which every order that is sent again is another order."""


def order(number: int, at_us: int = 0, *, event: str = "", customer: str = "c", **more: Any) -> Sending:
    headers = {"x-shop-event": event or f"e{number}"}
    body = order_body(str(number), customer, number, **more)
    return Sending(at_us, "shop-orders", Inbound("POST", "", headers, {}, body), f"order {number}")


def play(*sendings: Sending, of: Loaded | None = None, seed: int = 1, **more: Any) -> Run:
    return simulate(of or shop(), Scenario(seed=seed, sendings=sendings, **more))


def erp(kind: str, nth: int = 0, seconds: float = 0.0, operation: str = "create_order", identity: str = "") -> Fault:
    return Fault(kind, "erp", operation, nth, seconds, identity)


def statuses(run: Run) -> list[str]:
    return [row.status.value for row in run.events]


def booked(run: Run) -> list[str]:
    """The identities of the effects that stand."""
    return [effect.identity for effect in run.effects if effect.struck_at_us is None]


def told(run: Run, *kinds: str) -> list[str]:
    """The story, as far as it is of these kinds."""
    return [f"{moment.kind} {moment.detail}".strip() for moment in run.moments if moment.kind in kinds]
