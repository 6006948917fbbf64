"""The Community's functions (JEP-13 objects, JEP-14 texts, JEP-18 grouping), and our three.

Source: jmespath-community/jmespath.spec. Where its text and its implementations part, the text is followed:
`find_last`'s third argument is the highest index at which the text may begin. Ours are `hash`, `normalize` and
`url_query`.
"""

import hashlib
import unicodedata
from typing import Literal
from urllib.parse import unquote_plus

from engine.language.data import type_name
from engine.language.exact import Number
from engine.language.frame import Applied, Frame
from engine.language.signature import ArgumentError, ArgumentTypeError, Function, spend_text, whole

_GROWTH_MAX = {"NFC": 3, "NFD": 4, "NFKC": 18, "NFKD": 18}
"""Form of Unicode (UAX #15) → how many characters one may at most become."""
_MARKS_MAX = 30
"""How many marks may follow one character: UAX #15's Stream-Safe Text Format. No script comes near it, and Pythons of
before June 2026 sort them in quadratic time (python/cpython#149079): half a megabyte of them takes over 30 seconds."""
_MARKS_WITHIN = frozenset("\u0f73\u0f75\u0f81\uff9e\uff9f")
"""The characters that are no marks themselves, and become nothing but marks when they are taken apart."""

Json = object
List = list[object]
Object = dict[str, object]


def _group_by(frame: Frame, items: list[Object], body: Applied) -> Json:
    """Objects under the text their &expression gives; those for which it gives null are left out (JEP-18)."""
    groups: dict[str, list[Object]] = {}
    frame.spend(len(items))
    for item in items:
        key = body(item)
        if isinstance(key, str):
            groups.setdefault(key, []).append(item)
        elif key is not None:
            raise ArgumentTypeError(f"group_by() needs its &expression to give a text or null, not {type_name(key)}")
    return groups


def _items(frame: Frame, value: Object) -> Json:
    frame.spend(len(value))
    return [[key, member] for key, member in value.items()]


def _from_items(frame: Frame, pairs: List) -> Json:
    frame.spend(len(pairs))
    result: Object = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ArgumentError("from_items() needs a list of pairs [text, value]")
        result[pair[0]] = pair[1]
    return result


def _zip(frame: Frame, *lists: List) -> Json:
    frame.spend(min(map(len, lists)) * len(lists))
    return [list(row) for row in zip(*lists, strict=False)]


def _split(frame: Frame, subject: str, search: str, count: Number | None = None) -> Json:
    most = -1 if count is None else min(whole(count, least=0), len(subject))
    spend_text(frame, len(subject))
    if search:
        frame.spend(subject.count(search))
        return subject.split(search, most)
    frame.spend(len(subject))
    if most < 0 or most >= len(subject):
        return list(subject)
    return [*subject[:most], subject[most:]]


def _replace(frame: Frame, subject: str, old: str, new: str, count: Number | None = None) -> Json:
    if not old:
        raise ArgumentError("replace() needs a text to look for, not an empty one")
    hits = subject.count(old)
    if count is not None:
        hits = min(hits, whole(count, least=0))
    spend_text(frame, len(subject) + hits * len(new))
    return subject.replace(old, new, hits)


def _padding(frame: Frame, subject: str, width: Number, pad: str) -> str:
    if len(pad) != 1:
        raise ArgumentError("padding is exactly one character")
    missing = max(0, whole(width, least=0) - len(subject))
    spend_text(frame, missing)
    return pad * missing


def _find_first(
    _frame: Frame, subject: str, sub: str, start: Number | None = None, end: Number | None = None
) -> int | None:
    lowest = 0 if start is None else max(0, whole(start))
    highest = len(subject) if end is None else max(0, whole(end))
    found = subject.find(sub, lowest, highest) if sub else -1
    return None if found < 0 else found


