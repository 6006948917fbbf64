"""What a start needs of a workspace: the systems that may be called, wherever in a spec, and a route for each webhook."""

from pathlib import Path

import pytest
from spec.everything import EVERYTHING

from engine.errors import UserError
from engine.run.load import Loaded, load
from engine.run.start import addresses_and_routes


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


def test_the_address_of_a_second_provider_is_missed_at_the_start(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTHER_URL", raising=False)
    with pytest.raises(UserError, match="OTHER_URL is not set"):
        addresses_and_routes(loaded)
