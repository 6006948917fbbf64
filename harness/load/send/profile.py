"""A PROFILE AS IT IS RUN: what a workspace wrote down, or a recording shows, in numbers that a schedule is made of.

A rate over time is a row of straight pieces, so that how many messages are due by a moment has a formula, and so has
its inverse (`arrivals.py`). This file refuses to draw anything and to know of integrations but by name.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from engine.errors import UserError
from engine.spec import shape
from harness.load.model import SECOND_US
from harness.recordings.exchange import Exchange

RECORDING_MOST_S: Final = 86_400


class Piece(Struct, frozen=True):
    """A stretch of time in which the rate, in messages a second, goes evenly from one to the other."""

    length_us: int
    begin: float
    end: float

    @property
    def due(self) -> float:
        """How many messages it brings."""
        return self.length_us * (self.begin + self.end) / 2 / SECOND_US


class Phase(Struct, frozen=True):
    """A part that is measured by itself. What is due in an `outage` comes over the whole of the next phase."""

    name: str
    pieces: tuple[Piece, ...]
    warm_up: bool = False
    outage: bool = False

    @property
    def length_us(self) -> int:
        return sum(piece.length_us for piece in self.pieces)

    @property
    def due(self) -> float:
        return sum(piece.due for piece in self.pieces)


class Profile(Struct, frozen=True, kw_only=True):
    """How messages arrive. `mix` is empty where all that are chosen are alike; shares are between 0 and 1; `hot` is the
    share of the keys that messages of known keys go to, None where to any."""

    name: str
    summary: str = ""
    arrivals: Literal["poisson", "even"] = "poisson"
    mix: Mapping[str, int] = {}
    repeat: float = 0.0
    hot: float | None = None
    again: float = 0.0
    drain_s: float = 120.0
    phases: tuple[Phase, ...]

    @property
    def length_s(self) -> float:
        return sum(phase.length_us for phase in self.phases) / SECOND_US

    @property
    def due(self) -> float:
        """About how many messages are due in all, second deliveries not counted."""
        return sum(phase.due for phase in self.phases)

    @property
    def peak_per_s(self) -> float:
        """The highest rate of any moment, what an outage held back included."""
        highest, held = 0.0, 0.0
        for phase in self.phases:
            top = max(max(piece.begin, piece.end) for piece in phase.pieces)
            if phase.outage:
                held += phase.due
                continue
            highest, held = max(highest, top + held * SECOND_US / phase.length_us), 0.0
        return highest * (1 + self.again)


def profile_of(written: shape.Profile) -> Profile:
    """The profile that a workspace's file describes."""
    return Profile(
        name=written.profile,
        summary=written.summary,
        arrivals=written.arrivals,
        mix=dict(written.mix),
        repeat=share(written.keys.repeat),
        hot=None if written.keys.hot is None else share(written.keys.hot),
        again=share(written.again),
        drain_s=written.drain.seconds,
        phases=tuple(
            Phase(
                phase.name,
                (Piece(phase.for_.microseconds, *ends(phase.rate)),),
                warm_up=phase.warm_up,
                outage=phase.outage,
            )
            for phase in written.phases
        ),
    )


def share(percent: shape.Percent) -> float:
    return percent.millionths / 1_000_000


def ends(rate: shape.Rate | shape.Ramp | None) -> tuple[float, float]:
    if rate is None:
        return 0.0, 0.0
    if isinstance(rate, shape.Ramp):
        return per_second(rate.from_), per_second(rate.to)
    return per_second(rate), per_second(rate)


def per_second(rate: shape.Rate) -> float:
    return rate.times * SECOND_US / rate.microseconds


def scaled(profile: Profile, times: float = 1.0, over_s: float | None = None) -> Profile:
    """The same profile with `times` its rates, and stretched or shortened so that it lasts `over_s` in all."""
    stretch = 1.0 if over_s is None else over_s / profile.length_s
    phases = tuple(
        replace(
            phase,
            pieces=tuple(
                Piece(max(1, round(piece.length_us * stretch)), piece.begin * times, piece.end * times)
                for piece in phase.pieces
            ),
        )
        for phase in profile.phases
    )
    return replace(profile, phases=phases)


def steady(name: str, rate: float, for_s: float, warm_up_s: float = 0.0, drain_s: float = 120.0) -> Profile:
    """One even rate, in messages a second: what a capacity is confirmed with."""
    parts = (("warm-up", warm_up_s, True), ("steady", for_s, False))
    return Profile(
        name=name,
        arrivals="even",
        drain_s=drain_s,
        phases=tuple(
            Phase(word, (Piece(round(length_s * SECOND_US), rate, rate),), warm_up=warms)
            for word, length_s, warms in parts
            if length_s
        ),
    )


def from_recording(exchanges: Iterable[Exchange], times: float = 1.0, name: str = "recording") -> Profile:
    """The shape of recorded traffic, second by second, `times` as high. Raises UserError where it has no shape."""
    moments = [exchange.at for exchange in exchanges if exchange.at is not None]
    if not moments:
        raise UserError(
            "the recording says of no message when it was sent, as VCR cassettes never do: its shape is not known; "
            "give a HAR file or a recording of Waybill, or write a profile"
        )
    first = min(moments)
    length_s = (max(moments) - first) // SECOND_US + 1
    if length_s > RECORDING_MOST_S:
        raise UserError(
            f"the recording goes over {length_s // 3600} hours, and at most {RECORDING_MOST_S // 3600} can be run; "
            "give the part of it that matters"
        )
    counts = [0] * length_s
    for moment in moments:
        counts[(moment - first) // SECOND_US] += 1
    pieces = []
    for count, alike in groupby(counts):
        seconds = len(list(alike))
        pieces.append(Piece(seconds * SECOND_US, count * times, count * times))
    return Profile(
        name=name,
        summary=f"{len(moments)} messages of a recording, times {times:g}",
        phases=(Phase("recorded", tuple(pieces)),),
    )
