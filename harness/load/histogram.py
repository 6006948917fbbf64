"""LATENCIES IN FIXED MEMORY: a high dynamic range histogram, and one for each stretch of a run.

The buckets are HdrHistogram's for 1 µs to 24 h at three digits: below 2,048 µs each microsecond has its own, above that
a value is known to a thousandth. `encode` writes the text that every HdrHistogram reads (V2, compressed), and a test
holds both against the library `hdrhistogram`. To record with that library was tried: it takes three times as long where
messages must leave on time, wants setuptools where it runs, and its greatest value may be greater than any recorded.
This file refuses to tell a quantile of too few samples: the 99th percentile of 80 is the greatest of them, by chance.
"""

import zlib
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from types import MappingProxyType
from typing import Any, Final

from harness.load.model import QUANTILES, Latency

LOWEST_US, HIGHEST_US = 1, 24 * 3_600_000_000
BITS: Final[Mapping[int, int]] = MappingProxyType({2: 8, 3: 11})
"""Digits → as many bits as tell them. Values of no more bits have a bucket each; above, a doubling has half as many."""
BUCKETS_MAX: Final = 28 << 10
SAMPLES_LEAST: Final[Mapping[float, int]] = MappingProxyType(
    {0.5: 20, 0.75: 40, 0.9: 200, 0.95: 200, 0.99: 1_000, 0.999: 10_000}
)
"""Fewer say nothing of the quantile."""

_COOKIE, _COMPRESSED = 0x1C849303 | 0x10, 0x1C849304 | 0x10
_OUTER, _INNER = Struct(">II"), Struct(">IIIIQQd")
_INNER_BYTES_MAX: Final = _INNER.size + 9 * BUCKETS_MAX


