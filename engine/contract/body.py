"""BYTES → DATA, and back: JSON as commerce needs it, with every digit kept and every limit checked before it costs.

Partners send whatever they like, so this file refuses what other readers let through: a key given twice (the last one
would win), NaN and Infinity, text that cannot be written out again (half of a surrogate pair, U+0000), other
encodings than UTF-8, numbers too long or too far from one to compute with, and bodies nested or numerous enough to
exhaust a reader. It refuses to guess, to make a binary float of a number, and to show contents in an error.

Why msgspec and not `json`: measured on a Shopify order of 5.3 KB, `msgspec` with a decimal hook takes 13 µs, its
bounds 5 and the count of its texts 7; `json.loads` with `parse_float=Decimal` and a pairs
hook takes 37 alone, accepts lone surrogates, and would still need the shape to bound depth, nodes and digits before
anything is built.
"""

import re
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from typing import NoReturn

from msgspec import DecodeError
from msgspec.json import Decoder, Encoder


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much a body may be. A node is an object, an array, a text, a number, true, false or null; keys do not count.

    `digits_max` bounds the digits of one number, `exponent_max` the distance of a decimal's first digit from the
    point: 1E+400 is the largest power of ten by default.
    """

    bytes_max: int = 5 * 1024 * 1024
    depth_max: int = 64
    nodes_max: int = 200_000
    digits_max: int = 1000
    exponent_max: int = 400


class BodyError(ValueError):
    """A body cannot be read as JSON. `code` is one of the words below; `message` says what and where, never contents.

    Codes: empty, size, encoding, json, duplicate-key, number, depth, nodes, surrogate, nul.
    """

    __slots__ = ("code", "message")

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BodyError) and (self.code, self.message) == (other.code, other.message)

    def __hash__(self) -> int:
        return hash((self.code, self.message))


_DEFAULTS = BodyLimits()
SAMPLES = 8
"""Of a row of digits that is too long."""
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_OFFSET = re.compile(r"^(?:JSON is malformed: )?(.*?) \(byte (\d+)\)$")
_HALF_A_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
_EXACT = Context(prec=100_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])


def decode_body(raw: bytes, limits: BodyLimits = _DEFAULTS) -> object:
    """JSON text as dict, list, str, int, Decimal, bool or None; raises BodyError.

    RFC 8259, UTF-8 without a byte order mark. A number with a point or an exponent is a Decimal, any other an int.
    """
    unescaped = _bounded(raw, limits)
    try:
        value = _decoder(limits).decode(raw)
    except UnicodeDecodeError:
        _refuse_encoding(raw)
    except DecodeError as error:
        if isinstance(error.__cause__, BodyError):  # the number hook's own, wrapped by the decoder
            raise error.__cause__ from None
        _refuse_syntax(raw, str(error))
    again = _ENCODER.encode(value)
    if again != raw and unescaped.count(b'"') // 2 != _count_texts(again):
        raise BodyError("duplicate-key", "an object of the body holds one key twice")
    return value


def _bounded(raw: bytes, limits: BodyLimits) -> bytes:
    """A body that is small enough to build, without the escapes that matter to who counts quotes; everything here runs
    before a value exists."""
    if not raw or raw.isspace():
        raise BodyError("empty", "the body is empty")
    if len(raw) > limits.bytes_max:
        raise BodyError("size", f"the body has {len(raw)} bytes; at most {limits.bytes_max} are read")
    if not raw.isascii():
        if raw.startswith(b"\xef\xbb\xbf"):
            raise BodyError("encoding", "the body begins with a byte order mark; JSON has none")
        try:
            raw.decode()
        except UnicodeDecodeError:
            _refuse_encoding(raw)
    unescaped = raw
    if b"\\" in raw:
        # Pairs of backslashes go first, so that what is left before a letter or a quote is a true escape.
        unescaped = raw.replace(b"\\\\", b"")
        if b"\\u0000" in unescaped:
            raise BodyError("nul", "a text of the body holds U+0000, which cannot be stored")
        unescaped = unescaped.replace(b'\\"', b"")
    # Only a long text can hold too many nodes, and more than four quotes a node are too many before they are split.
    if len(raw) >= limits.nodes_max:
        if unescaped.count(b'"') > 4 * limits.nodes_max:
            _refuse_nodes(limits)
        if _count_nodes(_shape(unescaped)) > limits.nodes_max:
            _refuse_nodes(limits)
    # Both are looked for in the text as it is, since that costs a third: what it says of texts is said for nothing.
    opened = unescaped.count(b"[") + unescaped.count(b"{")
    if opened > limits.depth_max and _deeper(_shape(unescaped), limits.depth_max):
        raise BodyError("depth", f"the body is nested deeper than {limits.depth_max} levels")
    if _may_hold_digits(unescaped, limits.digits_max):
        digits = _shape(unescaped).translate(_DIGITS_ALIKE)
        if b"0" * (limits.digits_max + 1) in digits:
            _refuse_digits(limits)
    return unescaped


def _may_hold_digits(text: bytes, digits_max: int) -> bool:
    """Whether more digits may stand in a row: then a row of samples, taken often enough, are digits too."""
    if len(text) <= digits_max:
        return False
    step = max(1, digits_max // SAMPLES)
    return b"0" * (digits_max // step) in text[::step].translate(_DIGITS_ALIKE)


def _shape(unescaped: bytes) -> bytes:
    """The text with each string made one quote mark: what is left is brackets, colons, commas, numbers and words."""
    return b'"'.join(unescaped.split(b'"')[::2])


def _count_nodes(shape: bytes) -> int:
    """Values in a well-formed shape: one, and one more for each comma and each container that is not empty."""
    packed = shape.translate(None, b" \t\r\n")
    containers = packed.count(b"[") + packed.count(b"{")
    empty = packed.count(b"[]") + packed.count(b"{}")
    return 1 + packed.count(b",") + containers - empty


def _deeper(shape: bytes, depth_max: int) -> bool:
    """Whether brackets nest deeper: each pass takes away the innermost pairs, in C, and depth_max passes suffice."""
    brackets = shape.translate(_SQUARE, _NOT_BRACKETS)
    for _ in range(depth_max):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _count_texts(text: bytes) -> int:
    """Keys and texts of a value that was written out again, which takes half of the time of a walk over its parts.

    Fewer than the body holds when a key came twice, for then only one of them is here."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return text.count(b'"') // 2


