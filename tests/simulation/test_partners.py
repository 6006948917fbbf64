"""Partners in virtual time: each fault does to the caller and to the book what it says, and is counted where it fires."""

import pytest
from acting import DOUBLES, ERP, SECOND, SPEC, booked, erp, order, play, shop, statuses, told

from harness.partner import Partner, PartnerAnswer, Received
from harness.simulation.partners import SimPartner, half_of
from harness.simulation.scenario import CALL_FAULTS, Limit, Run, Scenario, simulate

VERIFIABLE = shop(*DOUBLES)


def outcome(run: Run, nth: int = 0) -> tuple[str, int, str, bool]:
    """What the engine was told of a call, and whether it wrote a row."""
    call = run.calls[nth]
    return call.sent, call.status, call.failure, call.booked


FAULTS = {
    "refuse": ("not_sent", 0, "connect", False),
    "dns": ("not_sent", 0, "dns", False),
    "throttle": ("answered", 429, "", False),
    "expired": ("answered", 401, "", False),
    "decline": ("answered", 400, "", False),
    "error_before": ("answered", 500, "", False),
    "error_after": ("answered", 500, "", True),
    "cut_before": ("unknown", 0, "lost", False),
    "cut_after": ("unknown", 0, "lost", True),
    "silence_before": ("unknown", 0, "timeout_after", False),
    "silence_after": ("unknown", 0, "timeout_after", True),
    "truncated": ("unknown", 0, "lost", True),
    "invalid": ("answered", 201, "malformed", True),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_told_as_the_wire_tells_it_and_booked_as_the_partner_does(kind: str) -> None:
    run = play(order(1), faults=(erp(kind),), of=VERIFIABLE)
    sent, status, failure, was_booked = outcome(run)
    expected = FAULTS[kind]
    assert (sent, failure, was_booked) == (expected[0], expected[2], expected[3])
    assert status == expected[1] or (kind.startswith("error") and status in (500, 502, 503, 504))
    assert run.calls[0].fault == kind
    assert run.fired == {kind: 1}
    assert told(run, "fault") == [f"fault {kind}"]
    # The partner doubles what is sent again; the engine asks before it does, and all but its no end well.
    declined = kind == "decline"
    assert statuses(run) == (["dead"] if declined else ["done"])
    assert booked(run) == ([] if declined else ["shop-1"])


def test_every_fault_is_tested() -> None:
    assert {*FAULTS, "slow", "partial"} == set(CALL_FAULTS)


def test_an_answer_lost_after_the_commit_is_looked_up_and_not_sent_again() -> None:
    run = play(order(1), faults=(erp("silence_after"),), of=VERIFIABLE)
    assert [call.operation for call in run.calls] == ["create_order", "find_order"]
    assert booked(run) == ["shop-1"]


def test_where_it_is_sent_again_though_nobody_knows_the_partner_holds_two() -> None:
    again = shop(*DOUBLES, (SPEC, "on_unknown: lookup", "on_unknown: retry"))
    run = play(order(1), faults=(erp("cut_after"),), of=again)
    assert booked(run) == ["shop-1", "shop-1"]
    assert [effect.label for effect in run.effects] == ["order 1", "order 1"]
    assert [effect.step for effect in run.effects] == ["erp", "erp"]


def test_slow_is_an_answer_later_half_before_and_half_after_the_commit() -> None:
    run = play(order(1), faults=(erp("slow", seconds=1.0),), of=VERIFIABLE)
    (call,), (effect,) = run.calls, run.effects
    assert 1_000_000 < call.took_us < 1_200_000
    assert 500_000 < effect.at_us - call.at_us < 600_000


def test_what_was_given_up_on_is_booked_all_the_same() -> None:
    run = play(order(1), faults=(erp("slow", seconds=10.0),), of=VERIFIABLE)
    assert outcome(run) == ("unknown", 0, "timeout_after", True)
    # The look-up came before the slow order was booked: it cannot know of what is still on its way, and says so to none.
    assert [call.operation for call in run.calls] == ["create_order", "find_order", "create_order"]
    assert booked(run) == ["shop-1", "shop-1"]


def test_a_throttle_says_when_to_come_again_or_does_not() -> None:
    waited = play(order(1), faults=(erp("throttle", seconds=7.0),))
    assert waited.calls[1].at_us - waited.calls[0].at_us > 7 * SECOND
    unsaid = play(order(1), faults=(erp("throttle"),))
    assert unsaid.calls[1].at_us - unsaid.calls[0].at_us < 2 * SECOND


def test_an_expired_credential_is_refused_until_it_is_good_again() -> None:
    renewed = play(order(1), order(2, SECOND), faults=(erp("expired"),))
    assert [call.status for call in renewed.calls] == [401, 201, 201]
    later = play(order(1), order(2, 20 * SECOND), faults=(erp("expired", seconds=10.0),))
    assert statuses(later) == ["dead", "done"]  # the first one met it twice, as the engine asks
    assert later.fired == {"expired": 3}


def test_the_nth_call_meets_a_fault_or_the_nth_of_an_identity() -> None:
    orders = [order(number, number * SECOND) for number in range(4)]
    run = play(*orders, faults=(erp("refuse", 2),))
    assert [call.fault for call in run.calls] == ["", "", "refuse", "", ""]
    run = play(*orders, faults=(erp("refuse", 0, identity="shop-3"),))
    assert [call.identity for call in run.calls if call.fault] == ["shop-3"]


def test_a_fault_that_never_fired_is_told_with_nought() -> None:
    run = play(order(1), faults=(erp("refuse", 9), erp("dns", operation="find_order")))
    assert run.fired == {"refuse": 0, "dns": 0}


def test_a_fault_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault `explode`; there are refuse, dns"):
        play(order(1), faults=(erp("explode"),))


def test_a_part_of_a_batch_is_taken_and_answered_for() -> None:
    lines = shop(
        (ERP, "merge(input, {external_id: once})", "merge(input, {external_id: once, lines: [`1`, `2`, `3`]})")
    )
    assert play(order(1), of=lines).effects[0].fields["lines"] == [1, 2, 3]  # type: ignore[index]
    run = play(order(1), of=lines, faults=(erp("partial"),))
    assert run.effects[0].fields["lines"] == [1]  # type: ignore[index]
    assert (statuses(run), run.fired) == (["done"], {"partial": 1})
    assert play(order(1), faults=(erp("partial"),)).fired == {"partial": 0}  # there is nothing to take a part of


@pytest.mark.parametrize(
    ("body", "half"),
    [
        ([1, 2, 3], [1]),
        ({"a": [1, 2], "b": {"c": [1, 2, 3, 4]}}, {"a": [1, 2], "b": {"c": [1, 2]}}),
        ({"a": [1]}, None),
        ({}, None),
        (None, None),
        ("text", None),
    ],
)
def test_half_of_a_batch_is_half_of_its_longest_list(body: object, half: object) -> None:
    assert half_of(body) == half


def test_once_healed_nothing_fails() -> None:
    faults = tuple(erp("cut_before", nth) for nth in range(100))
    sick = play(order(1), faults=faults, until_s=3_600)
    assert statuses(sick) != ["done"]
    healed = play(order(1), faults=faults, heal_at_us=SECOND // 2)
    assert statuses(healed) == ["done"]
    assert max(moment.at_us for moment in healed.moments if moment.kind == "fault") <= SECOND // 2
    assert told(healed, "heal") == ["heal"]


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_idempotency_key_makes_a_repeat_one_effect() -> None:
    run = play(order(1), faults=(erp("cut_after"),), of=shop((SPEC, "on_unknown: lookup", "on_unknown: retry")))
    assert [call.status for call in run.calls] == [0, 201]
    assert booked(run) == ["shop-1"]


def test_a_partner_forgets_a_key_after_its_time() -> None:
    loaded = shop((ERP, "valid_for: 24h", "valid_for: 1m"))
    partner = SimPartner(Partner(loaded.shape("erp"), loaded.resources), loaded.shape("erp"), ())
    asked = Received("POST", ["sales-orders"], {}, {"idempotency-key": "k"}, {"external_id": "shop-1"})
    assert [partner.answer(asked, now_s).booked for now_s in (0.0, 59.0, 60.0, 61.0, 119.0, 120.0)] == [
        True, False, True, False, False, True,
    ]  # fmt: skip


# ── quotas ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_declared_quota_is_kept_by_the_engine_and_never_met() -> None:
    few = shop((ERP, "timeout: 2s", "timeout: 2s\nquota: {rate: 5/s, burst: 5}"))
    orders = [order(number, 0, customer=str(number)) for number in range(40)]
    run = play(*orders, of=few)
    assert statuses(run) == ["done"] * 40
    assert "quota" not in run.fired
    assert 6 * SECOND < run.ended_at_us < 12 * SECOND


def test_a_limit_that_no_file_declares_is_met_with_429() -> None:
    orders = [order(number, 0, customer=str(number)) for number in range(40)]
    run = play(*orders, limits=(Limit("erp", rate=5, per_s=1.0, burst=5),), until_s=3_600)
    assert run.fired["quota"] > 0
    assert {call.status for call in run.calls if call.fault == "quota"} == {429}
    one_by_one = play(*orders, limits=(Limit("erp", "create_order", concurrency=2),), until_s=3_600)
    assert one_by_one.fired["quota"] > 0


# ── what travels ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_latencies_that_were_seen_are_drawn_from() -> None:
    run = play(*(order(number, number * SECOND) for number in range(9)),
               latencies_s={"erp.create_order": (0.25, 0.5)})  # fmt: skip
    assert {call.took_us for call in run.calls} == {250_000, 500_000}


def test_a_book_holds_what_the_partner_got() -> None:
    (effect,) = play(order(7)).effects
    assert (effect.system, effect.operation, effect.identity, effect.label) == (
        "erp",
        "create_order",
        "shop-7",
        "order 7",
    )
    assert effect.fields == {
        "id": "shop-7", "customer": "c", "number": 7, "total_minor": 1999, "external_id": "shop-7",
    }  # fmt: skip
    assert effect.result == "so-1"


class Recorded:
    """A partner whose part a recording plays: one answer, whatever is asked."""

    def answer(self, received: Received) -> PartnerAnswer:
        return PartnerAnswer(201, {}, {"id": "so-of-the-recording"})

    def identity_of(self, received: Received) -> str:
        return "recorded"

    def forget_key(self, operation: str, key: str) -> None:
        raise AssertionError("it has no book")


def test_somebody_else_may_play_a_partner() -> None:
    run = simulate(shop(), Scenario(seed=1, sendings=(order(1),)), {"erp": Recorded()})
    (call,) = run.calls
    assert (statuses(run), call.identity, call.status, run.effects) == (["done"], "recorded", 201, ())
