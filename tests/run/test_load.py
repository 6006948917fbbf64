"""What a start needs of a workspace: the systems that may be called, wherever in a spec, and a route for each webhook."""

from pathlib import Path

import pytest
from spec.everything import EVERYTHING

from engine.errors import UserError
from engine.run.load import Loaded, load
from engine.run.start import addresses_and_routes, reached


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    for name, text in EVERYTHING.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return load(tmp_path, "local")


def test_every_provider_is_a_called_system_also_inside_each(loaded: Loaded) -> None:
    assert loaded.called == {"erp", "carrier", "other-carrier"}


def test_what_receives_a_topic_has_no_route(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ERP_URL", "CARRIER_URL", "OTHER_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("WAYBILL_SECRET_ERP_TOKEN", "t")
    monkeypatch.setenv("WAYBILL_SECRET_SHOP_SECRET", "s" * 40)
    addresses, routes = addresses_and_routes(loaded)
    assert {*addresses} == {"erp", "carrier", "other-carrier"}
    assert {path: route.plan.integration for path, route in routes.items()} == {
        "/hooks/orders": "orders",
        "/hooks/payments": "payments",
    }


def test_what_no_plan_calls_any_more_is_reached_where_all_that_takes_is_there(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = tmp_path / "charter/systems/former.yaml"
    former.write_text(
        "system: former\nkind: other\nbase_url: {local: {env: FORMER_URL}}\nauth: {bearer: {secret: FORMER_TOKEN}}\n"
    )
    loaded = load(tmp_path, "local")
    for name in ("ERP_URL", "CARRIER_URL", "OTHER_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("WAYBILL_SECRET_ERP_TOKEN", "t")
    monkeypatch.setenv("WAYBILL_SECRET_SHOP_SECRET", "s" * 40)
    called = {"erp", "carrier", "other-carrier"}
    assert {*addresses_and_routes(loaded)[0]} == called
    monkeypatch.setenv("FORMER_URL", "http://127.0.0.1:1/?a=b")
    monkeypatch.setenv("WAYBILL_SECRET_FORMER_TOKEN", "t")
    assert {*addresses_and_routes(loaded)[0]} == called, "an address that is wrong is none"
    monkeypatch.setenv("FORMER_URL", "http://127.0.0.1:1")
    found, _ = addresses_and_routes(loaded)
    assert {*found} == {*reached(loaded, found)} == {*called, "former"}
    assert "former" in loaded.systems
    assert {*reached(loaded, {name: found[name] for name in called})} == called


def test_the_address_of_a_second_provider_is_missed_at_the_start(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTHER_URL", raising=False)
    with pytest.raises(UserError, match="OTHER_URL is not set"):
        addresses_and_routes(loaded)


def test_all_that_a_start_lacks_is_told_in_the_order_of_the_files(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp = tmp_path / "charter/systems/erp.yaml"
    head, address, sign_in, *rest = erp.read_text().split("\n", 4)[1:]
    assert (address.split(":")[0], sign_in.split(":")[0]) == ("base_url", "auth")
    erp.write_text("\n".join(["system: erp", head, sign_in, address, *rest]))
    for name in ("ERP_URL", "WAYBILL_SECRET_SHOP_SECRET", "WAYBILL_SECRETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CARRIER_URL", "ftp://carrier.example")
    monkeypatch.setenv("OTHER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("WAYBILL_SECRET_ERP_TOKEN", " ")
    with pytest.raises(UserError) as caught:
        addresses_and_routes(load(tmp_path, "local"))
    told = [" ".join(line.split()[:5]) for line in str(caught.value).splitlines()]
    assert told == [
        "charter/systems/carrier.yaml:3:19: the environment variable CARRIER_URL",
        "charter/systems/erp.yaml:3:16: the secret ERP_TOKEN is",
        "charter/systems/erp.yaml:4:19: the environment variable ERP_URL",
        "charter/systems/shop.yaml:4:37: there is no secret",
    ]