def _decoder(limits: BodyLimits) -> "Decoder[object]":
    return _DECODER if limits is _DEFAULTS else _make_decoder(limits)


def _make_decoder(limits: BodyLimits) -> "Decoder[object]":
    def to_decimal(text: str) -> Decimal:
        try:
            number = Decimal(text)
        except InvalidOperation:  # an exponent of 19 digits and more
            number = None
        if number is None or not -limits.exponent_max <= number.adjusted() <= limits.exponent_max:
            raise BodyError("number", f"a number of the body lies beyond 1E±{limits.exponent_max}")
        if len(text) > limits.digits_max and len(number.as_tuple().digits) > limits.digits_max:
            _refuse_digits(limits)
        return number

    return Decoder(float_hook=to_decimal)


_DECODER = _make_decoder(_DEFAULTS)


def _refuse_digits(limits: BodyLimits) -> NoReturn:
    raise BodyError("number", f"a number of the body has more than {limits.digits_max} digits")


def _refuse_nodes(limits: BodyLimits) -> NoReturn:
    raise BodyError("nodes", f"the body holds more than {limits.nodes_max} values")


def _refuse_encoding(raw: bytes) -> NoReturn:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BodyError("encoding", "the body is UTF-16; JSON is UTF-8")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise BodyError("encoding", f"the body is not UTF-8 at byte {error.start}") from None
    raise BodyError("encoding", "the body is not UTF-8")


def _refuse_syntax(raw: bytes, reason: str) -> NoReturn:
    """Turn the decoder's reason, which names bytes by number only, into the error that fits."""
    if b"\x00" in raw[:4]:
        raise BodyError("encoding", "the body is UTF-16 or UTF-32; JSON is UTF-8")
    if "surrogate" in reason or _HALF_A_PAIR.search(raw.replace(b"\\\\", b"")):
        raise BodyError("surrogate", "a text of the body holds half of a surrogate pair, which is no character")
    located = _OFFSET.match(reason)
    if located is None:  # the decoder names no byte only where there is none left
        raise BodyError("json", "the body is not JSON: it ends too early")
    what, offset = located[1], int(located[2])
    if raw[offset:].startswith((b"NaN", b"Infinity")):
        raise BodyError("number", f"NaN and Infinity are not JSON (byte {offset})")
    raise BodyError("json", f"the body is not JSON: {what} at byte {offset}")


_ENCODER = Encoder(decimal_format="number")
_SORTED = Encoder(decimal_format="number", order="sorted")


def encode_json(value: object) -> bytes:
    """Compact UTF-8 JSON of plain data, every int and Decimal written out as the number it is.

    Raises ValueError for what JSON cannot hold: a Decimal that is NaN or infinite, text with half of a surrogate pair.
    """
    return _finite(value, _ENCODER.encode(value))


def sorted_json(value: object) -> bytes:
    """As `encode_json`, with the keys of every object sorted: for digests of what our own code made."""
    return _finite(value, _SORTED.encode(value))


def canonical_json(value: object) -> bytes:
    """The one way to write a JSON value: keys sorted, every number in its shortest form (1.0 is 1, 1.50 is 1.5).

    For values as `decode_body` gives them. Two values are the same JSON exactly when these bytes are equal.
    """
    normal = _normal(value)
    return _finite(normal, _SORTED.encode(normal))


def same_json(left: bytes, right: bytes) -> bool:
    """Whether two bodies say the same, whatever their spaces, order of keys and ways to write a number.

    A body that `decode_body` refuses is the same only as its own bytes.
    """
    if left == right:
        return True
    try:
        return canonical_json(decode_body(left)) == canonical_json(decode_body(right))
    except BodyError:
        return False


def _finite(value: object, text: bytes) -> bytes:
    # The encoder would write NaN and Infinity as they are. Looking for the words costs a microsecond, a walk ten.
    if b"NaN" in text or b"Infinity" in text:
        nodes = [value]
        for node in nodes:
            if isinstance(node, dict):
                nodes.extend(node.values())
            elif isinstance(node, list | tuple):
                nodes.extend(node)
            elif isinstance(node, Decimal) and not node.is_finite():
                raise ValueError("NaN and Infinity cannot be written as JSON")
    return text


def _normal(value: object) -> object:
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, Decimal) and value.is_finite():
        shortest = value.normalize(_EXACT)
        # Beyond what decode_body lets through, an int would only be long: 1E+1000000 has a million digits.
        return int(shortest) if shortest == shortest.to_integral_value() and shortest.adjusted() <= 1000 else shortest
    return value
