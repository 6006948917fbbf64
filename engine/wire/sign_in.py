"""How a call signs in at its partner: the header fields that carry a secret, made at the last moment.

This file refuses to fetch, refresh or store a token.
"""

from base64 import b64encode
from collections.abc import Mapping

from msgspec import Struct

from engine.wire.headers import HOP_BY_HOP, is_safe
from engine.wire.secrets import Secret


class Bearer(Struct, frozen=True):
    """`Authorization: Bearer …` (RFC 6750)."""

    token: Secret


class Header(Struct, frozen=True):
    """Headers of the partner's own, as `X-Api-Key`."""

    fields: Mapping[str, Secret]


class Basic(Struct, frozen=True):
    """`Authorization: Basic …` (RFC 7617), in UTF-8."""

    user: str
    password: Secret


Auth = Bearer | Header | Basic | None


def auth_fields(auth: Auth) -> list[tuple[str, str]]:
    """The fields of a sign-in with their secrets in the open: for the wire alone, never kept."""
    match auth:
        case Bearer(token):
            return [("Authorization", f"Bearer {token.reveal()}")]
        case Basic(user, password):
            pair = b64encode(f"{user}:{password.reveal()}".encode())
            return [("Authorization", f"Basic {pair.decode()}")]
        case Header(fields):
            return [(name, value.reveal()) for name, value in fields.items()]
        case None:
            return []


def auth_faults(auth: Auth) -> list[str]:
    """What is wrong with a sign-in, without its values."""
    if isinstance(auth, Basic) and (":" in auth.user or not is_safe("user", auth.user)):
        return ["the user of `basic` may hold neither a colon nor a control character"]
    return [
        f"the sign-in header {name!r} cannot be sent: its name or its value is not allowed in a header"
        for name, value in auth_fields(auth)
        if not is_safe(name, value) or name.lower() in HOP_BY_HOP
    ]