class Histogram:
    """Counts of microseconds. Grows to the greatest value recorded, to 230 kB at most; of two digits to 33 kB."""

    __slots__ = ("_bits", "_counts", "_exact", "digits", "max_us", "sum_us")

    def __init__(self, digits: int = 3) -> None:
        self.digits = digits
        self._bits = BITS[digits]
        self._exact = 1 << self._bits
        self._counts = array("Q")
        self.max_us = 0
        self.sum_us = 0

    def record_us(self, us: int, count: int = 1) -> None:
        """Counts a value `count` times; one below 0 counts as 0, one above a day as a day."""
        if us > self.max_us:
            us = self.max_us = min(us, HIGHEST_US)
        if us < self._exact:
            us = index = max(us, 0)
        else:
            shift = us.bit_length() - self._bits
            index = (shift << (self._bits - 1)) + (us >> shift)
        self.sum_us += us * count
        try:
            self._counts[index] += count
        except IndexError:
            self._counts.frombytes(bytes(8 * (index + 1 - len(self._counts))))
            self._counts[index] += count

    @property
    def count(self) -> int:
        return sum(self._counts)

    def add(self, other: "Histogram") -> None:
        """Counts all that the other counted, which has as many digits."""
        if self.digits != other.digits:
            raise ValueError(f"histograms of {self.digits} and {other.digits} digits cannot be added")
        mine, theirs = self._counts, other._counts  # noqa: SLF001 — another of its kind
        if len(theirs) > len(mine):
            mine.frombytes(bytes(8 * (len(theirs) - len(mine))))
        for index, count in enumerate(theirs):
            if count:
                mine[index] += count
        self.max_us = max(self.max_us, other.max_us)
        self.sum_us += other.sum_us

    def quantile_us(self, quantile: float) -> int | None:
        """The value that this share of the samples does not exceed; None where fewer were taken than tell it."""
        index = quantile_of(enumerate(self._counts), self.count, quantile)
        return None if index is None else min(self._highest_in(index), self.max_us)

    def above(self, us: int) -> int:
        """How many samples exceed a value, to a thousandth of it."""
        return sum(count for index, count in enumerate(self._counts) if count and self._lowest_in(index) > us)

    def values(self) -> Iterator[tuple[int, int]]:
        """(middle of a bucket, samples in it), the least first."""
        for index, count in enumerate(self._counts):
            if count:
                yield (self._lowest_in(index) + self._highest_in(index)) // 2, count

    def latency(self) -> Latency:
        """The distribution as a result tells it."""
        total = self.count
        told = {quantile: self.quantile_us(quantile) for quantile in QUANTILES}
        return Latency(
            count=total,
            mean_ms=self.sum_us / total / 1000 if total else 0.0,
            max_ms=self.max_us / 1000,
            quantiles_ms={str(quantile): us / 1000 for quantile, us in told.items() if us is not None},
            histogram=self.encode() if total else "",
        )

    @classmethod
    def of(cls, latency: Latency) -> "Histogram":
        """What a result tells, to be added to others or compared. Raises ValueError."""
        found = cls.decode(latency.histogram) if latency.histogram else cls()
        found.max_us = round(latency.max_ms * 1000)
        found.sum_us = round(latency.mean_ms * 1000 * latency.count)
        return found

    def encode(self) -> str:
        """The text that any HdrHistogram reads."""
        counts = b"".join(_zigzag_runs(self._counts))
        head = _INNER.pack(_COOKIE, len(counts), 0, self.digits, LOWEST_US, HIGHEST_US, 1.0)
        packed = zlib.compress(head + counts)
        return b64encode(_OUTER.pack(_COMPRESSED, len(packed)) + packed).decode()

    @classmethod
    def decode(cls, text: str) -> "Histogram":
        """The histogram of such a text; its greatest value and sum are known to a thousandth. Raises ValueError."""
        raw = b64decode(text, validate=True)
        if len(raw) < _OUTER.size or _OUTER.unpack_from(raw)[0] != _COMPRESSED:
            raise ValueError("this is no compressed HdrHistogram (V2)")
        unpacker = zlib.decompressobj()
        try:
            inner = unpacker.decompress(raw[_OUTER.size :], _INNER_BYTES_MAX)
        except zlib.error as error:
            raise ValueError("the histogram's text is damaged") from error
        if len(inner) < _INNER.size or not unpacker.eof:
            raise ValueError("the histogram's text ends early, or is longer than one may be")
        cookie, length, offset, digits, lowest, highest, _ = _INNER.unpack_from(inner)
        if (cookie, offset, lowest, highest) != (_COOKIE, 0, LOWEST_US, HIGHEST_US) or digits not in BITS:
            raise ValueError("the histogram does not go from 1 µs to 24 h at two or three digits")
        found = cls(digits)
        found._counts = _counts_of(inner[_INNER.size : _INNER.size + length])
        last = len(found._counts) - 1
        found.max_us = min(found._highest_in(last), HIGHEST_US) if last >= 0 else 0
        found.sum_us = sum(middle * count for middle, count in found.values())
        return found

    def _lowest_in(self, index: int) -> int:
        half = self._bits - 1
        shift = max(0, (index >> half) - 1)
        return (index - (shift << half)) << shift

    def _highest_in(self, index: int) -> int:
        return self._lowest_in(index + 1) - 1


def samples_least(quantile: float) -> int:
    """How many samples tell a quantile: where none is written down, ten beyond it."""
    return SAMPLES_LEAST.get(quantile) or int(10 / max(1e-9, 1 - quantile)) + 1


def quantile_of(counted: Iterable[tuple[int, int]], total: int, quantile: float) -> int | None:
    """Of values with their counts, the least first, the one that this share of all `total` does not exceed; None where
    fewer were taken than tell it."""
    if total < samples_least(quantile):
        return None
    wanted, passed, found = max(1, int(quantile * total + 0.5)), 0, None
    for value, count in counted:
        passed, found = passed + count, value
        if passed >= wanted:
            break
    return found


