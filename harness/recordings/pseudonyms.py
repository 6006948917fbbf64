"""TEXT → PSEUDONYM under a key: the same text always the same one, and never two texts one.

A hash would do for secrecy, but not for a recording that is to be replayed: a contract asks for digits where digits
stood, and two orders of four digits each would soon share one hash cut to four. So a run of letters and digits is
*permuted* among the runs of its shape, by a Feistel network whose round function is HMAC-SHA256: upper case stays upper
case, a number keeps its length, nothing collides, and without the key nothing leads back. Runs are taken one by one, so
that what was joined stays joined: `gid://shop/Order/4711` still ends in the pseudonym of the order 4711.

Some runs stand in clear, and none of the others may become one of these: what would is permuted on until it is none
(the cycle walking of format-preserving encryption), which is a permutation of the rest.
"""

import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

ROUNDS: Final = 4
"""Enough for a permutation that cannot be told from a random one (Luby and Rackoff)."""
CACHED_RUNS: Final = 100_000
WALKED_MAX: Final = 1_000
"""So often a run is permuted on: of ten thousand numbers of one length nine thousand may well stand in clear."""

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
RUN = re.compile(r"[^\W_]+")
"""Letters and digits of any script."""
_HEX = re.compile(r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]{12,}")

_DIGITS, _ZERO, _LEADING, _LOWER, _UPPER, _HEX_DIGITS = (
    "0123456789",
    "0",
    "123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789abcdef",
)


class Pseudonyms:
    """Pseudonyms under one key, beside the runs that stand `in_clear`."""

    def __init__(self, key: bytes, in_clear: Callable[[str], bool] = lambda _: False) -> None:
        self._key = key
        self._in_clear = in_clear
        self._changed: Callable[[str], str] = lru_cache(CACHED_RUNS)(self._run)

    def text(self, text: str, keep: Callable[[str], bool] = lambda _: False) -> str:
        """A text with every run replaced but those to `keep`; what stands between runs stays."""
        pieces: list[str] = []
        at = 0
        for found in UUID.finditer(text):
            pieces += [self._runs(text[at : found.start()], keep), self._uuid(found[0])]
            at = found.end()
        return "".join((*pieces, self._runs(text[at:], keep)))

    def run(self, run: str) -> str:
        """Another run of its shape, and none of those in clear."""
        changed = self._changed(run)
        walked = 0 if self._in_clear(run) else WALKED_MAX
        while walked and self._in_clear(changed):
            changed, walked = self._changed(changed), walked - 1
        return changed

    def number(self, number: int) -> int:
        """A whole number as another of as many digits; the same as its digits as a text."""
        changed = int(self.run(str(abs(number))))
        return -changed if number < 0 else changed

    def document(self, raw: bytes) -> bytes:
        """What stands for bytes that are taken for one thing."""
        return f"removed {hmac.digest(self._key, raw, 'sha256').hex()[:16]}".encode()

    def _runs(self, text: str, keep: Callable[[str], bool]) -> str:
        return RUN.sub(lambda found: found[0] if keep(found[0]) else self.run(found[0]), text)

    def _uuid(self, text: str) -> str:
        joined = self._permuted(text.lower().replace("-", ""), [_HEX_DIGITS] * 32)
        return "-".join((joined[:8], joined[8:12], joined[12:16], joined[16:20], joined[20:]))

    def _run(self, run: str) -> str:
        if _HEX.fullmatch(run):
            return self._permuted(run, [_HEX_DIGITS] * len(run))
        alphabets = [_alphabet(character) for character in run]
        # Characters of other scripts become Latin ones; which they were is part of the tweak, so that two differ.
        plain = "".join(
            c if c in alphabet else alphabet[ord(c) % len(alphabet)] for c, alphabet in zip(run, alphabets, strict=True)
        )
        if run.isascii() and run.isdigit():
            alphabets[0] = _ZERO if run[0] == "0" else _LEADING
        return self._permuted(plain, alphabets, "" if plain == run else run)

    def _permuted(self, run: str, alphabets: list[str], tweak: str = "") -> str:
        values = [alphabet.index(character) for character, alphabet in zip(run, alphabets, strict=True)]
        half = (len(values) + 1) // 2
        for number in range(ROUNDS):
            changed, read = (
                (range(half), values[half:]) if number % 2 == 0 else (range(half, len(values)), values[:half])
            )
            shape = ",".join(str(len(alphabet)) for alphabet in alphabets)
            stream = self._stream(f"{number}|{tweak}|{shape}|{read}", len(changed))
            for place, value in zip(changed, stream, strict=True):
                values[place] = (values[place] + value) % len(alphabets[place])
        return "".join(alphabet[value] for value, alphabet in zip(values, alphabets, strict=True))

    def _stream(self, message: str, count: int) -> list[int]:
        """So many numbers of two bytes."""
        raw = b""
        while len(raw) < 2 * count:
            raw += hmac.digest(self._key, f"{len(raw)}|{message}".encode(), "sha256")
        return [int.from_bytes(raw[2 * place : 2 * place + 2]) for place in range(count)]


def _alphabet(character: str) -> str:
    if character.isdigit():
        return _DIGITS
    return _UPPER if character.isupper() else _LOWER
