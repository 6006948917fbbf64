"""A workspace under load is the same one, but for whom it calls and whom it trusts."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.run.load import load
from engine.spec.yaml import compose
from engine.wire.files import read_files
from harness.load.stage.copied import addressed, refuse_private, variables, write_copy
from harness.made_secrets import make_secrets


@pytest.fixture(scope="module")
def loaded(root):
    return load(root, "local")


@pytest.fixture(scope="module")
def urls(loaded):
    return {name: f"http://127.0.0.1:{20_000 + place}" for place, name in enumerate(sorted(loaded.called))}


def test_no_address_of_the_copy_leaves_this_machine(root, loaded, urls, tmp_path: Path):
    write_copy(root, tmp_path, loaded, urls)
    copied = load(tmp_path, "local")
    said = variables(loaded, urls)
    for name in copied.called:
        address = copied.shape(name).base_url["local"]
        assert (address if isinstance(address, str) else said[address.name]) == urls[name]
    assert "ERP_URL" not in said


def test_everything_else_is_as_it_was_read(root, loaded, urls, tmp_path: Path):
    write_copy(root, tmp_path, loaded, urls)
    before, after = read_files(root), read_files(tmp_path)
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"charter/systems/erp.yaml"}
    copied = load(tmp_path, "local")
    assert {name: plan.hash for name, plan in copied.plans.items()} == {
        name: plan.hash for name, plan in loaded.plans.items()
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("base_url: {local: https://x.example/v2}", 'base_url: {local: "u:1"}'),
        ('base_url: {local: "https://x.example"} # ä', 'base_url: {local: "u:1"} # ä'),
        ("base_url:\n  other: y\n  local: 'https://x.example'\n", 'base_url:\n  other: y\n  local: "u:1"\n'),
    ],
)
def test_an_address_is_replaced_where_it_stands(written: str, expected: str):
    node, _ = compose(written, "x.yaml")
    assert node is not None
    assert addressed(written.encode(), node, "local", "u:1").decode() == expected


def test_an_address_that_cannot_be_replaced_is_refused():
    written = 'base_url:\n  local: "https://\\x78.example"\n'
    node, _ = compose(written, "x.yaml")
    assert node is not None
    with pytest.raises(UserError, match=r"x\.yaml:2: load puts its own partner here"):
        addressed(written.encode(), node, "local", "u:1")


def test_secrets_are_made_up_and_nobody_else_reads_them(loaded, tmp_path: Path):
    made = make_secrets(tmp_path / "secrets", map(loaded.shape, loaded.workspace.systems))
    assert set(made) >= {"SHOPIFY_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET", "ERP_TOKEN"}
    for name, value in made.items():
        path = tmp_path / "secrets" / name
        assert path.read_text() == f"{value}\n"
        assert path.stat().st_mode & 0o077 == 0
    assert len(set(made.values())) == len(made)


def test_an_environment_that_forbids_this_machine_is_refused(loaded):
    refuse_private(loaded)
    with pytest.raises(UserError, match="environment `production` refuses private networks"):
        refuse_private(replace(loaded, environment="production"))
