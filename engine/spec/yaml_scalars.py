"""TEXT OF A SCALAR → VALUE: YAML 1.2's core schema with exact numbers, and the limits of a YAML text.

Only here is it said what `no`, `012` and `1e3` mean (text, 12, 1000). This file refuses what YAML 1.1 made of plain
text (times, dates, octal, yes and no), infinity and NaN, and numbers so long that converting them is an attack.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final


@dataclass(frozen=True, slots=True)
class YamlLimits:
    """How much a YAML text may be. A node is a scalar (a key too), a sequence or a mapping; an alias counts as all
    the nodes it stands for. `digits_max` and `exponent_max` bound a single number.
    """

    bytes_max: int = 1024 * 1024
    depth_max: int = 64
    nodes_max: int = 100_000
    aliases_max: int = 100
    faults_max: int = 100
    digits_max: int = 40
    exponent_max: int = 400


DEFAULTS: Final = YamlLimits()

WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
"""The plain scalars that are neither text nor number."""

_MAYBE_NUMBER = frozenset("+-.0123456789")
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolve(text: str, limits: YamlLimits = DEFAULTS) -> str | int | Decimal | bool | None:
    """What a plain scalar means: YAML 1.2.2, chapter 10.3.2, with Decimal for float.

    Raises ValueError, in words for people, for infinity, NaN, and numbers beyond the limits.
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in _MAYBE_NUMBER:
        return text
    is_int, is_based = _INT.fullmatch(text), _BASED.fullmatch(text)
    if not (is_int or is_based or _FLOAT.fullmatch(text)):
        if _NOT_FINITE.fullmatch(text):
            raise ValueError("infinity and NaN are no numbers to compute with")
        return text
    digits = len(text) - 2 if is_based else sum(map(str.isdigit, text))
    if digits > limits.digits_max:
        raise ValueError(f"this number has more than {limits.digits_max} digits")
    if is_int:
        return int(text)
    if is_based:
        return int(text, 0)
    too_far = f"this number lies beyond 1E±{limits.exponent_max}"
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent of 19 digits and more
        raise ValueError(too_far) from None
    if not -limits.exponent_max <= number.adjusted() <= limits.exponent_max:
        raise ValueError(too_far)
    return number


def can_be_kept(text: str) -> bool:
    """Whether a text can be written as UTF-8 and stored: no half of a surrogate pair, no U+0000."""
    if text.isascii():
        return "\0" not in text
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
