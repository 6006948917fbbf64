"""The command line as a user has it: what each command says, where it says it, and the code it ends with."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator
from real import ROOT
from spec.minimal import SPEC, edited
from spec.test_ten_faults import PLANTED

from engine.cli import main, parser
from engine.model import Arrival
from engine.run.load import load
from engine.store.committer import run_group
from engine.store.files import open_writer, store_address
from engine.store.sqlite import SqliteStore

Captured = pytest.CaptureFixture[str]
SHOPIFY, STRIPE = "shopify-orders-to-erp", "stripe-payments-to-ledger"
COMMANDS = ("init", "check", "explain", "schema", "run", "events", "event", "release", "redrive", "try", "demo")


def written(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def shop(tmp_path: Path, capsys: Captured) -> Path:
    """A workspace as `waybill init` makes it."""
    folder = tmp_path / "shop"
    assert main(["init", str(folder)]) == 0
    capsys.readouterr()
    return folder


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A workspace with ten faults in four files."""
    return written(tmp_path / "broken", edited(*((file, old, new) for file, old, new, _, _ in PLANTED)))


def event_file(folder: Path, content: object) -> str:
    path = folder / "event.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)


# ── init, check ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_init_makes_a_workspace_that_checks_and_says_what_to_do_next(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "new" / "shop"
    assert main(["init", str(folder)]) == 0
    out = capsys.readouterr().out
    for line in re.findall(r"waybill (.+)", out):
        assert main(line.split()) == 0, line
    assert capsys.readouterr().out.startswith("nothing to report in 35 files\n")
    made = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    folders = ("charter", "mappings", "recordings", "specs")
    ours = [path for name in folders for path in (ROOT / name).rglob("*") if path.is_file()]
    assert made.pop(".gitignore") == b".waybill/\nsecrets/\n"
    assert made == {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in ours}


def test_init_takes_an_empty_folder_and_leaves_any_other_alone(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["init", str(tmp_path / "empty")]) == 0
    full = written(tmp_path / "full", {"mine.txt": "mine"})
    for taken in (full, full / "mine.txt"):
        assert main(["init", str(taken)]) == 2
        assert capsys.readouterr().err == f"waybill: {taken} exists and is not empty; choose a new folder\n"
    assert [path.name for path in full.iterdir()] == ["mine.txt"]


