"""The idempotency key of every call that has an effect: it is there, it stays, and it is nobody else's."""

from told import GOOD, broken, call, effect, promises, row, run

KEYED = promises(key_headers={"erp": "idempotency-key"})
READS = promises(key_headers={"erp": "idempotency-key"}, effects={("erp", "create_order"): "none"})
TWICE = ("nothing-twice", "erp")


def keyed(*said: tuple[str, str]) -> list[tuple[str, str]]:
    """What calls break that carry these keys, each for a `once`."""
    calls = (
        call(at_us=at_us, once=once, headers={"idempotency-key": key} if key else {})
        for at_us, (key, once) in enumerate(said, start=10)
    )
    return broken(run((row(),), (effect(),), tuple(calls)), of=KEYED)


def test_a_call_with_an_effect_carries_its_partner_s_key() -> None:
    assert keyed(("a", "1")) == []
    assert keyed(("", "1")) == [TWICE]
    assert broken(GOOD, of=READS) == []
    assert broken(GOOD) == []  # its partner has none


def test_one_effect_has_one_key_and_a_key_of_its_own() -> None:
    assert keyed(("a", "1"), ("a", "1"), ("b", "2")) == []
    assert keyed(("a", "1"), ("b", "1")) == [TWICE]
    assert keyed(("a", "1"), ("a", "2")) == [TWICE]
