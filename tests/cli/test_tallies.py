"""`events --missing`, `events --drift` and `redrive --missing` over a store that no engine has open."""

import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.cli.tallies import Rows
from engine.language import TextTable
from engine.model import Arrival, Sighted, Sighting, Status
from engine.run.load import load
from engine.store import ClaimRequest, Record, Tally
from engine.store.files import open_writer, store_address
from engine.store.settle import run_group
from engine.store.verbs import SqlStore

Captured = pytest.CaptureFixture[str]
SHOPIFY = "shopify-orders-to-erp"
ORDER = "shopify/order@2024-10"
AT = 1_732_266_931_000_000
HOSTILE = "\x1b[2J\u202e"
HOUR = 3_600_000_000


def row(text: str, column: str = "sku", table: str = "sku-registry") -> Sighting:
    return Sighting(Sighted.MISSING_ROW, table, text, column)


# Event 1 waits for one row, event 2 for two, event 3 (dead) for one in other letters, event 4 for none.
WAITING = ((row("NW-LAMP"),), (row("NW-LAMP"), row(HOSTILE)), (row("nw-lamp "),), ())


@pytest.fixture
def stored(shop: Path) -> tuple[str, ...]:
    """A store with events that wait, and counts; the words that name it."""
    plan = load(shop, "local").plans[SHOPIFY]
    store, connection = SqlStore(), open_writer(store_address(shop, None))
    kept = (plan.hash, plan.integration, plan.version, plan.content, AT)
    arrivals = [Arrival(SHOPIFY, plan.hash, f"h{n}", f"k{n}", {}, {}, b"{}", AT + n, 60) for n in range(4)]
    run_group(connection, [(store.keep_plans, kept), *((store.accept, arrival) for arrival in arrivals)])
    (claimed,) = run_group(connection, [(store.claim, ClaimRequest(AT + 9, 9, AT + HOUR))])
    records = [
        Record(
            event=delivery.event,
            token=delivery.token,
            at=AT + HOUR + delivery.event,
            status=Status.DEAD if delivery.event == 3 else Status.QUARANTINED,
            reason="step order: why",
            step="order",
            sightings=sightings,
            tables=("sku-registry@1a2b3c4d5e6f",),
        )
        for delivery, sightings in zip(claimed.deliveries, WAITING, strict=True)
    ]
    fields = [
        Tally(Sighting(Sighted.UNKNOWN_FIELD, ORDER, "line_items[*].duties"), 1203, AT, AT + 2 * HOUR, 4),
        Tally(Sighting(Sighted.MISSING_FIELD, ORDER, "currency"), 1, AT + HOUR, AT + HOUR, 2),
        Tally(Sighting(Sighted.UNKNOWN_FIELD, "stripe/event@2023-10-16", "data.extra"), 2, AT + 1, AT + 1, 3),
    ]
    run_group(connection, [*((store.record, record) for record in records), (store.tally, fields)])
    connection.close()
    return "--workspace", str(shop)


def add_row(shop: Path, text: str) -> None:
    with (shop / "charter/tables/sku-registry.csv").open("a") as file:
        file.write(text)


def told(capsys: Captured) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# ── what is missing ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_missing_rows_are_listed_for_people_the_most_frequent_first(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", "--missing", *stored]) == 0
    assert capsys.readouterr().out == (
        "NW-LAMP          not in sku-registry (column sku)  2 events, last 2024-11-22T10:15:31Z, e.g. evt-2\n"
        "'nw-lamp '       not in sku-registry (column sku)  1 event, last 2024-11-22T10:15:31Z, e.g. evt-3\n"
        "\\u001b[2J\\u202e  not in sku-registry (column sku)  1 event, last 2024-11-22T10:15:31Z, e.g. evt-2\n"
        "3 missing rows\n"
    )


