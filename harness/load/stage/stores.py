"""A store for one run alone, of the kind and in the place that `--store` names; taken away again with the run.

A run that met the events of another would measure both. So SQLite gets a folder of its own beside the file that is
named, and PostgreSQL a schema of its own in the database that is named, which the engine finds through `search_path`:
what is stored there already is never read, written or removed. This file refuses to open a store.
"""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from engine.errors import UserError
from engine.store.open import Address, postgres, store_address
from engine.store.postgres.address import PostgresAddress

FILE = "events.db"


@contextmanager
def own_store(folder: Path, url: str | None) -> Iterator[str]:
    """The URL of an empty store; without `url` it lies in `folder`. Raises UserError where there can be none."""
    if url is None:
        yield f"sqlite://{(folder / FILE).resolve()}"
        return
    address: Address = store_address(folder, url)
    if url.startswith("sqlite:"):
        yield from in_folder(url)
    else:
        yield from in_schema(url, address)


def in_folder(url: str) -> Iterator[str]:
    """Beside the named file, on the same disk."""
    parts = urlsplit(url)
    parent = Path("/" + parts.path.lstrip("/")).parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix="waybill-load-", dir=parent))
    except OSError as error:
        raise UserError(f"cannot make a store in {parent}: {error.strerror}") from None
    try:
        yield f"sqlite://{own / FILE}{'?' if parts.query else ''}{parts.query}"
    finally:
        shutil.rmtree(own, ignore_errors=True)


def in_schema(url: str, address: Address) -> Iterator[str]:
    """In the named database, beside what it holds."""
    name = f"waybill_load_{secrets.token_hex(6)}"
    asked_for = dict(parse_qsl(urlsplit(url).query)).get("options")
    if asked_for is not None:
        raise UserError("load gives the store a schema of its own, by the option `options`; leave yours out of --store")
    change(address, f"CREATE SCHEMA {name}")
    try:
        joint = "&" if urlsplit(url).query else "?"
        yield f"{url}{joint}{urlencode({'options': f'-csearch_path={name}'}, quote_via=quote)}"
    finally:
        change(address, f"DROP SCHEMA {name} CASCADE")


def change(address: Address, statement: str) -> None:
    """Raises UserError where the database cannot be reached, or its user may make no schemas."""
    assert isinstance(address, PostgresAddress)
    connect, errors = postgres("connect"), postgres("errors")
    connection = connect.open_first(address.url)
    try:
        connection.execute(statement)
    except connect.psycopg.Error as error:
        raise UserError(f"cannot make a store in {address.shown}: {errors.said(error)}") from None
    finally:
        connection.close()
