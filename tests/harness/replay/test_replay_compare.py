"""What changed between two runs, in tables: by meaning and not by spelling, each deed with the one that it was, noise
apart and never passed over.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.errors import UserError
from harness.recordings.said import Said
from harness.replay import noise
from harness.replay.compare import Change, Compared, compare
from harness.replay.noise import Noise
from harness.replay.play import exit_code
from harness.replay.report import Report, Teller, radius
from harness.replay.semantic import Difference, differences, leaves, similarity
from harness.replay.told import Deed, EventTold, Name, Told

# ── two values ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Decimal("10.00"), 10),
        ("36.900", "36.90"),
        ("3.0", "3"),
        ("2026-11-01T09:00:00Z", "2026-11-01T10:00:00+01:00"),
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}),
        ("x" * 100, "x" * 100),
        (None, None),
    ],
)
def test_two_spellings_of_one_thing(before: object, after: object) -> None:
    assert list(differences(before, after)) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(1, "1", [Difference("", "changed", 1, "1")], id="a number and a text"),
        pytest.param(1, True, [Difference("", "changed", 1, True)], id="a number and a boolean"),
        pytest.param("007", "7", [Difference("", "changed", "007", "7")], id="a text with zeros before it"),
        pytest.param("2026-11-01", "2026-11-02", [Difference("", "changed", "2026-11-01", "2026-11-02")], id="dates"),
        pytest.param("2026-11-01T09:00", "2026-11-01T09:00Z", [Difference("", "changed", "2026-11-01T09:00", "2026-11-01T09:00Z")], id="a stamp without its zone"),
        pytest.param({"a": {"b": 1, "c": 2}}, {}, [Difference("a", "dropped", before={"b": 1, "c": 2})], id="a branch, told once"),
        pytest.param({}, {"a": None}, [Difference("a", "added", after=None)], id="a null where nothing was"),
        pytest.param({"l": [{"s": 1}, {"s": 2}]}, {"l": [{"s": 1}, {"s": 3}]}, [Difference("l[].s", "changed", 2, 3)], id="an item"),
        pytest.param([1, 2], [1], [Difference("[]", "dropped", before=2)], id="an item less"),
        pytest.param([1], [1, 2], [Difference("[]", "added", after=2)], id="an item more"),
        pytest.param([1], {"a": 1}, [Difference("", "changed", [1], {"a": 1})], id="a list and an object"),
    ],
)  # fmt: skip
def test_a_difference_is_told_where_it_is(before: object, after: object, expected: list[Difference]) -> None:
    assert list(differences(before, after)) == expected


def test_the_nearest_shares_most() -> None:
    made = {"a": 1, "b": {"c": "x"}}

    def alike(one: object, other: object) -> float:
        return similarity(frozenset(leaves(one)), frozenset(leaves(other)))

    assert alike(made, made) == 1.0
    assert alike(made, {"a": 1, "b": {"c": "y"}}) > alike(made, {"z": 1})
    assert alike(None, {}) == 0.0
    assert alike({}, {}) == 1.0


# ── two runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def order(number: int, **content: object) -> Deed:
    return Deed("erp.create_order", f"order-{number}", True, {"query": {}, "body": {"id": number, **content}})


def told(*events: tuple[int, str, tuple[Deed, ...]]) -> Told:
    names = {number: Name("orders", f"e{number}") for number, _, _ in events}
    return {
        names[number]: EventTold(names[number], f"a.har #{number}", status, deeds) for number, status, deeds in events
    }


def test_the_blast_radius_is_counted_by_events() -> None:
    before = told(*((number, "done", (order(number, tax=[1], total=5),)) for number in range(40)))
    after = told(
        *(
            (number, "done", (order(number, total=5) if number % 4 else order(number, tax=[1], total=6),))
            for number in range(40)
        )
    )
    compared = compare(before, after)
    assert (compared.events, compared.changed) == (40, 40)
    groups = [(len(group.events), group.example.what, group.example.path) for group in compared.groups()]
    assert groups == [(30, "dropped", "body.tax"), (10, "changed", "body.total")]
    lines = list(Teller(Said()).as_lines(Report(compared, {}), "word"))
    assert lines[:3] == [
        "CHANGED  word",
        "  30 of 40 events change: erp.create_order tax dropped, was (a list)",
        "    a.har #1, a.har #2, a.har #3, a.har #5, a.har #6, and 25 more",
    ]


def test_order_between_deeds_is_nobody_s_promise() -> None:
    one, other = order(1), Deed("ledger.post", "p1", True, {"body": {}})
    assert compare(told((1, "done", (one, other))), told((1, "done", (other, one)))).changes == ()


def test_each_deed_is_compared_with_the_one_that_it_was() -> None:
    before = told((1, "done", (order(1), order(2), Deed("ledger.post", "p1", True, None))))
    after = told((1, "done", (order(2), order(3), order(4))))
    assert [
        (change.what, change.operation, change.before, change.after) for change in compare(before, after).changes
    ] == [
        ("identity", "erp.create_order", "order-1", "order-3"),
        ("changed", "erp.create_order", 1, 3),
        ("no longer told", "ledger.post", None, None),
        ("newly told", "erp.create_order", None, None),
    ]


def test_a_doubled_effect_is_newly_told() -> None:
    compared = compare(told((1, "done", (order(1),))), told((1, "done", (order(1), order(1)))))
    assert [change.what for change in compared.changes] == ["newly told"]


def test_an_event_that_ends_otherwise_or_only_on_one_side() -> None:
    before, after = told((1, "done", ()), (2, "done", ())), told((1, "held", ()), (3, "done", ()))
    compared = compare(before, after)
    assert compared.events == 3
    assert [(change.before, change.after) for change in compared.changes] == [
        ("done", "held"),
        ("done", "absent"),
        ("absent", "done"),
    ]
    assert "1 of 3 events changes: status done → held" in "\n".join(Teller(Said()).as_lines(Report(compared, {}), ""))


def test_a_report_shows_only_what_is_harmless() -> None:
    before = told(
        (1, "done", (order(1, email="canary@mail.example", total=5, status="paid", **{"canary@mail.example": 1}),))
    )
    after = told((1, "done", (order(1, email="other@mail.example", total=6, status="open"),)))
    report = Report(compare(before, after), {})
    teller = Teller(Said(texts=frozenset(("paid", "open"))))
    shown = "\n".join(teller.as_lines(report, "")) + str(teller.as_json(report))
    assert "mail.example" not in shown
    assert "changed, 5 → 6" in shown
    assert "changed, paid → open" in shown
    assert "email changed, (a text) → (a text)" in shown
    assert "(a name)" in shown


# ── noise ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_noise_is_what_differs_between_two_replays_and_its_kind_is_seen() -> None:
    one = told(
        (
            1,
            "done",
            (
                order(
                    1,
                    at="2026-11-01T09:00:00Z",
                    key="a1818e9d-dce6-567a-97d2-71f16ea06a65",
                    nonce="AbC123xyz789AbC123",
                    n=1,
                    word="a b",
                ),
            ),
        )
    )
    two = told(
        (
            1,
            "done",
            (
                order(
                    1,
                    at="2026-11-01T09:30:00Z",
                    key="b1818e9d-dce6-567a-97d2-71f16ea06a65",
                    nonce="ZbC123xyz789AbC123",
                    n=2,
                    word="b c",
                ),
            ),
        )
    )
    assert [str(found) for found in noise.infer(compare(one, two))[0]] == [
        "erp.create_order body.at time",
        "erp.create_order body.key uuid",
        "erp.create_order body.n number",
        "erp.create_order body.nonce token",
        "erp.create_order body.word text",
    ]


def test_a_deed_that_comes_and_goes_is_no_noise() -> None:
    found, unsteady = noise.infer(compare(told((1, "done", (order(1),))), told((1, "dead", ()))))
    assert found == []
    assert [change.what for change in unsteady.changes] == ["status", "no longer told"]
    report = Report(Compared(1, ()), {}, unsteady=unsteady)
    assert (report.held, exit_code(report)) == (True, 3)
    lines = "\n".join(Teller(Said()).as_lines(report, "it"))
    assert "one replay did, another did not, in 1 event: status done → dead" in lines
    assert "one replay did, another did not, in 1 event: erp.create_order no longer told" in lines


def test_noise_is_told_apart_and_proposed() -> None:
    found = Noise("erp.create_order", "body.at", "time")
    changes = compare(told((1, "done", (order(1, at="a", total=1),))), told((1, "done", (order(1, at="b", total=2),))))
    signal, noisy = noise.told_apart(changes, [found])
    assert [change.path for change in signal.changes] == ["body.total"]
    assert [change.path for change in noisy.changes] == ["body.at"]
    lines = "\n".join(Teller(Said()).as_lines(Report(signal, {}, noise=noisy, proposed=(found,)), ""))
    assert "noise, in 1 event: erp.create_order at changed" in lines
    assert "if that is as it should be, put this into the file of --noise:\n    erp.create_order body.at time" in lines


def test_accepted_noise_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "noise.txt"
    file.write_text("# reviewed\nerp.create_order body.at time\n\nemit orders body.seen_at time  # ours\n")
    assert noise.read(file) == [
        Noise("erp.create_order", "body.at", "time"),
        Noise("emit orders", "body.seen_at", "time"),
    ]
    file.write_text("\nerp.create_order body.at\n")
    with pytest.raises(UserError, match=r"noise\.txt:2: write OPERATION PATH KIND"):
        noise.read(file)
    file.write_bytes(b"\xff")
    with pytest.raises(UserError, match="it cannot be read"):
        noise.read(file)
    with pytest.raises(UserError, match="there is no file"):
        noise.read(tmp_path / "none.txt")


def test_a_change_knows_its_kind() -> None:
    status = Change(Name("a", "1"), "", "status", before="done", after="held")
    assert status.kind == ("status", "", "done → held", True)
    assert Compared(1, (status,)).changed == 1


def test_many_misses_are_a_few_lines_and_a_count() -> None:
    misses = tuple({"operation": "erp.create_order", "origin": f"a.har #{n}", "nearest": "b"} for n in range(1_200))
    report = Report(Compared(1_200, ()), {}, misses=misses)
    lines = [line for line in Teller(Said()).as_lines(report, "it") if "missed" in line]
    assert lines[:1] == ["  missed erp.create_order for a.har #0: b"]
    assert lines[5:] == ["  missed erp.create_order 1,195 more times"]
    assert len(Teller(Said()).as_json(report)["misses"]) == 1_200  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "events", "said"),
    [(1, 1, "1 of 1 event changes"), (1, 172, "1 of 172 events changes"), (412, 18_400, "412 of 18,400 events change")],
)
def test_a_radius_is_said_as_people_say_it(changed: int, events: int, said: str) -> None:
    assert radius(changed, events) == said
