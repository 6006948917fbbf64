"""Bodies that no reader should take, each with the code it gets: made when asked for, so that none weighs on the others.

One table for whoever reads a body: `decode_body`, the extractor before the ack, and an engine that runs.
"""

from collections.abc import Callable
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bad:
    """How a body is made, the code of its refusal, and the limit of `BodyLimits` that refuses it, where one does."""

    make: Callable[[], bytes]
    code: str
    limit: str = ""


def plain(raw: bytes, code: str, limit: str = "") -> Bad:
    return Bad(lambda: raw, code, limit)


def nested(opening: bytes, closing: bytes, depth: int) -> Bad:
    return Bad(lambda: opening * depth + b"1" + closing * depth, "depth", "depth_max")


def many(item: bytes, count: int) -> Bad:
    return Bad(lambda: b"[" + (item + b",") * count + item + b"]", "nodes", "nodes_max")


def digits(before: bytes, count: int, after: bytes = b"") -> Bad:
    return Bad(lambda: before + b"7" * count + after, "number", "digits_max")


def text(content: bytes, code: str) -> Bad:
    return plain(b'{"id": "' + content + b'"}', code)


BAD: dict[str, Bad] = {
    # what is no JSON
    "nothing": plain(b"", "empty"),
    "only spaces": plain(b" \r\n\t", "empty"),
    "5 MiB of spaces": Bad(lambda: b" " * (5 * MIB), "empty"),
    "text": plain(b"hello", "json"),
    "a form": plain(b"id=1&total=19.99", "json"),
    "truncated in an object": plain(b'{"a": 1', "json"),
    "truncated in a text": plain(b'{"a": "b', "json"),
    "truncated in an escape": plain(rb'{"a": "\u00', "json"),
    "a megabyte, truncated": Bad(lambda: b'{"a": "' + b"x" * MIB, "json"),
    "two documents": plain(b'{"id": 1}{"id": 2}', "json"),
    "two documents on two lines": plain(b'{"id": 1}\n{"id": 2}\n', "json"),
    "a comma too many in a list": plain(b"[1,]", "json"),
    "a comma too many in an object": plain(b'{"a": 1,}', "json"),
    "a comment": plain(b'/* x */ {"a": 1}', "json"),
    "a comment to the end of the line": plain(b'{"a": 1} // x', "json"),
    "single quotes": plain(b"{'a': 1}", "json"),
    "a key without quotes": plain(b"{a: 1}", "json"),
    "a key that is a number": plain(b"{1: 1}", "json"),
    "a word of Python": plain(b"[True, None]", "json"),
    "brackets that cross": plain(b"[{]}", "json"),
    "a control character in text": plain(b'"a\x01"', "json"),
    "a line break in text": plain(b'"a\nb"', "json"),
    "an unknown escape": plain(rb'"\q"', "json"),
    "an escape of hex digits": plain(rb'"\x41"', "json"),
    "4 MiB of colons": Bad(lambda: b'{"a"' + b":" * (4 * MIB), "json"),
    "5 MiB of minus signs": Bad(lambda: b"-" * (5 * MIB), "json"),
    # numbers
    "leading zeros": plain(b"012", "json"),
    "a plus": plain(b"+1", "json"),
    "a point without a digit before": plain(b".5", "json"),
    "a point without a digit after": plain(b"1.", "json"),
    "an exponent without digits": plain(b"1e", "json"),
    "a number in hex": plain(b"0x10", "json"),
    "NaN": plain(b'{"a": NaN}', "number"),
    "Infinity": plain(b"[Infinity]", "number"),
    "minus Infinity": plain(b"-Infinity", "number"),
    "beyond the largest power": plain(b"1e401", "number", "exponent_max"),
    "beyond the smallest power": plain(b"1e-401", "number", "exponent_max"),
    "an exponent that would take seconds": plain(b"1e1000000", "number", "exponent_max"),
    "a fraction that would take a million digits": plain(b"1e-1000000", "number", "exponent_max"),
    "an exponent no decimal has": plain(b"1e99999999999999999999", "number", "exponent_max"),
    "an exponent of a thousand digits": Bad(lambda: b"1e" + b"9" * 1000, "number", "exponent_max"),
    "a zero with such an exponent": plain(b"0e1000000", "number", "exponent_max"),
    "1,001 digits": digits(b"", 1001),
    "100,000 digits": digits(b'{"id": ', 100_000, b"}"),
    "100,000 digits below zero": digits(b"-", 100_000),
    "5 MiB of digits": digits(b"", 5 * MIB),
    "a fraction of 1,001 digits": digits(b"0.", 1001),
    "a fraction of 5 MiB": digits(b"0.", 5 * MIB - 2),
    "1,100 digits on both sides of the point": digits(b"7" * 400 + b".", 700),
    # keys given twice
    "a key twice": plain(b'{"id": 1, "id": 2}', "duplicate-key"),
    "a key twice with one value": plain(b'{"id": 1, "id": 1}', "duplicate-key"),
    "a key twice, once escaped": plain(rb'{"a": 1, "\u0061": 2}', "duplicate-key"),
    "a key twice, escaped in two ways": plain(rb'{"\u002f": 1, "\/": 2}', "duplicate-key"),
    "a key twice, once as a pair of escapes": plain('{"\U0001f600": 1, "\\ud83d\\ude00": 2}'.encode(), "duplicate-key"),
    "an empty key twice": plain(b'{"": 1, "": 2}', "duplicate-key"),
    "a key twice, deep": plain(b'{"a": [{"b": {"c": 1, "c": 2}}]}', "duplicate-key"),
    "a key twice, hidden by colons in text": plain(b'{"a": ":::", "a": "\\":"}', "duplicate-key"),
    "a key 100,000 times": Bad(lambda: b"{" + b'"a":1,' * 99_999 + b'"a":1}', "duplicate-key"),
    # text that is none
    "the first half of a surrogate pair": text(rb"\ud800", "surrogate"),
    "the second half alone": text(rb"\udc00 and more text", "surrogate"),
    "both halves, reversed": text(rb"\ude00\ud83d", "surrogate"),
    "two first halves": text(rb"\ud83d\ud83d", "surrogate"),
    "a first half and a letter": text(rb"\ud83dx", "surrogate"),
    "half of a pair in a key": plain(rb'{"\ud800": 1}', "surrogate"),
    "a first half behind a backslash": text(rb"\\\ud800", "surrogate"),
    "800,000 halves": Bad(lambda: b'"' + rb"\ud800" * 800_000 + b'"', "surrogate"),
    "U+0000, escaped": text(rb"a\u0000b", "nul"),
    "U+0000, escaped, in a key": plain(rb'{"\u0000": 1}', "nul"),
    "U+0000, escaped, behind a backslash": text(rb"\\\u0000", "nul"),
    "U+0000, raw, in text": plain(b'{"id": "a\x00b"}', "json"),
    "U+0000, raw, at the end": plain(b'{"id": 1}\x00', "json"),
    # encodings
    "a byte order mark": plain(b"\xef\xbb\xbf{}", "encoding"),
    "UTF-16 with its mark": plain('{"id": 1}'.encode("utf-16"), "encoding"),
    "UTF-16 big-endian with its mark": plain(b"\xfe\xff" + '{"id": 1}'.encode("utf-16-be"), "encoding"),
    "UTF-16 little-endian without": plain('{"id": 1}'.encode("utf-16-le"), "encoding"),
    "UTF-16 big-endian without": plain('{"id": 1}'.encode("utf-16-be"), "encoding"),
    "UTF-32 with its mark": plain('{"id": 1}'.encode("utf-32"), "encoding"),
    "UTF-32 little-endian without": plain('{"id": 1}'.encode("utf-32-le"), "encoding"),
    "UTF-32 big-endian without": plain('{"id": 1}'.encode("utf-32-be"), "encoding"),
    "Latin-1": plain('{"id": "é"}'.encode("latin-1"), "encoding"),
    "half of a character": plain('{"id": "é'.encode()[:-1] + b'"}', "encoding"),
    "an overlong slash": text(b"\xc0\xaf", "encoding"),
    "an overlong U+0000": text(b"\xc0\x80", "encoding"),
    "half a pair in UTF-8": text(b"\xed\xa0\x80", "encoding"),
    "a character beyond Unicode": text(b"\xf4\x90\x80\x80", "encoding"),
    "5 MiB that are not UTF-8": Bad(lambda: b'"' + b"\xff" * (5 * MIB - 2) + b'"', "encoding"),
    "UTF-7": plain(b"+AHsAIgBpAGQAIgA6ADEAfQ-", "json"),
    # too deep, too many, too long
    "65 levels of lists": nested(b"[", b"]", 65),
    "65 levels of objects": nested(b'{"a":', b"}", 65),
    "100,000 lists in one another": nested(b"[", b"]", 100_000),
    "100,000 objects in one another": nested(b'{"a":', b"}", 100_000),
    "100,000 lists never closed": Bad(lambda: b"[" * 100_000, "depth", "depth_max"),
    "lists and objects in turn": nested(b'[{"a":', b"}]", 50_000),
    "5 MiB of opening brackets": Bad(lambda: b"[" * (5 * MIB), "nodes", "nodes_max"),
    "3 MB of {}": many(b"{}", 1_000_000),
    "3 MB of [],": many(b"[]", 1_000_000),
    "3 MB of numbers": many(b"1", 1_500_000),
    "3 MB of empty texts": many(b'""', 1_000_000),
    "200,001 nulls": many(b"null", 200_000),
    "5 MiB of quotes": Bad(lambda: b'"' * (5 * MIB), "nodes", "nodes_max"),
    "5 MiB of commas": Bad(lambda: b"[" + b"," * (5 * MIB - 1), "nodes", "nodes_max"),
    "5 MiB and a byte": Bad(lambda: b" " * (5 * MIB) + b"1", "size", "bytes_max"),
    "6 MiB of text": Bad(lambda: b'"' + b"x" * (6 * MIB) + b'"', "size", "bytes_max"),
}

