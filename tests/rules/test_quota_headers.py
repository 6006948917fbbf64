"""What answers tell of limits: each partner's way to say it, and that nonsense says nothing."""

import json
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from real import real_data

from engine.rules.quota import Bucket, Heard, decode_heard, encode, learn
from engine.rules.quota_headers import hear, operation_alone
from engine.rules.retry import WISH_MAX_US
from engine.spec.yaml import compose, plain

S = 1_000_000
NOW = 1_700_000_000 * S
HOUR = 3_600 * S

TOLD: list[Any] = [
    pytest.param({"ratelimit": '"default";r=50;t=30'}, Heard(left=50, left_us=30 * S), id="draft 08: what is left"),
    pytest.param(
        {"ratelimit-policy": '"burst";q=100;w=60,"daily";q=1000;w=86400'},
        Heard(rate=100, per_us=60 * S, burst=100),
        id="draft 08: the shortest of several windows is the pace",
    ),
    pytest.param(
        {"ratelimit": '"burst";r=8;t=1, "daily";r=4;t=69076'},
        Heard(left=4, left_us=69_076 * S),
        id="draft 08: the window with fewest left",
    ),
    pytest.param(
        {"ratelimit-policy": '"a;b, c";q=10;w=1;pk=:cHsdsRa894==:'},
        Heard(rate=10, per_us=S, burst=10),
        id="draft 08: names may hold commas and semicolons, partition keys equal signs",
    ),
    pytest.param(
        {"ratelimit-policy": '"volume";q=65535;qu="content-bytes";w=10', "ratelimit": '"volume";r=12;t=10'},
        None,
        id="draft 08: bytes are no calls",
    ),
    pytest.param(
        {"ratelimit-policy": '"now";q=4;qu="concurrent-requests"'}, Heard(concurrency=4), id="draft 11: at a time"
    ),
    pytest.param(
        {"ratelimit-policy": '"fixed window";"resolvers";q=3000;w=300', "ratelimit": '"resolvers";r=0;t=52'},
        Heard(rate=3000, per_us=300 * S, burst=3000, left=0, left_us=52 * S),
        id="as a large hub sends it: a parameter that is none",
    ),
    pytest.param(
        {"ratelimit": "limit=100, remaining=50, reset=5", "ratelimit-policy": "100;w=10"},
        Heard(rate=100, per_us=10 * S, burst=100, left=50, left_us=5 * S),
        id="draft 07: a dictionary",
    ),
    pytest.param(
        {"ratelimit-limit": "10, 10;w=1;burst=1000, 1000;w=3600", "ratelimit-remaining": "9", "ratelimit-reset": "1"},
        Heard(rate=10, per_us=S, burst=10, left=9, left_us=S),
        id="draft 06: three fields",
    ),
    pytest.param(
        {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000090"},
        Heard(left=0, left_us=90 * S),
        id="X-RateLimit: reset as a date",
    ),
    pytest.param(
        {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "1600000000"}, None, id="X-RateLimit: a window long over"
    ),
    pytest.param({"ratelimit-limit": "100"}, None, id="a limit without a window says nothing"),
    pytest.param(
        {"x-shopify-shop-api-call-limit": "32/40"},
        Heard(rate=40, per_us=20 * S, burst=40, tokens=8),
        id="Shopify: 32 of 40 used",
    ),
    pytest.param(
        {"x-shopify-shop-api-call-limit": "401/400"},
        Heard(rate=400, per_us=20 * S, burst=400, tokens=0),
        id="Shopify: overfull",
    ),
    pytest.param({"x-amzn-ratelimit-limit": "0.5"}, Heard(rate=5, per_us=10 * S), id="Amazon: one in two seconds"),
    pytest.param({"x-amzn-ratelimit-limit": "5"}, Heard(rate=5, per_us=S), id="Amazon: whole"),
    pytest.param({"x-amzn-ratelimit-limit": "0.016700000000"}, Heard(rate=16_700, per_us=S * S), id="Amazon: long"),
    pytest.param({"x-amzn-ratelimit-limit": "0.0"}, None, id="Amazon: nothing at all is no rate"),
    pytest.param({"retry-after": "30"}, None, id="a 200 that says when to come back is no refusal"),
    pytest.param({"content-type": "application/json"}, None, id="nothing"),
]


@pytest.mark.parametrize(("headers", "expected"), TOLD)
def test_each_way_to_tell_a_limit(headers: dict[str, str], expected: Heard | None) -> None:
    assert hear(200, headers, NOW) == expected


REFUSED: list[Any] = [
    pytest.param(429, {"retry-after": "30"}, Heard(pause_us=30 * S, tokens=0), id="429 in seconds"),
    pytest.param(
        429, {"retry-after": "Tue, 14 Nov 2023 22:14:20 GMT"}, Heard(pause_us=60 * S, tokens=0), id="429 with a date"
    ),
    pytest.param(429, {"retry-after": "1.25"}, Heard(pause_us=2 * S, tokens=0), id="a part of a second is rounded up"),
    pytest.param(503, {"retry-after": "30"}, Heard(pause_us=30 * S), id="503 in seconds"),
    pytest.param(503, {}, None, id="503 alone is the breaker's"),
    pytest.param(429, {}, Heard(pause_us=S, tokens=0), id="429 alone: a second"),
    pytest.param(429, {"retry-after": "soon"}, Heard(pause_us=S, tokens=0), id="429, and nonsense: a second"),
    pytest.param(429, {"retry-after": "999999999"}, Heard(pause_us=HOUR, tokens=0), id="at most an hour"),
    pytest.param(
        429, {"ratelimit": '"x";r=0;t=7'}, Heard(pause_us=7 * S, left_us=7 * S, tokens=0), id="429 with a window"
    ),
    pytest.param(
        429,
        {"ratelimit": '"x";r=0;t=7', "retry-after": "3"},
        Heard(pause_us=3 * S, tokens=0),
        id="Retry-After has the last word",
    ),
    pytest.param(
        429,
        {"x-shopify-shop-api-call-limit": "39/40", "retry-after": "2.0"},
        Heard(pause_us=2 * S, rate=40, per_us=20 * S, burst=40, tokens=0),
        id="Shopify's 429: seconds with a point",
    ),
]


@pytest.mark.parametrize(("status", "headers", "expected"), REFUSED)
def test_a_refusal_pauses(status: int, headers: dict[str, str], expected: Heard | None) -> None:
    assert hear(status, headers, NOW) == expected


def test_amazon_s_limits_are_the_operation_s() -> None:
    assert operation_alone({"x-amzn-ratelimit-limit": "0.5"})
    assert not operation_alone({"x-shopify-shop-api-call-limit": "1/40"})


NAMES = [
    *(
        f"{prefix}ratelimit{part}"
        for prefix in ("", "x-")
        for part in ("", "-policy", "-limit", "-remaining", "-reset")
    ),
    "x-shopify-shop-api-call-limit",
    "x-amzn-ratelimit-limit",
    "retry-after",
]
ANY_TEXT = st.text(st.characters(max_codepoint=0x6FF), max_size=60)
NONSENSE = st.one_of(
    ANY_TEXT,
    st.text('"";=,:/.0123456789rqwt -+e', max_size=60),
    st.sampled_from(["9" * 5000, "-1", "1e5", "NaN", ";", '"', ",,,;;;", "=;=", "٣", "1/0", "0/0", "0.0000001"]),
    st.builds(lambda n, w: f'"x";q={n};w={w};r={n};t={w}', st.integers(-1, 10**20), st.integers(-1, 10**20)),
    st.builds("{} {} {} {}".format, st.integers(), ANY_TEXT, st.integers(), st.sampled_from(["+9999999"])),
)


@given(st.sampled_from([200, 404, 429, 503]), st.dictionaries(st.sampled_from(NAMES), NONSENSE, max_size=5))
@example(429, {"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"})
@example(429, {"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"})
@example(429, {"ratelimit": "0;r=0;t=3601"})
def test_whatever_headers_hold_a_bucket_can_learn_it(status: int, headers: dict[str, str]) -> None:
    heard = hear(status, headers, NOW)
    if heard is None:
        assert status != 429
        return
    assert decode_heard(encode(heard)) == heard
    assert 0 <= heard.pause_us <= WISH_MAX_US
    assert encode(learn(Bucket(), heard, NOW))


@given(NONSENSE)
def test_nonsense_in_a_rate_changes_nothing_or_is_a_rate(text: str) -> None:
    heard = hear(200, {"x-amzn-ratelimit-limit": text}, NOW)
    assert heard is None or (heard.rate > 0 and re.fullmatch(r"\s*[0-9.]+\s*", text))


# ── recorded answers ─────────────────────────────────────────────────────────────────────────────────────────────────


def recorded_answers() -> Iterator[tuple[str, dict[str, str]]]:
    """(when it was answered, its headers) of recorded calls that told a limit."""
    for path in sorted((real_data() / "traffic" / "saleor-http-cassettes").rglob("*.yaml")):
        if b"X-RateLimit-Remaining:" not in path.read_bytes():
            continue
        node, _ = compose(path.read_bytes(), path.name)
        assert node is not None
        cassette: Any = plain(node)
        for call in cassette["interactions"]:
            headers = {name.lower(): ", ".join(values) for name, values in call["response"]["headers"].items()}
            if "x-ratelimit-remaining" in headers:
                yield headers["date"], headers


@pytest.mark.real
def test_recorded_limits_are_read() -> None:
    answers = list(recorded_answers())
    assert len(answers) == 9
    told = []
    for date, headers in answers:
        now = int(parsedate_to_datetime(date).timestamp()) * S
        reset = int(headers["x-ratelimit-reset"]) * S - now
        heard = hear(200, headers, now)
        # Some were answered from a cache, hours after their window was over.
        assert heard == (Heard(left=int(headers["x-ratelimit-remaining"]), left_us=reset) if reset > 0 else None)
        told.append(heard)
    assert any(told)


@pytest.mark.real
def test_amazon_s_documented_rates_are_read_exactly() -> None:
    folder = real_data() / "traffic" / "amazon-spapi" / "models"
    rates = {
        rate
        for path in sorted(folder.rglob("*.json"))
        for rate in re.findall(
            r"-+ \| -+ ?\|\s*\| ([0-9.]+) \| \d+ \|", json.dumps(json.loads(path.read_text())).replace("\\n", "\n")
        )
    }
    assert len(rates) > 5
    for text in rates:
        heard = hear(200, {"x-amzn-ratelimit-limit": text}, NOW)
        assert heard is not None
        assert heard.rate * S == pytest.approx(float(text) * heard.per_us)
