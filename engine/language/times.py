"""Times and dates from what partners write, to one spelling: `2026-11-01T09:30:00Z`, `2026-11-01`.

Read: RFC 3339 and ISO 8601, extended or basic, with an offset or without; whole seconds since 1970 for instants.
Nothing is guessed: a stamp without offset needs a zone, and a local time that the zone has twice or never is an error,
or becomes what a mapping decides. Zones are handed in. Digits behind the sixth of a fraction are cut off, for Python's
datetime ends there.

Refused are week and ordinal dates, hour 24 and second 60. RFC 3339 has no hour 24, and who writes it may mean the
beginning of the day or its end; Unix time, in which all systems here count, has no leap second, and none was added
since 2016.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Literal

from engine.language.errors import ConversionError
from engine.language.exact import integral, is_number

Zones = Callable[[str], tzinfo | None]
"""The rules of a named zone, None where there is none of that name."""

Disambiguation = Literal["earlier", "later", "compatible"]
"""What a local time that its zone has twice or never is taken for: the earlier or the later of the two instants it can
mean, or `compatible`, the earlier of a repeated and the later of a skipped one. The words and their meaning are those
of Temporal (ECMAScript); `compatible` is also RFC 5545's."""

_STAMP = re.compile(
    r"""(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})
    (?:[Tt ](?P<hour>[0-9]{2})(?P<colon>:?)(?P<minute>[0-9]{2})
        (?:(?P=colon)(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,18}))?)?
        (?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?""",
    re.VERBOSE,
)
_HOURS = [f"{hour:02}" for hour in range(24)]
_OFFSETS = {
    f"{sign}{minutes // 60:02}:{minutes % 60:02}": timedelta(minutes=minutes if sign == "+" else -minutes)
    for sign in "+-"
    for minutes in range(0, 24 * 60, 15)
} | {"Z": timedelta(0)}
_IN_UTC = {
    text: {}
    if offset % timedelta(hours=1)
    else {hour: _HOURS[at] for at, hour in enumerate(_HOURS, -(offset // timedelta(hours=1))) if 0 <= at < 24}
    for text, offset in _OFFSETS.items()
}
"""Offset → hour there → hour in UTC, where the date is the same; any other stamp is reckoned, or read the long way."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_MIN = -62_135_596_800
_SECONDS_MAX = 253_402_300_799


def utc_text(value: object, zone: tzinfo | None, disambiguation: Disambiguation | None = None) -> str:
    """An instant as `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, from a stamp or from whole seconds since 1970 (Unix time).

    The fraction is left out where it is zero. `zone` is for stamps without offset, `disambiguation` for those of them
    that it has twice or never.
    """
    if type(value) is str and (hours := _IN_UTC.get(value[19:])) is not None and value[4:19:3] == "--T::":
        # The form nearly every stamp has. Its separators stand where they must, so that the library, which also reads
        # week dates, finds digits between them or refuses.
        try:
            local = datetime.fromisoformat(value[:19])
            if hour := hours.get(value[11:13]):
                return f"{value[:11]}{hour}{value[13:19]}Z"
            if value[11:13] < "24":  # which Pythons to come may read as the next day's beginning
                return (local - _OFFSETS[value[19:]]).isoformat() + "Z"
        except (ValueError, OverflowError):
            pass  # what is wrong is said below
    moment = _instant(value) if is_number(value) else _aware(value, zone, disambiguation)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ConversionError("time", "the time lies outside the years 1 to 9999") from None
    return moment.replace(tzinfo=None).isoformat() + "Z"


def micros(at: datetime) -> int:
    """A moment with its offset as microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def date_text(value: object, zone: tzinfo | None) -> str:
    """A date as `YYYY-MM-DD`: a date as it is, of a local stamp its date, of an instant its date in `zone`.

    An instant without `zone` keeps the date that is written in it; seconds since 1970 have none written, and need one.
    """
    if is_number(value):
        if zone is None:
            raise ConversionError("time", "seconds since 1970 have no date without a zone", "add `zone: NAME`")
        moment = _instant(value)
    else:
        stamp = _read(value)
        if not isinstance(stamp, datetime):
            return stamp.isoformat()
        moment = stamp
    try:
        return (moment.astimezone(zone) if zone and moment.tzinfo else moment).date().isoformat()
    except OverflowError:
        raise ConversionError("time", "the time lies outside the years 1 to 9999") from None


def _instant(value: object) -> datetime:
    seconds = integral(value) if is_number(value) else None
    if seconds is None:
        raise ConversionError("time", "seconds since 1970 are a whole number")
    if not _SECONDS_MIN <= seconds <= _SECONDS_MAX:
        hint = "milliseconds become seconds with floor(x * `0.001`)"
        raise ConversionError("time", "the number is too large for seconds since 1970", hint)
    return EPOCH + timedelta(seconds=seconds)


def _aware(value: object, zone: tzinfo | None, disambiguation: Disambiguation | None) -> datetime:
    stamp = _read(value)
    if not isinstance(stamp, datetime):
        raise ConversionError("time", "a date without time of day is no instant", "use `time: date`")
    if stamp.tzinfo is not None:
        return stamp
    if zone is None:
        raise ConversionError("time", "the time has no offset from UTC", "add `zone: NAME`, the zone it is meant in")
    try:
        # PEP 495: with fold 0 a local time has the offset from before a change of the clocks, with fold 1 from after.
        first, second = (stamp.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError:
        raise ConversionError("time", "the time lies outside the years 1 to 9999") from None
    if first == second or disambiguation == "compatible":
        return first
    if disambiguation is not None:
        return min(first, second) if disambiguation == "earlier" else max(first, second)
    # Where clocks go back, the offset from before is the larger one, and gives the earlier instant.
    what = "happens twice" if first < second else "never happens"
    hint = "send times with an offset, or say `disambiguation: compatible`, `earlier` or `later`"
    raise ConversionError("time", f"the local time {what} in its zone, as the clocks change", hint)


def _read(value: object) -> datetime | date:
    match = _STAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ConversionError("time", "a time is a text such as 2026-11-01T09:30:00Z or 2026-11-01T10:30:00+01:00")
    year, month, day = (int(match[part]) for part in ("year", "month", "day"))
    try:
        if match["hour"] is None:
            return date(year, month, day)
        hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
        micros = int((match["fraction"] or "0").ljust(6, "0")[:6])
        return datetime(year, month, day, hour, minute, second, micros, _offset(match["offset"]))
    except ValueError:
        raise ConversionError("time", "there is no such date or time of day") from None


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(-span if text[0] == "-" else span)