HEAVY: dict[str, Callable[[], bytes]] = {
    "5 MiB of text": lambda: b'"' + b"x" * (5 * MIB - 2) + b'"',
    "5 MiB of text that one emoji makes four bytes wide": lambda: b'"' + b"x" * (5 * MIB - 6) + b'\xf0\x9f\x98\x80"',
    "5 MiB of escapes": lambda: b'"' + rb"\u0041" * 870_000 + b'"',
    "5 MiB of backslashes": lambda: b'"' + rb"\\" * 2_600_000 + b'"',
    "5 MiB of escaped quotes": lambda: b'"' + rb"\"" * 2_600_000 + b'"',
    "a key of 5 MiB": lambda: b'{"' + b"k" * (5 * MIB - 6) + b'":1}',
    "199,000 keys": lambda: b"{" + b",".join(b'"k%d":1' % n for n in range(199_000)) + b"}",
    "99,000 objects of one key": lambda: b"[" + b",".join([b'{"a":1}'] * 99_000) + b"]",
    "190,000 lists, 63 in one another": lambda: b"[" + b",".join([b"[" * 63 + b"]" * 63] * 3_000) + b"]",
    "5,000 numbers of 999 digits": lambda: b"[" + b",".join([b"7" * 999] * 5_000) + b"]",
    "190,000 large powers": lambda: b"[" + b",".join([b"1E+399"] * 190_000) + b"]",
}
"""Bodies within every limit that cost the most to read."""
