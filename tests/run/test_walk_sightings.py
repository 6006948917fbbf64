"""What a delivery leaves beside its outcome: the tables it looked up in, the rows it lacked, the fields nobody knows."""

import pytest
from blackbox.rig import FILES
from run.stage import CREATED, LOST, Stage, answered

from engine.model import Sighted, Sighting
from engine.run.sightings import LOOKED_INTO_MAX

TABLE = "sku,erp_sku\nA-1,100\n"
NEWER = TABLE + "4711-B,200\nC-3,300\n"


def with_table(on_missing: str = "quarantine", **more: str) -> dict[str, str]:
    """The workspace whose orders have lines with SKUs of a table."""
    lines = f"""\
  lines:
    each: lines || `[]`
    fields:
      sku: {{from: sku, table: sku-registry, on_missing: {on_missing}}}
"""
    schema = "  lines: {type: array, items: {type: object, properties: {sku: {type: string}}}}\n"
    return {
        **FILES,
        "charter/tables/sku-registry.csv": TABLE,
        "mappings/order.yaml": FILES["mappings/order.yaml"] + lines,
        "charter/models/shop/order@1.yaml": FILES["charter/models/shop/order@1.yaml"] + schema,
        "charter/models/canonical/order@1.yaml": FILES["charter/models/canonical/order@1.yaml"] + schema,
        **more,
    }


def versions(stage: Stage) -> tuple[str, ...]:
    return (f"sku-registry@{stage.tables['sku-registry'].version[:12]}",)


def row(text: str) -> Sighting:
    return Sighting(Sighted.MISSING_ROW, "sku-registry", text, "sku")


def field(path: str, kind: Sighted = Sighted.UNKNOWN_FIELD) -> Sighting:
    return Sighting(kind, "shop/order@1", path)


# ── rows that tables lack ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("on_missing", "status"), [("quarantine", "quarantined"), ("hold", "held"), ("fail", "dead")])
def test_missing_rows_are_counted_with_the_event_that_ends_for_them(on_missing: str, status: str) -> None:
    stage = Stage(files=with_table(on_missing))
    event = stage.arrive(lines=[{"sku": "4711-B"}, {"sku": "A-1"}, {"sku": "C-3"}, {"sku": "4711-B"}])
    stage.run()
    assert stage.status() == status
    assert {(each.sighting, each.count, each.event) for each in stage.tallies()} == {
        (row("4711-B"), 1, event),
        (row("C-3"), 1, event),
    }
    assert stage.row().missing == (("sku-registry", "sku", "4711-B"), ("sku-registry", "sku", "C-3"))
    assert [fact.data["times"] for fact in stage.facts if fact.name == "sighted"] == [2]


def test_an_event_that_is_redriven_in_vain_counts_once_more() -> None:
    stage = Stage(files=with_table())
    stage.arrive(lines=[{"sku": "4711-B"}])
    stage.run()
    stage.decide("redrive")
    assert stage.row().missing == ()
    stage.run()
    (tally,) = stage.tallies()
    assert (tally.sighting, tally.count) == (row("4711-B"), 2)
    assert stage.story() == ["quarantined", "redrive", "quarantined"]


def test_a_default_lacks_nothing() -> None:
    files = with_table()
    files["mappings/order.yaml"] = files["mappings/order.yaml"].replace(
        "on_missing: quarantine", "on_missing: default, default: none"
    )
    stage = Stage(CREATED, files=files)
    stage.arrive(lines=[{"sku": "4711-B"}])
    stage.run()
    assert (stage.status(), stage.tallies()) == ("done", [])


def test_many_and_long_missing_texts_are_kept_in_bounds() -> None:
    stage = Stage(files=with_table())
    stage.arrive(lines=[{"sku": "x" * 5_000}, *({"sku": f"sku-{number}"} for number in range(200))])
    stage.run()
    rows = stage.row().missing
    assert len(rows) == len(stage.tallies()) == 50
    assert rows[0] == ("sku-registry", "sku", "x" * 199 + "…")


# ── the tables of an attempt ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_changed_table_is_looked_up_in_at_once_and_each_attempt_keeps_its_own_version() -> None:
    stage = Stage(CREATED, files=with_table())
    stage.arrive(lines=[{"sku": "4711-B"}])
    stage.run()
    before = versions(stage)
    stage.change_table("sku-registry", NEWER)
    stage.decide("redrive")
    stage.run()
    after = versions(stage)
    assert (stage.status(), stage.story()) == ("done", ["quarantined", "redrive", "call done"])
    assert [line.tables for line in stage.lines()] == [before, (), after]
    assert (stage.row().tables, before != after) == (after, True)
    assert stage.sent[0].body["lines"] == [{"sku": "200"}]  # type: ignore[index]


