"""The partners that every life shares."""

from collections.abc import Iterator

import pytest

from survival.life import Partners, partners_at


@pytest.fixture(scope="session")
def partners(tmp_path_factory: pytest.TempPathFactory, postgres_server_url: str) -> Iterator[Partners]:
    with partners_at(tmp_path_factory.mktemp("partners"), postgres_server_url) as running:
        yield running
