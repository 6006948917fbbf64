"""How long things go on: a sender's redeliveries, and our own sends of one call. Sums in microseconds, for the rules of time.

Only upper bounds: a wait is drawn from nothing to its bound (full jitter), and what a window must outlast is the longest.
"""

from dataclasses import dataclass
from itertools import accumulate

from engine.spec import shape

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Redelivery:
    """How long a sender repeats one event, in its own words and where it says so."""

    lasts_us: int
    words: str
    source: str


REDELIVERIES = {
    "shopify": Redelivery(
        4 * HOUR_US, "8 times over 4 hours", "shopify.dev/changelog/updates-to-webhook-retry-mechanism, 2024-09-10"
    ),
    "stripe": Redelivery(72 * HOUR_US, "for up to 3 days", "docs.stripe.com/webhooks, automatic retries"),
    "hmac-sha256": Redelivery(
        75 * HOUR_US,
        "for 75 hours, where the sender keeps the Standard Webhooks schedule",
        "standardwebhooks.com, specification 1.0, deliverability",
    ),
}
"""By signature scheme. Who sends with plain `hmac-sha256` is not known here, so it is measured by the published standard."""


def sends_us(system: shape.System) -> list[int]:
    """When each send of one call begins at the latest, microseconds after the first: [0, …], one for each attempt."""
    retry = system.retry
    waits: list[int] = []
    bound = retry.first.microseconds
    for _ in range(min(retry.attempts_max, ATTEMPTS_SUMMED_MAX) - 1):
        waits.append(min(bound, retry.cap.microseconds) + system.timeout.microseconds)
        bound = min(bound * retry.factor, retry.cap.microseconds)
    return list(accumulate(waits, initial=0))


ATTEMPTS_SUMMED_MAX = 100_000
"""More attempts than these are not added up one by one; by then every window here has long passed."""


def ladder_us(system: shape.System) -> int:
    """The longest time from the first send of a call to the end of its last: timeouts and waits."""
    return sends_us(system)[-1] + system.timeout.microseconds


def span(microseconds: int) -> str:
    """A span as people write it, rounded up to its second unit: `4h`, `3d 2h`, `90s` as `1m 30s`."""
    seconds = -(-microseconds // 1_000_000)
    for unit, below, size in (("d", "h", 86_400), ("h", "m", 3_600), ("m", "s", 60)):
        if seconds >= size:
            smaller = {"h": 3_600, "m": 60, "s": 1}[below]
            whole, rest = divmod(-(-seconds // smaller) * smaller, size)
            return f"{whole}{unit}" + (f" {rest // smaller}{below}" if rest else "")
    return f"{seconds}s"
