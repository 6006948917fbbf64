"""BYTES → AUTHENTIC OR NOT: a webhook's signature, checked over the raw body before anything reads it.

Whoever can make a verifier raise, or answer sooner for a better guess, is half in. So `verify` gives True or False
for every input, compares bytes in constant time, tries every secret of a rotation whatever the first one says, and
takes the algorithm from the configuration, never from the request. This file refuses to parse bodies, to look at
headers that are not signed, and to say why a signature is wrong.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

SECRET_BYTES_MIN: Final = 2
"""Below it there is no secret. Partners choose theirs, so a short one is only warned of."""

SECRET_BYTES_STRONG: Final = 16
STRIPE_SIGNATURES_MAX: Final = 10
"""Signatures one header may carry: Stripe sends two while a secret rolls; fifty are an attack on our time."""

_STRIPE_PARTS_MAX = 2 * STRIPE_SIGNATURES_MAX
_STRIPE_TIME = re.compile(r"[0-9]{10}")
_STRIPE_HEADER = "stripe-signature"
_SHOPIFY_HEADER = "x-shopify-hmac-sha256"

Scheme = Literal["hmac-sha256", "shopify", "stripe"]
Encoding = Literal["base64", "hex"]


@dataclass(frozen=True, slots=True)
class Verification:
    """How one endpoint's requests are signed. Several secrets are a rotation: any of them makes a request authentic.

    `hmac-sha256`: `header` holds `prefix` (such as `sha256=`) and HMAC-SHA256(secret, body) in `encoding`.
    `shopify`: X-Shopify-Hmac-Sha256, base64 (shopify.dev, "Verify a webhook").
    `stripe`: Stripe-Signature, `t=<unix time>,v1=<hex HMAC-SHA256(secret, t + "." + body)>`, at most `tolerance_s` away
    from now (docs.stripe.com, "Verify webhook signatures manually"). Header and encoding are theirs in these two.
    """

    scheme: Scheme
    header: str
    encoding: Encoding
    secrets: tuple[bytes, ...] = field(repr=False)
    tolerance_s: int = 300
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.scheme not in ("hmac-sha256", "shopify", "stripe"):
            raise ValueError(f"no signature scheme is called {self.scheme!r}")
        if self.scheme == "hmac-sha256" and (not self.header or self.encoding not in ("base64", "hex")):
            raise ValueError("hmac-sha256 needs the name of its header, and base64 or hex")


def verify(verification: Verification, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether the sender of `body` knows a secret. Header names are lower-case, `now` is microseconds since 1970 UTC.

    False for everything else: no header, a malformed one, no secret or an empty one. Never raises.
    """
    if not verification.secrets or not all(verification.secrets):
        return False
    if verification.scheme == "stripe":
        return _verify_stripe(verification, headers.get(_STRIPE_HEADER), body, now)
    header, encoding, prefix = _plain_form(verification)
    given = _ascii(headers.get(header))
    if given is None or not given.startswith(prefix):
        return False
    signature = given.removeprefix(prefix)
    if encoding == "hex":
        signature = signature.lower()  # some senders write A to F
    matches = [hmac.compare_digest(signature, _digest(secret, body, encoding)) for secret in verification.secrets]
    return any(matches)


def sign(verification: Verification, body: bytes, now: int) -> dict[str, str]:
    """The headers, names lower-case, that make `body` authentic at `now`; signed with the first secret."""
    secret = verification.secrets[0]
    if verification.scheme == "stripe":
        stamp = str(now // 1_000_000)
        return {_STRIPE_HEADER: f"t={stamp},v1={_stripe_digest(secret, stamp, body).decode()}"}
    header, encoding, prefix = _plain_form(verification)
    return {header: (prefix + _digest(secret, body, encoding)).decode()}


def secret_problem(secret: bytes) -> str | None:
    """Why a secret is no secret, in words; None if it is one. A start with a problem here must fail."""
    if not secret:
        return "the secret is empty: anyone could sign"
    if len(secret) < SECRET_BYTES_MIN:
        return f"the secret is shorter than {SECRET_BYTES_MIN} bytes: it can be guessed"
    return None


def _plain_form(verification: Verification) -> tuple[str, Encoding, bytes]:
    """Header, encoding and prefix of a scheme whose header is the signature."""
    if verification.scheme == "shopify":
        return _SHOPIFY_HEADER, "base64", b""
    return verification.header.lower(), verification.encoding, verification.prefix.encode()


def _verify_stripe(verification: Verification, header: str | None, body: bytes, now: int) -> bool:
    given = _ascii(header)
    if given is None:
        return False
    parts = given.decode().split(",", _STRIPE_PARTS_MAX)
    stamps = [part[2:] for part in parts if part.startswith("t=")]
    signatures = [part[3:].encode() for part in parts if part.startswith("v1=")]
    malformed = len(parts) > _STRIPE_PARTS_MAX or not all("=" in part for part in parts)
    if malformed or len(stamps) != 1 or not 1 <= len(signatures) <= STRIPE_SIGNATURES_MAX:
        return False
    stamp = stamps[0]
    if not _STRIPE_TIME.fullmatch(stamp):
        return False
    if abs(now - int(stamp) * 1_000_000) > verification.tolerance_s * 1_000_000:
        return False
    expected = [_stripe_digest(secret, stamp, body) for secret in verification.secrets]
    matches = [hmac.compare_digest(signature, digest) for digest in expected for signature in signatures]
    return any(matches)


def _stripe_digest(secret: bytes, stamp: str, body: bytes) -> bytes:
    return _digest(secret, stamp.encode() + b"." + body, "hex")


def _digest(secret: bytes, message: bytes, encoding: Encoding) -> bytes:
    """The signature as it is written. Comparing text with text makes length and form exact without decoding theirs:
    base64 has several spellings of one digest, and lenient decoders take more."""
    digest = hmac.digest(secret, message, "sha256")
    return digest.hex().encode() if encoding == "hex" else base64.b64encode(digest)


def _ascii(value: str | None) -> bytes | None:
    """A header as bytes; None where it is missing or has what no signature has, at which comparing text would raise."""
    return value.encode() if value is not None and value.isascii() else None
