"""Every store the engine runs on, and how a test gets a new one: what shows a promise shows it on each of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postgres_server import a_database

SQLITE, POSTGRESQL = "sqlite", "postgresql"
STORES = (SQLITE, POSTGRESQL)
"""A store that is added is a row of the whole matrix."""


@contextmanager
def new_store(store: str, folder: Path, server_url: str) -> Iterator[str]:
    """The URL of an empty store: a file of this folder, or a database of this server that goes with the block."""
    if store == POSTGRESQL:
        with a_database(server_url) as url:
            yield url
    else:
        yield f"sqlite://{folder}/events.db"
