"""How long things go on: a sender's redeliveries, and our own sends of one call. Sums in microseconds.

Only upper bounds: a wait is drawn from nothing to its bound (full jitter), and a window must outlast the longest.
"""

from dataclasses import dataclass

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
        272_105_000_000,
        "for 75 hours and 35 minutes, if it keeps the schedule of Standard Webhooks",
        "Standard Webhooks 1.0, deliverability and reliability",
    ),
}
"""By signature scheme. Who sends with plain `hmac-sha256` is not known here, so a published standard is the measure."""


def begins_us(system: shape.System, send: int) -> int:
    """When a send of one call (1, 2, …) begins at the latest, in microseconds after the first began."""
    retry = system.retry
    waits, bound, waited = send - 1, retry.first.microseconds, 0
    while waits and retry.factor > 1 and 0 < bound < retry.cap.microseconds:
        waited += bound
        bound *= retry.factor
        waits -= 1
    # From here on the bound stays as it is, so that a million attempts cost no more to add up than ten.
    waited += waits * min(bound, retry.cap.microseconds)
    return waited + (send - 1) * system.timeout.microseconds


def first_send_after(system: shape.System, after_us: int) -> int | None:
    """The first send of a call that may begin later than so long after the first; None where none does."""
    low, high = 1, system.retry.attempts_max
    if begins_us(system, high) <= after_us:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if begins_us(system, middle) > after_us else (middle + 1, high)
    return low


def ladder_us(system: shape.System) -> int:
    """The longest time from the first send of a call to the end of its last: timeouts and waits."""
    return begins_us(system, system.retry.attempts_max) + system.timeout.microseconds


def span(microseconds: int) -> str:
    """A span as people write it, rounded up to its second unit: `4h`, `3d 2h`, `90s` as `1m 30s`."""
    seconds = -(-microseconds // 1_000_000)
    for unit, below, size in (("d", "h", 86_400), ("h", "m", 3_600), ("m", "s", 60)):
        if seconds >= size:
            smaller = {"h": 3_600, "m": 60, "s": 1}[below]
            whole, rest = divmod(-(-seconds // smaller) * smaller, size)
            return f"{whole}{unit}" + (f" {rest // smaller}{below}" if rest else "")
    return f"{seconds}s"


def rate_text(rate: shape.Rate) -> str:
    """A rate as it was written, or else in the first unit in which it is a whole number, or more than one."""
    second_us = 1_000_000
    units = {"s": second_us, "min": 60 * second_us, "h": 3_600 * second_us, "d": 86_400 * second_us}
    written = (unit for unit, span_us in units.items() if span_us == rate.microseconds)
    whole = (unit for unit, span_us in units.items() if rate.times * span_us % rate.microseconds == 0)
    more = (unit for unit, span_us in units.items() if rate.times * span_us >= rate.microseconds)
    unit = next(written, None) or next(whole, None) or next(more, "d")
    return f"{rate.times * units[unit] / rate.microseconds:g}/{unit}"
