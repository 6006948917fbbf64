"""Signatures: published vectors, the forms of attack, and that nothing makes `verify` raise."""

import base64
import hmac
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real import real_data

from engine.rules.signature import Verification, secret_problem, sign, verify

SECRET = b"a secret of enough bytes"
BODY = b'{"id": 1}'
NOW = 1_700_000_000 * 1_000_000

HEX = Verification("hmac-sha256", "X-Signature", "hex", (SECRET,))
BASE64 = Verification("hmac-sha256", "X-Signature", "base64", (SECRET,))
PREFIXED = Verification("hmac-sha256", "X-Hub-Signature-256", "hex", (SECRET,), prefix="sha256=")
SHOPIFY = Verification("shopify", "", "base64", (SECRET,))
STRIPE = Verification("stripe", "", "hex", (SECRET,))
ALL = {"hex": HEX, "base64": BASE64, "prefixed": PREFIXED, "shopify": SHOPIFY, "stripe": STRIPE}

DIGEST = hmac.digest(SECRET, BODY, "sha256")
STRIPE_DIGEST = hmac.digest(SECRET, b"1700000000." + BODY, "sha256").hex()


@pytest.mark.parametrize("verification", ALL.values(), ids=ALL)
class TestEveryScheme:
    def test_what_is_signed_is_authentic(self, verification: Verification) -> None:
        assert verify(verification, sign(verification, BODY, NOW), BODY, NOW)

    def test_a_changed_body_is_not(self, verification: Verification) -> None:
        assert not verify(verification, sign(verification, BODY, NOW), BODY + b" ", NOW)

    def test_another_secret_is_not(self, verification: Verification) -> None:
        other = Verification(verification.scheme, verification.header, verification.encoding, (b"another secret",))
        assert not verify(verification, sign(other, BODY, NOW), BODY, NOW)

    def test_a_missing_signature_is_not(self, verification: Verification) -> None:
        assert not verify(verification, {}, BODY, NOW)

    def test_other_headers_are_neither_read_nor_trusted(self, verification: Verification) -> None:
        headers = sign(verification, BODY, NOW) | {"x-shopify-topic": "orders/paid", "x-shopify-webhook-id": "new"}
        assert verify(verification, headers, BODY, NOW)

    def test_without_a_secret_nothing_is_authentic(self, verification: Verification) -> None:
        signed = sign(verification, BODY, NOW)
        assert not verify(replaced(verification, ()), signed, BODY, NOW)

    def test_an_empty_secret_makes_nothing_authentic_not_even_beside_a_good_one(
        self, verification: Verification
    ) -> None:
        by_anyone = sign(replaced(verification, (b"",)), BODY, NOW)
        assert not verify(replaced(verification, (b"",)), by_anyone, BODY, NOW)
        assert not verify(replaced(verification, (SECRET, b"")), by_anyone, BODY, NOW)

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_while_a_secret_rotates_each_of_them_is_taken(self, verification: Verification, place: int) -> None:
        secrets = [b"the first other one", b"the second other one"]
        secrets.insert(place, SECRET)
        assert verify(replaced(verification, tuple(secrets)), sign(verification, BODY, NOW), BODY, NOW)

    def test_its_secrets_are_not_shown(self, verification: Verification) -> None:
        assert "secret of enough" not in repr(verification)


def replaced(verification: Verification, secrets: tuple[bytes, ...]) -> Verification:
    v = verification
    return Verification(v.scheme, v.header, v.encoding, secrets, v.tolerance_s, v.prefix)


MALFORMED_HEX = {
    "empty": "",
    "short": DIGEST.hex()[:-1],
    "long": DIGEST.hex() + "0",
    "padded with a space": DIGEST.hex() + " ",
    "spread with spaces": DIGEST.hex(" "),
    "only its beginning": DIGEST.hex()[:8],
    "base64 instead": base64.b64encode(DIGEST).decode(),
    "with a prefix nobody asked for": "sha256=" + DIGEST.hex(),
    "not ASCII": DIGEST.hex()[:-1] + "é",
    "full-width digits": DIGEST.hex().translate({ord("0") + n: 0xFF10 + n for n in range(10)}),
    "with U+0000": DIGEST.hex() + "\0",
    "half of a surrogate pair": "\ud800",
    "twice": f"{DIGEST.hex()},{DIGEST.hex()}",
    "fifty": ",".join([DIGEST.hex()] * 50),
}


