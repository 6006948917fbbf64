"""A run has a store of its own, and what was there before is as it was."""

from pathlib import Path

import psycopg
import pytest

from engine.errors import UserError
from engine.store.open import reading, store_address
from engine.store.postgres.connect import migrate, open_first
from harness.load.stage.stores import own_store


def schemas(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace")}


def test_without_a_url_it_lies_in_the_folder_of_the_run(tmp_path: Path):
    with own_store(tmp_path, None) as url:
        assert store_address(tmp_path, url).path == tmp_path / "events.db"


def test_it_lies_beside_the_named_file_with_its_options(tmp_path: Path):
    named = tmp_path / "a place" / "events.db"
    named.parent.mkdir()
    named.write_bytes(b"another's")
    with own_store(tmp_path, f"sqlite://{named}?max_size=64MiB") as url:
        address = store_address(tmp_path, url)
        assert address.path.parent.parent == named.parent
        assert address.path.name == "events.db"
        assert address.path != named
        assert address.bytes_max == 64 << 20
        assert not address.path.exists()
    assert not address.path.parent.exists()
    assert named.read_bytes() == b"another's"


@pytest.mark.slow
def test_in_postgresql_it_is_a_schema_of_its_own(postgres_url: str, tmp_path: Path):
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE event (theirs int)")
    before = schemas(postgres_url)
    with own_store(tmp_path, postgres_url) as url:
        (own,) = schemas(postgres_url) - before
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_schema()").fetchone() == (own,)
        opened = open_first(store_address(tmp_path, url).url)
        migrate(opened)
        opened.close()
        with reading(store_address(tmp_path, url)) as database:
            assert list(database.rows("SELECT count(*) FROM event", ())) == [(0,)]
    assert schemas(postgres_url) == before
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'event'")
        assert found.fetchall() == [("theirs",)]


def test_a_database_that_is_not_there_is_told(tmp_path: Path):
    with (
        pytest.raises(UserError, match=r"cannot open postgresql://nobody@127\.0\.0\.1:9/none"),
        own_store(tmp_path, "postgresql://nobody:word@127.0.0.1:9/none"),
    ):
        pass


def test_a_url_that_is_none_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="is not a store URL"), own_store(tmp_path, "mysql://x"):
        pass
