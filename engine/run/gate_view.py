"""Gates as people and metrics see them: from their rows and what systems' files declare, without asking an engine."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.rules.breaker import State
from engine.rules.quota import UNLIMITED, Bucket, Quota, available, decode, enter, limits, silent_us
from engine.run.live import LiveSystem
from engine.store import GateRow

NOTHING: Final[Mapping[str, Quota]] = {}


class GateView(Struct, frozen=True):
    """One gate. `state` is what its breaker says, `forced` what a person wants instead; `since` when it came to this
    state (0: it has always been so). `tokens` of `burst` may go at once (None: no rate); the partner asked for silence
    until `paused_until` (0: it did not). `parked` events wait here."""

    gate: str
    state: str = State.CLOSED.value
    forced: str = ""
    since: int = 0
    until: int = 0
    reason: str = ""
    tokens: int | None = None
    burst: int | None = None
    paused_until: int = 0
    parked: int = 0


def view(rows: Iterable[GateRow], systems: Mapping[str, LiveSystem], now: int) -> list[GateView]:
    """Every system and every gate there is something to tell of, by name."""
    kept = {row.gate: row for row in rows}
    quotas = {gate: quota for system in systems.values() for gate, quota in system.quotas.items()}
    return [
        view_one(kept.get(gate, GateRow(gate)), quotas.get(gate), now) for gate in sorted({*kept, *systems, *quotas})
    ]


def view_one(row: GateRow, quota: Quota | None, now: int) -> GateView:
    bucket = enter(decode(row.quota), now)
    tokens, burst = tokens_of(bucket, quota or Quota(row.gate), now)
    # An engine says that it probes when it does; where none runs, time alone has brought it there.
    over = row.state == State.OPEN and row.until <= now
    return GateView(
        gate=row.gate,
        state=State.HALF_OPEN.value if over else row.state,
        forced=row.forced,
        since=row.until if over else row.at,
        until=0 if over else row.until,
        reason=row.reason,
        tokens=tokens,
        burst=burst,
        paused_until=paused_until(bucket, now),
        parked=row.parked,
    )


def tokens_of(bucket: Bucket, quota: Quota, now: int) -> tuple[int | None, int | None]:
    """(how many calls may begin at once, of how many); None where no rate says so. Only engines know what is under way,
    so concurrency is left out."""
    heard = bucket.heard and replace(bucket.heard, concurrency=0)
    bucket, quota = replace(bucket, heard=heard), replace(quota, concurrency=0)
    tokens = available(bucket, quota, now)
    return (None, None) if tokens >= UNLIMITED else (tokens, limits(bucket, quota, max(bucket.at, now)).burst or None)


def paused_until(bucket: Bucket, now: int) -> int:
    wait = silent_us(bucket, now)
    return now + wait if wait else 0