def _find_last(_frame: Frame, subject: str, sub: str, position: Number | None = None) -> int | None:
    highest = len(subject) if position is None else whole(position)
    found = subject.rfind(sub, 0, highest + len(sub)) if sub and highest >= 0 else -1
    return None if found < 0 else found


def _url_query(frame: Frame, url: str) -> Json:
    """The query's parameters as an object of texts, decoded; of a name that stands twice the first value wins.

    As the URL Standard (WHATWG) reads forms: `&` alone separates, `+` is a space, what is no escape stays as it is, and
    bytes that are no UTF-8 become U+FFFD, as U+0000 does, which no body may hold. The URL may be relative; the fragment
    is no part of the query. A name without `=` has the empty text. Without `?` the object is empty.
    """
    spend_text(frame, len(url))
    query = url.partition("#")[0].partition("?")[2]
    frame.spend(query.count("&") + 1)
    result: Object = {}
    for piece in query.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            result.setdefault(_decoded(name), _decoded(value))
    return result


def _decoded(piece: str) -> str:
    return unquote_plus(piece).replace("\0", "\ufffd")


def _normalize(frame: Frame, text: str, form: str = "NFC") -> Json:
    """The text in a normal form of Unicode (UAX #15), so that equal texts are equal: é is one character and not two.

    Full-width digits and ligatures become plain ones only with NFKC and NFKD. Letters keep their case.
    """
    if form not in _GROWTH_MAX:
        raise ArgumentError("normalize() knows the forms NFC, NFD, NFKC and NFKD")
    spend_text(frame, len(text))
    if text.isascii():
        return text
    frame.spend(len(text))
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) or character in _MARKS_WITHIN else 0
        if marks > _MARKS_MAX:
            raise ArgumentError(f"normalize() takes at most {_MARKS_MAX} combining marks on one character")
    spend_text(frame, len(text) * _GROWTH_MAX[form])
    known: Literal["NFC", "NFD", "NFKC", "NFKD"] = form  # type: ignore[assignment]  # it was looked up above
    return unicodedata.normalize(known, text)


def _hash(frame: Frame, text: str) -> Json:
    """SHA-256 of the text's UTF-8, as 64 lower-case hexadecimal digits."""
    spend_text(frame, len(text))
    try:
        return hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        raise ArgumentError("hash() needs a text of whole characters, not half of a surrogate pair") from None


COMMUNITY = (
    Function("find_first", ("string", "string", "number", "number"), _find_first, optional=2),
    Function("find_last", ("string", "string", "number"), _find_last, optional=1),
    Function("from_items", ("array",), _from_items),
    Function("group_by", ("array-object", "expref"), _group_by),
    Function("items", ("object",), _items),
    Function("lower", ("string",), lambda _frame, text: text.lower()),
    Function(
        "pad_left",
        ("string", "number", "string"),
        lambda frame, text, width, pad=" ": _padding(frame, text, width, pad) + text,
        optional=1,
    ),
    Function(
        "pad_right",
        ("string", "number", "string"),
        lambda frame, text, width, pad=" ": text + _padding(frame, text, width, pad),
        optional=1,
    ),
    Function("replace", ("string", "string", "string", "number"), _replace, optional=1),
    Function("split", ("string", "string", "number"), _split, optional=1),
    Function("trim", ("string", "string"), lambda _frame, text, chars="": text.strip(chars or None), optional=1),
    Function("trim_left", ("string", "string"), lambda _frame, text, chars="": text.lstrip(chars or None), optional=1),
    Function("trim_right", ("string", "string"), lambda _frame, text, chars="": text.rstrip(chars or None), optional=1),
    Function("upper", ("string",), lambda _frame, text: text.upper()),
    Function("zip", ("array",), _zip, variadic=True),
)

OURS = (
    Function("hash", ("string",), _hash),
    Function("normalize", ("string", "string"), _normalize, optional=1),
    Function("url_query", ("string",), _url_query),
)