@pytest.mark.parametrize("header", MALFORMED_HEX.values(), ids=MALFORMED_HEX)
def test_a_malformed_hex_signature_is_refused(header: str) -> None:
    assert not verify(HEX, {"x-signature": header}, BODY, NOW)


def test_hex_may_be_written_in_capitals() -> None:
    assert verify(HEX, {"x-signature": DIGEST.hex().upper()}, BODY, NOW)


GOOD64 = base64.b64encode(DIGEST).decode()
MALFORMED_BASE64 = {
    "without padding": GOOD64.rstrip("="),
    "with more padding": GOOD64 + "=",
    "another spelling of the same bytes": GOOD64[:-2] + chr(ord(GOOD64[-2]) + 1) + "=",
    "the other alphabet or garbage within": "-_" + GOOD64[2:],
    "with a line break": GOOD64[:20] + "\n" + GOOD64[20:],
    "hex instead": DIGEST.hex(),
    "no base64 at all": "%%%",
    "empty": "",
}


@pytest.mark.parametrize("header", MALFORMED_BASE64.values(), ids=MALFORMED_BASE64)
@pytest.mark.parametrize("verification", [BASE64, SHOPIFY], ids=["hmac-sha256", "shopify"])
def test_a_malformed_base64_signature_is_refused(verification: Verification, header: str) -> None:
    name = next(iter(sign(verification, BODY, NOW)))
    assert not verify(verification, {name: header}, BODY, NOW)


def test_the_other_spelling_really_decodes_to_the_same_bytes() -> None:
    assert base64.b64decode(MALFORMED_BASE64["another spelling of the same bytes"]) == DIGEST


@pytest.mark.parametrize("prefix", ["", "sha256", "sha1=", "SHA256=", "sha256==", " sha256=", "v1,"])
def test_another_prefix_is_refused(prefix: str) -> None:
    assert not verify(PREFIXED, {"x-hub-signature-256": prefix + DIGEST.hex()}, BODY, NOW)


WRONG = "v1=" + "0" * 64
RIGHT = f"v1={STRIPE_DIGEST}"

STRIPE_GOOD = {
    "as sent": f"t=1700000000,{RIGHT}",
    "in the other order": f"{RIGHT},t=1700000000",
    "beside a test-mode one": f"t=1700000000,{RIGHT},v0={'0' * 64}",
    "beside a scheme of tomorrow": f"t=1700000000,v2=x,{RIGHT}",
    "the last of ten": ",".join(["t=1700000000", *[WRONG] * 9, RIGHT]),
}


@pytest.mark.parametrize("header", STRIPE_GOOD.values(), ids=STRIPE_GOOD)
def test_a_stripe_header_is_taken(header: str) -> None:
    assert verify(STRIPE, {"stripe-signature": header}, BODY, NOW)


STRIPE_BAD = {
    "empty": "",
    "no time": RIGHT,
    "no signature": "t=1700000000",
    "two times": f"t=1700000000,t=1700000000,{RIGHT}",
    "eleven signatures": ",".join(["t=1700000000", RIGHT, *[WRONG] * 10]),
    "fifty signatures": ",".join(["t=1700000000", *[RIGHT] * 50]),
    "fifty parts nobody knows": ",".join(["t=1700000000", RIGHT, *["v9=x"] * 50]),
    "a part without a name": f"t=1700000000,x,{RIGHT}",
    "an empty part": f"t=1700000000,,{RIGHT}",
    "only test mode": f"t=1700000000,v0={STRIPE_DIGEST}",
    "its beginning": f"t=1700000000,{RIGHT[:20]}",
    "capitals": f"t=1700000000,v1={STRIPE_DIGEST.upper()}",
    "spaces": f"t=1700000000, {RIGHT}",
    "not ASCII": f"t=1700000000,{RIGHT}é",
    "only the time changed": f"t=1700000001,{RIGHT}",
}


@pytest.mark.parametrize("header", STRIPE_BAD.values(), ids=STRIPE_BAD)
def test_a_malformed_stripe_header_is_refused(header: str) -> None:
    assert not verify(STRIPE, {"stripe-signature": header}, BODY, NOW)


STRIPE_TIMES = ["170000000", "17000000000", "1_70000000", "+170000000", "-170000000", "NaN", "", "1700000000.0"]
STRIPE_TIMES += ["1700000000\n", " 1700000000", "\u0661\u0667" + "\u0660" * 8, "0x65518d000", "1e9"]


