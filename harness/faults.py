"""What goes wrong at a partner, drawn from a seed: the bad days that integrations are built for.

A request's fate hangs on the seed, on which effect is asked for and how often it was, never on the clock or on what
else happens: the same story meets the same faults however its requests interleave. This file refuses to carry one out.
"""

from hashlib import sha256

import msgspec
from msgspec import Struct

from engine.clock import SystemChance
from engine.errors import UserError
from engine.ports import Chance

DELAY_S_MAX = 600.0
BEFORE = (500, 502, 503)
AFTER = (500, 502, 504)
"""Never 503 after the commit: HTTP and the dialect take it for "not now", and a caller may send again."""
BROKEN = b'{"id": '
"""What an `invalid` answer holds: JSON that breaks off."""
SHARES = (
    "throttle",
    "error_before",
    "error_after",
    "cut_before",
    "cut_after",
    "silence_before",
    "silence_after",
    "truncated",
    "invalid",
)
"""What excludes one another for one request, by its name in `Faults`."""


class Faults(Struct, frozen=True, forbid_unknown_fields=True):
    """How often what goes wrong, as shares from 0 to 1. All but `slow` exclude one another for one request.

    `slow`: answered after `slow_least_s` to `slow_most_s` seconds, half of them before the commit and half after.
    `throttle`: 429, every second one with `Retry-After: throttle_wait_s`. `error_before`, `error_after`: 5xx before or
    after the commit. `cut_before`, `cut_after`: no answer, the connection closed or reset, before or after the commit.
    `silence_before`, `silence_after`: no answer for `silence_s`, longer than any caller should wait. After the commit,
    `truncated`: the answer breaks off; `invalid`: it says that it is JSON, and is none. Who has asked for one effect
    more than `times_max` times meets nothing worse than slowness.
    """

    slow: float = 0.0
    slow_least_s: float = 0.05
    slow_most_s: float = 0.5
    throttle: float = 0.0
    throttle_wait_s: int = 1
    error_before: float = 0.0
    error_after: float = 0.0
    cut_before: float = 0.0
    cut_after: float = 0.0
    silence_before: float = 0.0
    silence_after: float = 0.0
    silence_s: float = 60.0
    truncated: float = 0.0
    invalid: float = 0.0
    times_max: int = 1_000_000

    def __post_init__(self) -> None:
        shares = [getattr(self, name) for name in SHARES]
        if not all(0 <= share <= 1 for share in (self.slow, *shares)):
            raise ValueError("a share of requests lies from 0 to 1")
        if sum(shares) > 1:
            raise ValueError(f"the shares of {', '.join(SHARES[:-1])} and {SHARES[-1]} exceed 1")
        if not 0 <= self.slow_least_s <= self.slow_most_s <= DELAY_S_MAX:
            raise ValueError(f"slow_least_s and slow_most_s lie in this order from 0 to {DELAY_S_MAX:.0f}")
        if not 0 <= self.throttle_wait_s <= DELAY_S_MAX:
            raise ValueError(f"throttle_wait_s lies from 0 to {DELAY_S_MAX:.0f}")
        if not 0 <= self.silence_s <= DELAY_S_MAX:
            raise ValueError(f"silence_s lies from 0 to {DELAY_S_MAX:.0f}")
        if self.times_max < 0:
            raise ValueError("times_max is 0 or more")


class Fate(Struct, frozen=True):
    """What becomes of one request. `kind` is a share's name in `Faults`, or empty: it is answered as it should be.

    `status` is that of a throttle or an error, `retry_after_s` 0 for none, `reset` an RST where a close would be FIN.
    """

    kind: str = ""
    status: int = 0
    retry_after_s: int = 0
    reset: bool = False
    delay_s: float = 0.0


def parse_faults(text: str) -> Faults:
    """`slow=0.2,slow_most_s=1,cut_after=0.05` → Faults; empty text is none. Raises UserError."""
    given: dict[str, str] = {}
    for pair in filter(None, text.split(",")):
        name, equals, number = pair.partition("=")
        if not equals:
            raise UserError(f"`{pair}` is no fault: write NAME=NUMBER, separated by commas")
        name = name.strip()
        if name not in Faults.__struct_fields__:
            raise UserError(f"there is no fault `{name}`; known are {', '.join(Faults.__struct_fields__)}")
        given[name] = number.strip()
    try:
        return msgspec.convert(given, Faults, strict=False)
    except msgspec.ValidationError as error:
        raise UserError(f"faults: {error}") from None


def seeded(seed: int, *words: str) -> Chance:
    """Chance that depends on the seed and the words, and on nothing else."""
    digest = sha256("\0".join((str(seed), *words)).encode()).digest()
    return SystemChance(int.from_bytes(digest[:8]))


def draw(faults: Faults, chance: Chance, times: int) -> Fate:
    """The fate of the request that asks for something the `times`-th time, counted from 1."""
    at, detail = chance.uniform(), chance.uniform()
    delay_s = 0.0
    if chance.uniform() < faults.slow:
        delay_s = faults.slow_least_s + chance.uniform() * (faults.slow_most_s - faults.slow_least_s)
    if times > faults.times_max:
        return Fate(delay_s=delay_s)
    for kind in SHARES:
        share: float = getattr(faults, kind)
        if at < share:
            break
        at -= share
    else:
        return Fate(delay_s=delay_s)
    if kind == "throttle":
        return Fate(kind, 429, faults.throttle_wait_s if detail < 0.5 else 0, delay_s=delay_s)
    if kind in ("cut_before", "cut_after"):
        return Fate(kind, reset=detail < 0.5, delay_s=delay_s)
    statuses = {"error_before": BEFORE, "error_after": AFTER}.get(kind, (0,))
    return Fate(kind, statuses[int(detail * len(statuses))], delay_s=delay_s)