def test_rows_that_are_there_now_are_told(stored: tuple[str, ...], shop: Path, capsys: Captured) -> None:
    add_row(shop, "NW-LAMP,100999,Lamp,1\n")
    assert main(["events", "--missing", *stored]) == 0
    *lines, _ = capsys.readouterr().out.splitlines()
    assert [" now in sku-registry " in line for line in lines] == [True, True, False]


def test_missing_rows_are_one_json_object_a_line(stored: tuple[str, ...], shop: Path, capsys: Captured) -> None:
    assert main(["events", "--missing", *stored, "--format", "json"]) == 0
    first, *others = told(capsys)
    assert first == {
        "table": "sku-registry",
        "column": "sku",
        "text": "NW-LAMP",
        "there_now": False,
        "events": 2,
        "first_at": "2024-11-22T10:15:31.000001Z",
        "last_at": "2024-11-22T10:15:31.000002Z",
        "example": "evt-2",
    }
    assert [each["text"] for each in others] == ["nw-lamp ", HOSTILE]
    add_row(shop, "NW-LAMP,100999,Lamp,1\n")
    main(["events", "--missing", *stored, "--format", "json"])
    assert [each["there_now"] for each in told(capsys)] == [True, True, False]


def test_a_broken_table_hides_nothing_that_was_counted(stored: tuple[str, ...], shop: Path, capsys: Captured) -> None:
    add_row(shop, "half a row\n")
    assert main(["events", "--missing", *stored]) == 0
    assert capsys.readouterr().out.endswith("3 missing rows\n")
    assert main(["events", "--missing", *stored, "--format", "json"]) == 0
    assert {each["there_now"] for each in told(capsys)} == {None}


# ── drift ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_drift_is_listed_by_contract_the_newest_first(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", "--drift", *stored]) == 0
    assert capsys.readouterr().out == (
        "shopify/order@2024-10\n"
        "  missing  currency              1 event since 2024-11-22T10:15:31Z, last 2024-11-22T10:15:31Z, e.g. evt-2\n"
        "  unknown  line_items[*].duties  1203 events since 2024-11-22T09:15:31Z, last 2024-11-22T11:15:31Z, e.g. evt-4\n"
        "stripe/event@2023-10-16\n"
        "  unknown  data.extra  2 events since 2024-11-22T09:15:31Z, last 2024-11-22T09:15:31Z, e.g. evt-3\n"
        "3 fields\n"
    )


