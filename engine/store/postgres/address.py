"""The URL of a store on PostgreSQL, taken apart; needs no driver, so that a wrong one is told before anything is missed."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from engine.errors import UserError
from engine.store.options import STANDARD, Keep, read_keep, take_options


@dataclass(frozen=True, slots=True, repr=False)
class PostgresAddress:
    """`url` is for the driver and may hold a password; `shown` is for everybody."""

    url: str
    keep: Keep = STANDARD

    @property
    def shown(self) -> str:
        return without_password(self.url)

    def __repr__(self) -> str:
        return f"PostgresAddress({self.shown!r})"


def parse_postgres_url(url: str) -> PostgresAddress:
    """`postgresql://user@host:5432/database?keep=30d` → address; options that are not ours are the driver's."""
    try:
        parts = urlsplit(url)
        _ = parts.hostname
    except ValueError:
        raise UserError("this is not a URL; write postgresql://user@host:5432/database") from None
    if not parts.path.strip("/"):
        raise UserError("the store URL names no database; write postgresql://user@host:5432/database")
    options, rest = take_options(parts.query, {"keep": "90d", "keep_effects": "400d"}, others=True)
    return PostgresAddress(put_together(parts.scheme, parts.netloc, parts.path, rest), read_keep(options))


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    shown = f"{user.partition(':')[0]}{at}{host}"
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if "pass" not in name.lower()], safe="/")
    return put_together(parts.scheme, shown, parts.path, query)


def put_together(scheme: str, place: str, path: str, query: str) -> str:
    """As `urlunsplit`, which forgets the slashes where no host is named."""
    return f"{scheme}://{place}{path}{'?' if query else ''}{query}"
