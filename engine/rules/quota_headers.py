"""What an answer's status and headers tell of a partner's limits.

Known are the RateLimit header fields (draft-ietf-httpapi-ratelimit-headers: `RateLimit` and `RateLimit-Policy` of 07 to
11; `RateLimit-Limit`, `-Remaining`, `-Reset` before them, which many send with an `X-`), Shopify's `X-Shopify-Shop-Api-
Call-Limit`, Amazon's `x-amzn-RateLimit-Limit`, and 429 or 503 with Retry-After. What cannot be read says nothing, and
nothing here raises. This file refuses to know what is declared, or what was told before.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from engine.rules.quota import SECOND_US, Heard
from engine.rules.retry import WISH_MAX_US, retry_after_us

AMAZON: Final = "x-amzn-ratelimit-limit"
SHOPIFY: Final = "x-shopify-shop-api-call-limit"
SHOPIFY_FILLS_IN_US: Final = 20 * SECOND_US
"""Shopify tells the size of its bucket and not how fast it leaks: 2/s of 40, 4/s of 80, 20/s of 400, always in 20 s."""
PAUSE_UNTOLD_US: Final = SECOND_US
"""After a 429 that does not say how long."""
EPOCH_S: Final = 1_000_000_000
"""A Reset above this is a date in seconds, as GitHub and Auth0 send it; below it is a span, as the drafts have it."""
HEADER_CHARACTERS_MAX: Final = 2_000
WHOLE: Final = re.compile(r"[0-9]{1,10}")
DECIMAL: Final = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6})[0-9]{0,12})?")
PAIR: Final = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
ITEM: Final = re.compile(r'(?:"[^"]*"|[^",])+')
PART: Final = re.compile(r'(?:"[^"]*"|[^";])+')

TELLING: Final = frozenset(
    (
        AMAZON,
        SHOPIFY,
        "ratelimit-policy",
        "ratelimit-limit",
        "ratelimit",
        "ratelimit-remaining",
        "x-ratelimit-remaining",
    )
)
"""Without any of these an answer tells nothing of limits; most have none."""

Item = Mapping[str, str]
"""An item of a list: its value under the empty name, and its parameters."""


def operation_alone(headers: Mapping[str, str]) -> bool:
    """Whether the limits told are those of the operation called: Amazon's are; all others are the account's."""
    return AMAZON in headers


def hear(status: int, headers: Mapping[str, str], now: int) -> Heard | None:
    """What an answer tells of its partner's limits, None: nothing. Names of headers are in lower case."""
    if status not in (429, 503) and TELLING.isdisjoint(headers):
        return None
    pause_us = pause(status, headers, now)
    rate, per_us, burst, concurrency = rate_told(headers)
    used = PAIR.fullmatch(headers.get(SHOPIFY, "").strip())
    tokens = 0 if status == 429 else None
    if used and (size := int(used[2])) > 0:
        rate, per_us, burst = size, SHOPIFY_FILLS_IN_US, size
        tokens = max(0, size - int(used[1])) if tokens is None else tokens
    left, left_us = left_told(headers, now)
    if pause_us:  # it has the last word on how long
        left, left_us = 0, 0
    if status == 429 and not pause_us and left_us and not left:
        pause_us = min(left_us, WISH_MAX_US)
    elif status == 429 and not pause_us:
        pause_us = PAUSE_UNTOLD_US
    heard = Heard(pause_us, rate, per_us, burst, concurrency, left, left_us, tokens)
    return None if heard == Heard() else heard


def pause(status: int, headers: Mapping[str, str], now: int) -> int:
    """What a Retry-After asks for, where the status is one that says `not now`; at most an hour."""
    if status not in (429, 503) or "retry-after" not in headers:
        return 0
    return min(retry_after_us(headers["retry-after"][:HEADER_CHARACTERS_MAX], now) or 0, WISH_MAX_US)


def rate_told(headers: Mapping[str, str]) -> tuple[int, int, int, int]:
    """(calls, in microseconds, burst, concurrency). Of several windows the shortest is the pace to keep; the longer
    ones tell what is left of them."""
    concurrency = 0
    paces: list[tuple[int, int]] = []
    for item in (*items(headers, "ratelimit-policy"), *items(headers, "ratelimit-limit")):
        quota, window = whole(item.get("q", item[""])), whole(item.get("w", ""))
        unit = item.get("qu", "requests").strip('"')
        if quota and unit == "concurrent-requests":
            concurrency = min(concurrency or quota, quota)
        elif quota and window and unit == "requests":
            paces.append((window, quota))
    if paces:
        window, quota = min(paces)
        return quota, window * SECOND_US, quota, concurrency
    amazon = DECIMAL.fullmatch(headers.get(AMAZON, "").strip())
    if amazon:
        fraction = amazon[2] or ""
        rate = int(amazon[1] + fraction)
        return rate, 10 ** len(fraction) * SECOND_US if rate else SECOND_US, 0, concurrency
    return 0, SECOND_US, 0, concurrency


def left_told(headers: Mapping[str, str], now: int) -> tuple[int, int]:
    """(calls left, in the next microseconds); of several windows the one with fewest left, of these the longest."""
    other_units = {
        item[""] for item in items(headers, "ratelimit-policy") if item.get("qu", '"requests"') != '"requests"'
    }
    listed = list(items(headers, "ratelimit"))
    found: list[tuple[int, int]] = []
    for item in listed:
        left, window = whole(item.get("r", "")), whole(item.get("t", ""))
        if left is not None and window and item[""] not in other_units:
            found.append((left, window * SECOND_US))
    # Draft 07 has one dictionary where later ones have a list.
    pairs = dict(item[""].split("=", 1) for item in listed if "=" in item[""])
    found += remaining(pairs.get("remaining", ""), pairs.get("reset", ""), now)
    for prefix in ("", "x-"):
        left_text = headers.get(f"{prefix}ratelimit-remaining", "")
        found += remaining(left_text, headers.get(f"{prefix}ratelimit-reset", ""), now)
    return min(found, key=lambda window: (window[0], -window[1]), default=(0, 0))


def remaining(left: str, reset: str, now: int) -> list[tuple[int, int]]:
    """What a pair of numbers tells of a window; nothing where one is none, or the window is over."""
    calls, seconds = whole(left), whole(reset)
    if calls is None or seconds is None:
        return []
    span_us = seconds * SECOND_US - (now if seconds > EPOCH_S else 0)
    return [(calls, span_us)] if span_us > 0 else []


def items(headers: Mapping[str, str], name: str) -> Iterator[Item]:
    """The items of a structured list. A parameter without a value, which some send, is left out."""
    text = headers.get(name, "")
    for item in ITEM.findall(text) if len(text) <= HEADER_CHARACTERS_MAX else ():
        value, *parameters = [part.strip() for part in PART.findall(item)] or [""]
        yield {**dict(one.split("=", 1) for one in parameters if "=" in one), "": value}


def whole(text: str) -> int | None:
    """A whole number of a reasonable size."""
    found = WHOLE.fullmatch(text.strip())
    return int(found[0]) if found else None