def test_drift_is_one_json_object_a_line(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", "--drift", *stored, "--format", "json"]) == 0
    first, *others = told(capsys)
    assert first == {
        "contract": ORDER,
        "field": "currency",
        "drift": "missing",
        "events": 1,
        "first_at": "2024-11-22T10:15:31.000000Z",
        "last_at": "2024-11-22T10:15:31.000000Z",
        "example": "evt-2",
    }
    assert [(each["field"], each["drift"], each["events"]) for each in others] == [
        ("data.extra", "unknown", 2),
        ("line_items[*].duties", "unknown", 1203),
    ]


@pytest.mark.parametrize("what", ["missing", "drift"])
def test_lists_are_cut_where_asked_and_say_so(what: str, stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", f"--{what}", *stored, "--limit", "1"]) == 0
    assert capsys.readouterr().out.endswith(" (the first 1 of 3; --limit N for more)\n")
    assert main(["events", f"--{what}", *stored, "--limit", "1", "--format", "json"]) == 0
    assert len(told(capsys)) == 1


@pytest.mark.parametrize(("what", "words"), [("missing", "no missing rows\n"), ("drift", "no fields\n")])
def test_where_nothing_was_counted_it_is_said(what: str, words: str, shop: Path, capsys: Captured) -> None:
    open_writer(store_address(shop, None)).close()
    assert main(["events", f"--{what}", "--workspace", str(shop)]) == 0
    assert capsys.readouterr().out == words
    assert main(["events", f"--{what}", "--workspace", str(shop), "--format", "json"]) == 0
    assert capsys.readouterr().out == ""


def test_what_chooses_events_does_not_choose_counts(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", "--missing", "--status", "dead", *stored]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "waybill: --status chooses events; --missing and --drift list what was counted of all of them\n",
    )
    with pytest.raises(SystemExit):
        main(["events", "--missing", "--drift", *stored])


# ── events that wait for rows ────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_tells_the_rows_it_waits_for_and_the_tables_it_was_mapped_with(
    stored: tuple[str, ...], capsys: Captured
) -> None:
    assert main(["event", "evt-2", *stored, "--format", "json"]) == 0
    (event,) = told(capsys)
    assert event["tables"] == ["sku-registry@1a2b3c4d5e6f"]
    assert event["missing"] == [
        {"table": "sku-registry", "column": "sku", "text": text} for text in ("NW-LAMP", HOSTILE)
    ]
    assert main(["event", "evt-2", *stored]) == 0
    assert "  mapped with sku-registry@1a2b3c4d5e6f\n" in capsys.readouterr().out


def test_those_whose_rows_have_all_come_are_tried_again_and_no_others(
    stored: tuple[str, ...], shop: Path, capsys: Captured
) -> None:
    assert main(["redrive", "--missing", *stored]) == 0
    assert capsys.readouterr().out == (
        "no events\n3 events still wait for rows: `waybill events --missing` lists them\n"
    )
    add_row(shop, "NW-LAMP,100999,Lamp,1\n")
    assert main(["redrive", "--missing", "--status", "dead", *stored]) == 0
    assert capsys.readouterr().out == "evt-3: will be tried again\n"
    assert main(["redrive", "--missing", "--integration", "stripe-payments-to-ledger", *stored]) == 0
    assert capsys.readouterr().out == "no events\n"
    assert main(["redrive", "--missing", *stored]) == 0
    assert capsys.readouterr().out == (
        "evt-1: will be tried again\n1 event still waits for rows: `waybill events --missing` lists them\n"
    )
    assert main(["redrive", "--missing", *stored]) == 0
    assert capsys.readouterr().out.startswith("no events\n1 event still waits")


def test_a_broken_table_stops_the_redrive_with_its_faults(
    stored: tuple[str, ...], shop: Path, capsys: Captured
) -> None:
    add_row(shop, "half a row\n")
    assert main(["redrive", "--missing", *stored]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("waybill: charter/tables/sku-registry.csv:")


def test_events_and_a_choice_of_events_exclude_one_another(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["redrive", "evt-1", "--missing", *stored]) == 2
    assert capsys.readouterr().err == "waybill: name events, or choose them all with --status or --missing\n"


def test_more_events_than_fit_into_one_message_are_moved_too(
    stored: tuple[str, ...], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.cli.decisions.MOVES_AT_ONCE", 2)
    assert main(["redrive", "--status", "quarantined", *stored]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(" at ")[0] for line in told] == [
        f"evt-{number}: will be tried again" for number in (1, 2, 4)
    ]


class Numbers:
    """A table that finds a number however it is written."""

    columns, version = ("ean",), "1"

    def find(self, by: str, give: str, text: str) -> str | None:
        if by not in self.columns:
            raise KeyError(by)
        return "4.0" if text in ("4", "4.0") else None


def test_what_a_table_itself_finds_is_there() -> None:
    rows = Rows({"eans": Numbers()})
    assert rows.has("eans", "ean", "4")
    assert not rows.has("eans", "ean", "5")
    assert not rows.has("eans", "sku", "4")
    assert not rows.has("skus", "ean", "4")


def test_a_missing_cell_is_there_once_it_is_filled_and_not_when_its_text_stands_elsewhere() -> None:
    def rows(*cells: int | None) -> Rows:
        table = TextTable.of(["sku", "case"], zip(("4711", "9"), cells, strict=True), "v", ["text", "integer"])
        return Rows({"packs": table})

    assert not rows(None, 4711).has("packs", "sku → case", "4711")
    assert rows(12, None).has("packs", "sku → case", "4711")
    assert not rows(12, None).has("packs", "sku → case", "9")