@pytest.mark.parametrize("stamp", STRIPE_TIMES, ids=repr)
def test_a_time_that_is_not_ten_digits_is_refused_though_it_is_signed(stamp: str) -> None:
    digest = hmac.digest(SECRET, stamp.encode() + b"." + BODY, "sha256").hex()
    assert not verify(STRIPE, {"stripe-signature": f"t={stamp},v1={digest}"}, BODY, NOW)


@pytest.mark.parametrize(
    ("late_us", "authentic"),
    [
        (0, True),
        (300_000_000, True),
        (-300_000_000, True),
        (300_000_001, False),
        (-300_000_001, False),
        (360_000_000, False),
        (-360_000_000, False),
    ],
)
def test_a_stripe_signature_holds_for_five_minutes_either_way(late_us: int, authentic: bool) -> None:
    assert verify(STRIPE, sign(STRIPE, BODY, NOW), BODY, NOW + late_us) is authentic


def test_the_tolerance_is_the_one_given() -> None:
    strict = Verification("stripe", "", "hex", (SECRET,), tolerance_s=10)
    assert not verify(strict, sign(strict, BODY, NOW), BODY, NOW + 11_000_000)


@pytest.mark.parametrize("verification", ALL.values(), ids=ALL)
@given(header=st.text(), body=st.binary())
def test_no_header_makes_it_raise_or_agree(verification: Verification, header: str, body: bytes) -> None:
    name = next(iter(sign(verification, BODY, NOW)))
    assert verify(verification, {name: header}, body, NOW) is False


@pytest.mark.parametrize(("secret", "refused"), [(b"", "empty"), (b"1", "shorter"), (b"12", None), (b"12345678", None)])
def test_a_secret_that_protects_nothing_is_named(secret: bytes, refused: str | None) -> None:
    problem = secret_problem(secret)
    assert problem is None if refused is None else refused in (problem or "")


@pytest.mark.parametrize(
    ("scheme", "header", "encoding"), [("none", "X", "hex"), ("hmac-sha256", "", "hex"), ("hmac-sha256", "X", "hex2")]
)
def test_a_verification_that_cannot_verify_is_not_made(scheme: str, header: str, encoding: str) -> None:
    with pytest.raises(ValueError, match=r"signature scheme|header"):
        Verification(scheme, header, encoding, (SECRET,))  # type: ignore[arg-type]


def read(folder: Path, file: str) -> dict:
    return json.loads((folder / "compliance" / "signatures" / file).read_text())


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest.mark.real
def test_published_shopify_vectors() -> None:
    vectors = read(real_data(), "shopify.json")["webhook"]
    for vector in vectors:
        verification = Verification("shopify", "", "base64", (vector["secret"].encode(),))
        told = verify(verification, lower(vector["headers"]), vector["body"].encode(), NOW)
        assert told is vector["valid"], vector["name"]
    assert len(vectors) == 9
    assert sum(vector["valid"] for vector in vectors) == 1


@pytest.mark.real
def test_published_stripe_vectors() -> None:
    vectors = read(real_data(), "stripe.json")["vectors"]
    for vector in vectors:
        verification = Verification("stripe", "", "hex", (vector["secret"].encode(),), vector["tolerance"])
        now = vector["now"] * 1_000_000
        told = verify(verification, lower(vector["headers"]), vector["body"].encode(), now)
        assert told is vector["valid"], vector["name"]
    assert len(vectors) == 3
    assert sum(vector["valid"] for vector in vectors) == 1


@pytest.mark.real
def test_published_easypost_vectors_which_are_plain_hmac_with_a_prefix() -> None:
    folder = real_data()
    vectors = read(folder, "easypost.json")["vectors"]
    for vector in vectors:
        body = (folder / "compliance" / "signatures" / vector["body_file"]).read_bytes().removesuffix(b"\n")
        secret = unicodedata.normalize("NFKD", vector["secret"]).encode()
        verification = Verification("hmac-sha256", "X-Hmac-Signature", "hex", (secret,), prefix="hmac-sha256-hex=")
        assert verify(verification, lower(vector["headers"]), body, NOW) is vector["valid"], vector["name"]
    assert len(vectors) == 3
    assert sum(vector["valid"] for vector in vectors) == 1
