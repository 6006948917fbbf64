"""Messages of a run: each another, each taken on by the real intake, each of its thing an effect of its own."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import pytest
from real import ROOT

from engine.contract.body import decode_body
from engine.errors import UserError
from engine.model import Status
from engine.rules.signature import verify
from engine.run.load import Loaded, load
from engine.wire.answers import Inbound
from harness.load.model import Message
from harness.load.send.messages import Messages, signing_names, verification_of
from harness.load.send.patterns import Numbering, Pattern, name_of
from harness.recordings.exchange import Exchange, Recording
from harness.world import World, run

SECRET = "a secret of these tests"
NOW = 1_793_000_000_000_000


@cache
def reference() -> Loaded:
    return load(ROOT, "local")


def hooked() -> list[str]:
    return [name for name, plan in reference().plans.items() if plan.receive.path]


def secrets() -> dict[str, str]:
    return dict.fromkeys(signing_names(reference(), hooked()), SECRET)


def messages(*integrations: str, seed: int = 3, recordings: Iterable[Recording] = (), **more: Any) -> Messages:
    return Messages(reference(), integrations, recordings, seed, secrets(), root=ROOT, **more)


def inbound(message: Message) -> Inbound:
    """The request as the engine gets it."""
    head, _, body = message.raw.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    method, target, version = first.split(" ")
    path, _, query = target.partition("?")
    headers = dict(field.split(": ", 1) for field in fields)
    assert version == "HTTP/1.1"
    assert headers["host"] == "localhost"
    assert int(headers["content-length"]) == len(body)
    return Inbound(method, path, headers, dict(parse_qsl(query)), body)


def has_effect(operation: str) -> bool:
    system, _, name = operation.partition(".")
    return reference().shape(system).operations[name].effect != "none"


@pytest.mark.parametrize("integration", hooked())
def test_what_is_made_of_the_reference_examples_is_done_each_with_effects_of_its_own(integration: str) -> None:
    plan = reference().plans[integration]
    world = World(replace(reference(), plans={integration: plan}))
    found = messages(integration)
    effects: set[tuple[str, str, str]] = set()
    for message in found.make(8):
        request = inbound(message)
        assert verify(verification_of(reference(), integration, secrets()), request.headers, request.body, NOW) or (
            plan.receive.system == "stripe"  # whose stamp is of now
        )
        before = len(world.http.calls)
        events = run(world.receive_all(plan, request))
        ended = [world.ended(event) for event in events]
        assert {each.status for each in ended} == {Status.DONE}, [each.reason for each in ended]
        assert tuple(each.id for each in ended) == message.ids
        assert tuple(each.key for each in ended) == message.keys
        if not found.lanes[0].patterns[0].is_finite:  # things that are rows of a table are told again and again
            made = [call for call in world.http.calls[before:] if has_effect(call.operation)]
            new = {(call.operation, call.url, str(call.body)) for call in made}
            assert not new & effects
            effects |= new


def test_all_ids_differ_and_keys_repeat_as_often_as_asked() -> None:
    found = list(messages("shopify-orders-to-erp", "tax-quotes", repeat=0.25).make(4000))
    ids = Counter((each.integration, one) for each in found for one in each.ids)
    keys = Counter((each.integration, one) for each in found for one in each.keys)
    assert set(ids.values()) == {1}
    assert 4000 - len(keys) == pytest.approx(1000, rel=0.15)
    assert max(keys.values()) < 15


def test_hot_keys_get_what_repeats() -> None:
    found = list(messages("shopify-orders-to-erp", repeat=0.5, hot=0.01).make(4000))
    keys = Counter(each.keys for each in found)
    told_again = [count for count in keys.values() if count > 1]
    assert len(told_again) <= 0.02 * len(keys)
    assert sum(told_again) == pytest.approx(2000, rel=0.1)


def test_without_repeats_every_key_is_another() -> None:
    found = list(messages("shopify-orders-to-erp").make(500))
    assert len({each.keys for each in found}) == 500


def test_a_later_state_is_newer_than_the_one_before() -> None:
    states: dict[str, int] = {}
    for message in messages("stock-counts", repeat=0.5).make(300):
        for item in decode_body(inbound(message).body)["counts"]:  # type: ignore[index]
            assert item["change"] > states.get(item["article"], 0)
            states[item["article"]] = item["change"]
    assert len(states) > 2  # of all rows of its table


def test_a_mix_is_kept_and_what_is_not_in_it_gets_nothing() -> None:
    mix = {"shopify-orders-to-erp": 3, "tax-quotes": 1}
    found = Counter(each.integration for each in messages(*hooked(), mix=mix).make(2000))
    assert set(found) == set(mix)
    assert found["shopify-orders-to-erp"] == pytest.approx(1500, rel=0.08)


def test_one_seed_makes_the_same_messages() -> None:
    def first(seed: int) -> list[Message]:
        return list(messages("shopify-orders-to-erp", "stripe-payments-to-ledger", seed=seed).make(50, lambda _: NOW))

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_a_stamp_is_of_when_the_message_is_due() -> None:
    verification = verification_of(reference(), "stripe-payments-to-ledger", secrets())
    for number, message in enumerate(messages("stripe-payments-to-ledger").make(3, lambda it: NOW + it * 10**9)):
        request = inbound(message)
        assert verify(verification, request.headers, request.body, NOW + number * 10**9)
        assert not verify(verification, request.headers, request.body, NOW + (number + 1) * 10**9)


def test_recorded_deliveries_are_told_anew() -> None:
    sample = inbound(next(iter(messages("tax-quotes").make(1))))
    headers = {**sample.headers, "x-checkout-delivery": "dlv-recorded-77"}
    exchange = Exchange("a.har", 1, "POST", "us.example", sample.path, headers=headers, body=sample.body)
    recording = Recording("a.har", "har", (exchange,), timed=False)
    found = [each.ids[0] for each in messages("tax-quotes", recordings=[recording]).make(3)]
    assert found == ["dlv-recorded-78", "dlv-recorded-79", "dlv-recorded-80"]


def test_who_is_not_sent_to_is_told() -> None:
    with pytest.raises(UserError, match="nobody sends to orders-to-parcels"):
        messages("orders-to-parcels")
    with pytest.raises(UserError, match="`mix` has none of tax-quotes"):
        messages("tax-quotes", mix={"shopify-orders-to-erp": 1})
    with pytest.raises(UserError, match="the secret CHECKOUT_WEBHOOK_SECRET is needed"):
        Messages(reference(), ["tax-quotes"], root=ROOT)


# ── patterns ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "number", "counted"),
    [
        (450789469, 450789470, "450789470"),
        ("NW-0007", 8, "NW-0008"),
        ("NW-0007", 123456, "NW-123456"),
        ("026-1520163-6049104", 2615201636049105, "026-1520163-6049105"),
        ("026-1520163-6049999", 2615201640000000, "026-1520164-0000000"),
        ("9-9", 100, "10-0"),
        ("drawn", 4, "drawn-4"),
        ("a1818e9d-dce6-567a-97d2-71f16ea06a65", 16**12 - 1, "a1818e9d-dce6-567a-97d2-ffffffffffff"),
        ("0" * 30 + "7", 8, "0" * 30 + "8"),
    ],
)
def test_a_name_is_counted_on_in_its_form(value: object, number: int, counted: str) -> None:
    name = name_of(value)
    assert name.counted(number) == counted
    assert name.counted(name.base).startswith(name.text)


def test_a_name_of_a_table_is_another_row_of_it() -> None:
    name = name_of("b", ("a", "b", "c"))
    assert [name.counted(name.base + count) for count in range(4)] == ["b", "c", "a", "b"]


def pattern(document: dict[str, Any], *names: tuple[Any, ...], numbering: Numbering | None = None) -> Pattern:
    whole = {"headers": {}, "query": {}, **document}
    return Pattern(whole, [(kind, value, ()) for kind, value in names], [], numbering or Numbering())


def test_a_name_is_changed_wherever_it_stands_and_nothing_else_is() -> None:
    body = {"id": 450789469, "link": 'gid://shop/Order/450789469?a="é"', "n": [450789469, True, None, 1.5], "e": {}}
    made = pattern({"body": body, "headers": {"x-id": "450789469"}}, ("thing", 450789469))
    filled, headers, _ = made.filled(made.texts(5, 1, 0))
    assert decode_body(filled) == decode_body(
        '{"id":450789474,"link":"gid://shop/Order/450789474?a=\\"é\\"","n":[450789474,true,null,1.5],"e":{}}'.encode()
    )
    assert headers == {"x-id": "450789474"}


def test_two_samples_of_one_form_never_make_one_name() -> None:
    numbering = Numbering()
    one = pattern({"body": ["A-1", "A-2"]}, ("thing", "A-1"), ("thing", "A-2"), numbering=numbering)
    other = pattern({"body": ["A-900"]}, ("thing", "A-900"), numbering=numbering)
    found = [name for count in range(1, 50) for name in one.texts(2 * count, 1, 0) + other.texts(2 * count + 1, 1, 0)]
    assert len(found) == len(set(found))