def _zigzag_runs(counts: "array[int]") -> Iterator[bytes]:
    """ZigZag LEB128 of each count; a run of empty buckets is one negative number."""
    empty = 0
    for count in counts:
        if not count:
            empty += 1
            continue
        if empty:
            yield _leb128((empty << 1) - 1)
            empty = 0
        yield _leb128(count << 1)


def _leb128(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80 and len(found) < 8:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _counts_of(raw: bytes) -> "array[int]":
    counts = array("Q")
    number, shift, read = 0, 0, 0
    for byte in raw:
        read += 1
        number |= (byte if read == 9 else byte & 0x7F) << shift
        if byte & 0x80 and read < 9:
            shift += 7
            continue
        if number & 1:
            empty = (number + 1) >> 1
            if len(counts) + empty > BUCKETS_MAX:
                raise ValueError("the histogram has more buckets than it may")
            counts.frombytes(bytes(8 * empty))
        else:
            counts.append(number >> 1)
        number, shift, read = 0, 0, 0
    if read or len(counts) > BUCKETS_MAX:
        raise ValueError("the histogram's text ends early, or has more buckets than it may")
    return counts


class PerSecond:
    """Latencies over time in fixed memory: a histogram of two digits for each stretch of `step_s` seconds.

    A run that lasts longer has longer stretches: when there would be too many, each two become one. To keep the latest
    seconds alone, as a ring, was the other way; but an event may end an hour after it was due, and belongs to then.
    """

    def __init__(self, stretches_max: int = 320) -> None:
        self.step_s = 1
        self._stretches_max = stretches_max
        self._stretches: dict[int, Histogram] = {}

    def record_us(self, at_s: int, us: int) -> None:
        """Counts a value of second `at_s` of the run."""
        self._stretch(max(at_s, 0)).record_us(us)

    def add(self, other: "PerSecond") -> None:
        """Counts all that the other counted; of the two the longer stretches."""
        while self.step_s < other.step_s:
            self._halve()
        for at_s, theirs in other.stretches():
            self._stretch(at_s).add(theirs)

    def stretches(self) -> Iterator[tuple[int, Histogram]]:
        """(first second, histogram) of each stretch in which anything was counted, in order."""
        for place in sorted(self._stretches):
            yield place * self.step_s, self._stretches[place]

    def at(self, second: int) -> Histogram | None:
        """The stretch that holds a second; None where nothing was counted in it."""
        return self._stretches.get(second // self.step_s)

    def windows(self, length_s: int) -> Iterator[tuple[int, int, Histogram]]:
        """(first second, the one behind the last, histogram) of each window of about `length_s` that slides over the
        run by whole stretches."""
        wide = max(1, round(length_s / self.step_s))
        for first in range(max(self._stretches, default=0) + 2 - min(wide, max(self._stretches, default=0) + 1)):
            merged = Histogram(digits=2)
            for place in range(first, first + wide):
                if place in self._stretches:
                    merged.add(self._stretches[place])
            yield first * self.step_s, (first + wide) * self.step_s, merged

    def encode(self) -> dict[str, object]:
        """Plain data, for another process."""
        return {"step_s": self.step_s, "stretches": {str(at_s): each.encode() for at_s, each in self.stretches()}}

    @classmethod
    def decode(cls, data: Mapping[str, Any]) -> "PerSecond":
        """What another process counted. Raises ValueError."""
        found = cls()
        found.step_s = int(data["step_s"])
        for at_s, text in data["stretches"].items():
            found._stretch(int(at_s)).add(Histogram.decode(text))
        return found

    def _stretch(self, at_s: int) -> Histogram:
        while (place := at_s // self.step_s) >= self._stretches_max:
            self._halve()
        found = self._stretches.get(place)
        if found is None:
            found = self._stretches[place] = Histogram(digits=2)
        return found

    def _halve(self) -> None:
        self.step_s *= 2
        halved: dict[int, Histogram] = {}
        for place in sorted(self._stretches):
            if place // 2 in halved:
                halved[place // 2].add(self._stretches[place])
            else:
                halved[place // 2] = self._stretches[place]
        self._stretches = halved
