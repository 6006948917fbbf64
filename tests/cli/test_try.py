"""`waybill try`: one event through the real engine without a network, told to people and to programs."""

import json
import re
from pathlib import Path

import pytest

from engine.cli import main

Captured = pytest.CaptureFixture[str]
SHOPIFY, STRIPE = "shopify-orders-to-erp", "stripe-payments-to-ledger"


def event_file(folder: Path, content: object) -> str:
    path = folder / "event.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)


def test_try_prints_the_pinned_shape_as_json(shop: Path, capsys: Captured) -> None:
    spec, event = f"{shop}/specs/{STRIPE}.yaml", f"{shop}/recordings/stripe/charge-succeeded.json"
    assert main(["try", spec, event, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    told = json.loads(out)
    assert [*told] == ["status", "id", "key", "steps", "calls"]
    assert (told["status"], told["id"], told["key"]) == ("done", "evt_NWexample0001", "pi_NWexamplePay2041")
    assert [*told["steps"]] == ["payment", "review", "ledger", "publish"]
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
    assert lines[6] == '  step publish: "shopify-orders-to-erp:a1818e9d-dce6-567a-97d2-71f16ea06a65:publish"'
    assert lines[7] == "  call erp.create_order: POST {ERP_URL}/sales-orders"


def test_try_tells_each_event_of_a_delivery_that_is_split_in_order(shop: Path, capsys: Captured) -> None:
    command = ["try", "stock-counts", f"{shop}/recordings/wms/counts.json", "--workspace", str(shop)]
    assert main([*command, "--format", "json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["status"], one["id"], one["key"]) for one in told] == [
        ("done", "100231:4101", "100231"),
        ("done", "100701:977", "100701"),
    ]
    assert main(command) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")] == ["done", "done"]


def test_a_delivery_without_events_is_said_to_be_one(shop: Path, capsys: Captured) -> None:
    file = event_file(shop, {"body": {"counts": []}})
    assert main(["try", "stock-counts", file, "--workspace", str(shop)]) == 0
    assert capsys.readouterr() == ("", "nothing: the delivery holds no events\n")


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


@pytest.mark.parametrize("raw", [(), ("--raw",)])
def test_an_event_file_beyond_the_bound_is_refused_and_never_cut_short(
    raw: tuple[str, ...], shop: Path, capsys: Captured
) -> None:
    large = shop / "large.json"
    large.write_bytes(b" " * ((16 << 20) + 1))
    assert main(["try", SHOPIFY, str(large), "--workspace", str(shop), *raw]) == 2
    assert "large.json is larger than 16 MiB" in capsys.readouterr().err


def test_what_try_cannot_find_is_named_with_what_there_is(
    shop: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    event = "recordings/stripe/charge-succeeded.json"
    integrations = sorted(path.stem for path in (shop / "specs").iterdir())
    assert {SHOPIFY, STRIPE} < set(integrations)
    cases = {
        ("nothing", event): f"there is no integration `nothing` in .; there are: {', '.join(integrations)}",
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


def test_a_trace_tells_each_field_of_the_mapping(shop: Path, capsys: Captured) -> None:
    spec, event = str(shop / "specs/shopify-orders-to-erp.yaml"), str(shop / "recordings/shopify/order-paid.json")
    assert main(["try", spec, event, "--trace", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    fields = {field["field"]: field for field in told["trace"]["order"]}
    assert fields["total"]["output"] == told["steps"]["order"]["total"]
    assert fields["lines[1].sku"]["output"] == told["steps"]["order"]["lines"][1]["sku"]
    assert fields["total"]["inputs"].keys() == {"total_price", "currency"}
    assert all(field["took_us"] >= 0 for field in fields.values())
    assert main(["try", spec, event, "--trace"]) == 0
    out = capsys.readouterr().out
    assert "trace of step order:\n  let.shop   'shopify'\n      out  \"shopify\"" in out


def test_a_trace_shows_the_field_at_which_a_mapping_stopped(shop: Path, capsys: Captured) -> None:
    spec, event = (
        str(shop / "specs/shopify-orders-to-erp.yaml"),
        str(shop / "recordings/shopify/order-unknown-sku.json"),
    )
    assert main(["try", spec, event, "--trace"]) == 0
    assert "fails 'NW-HAMMOCK-XL' is not in table sku-registry (column sku)" in capsys.readouterr().out