def test_ten_faults_in_four_files_end_with_2_and_each_has_its_place_and_no_trace(
    broken: Path, capsys: Captured
) -> None:
    assert main(["check", str(broken)]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert "Traceback" not in out
    found = re.findall(r"^([^\s:]+):(\d+):(\d+): ([a-z-]+): .+$", out, re.MULTILINE)
    assert {(file, code, int(line)) for file, line, _, code in found} == {(row[0], row[3], row[4]) for row in PLANTED}
    assert len(found) == 10
    assert len({file for file, *_ in found}) == 4
    assert all(int(column) > 0 for _, _, column, _ in found)
    assert out.splitlines()[-1] == "10 faults in 9 files"


def text_report(out: str) -> set[tuple[str, int, str]]:
    found = re.findall(r"^(\S+?):(\d+):\d+: ([a-z-]+)", out, re.MULTILINE)
    return {(file, int(line), code) for file, line, code in found}


def json_report(out: str) -> set[tuple[str, int, str]]:
    document = json.loads(out)
    return {(each["file"], each["line"], each["code"]) for each in document["faults"] + document["findings"]}


def sarif_report(out: str) -> set[tuple[str, int, str]]:
    (run,) = json.loads(out)["runs"]
    places = [(each["ruleId"], each["locations"][0]["physicalLocation"]) for each in run["results"]]
    return {(place["artifactLocation"]["uri"], place["region"]["startLine"], code) for code, place in places}


def junit_report(out: str) -> set[tuple[str, int, str]]:
    found = set()
    for case in ET.fromstring(out).iter("testcase"):
        if case.find("failure") is not None:
            place, code = case.attrib["name"].split(" ")
            file, line, _ = place.split(":")
            found.add((file, int(line), code))
    return found


def github_report(out: str) -> set[tuple[str, int, str]]:
    found = re.findall(r"^::error file=([^,]+),line=(\d+),col=\d+,title=([a-z-]+)::", out, re.MULTILINE)
    return {(file, int(line), code) for file, line, code in found}


REPORTS: Mapping[str, Callable[[str], set[tuple[str, int, str]]]] = {
    "text": text_report,
    "json": json_report,
    "sarif": sarif_report,
    "junit": junit_report,
    "github": github_report,
}


@pytest.mark.parametrize("format_", REPORTS)
def test_check_reports_the_same_faults_in_every_format_and_with_the_same_code(
    format_: str, broken: Path, shop: Path, capsys: Captured
) -> None:
    assert main(["check", str(broken), "--format", format_]) == 2
    assert REPORTS[format_](capsys.readouterr().out) == {(file, line, code) for file, _, _, code, line in PLANTED}
    assert main(["check", str(shop), "--format", format_]) == 0
    assert REPORTS[format_](capsys.readouterr().out) == set()


@pytest.mark.parametrize("format_", REPORTS)
def test_a_finding_that_is_an_error_ends_with_1(format_: str, tmp_path: Path, capsys: Captured) -> None:
    unsigned = edited(
        (
            "charter/systems/shop.yaml",
            "verify: {scheme: shopify, secret: {secret: SHOP_SECRET}}",
            "answer: {status: 200}",
        )
    )
    assert main(["check", str(written(tmp_path, unsigned)), "--format", format_]) == 1
    assert "unsigned-webhook" in {code for _, _, code in REPORTS[format_](capsys.readouterr().out)}


def test_a_finding_that_is_only_a_warning_ends_with_0(tmp_path: Path, capsys: Captured) -> None:
    unchecked = edited((SPEC, "  contract: shop/order@1\n", ""))
    assert main(["check", str(written(tmp_path, unchecked))]) == 0
    assert "contract-missing (warning)" in capsys.readouterr().out


# ── explain, schema ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_says_what_a_code_means_why_and_how_to_mend_it(capsys: Captured) -> None:
    assert main(["explain", "bare-number"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("bare-number\n")
    assert all(f"\n{head}\n" in out for head in ("Why", "Mend", "Instead of", "write"))


def test_explain_without_a_code_lists_those_that_check_can_report(capsys: Captured) -> None:
    assert main(["explain"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert {code for _, _, _, code, _ in PLANTED} <= listed
    assert len(listed) > 80


def test_an_unknown_code_is_answered_with_the_nearest_one(capsys: Captured) -> None:
    assert main(["explain", "bear-number"]) == 2
    assert capsys.readouterr() == ("", "waybill: there is no code `bear-number`; did you mean `bare-number`?\n")


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("spec", "specs/*"),
        ("mapping", "mappings/*"),
        ("system", "charter/systems/*"),
        ("charter", "charter/charter.yaml"),
    ],
)
def test_schema_prints_a_json_schema_that_the_reference_workspace_fits(kind: str, files: str, capsys: Captured) -> None:
    from engine.spec import yaml

    assert main(["schema", kind]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    documents = [yaml.compose(path.read_bytes(), path.name)[0] for path in sorted(ROOT.glob(files))]
    assert documents
    for document in documents:
        assert document is not None
        assert not [*Draft202012Validator(schema).iter_errors(yaml.plain(document))]
    assert [*Draft202012Validator(schema).iter_errors({"nothing": "of this"})]


# ── try ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_try_prints_the_pinned_shape_as_json(shop: Path, capsys: Captured) -> None:
    spec, event = f"{shop}/specs/{STRIPE}.yaml", f"{shop}/recordings/stripe/charge-succeeded.json"
    assert main(["try", spec, event, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    told = json.loads(out)
    assert [*told] == ["status", "id", "key", "steps", "calls"]
    assert (told["status"], told["id"], told["key"]) == ("done", "evt_NWexample0001", "pi_NWexamplePay2041")
    assert [*told["steps"]] == ["payment", "review", "ledger"]
    assert (told["steps"]["review"], told["steps"]["ledger"]) == (None, "posting-1")
    (call,) = told["calls"]
    assert [*call] == ["operation", "method", "url", "headers", "body"]
    assert (call["operation"], call["method"], call["url"]) == ("ledger.post_payment", "POST", "{LEDGER_URL}/postings")
    assert call["headers"] == {}
    assert call["body"] == {**told["steps"]["payment"], "reference": "pi_NWexamplePay2041:paid"}


def test_try_shows_the_idempotency_key_and_no_sign_in(shop: Path, capsys: Captured) -> None:
    event = f"{shop}/recordings/shopify/order-paid.json"
    assert (
        main(["try", SHOPIFY, event, "--workspace", str(shop), "--environment", "production", "--format", "json"]) == 0
    )
    (call,) = json.loads(capsys.readouterr().out)["calls"]
    assert call["url"] == "https://erp.northwind.example/sales-orders"
    assert [*call["headers"]] == ["Idempotency-Key"]


def test_try_tells_people_how_it_ended_with_steps_and_calls(shop: Path, capsys: Captured) -> None:
    assert main(["try", SHOPIFY, f"{shop}/recordings/shopify/order-paid.json", "--workspace", str(shop)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "done"
    assert lines[1] == "  id a1818e9d-dce6-567a-97d2-71f16ea06a65   key 6104455127301"
    assert lines[2].startswith('  step order: {"id":"shopify-6104455127301",')
    assert lines[3:6] == ["  step lines: null", "  step review: null", '  step erp: "so-1"']
    assert lines[6] == "  call erp.create_order: POST {ERP_URL}/sales-orders"


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [
        ("order-pending", "ignored", "`receive.when` is false"),
        ("order-large", "held", "order #2043: 590800 minor units of USD"),
        ("order-unknown-sku", "quarantined", "'NW-HAMMOCK-XL' is not in table sku-registry"),
        ("order-malformed", "quarantined", "total_price: must match the pattern"),
    ],
)
def test_try_says_why_an_event_ended_otherwise_and_ends_with_0(
    event: str, status: str, reason: str, shop: Path, capsys: Captured
) -> None:
    command = ["try", SHOPIFY, f"{shop}/recordings/shopify/{event}.json", "--workspace", str(shop)]
    assert main(command) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{status}: ")
    assert reason in first
    assert main([*command, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["status"], told["calls"]) == (status, [])
    assert err == f"{first}\n"


def test_try_keeps_every_digit(shop: Path, capsys: Captured) -> None:
    body = json.loads((shop / "recordings/stripe/charge-succeeded.json").read_text())["body"]
    body["data"]["object"]["amount"] = 90071992547409931234567
    assert main(["try", STRIPE, event_file(shop, {"body": body}), "--workspace", str(shop), "--format", "json"]) == 0
    assert '"amount":90071992547409931234567,' in capsys.readouterr().out


def test_try_raw_takes_the_file_as_the_body_whatever_it_holds(shop: Path, capsys: Captured) -> None:
    body = json.loads((shop / "recordings/stripe/charge-succeeded.json").read_text())["body"]
    words = ["try", STRIPE, event_file(shop, body), "--workspace", str(shop)]
    assert main([*words, "--raw", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "done"
    assert main(words) == 2
    assert "with --raw the file is the body itself" in capsys.readouterr().err
    event_file(shop, b"no json at all")
    assert main([*words, "--raw"]) == 0
    assert capsys.readouterr().out.startswith("quarantined: the body cannot be read: the body is not JSON")


def test_try_shows_nothing_that_moves_a_terminal_s_cursor(shop: Path, capsys: Captured) -> None:
    hostile = {
        "id": "\x1b[2J\x9b\u202e",
        "object": "event",
        "type": "none",
        "created": 1,
        "data": {"object": {"id": "a\r"}},
    }
    assert main(["try", STRIPE, event_file(shop, hostile), "--raw", "--workspace", str(shop)]) == 0
    assert capsys.readouterr().out == "ignored: `receive.when` is false\n  id \\u001b[2J\\u009b\\u202e   key a\\u000d\n"


BAD_EVENTS: list[tuple[object, str]] = [
    (b"not json", "the body is not JSON"),
    (b"", "the body is empty"),
    (b'{"body": "\xff"}', "not UTF-8"),
    (b'{"body": 1, "body": 2}', "one key twice"),
    ([], "an event is JSON {headers, query, body}"),
    ({"headers": {}}, "an event is JSON {headers, query, body}"),
    ({"body": {}, "header": {}}, "an event is JSON {headers, query, body}"),
    ({"body": {}, "headers": ["a"]}, "`headers` must be an object of texts"),
    ({"body": {}, "query": {"a": 1}}, "`query` must be an object of texts"),
]


@pytest.mark.parametrize(("content", "said"), BAD_EVENTS)
def test_a_file_that_is_no_event_ends_with_2_and_is_named(
    content: object, said: str, shop: Path, capsys: Captured
) -> None:
    file = event_file(shop, content)
    assert main(["try", STRIPE, file, "--workspace", str(shop)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"waybill: {file}: ")
    assert said in err


def test_what_try_cannot_find_is_named_with_what_there_is(
    shop: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    event = "recordings/stripe/charge-succeeded.json"
    cases = {
        ("nothing", event): f"there is no integration `nothing` in .; there are: {SHOPIFY}, {STRIPE}",
        ("specs/nothing.yaml", event): "there is no file specs/nothing.yaml",
        (
            "mappings/shopify-order.yaml",
            event,
        ): "mappings/shopify-order.yaml is not below a folder specs/ of a workspace",
        (STRIPE, "nothing.json"): "there is no file nothing.json",
        (STRIPE, "specs"): "there is no file specs",
        (
            STRIPE,
            event,
            "--environment",
            "moon",
        ): "there is no environment `moon` in charter/charter.yaml; known: local, production",
        (STRIPE, event, "--workspace", "nowhere"): "there is no folder nowhere",
        (
            STRIPE,
            event,
            "--workspace",
            "specs",
        ): "specs is not a workspace: it has none of the folders charter, mappings, specs, recordings; `waybill init DIR` makes one",
    }
    for words, said in cases.items():
        assert main(["try", *words]) == 2
        assert capsys.readouterr() == ("", f"waybill: {said}\n")


def test_try_on_a_workspace_with_faults_shows_all_of_them(broken: Path, capsys: Captured) -> None:
    assert main(["try", "orders", str(broken / "recordings/order.json"), "--workspace", str(broken)]) == 2
    assert len(re.findall(r"\.yaml:\d+:\d+: ", capsys.readouterr().err)) == 10


# ── what is stored, where nothing is stored ──────────────────────────────────────────────────────────────────────────

WHO = ("--by", "ada", "--reason", "checked")
STORED = {
    "events": ("events",),
    "events as json": ("events", "--format", "json"),
    "event": ("event", "evt-1"),
    "release": ("release", "evt-1", *WHO),
    "reject": ("release", "evt-1", "--reject", *WHO),
    "redrive": ("redrive", "evt-1"),
    "redrive all dead": ("redrive", "--status", "dead"),
    "redrive under the newest version": ("redrive", "evt-1", "--latest"),
}


@pytest.mark.parametrize("name", STORED)
def test_a_store_that_is_not_there_is_a_sentence_and_is_not_made(name: str, shop: Path, capsys: Captured) -> None:
    assert main([*STORED[name], "--workspace", str(shop)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"waybill: there is no store at {shop}/\.waybill/events\.db; .*say which with --store\n", err)
    assert not (shop / ".waybill").exists()


WRONG: Mapping[tuple[str, ...], str] = {
    ("event", "seventeen"): "`seventeen` is not an event; write it as `waybill events` prints it, such as evt-17",
    ("event", "evt-"): "`evt-` is not an event",
    ("event", "evt-٣"): "`evt-٣` is not an event",
    ("release", "order-1", *WHO): "`order-1` is not an event",
    ("redrive",): "name events, or choose them all with --status",
    ("redrive", "evt-1", "--status", "dead"): "name events, or choose them all with --status",
    ("events", "--store", "mysql://host/db"): "`mysql` is not a store URL; write sqlite:///path/events.db",
    ("events", "--store", "events.db"): "`events.db` is not a store URL",
    (
        "events",
        "--store",
        "postgresql://host/db",
    ): "a postgresql:// store is part of the design, but not of this release",
    ("events", "--store", "sqlite:////tmp/a.db?size=1"): "unknown store option `size`; known: max_size=64MiB",
    ("events", "--store", "sqlite:////tmp/a.db?max_size=big"): "`big` is not a size; write for example 64MiB",
    ("events", "--status", "ded"): "there is no status `ded`; known: accepted, running,",
    ("run", "nowhere"): "there is no folder nowhere",
    ("check", "nowhere"): "there is no folder nowhere",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_a_command_cannot_take_is_a_sentence_and_ends_with_2(
    words: tuple[str, ...], shop: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"waybill: {WRONG[words]}")
    assert err.count("\n") == 1


# ── what is stored ───────────────────────────────────────────────────────────────────────────────────────────────────

AT = 1_732_266_931_000_000
HOSTILE = "\x1b[2J\x9b\u202e"


@pytest.fixture
def stored(shop: Path) -> tuple[str, ...]:
    """A store with one event that is accepted and one that is quarantined; the words that name it."""
    plan = load(shop, "local").plans[SHOPIFY]
    store = SqliteStore()
    connection = open_writer(store_address(shop, None))
    arrivals = [
        Arrival(SHOPIFY, plan.hash, "hook-1", "6104455127301", {}, {}, b"{}", AT, 60),
        Arrival(
            SHOPIFY, plan.hash, HOSTILE, None, {}, {}, b"{}", AT + 1, 60, reason="receive.key gave no text or number"
        ),
    ]
    kept = (plan.hash, plan.integration, plan.version, plan.content, AT)
    run_group(connection, [(store.keep_plans, kept), *((store.accept, arrival) for arrival in arrivals)])
    connection.close()
    return "--workspace", str(shop)


def test_events_are_listed_for_people_with_a_count(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", *stored]) == 0
    assert capsys.readouterr().out == (
        "evt-1       accepted    2024-11-22T09:15:31Z  shopify-orders-to-erp@1  id hook-1  key 6104455127301\n"
        "evt-2       quarantined 2024-11-22T09:15:31Z  shopify-orders-to-erp@1  id \\u001b[2J\\u009b\\u202e  key -"
        "  receive.key gave no text or number\n"
        "2 events\n"
    )


def test_events_are_one_json_object_a_line_with_the_pinned_fields(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", *stored, "--format", "json"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    pinned = {"event", "integration", "id", "key", "status", "attempts", "received_at", "spec", "queue", "reason"}
    assert pinned <= set(first)
    assert {name: first[name] for name in pinned} == {
        "event": "evt-1", "integration": SHOPIFY, "id": "hook-1", "key": "6104455127301", "status": "accepted",
        "attempts": 0, "received_at": "2024-11-22T09:15:31.000000Z", "spec": f"{SHOPIFY}@1", "queue": None, "reason": None,
    }  # fmt: skip
    assert (second["id"], second["key"], second["status"]) == (HOSTILE, None, "quarantined")


@pytest.mark.parametrize(
    ("words", "events"),
    [
        (("--status", "accepted"), ["evt-1"]),
        (("--status", "accepted", "--status", "quarantined"), ["evt-1", "evt-2"]),
        (("--status", "dead"), []),
        (("--id", "hook-1"), ["evt-1"]),
        (("--key", "6104455127301"), ["evt-1"]),
        (("--key", "6104455127301", "--status", "quarantined"), []),
        (("--integration", SHOPIFY), ["evt-1", "evt-2"]),
        (("--integration", STRIPE), []),
        (("--queue", "fraud-review"), []),
        (("--limit", "1"), ["evt-1"]),
    ],
)
def test_events_are_chosen_by_what_is_asked(
    words: tuple[str, ...], events: list[str], stored: tuple[str, ...], capsys: Captured
) -> None:
    assert main(["events", *stored, *words, "--format", "json"]) == 0
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == events
    assert main(["events", *stored, *words]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith(("1 event", "2 events") if events else "no events")


def test_an_unknown_status_is_answered_with_the_known_ones(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", *stored, "--status", "ded"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "waybill: there is no status `ded`; known: accepted, running, waiting, held, quarantined, done,"
    )


def test_the_story_of_an_event_is_told_to_people_and_to_programs(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["event", "evt-2", *stored]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"evt-2  {SHOPIFY}@1  quarantined"
    assert lines[1] == "  id \\u001b[2J\\u009b\\u202e   key -"
    assert lines[2] == "  2024-11-22T09:15:31.000001Z  arrived"
    assert lines[3] == "  2024-11-22T09:15:31.000001Z  quarantined: receive.key gave no text or number"
    assert main(["event", "2", *stored, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["status"], told["story"], told["effects"]) == ("evt-2", "quarantined", [], [])


def test_an_event_that_is_not_there_is_a_sentence(stored: tuple[str, ...], capsys: Captured) -> None:
    for number in (0, 3, 10**17):
        assert main(["event", f"evt-{number}", *stored]) == 2
        assert capsys.readouterr() == ("", f"waybill: there is no event evt-{number}\n")


def test_what_cannot_be_moved_is_said_of_each_and_ends_with_1(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["release", "evt-2", "evt-1", "evt-3", *WHO, *stored]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "evt-2: released"
    assert [line.split(":")[0] for line in lines] == ["evt-2", "evt-1", "evt-3"]
    assert "accepted" in lines[1]
    assert "there is no event" in lines[2]
    assert main(["redrive", "--status", "dead", *stored]) == 0
    assert capsys.readouterr().out == "no events\n"
    assert main(["event", "evt-2", *stored]) == 0
    assert "ada: checked" in capsys.readouterr().out


# ── the command line itself ──────────────────────────────────────────────────────────────────────────────────────────

REFUSED: Mapping[tuple[str, ...], str] = {
    ("frobnicate",): "invalid choice: 'frobnicate'",
    ("--frobnicate",): "unrecognized arguments: --frobnicate",
    ("check", "a", "b"): "unrecognized arguments: b",
    ("check", "--format", "pdf"): "invalid choice: 'pdf'",
    ("schema",): "the following arguments are required: kind",
    ("schema", "table"): "invalid choice: 'table'",
    ("init",): "the following arguments are required: DIR",
    ("release", "evt-1"): "the following arguments are required: --by, --reason",
    ("run", "--port", "65536"): "`65536` is not a number from 0 to 65535",
    ("run", "--port", "-1"): "`-1` is not a number from 0 to 65535",
    ("run", "--workers", "0"): "`0` is not a number from 1 to 1000000",
    ("run", "--workers", "٣"): "`٣` is not a number from 1 to 1000000",
    ("redrive", "--status", "done"): "invalid choice: 'done'",
    ("try", "spec"): "the following arguments are required: EVENT",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_words_that_are_no_command_end_with_2_and_usage(words: tuple[str, ...], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: waybill")
    assert REFUSED[words] in err


def test_waybill_alone_shows_its_help_and_ends_with_2(capsys: Captured) -> None:
    assert main([]) == 2
    out = capsys.readouterr().out
    assert out.startswith("usage: waybill")
    assert all(re.search(rf"^    {command} ", out, re.MULTILINE) for command in COMMANDS)
    assert re.findall(r"(\d+) (held|a check failed|the spec or the command|the measurement|Waybill itself|interrupted)", out) == [
        ("0", "held"), ("1", "a check failed"), ("2", "the spec or the command"),
        ("3", "the measurement"), ("4", "Waybill itself"), ("130", "interrupted"),
    ]  # fmt: skip


def test_these_are_all_the_commands() -> None:
    (group,) = (action for action in parser()._actions if action.dest == "command")
    assert tuple(group.choices or ()) == COMMANDS


SAYS = {
    "init": "a new workspace",
    "check": "every fault and charter finding",
    "explain": "how to mend it",
    "schema": "JSON Schema",
    "run": "SIGTERM drains",
    "events": "stored events",
    "event": "the story of one event",
    "release": "or reject them",
    "redrive": "the effect ledger answers it",
    "try": "what their operations' `answer` say",
    "demo": "the partners' own books",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_a_command_does_and_explains_every_option(command: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: waybill {command}")
    assert SAYS[command] in " ".join(out.split())
    (group,) = (action for action in parser()._actions if action.dest == "command")
    for action in group.choices[command]._actions:  # type: ignore[index,call-overload]
        if action.option_strings:
            assert action.help, f"waybill {command} {action.option_strings[0]} is not explained"


def test_version_is_the_distribution_s(capsys: Captured) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"waybill {version('waybill')}\n"


def test_without_an_installation_the_version_is_a_sentence(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    import engine.cli

    def nothing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(engine.cli, "version", nothing)
    assert main(["--version"]) == 2
    assert capsys.readouterr().err.startswith("waybill: this Waybill is not installed")


def raising(error: BaseException) -> Callable[[Any], int]:
    def explain(_arguments: Any) -> int:
        raise error

    return explain


def test_ctrl_c_ends_with_130_and_no_trace(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.check.explain", raising(KeyboardInterrupt()))
    assert main(["explain"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_defect_of_ours_is_loud_and_ends_with_4(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.check.explain", raising(ZeroDivisionError("planted")))
    assert main(["explain"]) == 4
    err = capsys.readouterr().err
    assert "ZeroDivisionError: planted" in err
    assert err.splitlines()[-1].startswith("waybill: this is a defect of Waybill")


# ── as a process ─────────────────────────────────────────────────────────────────────────────────────────────────────


def started(*words: str, out: int, buffered: bool = True) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({} if buffered else {"PYTHONUNBUFFERED": "1"})
    command = [sys.executable, "-m", "engine", *words]
    return subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(
    "words",
    [("explain",), ("schema", "spec"), ("explain", "unused"), ("--help",), ("check", "--help"), ("--version",)],
    ids=" ".join,
)
def test_a_reader_that_has_seen_enough_is_no_failure(words: tuple[str, ...], buffered: bool) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with started(*words, out=writer, buffered=buffered) as process:
        os.close(writer)
        assert process.stderr is not None
        assert (process.wait(60), process.stderr.read()) == (0, "")


@pytest.mark.slow
def test_a_fault_is_told_by_the_exit_code_also_where_nobody_reads_it(broken: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with started("check", str(broken), out=writer) as process:
        os.close(writer)
        assert process.stderr is not None
        assert (process.wait(60), process.stderr.read()) == (2, "")


@pytest.mark.slow
def test_ctrl_c_while_a_command_writes_ends_with_130() -> None:
    """A pipe that takes a page and no more holds the command in the middle of its output."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with started("schema", "spec", out=writer) as process:
        os.close(writer)
        assert len(os.read(reader, 1)) == 1
        process.send_signal(signal.SIGINT)
        while os.read(reader, 65536):
            pass
        os.close(reader)
        assert process.stderr is not None
        assert (process.wait(60), process.stderr.read()) == (130, "")


@pytest.mark.slow
def test_help_needs_none_of_the_heavy_packages() -> None:
    look = "import sys; from engine.cli import parser; parser().format_help(); print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    heavy = {
        "aiohttp",
        "apsw",
        "asyncio",
        "jinja2",
        "jsonschema",
        "jsonschema_rs",
        "msgspec",
        "prometheus_client",
        "rich",
        "ruamel",
        "uvloop",
    }
    assert heavy.isdisjoint(done.stdout.split())