def test_the_version_is_the_one_that_was_looked_up_in_not_the_one_that_came_meanwhile() -> None:
    stage = Stage(answered(503), CREATED, files=with_table())
    stage.arrive(lines=[{"sku": "A-1"}])
    before = versions(stage)
    send = stage.send

    async def send_and_change(*request: object) -> object:
        stage.change_table("sku-registry", NEWER)
        return await send(*request)  # type: ignore[arg-type]

    stage.send = send_and_change  # type: ignore[method-assign,assignment]
    stage.run()
    assert (stage.status(), stage.lines()[0].tables, stage.row().tables) == ("waiting", before, before)
    stage.run_all()
    assert [line.tables for line in stage.lines()] == [before, versions(stage)]


def test_an_intent_without_an_outcome_knows_its_tables() -> None:
    from run.stage import Crash

    stage = Stage(Crash, files=with_table())
    stage.arrive(lines=[{"sku": "A-1"}])
    stage.run()
    assert (stage.lines(), stage.row().tables) == ([], versions(stage))


def test_a_look_up_and_a_known_effect_tell_their_tables_too() -> None:
    stage = Stage(LOST, answered(200, {"items": [{"id": "so-7"}]}), files=with_table())
    stage.arrive("e1")
    stage.run_all()
    stage.arrive("e2")
    stage.run_all()
    assert {line.tables for event in (1, 2) for line in stage.lines(event)} == {versions(stage)}
    assert stage.story(2) == ["known"]


def test_tables_that_a_request_looks_up_in_are_told() -> None:
    erp = FILES["charter/systems/erp.yaml"].replace(
        "path: /sales-orders, body:",
        "path: /sales-orders, headers: {X-Sku: {from: \"'A-1'\", table: sku-registry}}, body:",
    )
    stage = Stage(CREATED, files={**FILES, "charter/tables/sku-registry.csv": TABLE, "charter/systems/erp.yaml": erp})
    stage.arrive()
    stage.run()
    assert dict(stage.sent[0].headers)["X-Sku"] == "100"
    assert stage.lines()[0].tables == versions(stage)


def test_an_event_that_looks_nothing_up_names_no_table() -> None:
    stage = Stage(CREATED)
    stage.arrive()
    stage.run()
    assert (stage.lines()[0].tables, stage.row().tables) == ((), ())


# ── drift ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_unknown_fields_are_counted_in_memory_and_cost_the_store_nothing() -> None:
    stage = Stage(CREATED, CREATED, files=with_table())
    stage.arrive("e1", duties=1, lines=[{"sku": "A-1", "duty": 2}])
    stage.run()
    event = stage.arrive("e2", "2", duties=1)
    stage.run()
    assert stage.tallies() == []
    taken = {each.sighting: (each.count, each.event) for each in stage.ports.sightings.take()}
    assert taken == {field("duties"): (2, event), field("lines[*].duty"): (1, 1)}


def test_in_a_storm_the_store_has_counts_of_the_first_events_and_all_events_are_done() -> None:
    stage = Stage(*[CREATED] * 3, files=with_table())
    sightings = stage.ports.sightings
    sightings.looked_into["shop/order@1"] = LOOKED_INTO_MAX - 1
    for number in range(3):
        stage.arrive(f"e{number}", str(number), duties=1)
    stage.run_all()
    assert [each.count for each in sightings.take()] == [1]
    assert len(stage.sent) == 3


def test_retries_of_an_event_see_its_unknown_fields_once() -> None:
    stage = Stage(answered(503), answered(503), CREATED)
    stage.arrive(duties=1)
    stage.run_all()
    assert [each.count for each in stage.ports.sightings.take()] == [1]


def test_a_required_field_that_did_not_come_is_counted_with_the_event_and_its_new_name_too() -> None:
    stage = Stage()
    stage.arrive(currency=None, currency_code="EUR")
    stage.run()
    assert stage.tallies() == []  # null is there, and of the wrong type
    files = {
        **FILES,
        "charter/models/shop/order@1.yaml": FILES["charter/models/shop/order@1.yaml"].replace(
            "currency]", "currency, vat]"
        ),
    }
    stage = Stage(files=files)
    event = stage.arrive(vat_rate=7)
    stage.run()
    (tally,) = stage.tallies()
    assert (tally.sighting, tally.count, tally.event) == (field("vat", Sighted.MISSING_FIELD), 1, event)
    assert [each.sighting for each in stage.ports.sightings.take()] == [field("vat_rate")]
    assert "the field vat is missing" in stage.row().reason


def test_what_ends_before_the_contract_is_not_looked_at() -> None:
    files = {
        **FILES,
        "specs/shop-orders.yaml": FILES["specs/shop-orders.yaml"].replace(
            "  contract: shop/order@1\n", "  when: body.number == `2`\n  contract: shop/order@1\n"
        ),
    }
    stage = Stage(files=files)
    stage.arrive(duties=1)
    stage.run()
    assert (stage.status(), stage.ports.sightings.take()) == ("ignored", ())
