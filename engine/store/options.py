"""Options of a store URL, the same on every kind of store: how large it may grow, how long what is over is kept."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from engine.errors import UserError

SIZES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
SPANS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
DAYS_MAX = 36_500


@dataclass(frozen=True, slots=True)
class Keep:
    """How long what is over stays: events with payload and story after their end; effects, by which a repeat is known,
    after they were first sent. Identities have an expiry of their own."""

    events_us: int = 90 * SPANS_US["d"]
    effects_us: int = 400 * SPANS_US["d"]


STANDARD = Keep()


def take_options(query: str, known: dict[str, str], *, others: bool = False) -> tuple[dict[str, str], str]:
    """The options of ours among a URL's, and the rest of its query. Raises UserError for an unknown one, unless `others`
    may stand there. `known` gives an example of each."""
    given = parse_qsl(query, keep_blank_values=True)
    ours = {name: value for name, value in given if name in known}
    rest = [(name, value) for name, value in given if name not in known]
    if rest and not others:
        examples = ", ".join(f"{name}={example}" for name, example in known.items())
        raise UserError(f"unknown store option `{rest[0][0][:40]}`; known: {examples}")
    return ours, urlencode(rest, safe="/")


def read_keep(options: dict[str, str]) -> Keep:
    """`keep=30d`, `keep_effects=400d`. Effects are kept no shorter than events: a story may name them."""
    events = read_span("keep", options["keep"]) if "keep" in options else STANDARD.events_us
    effects = read_span("keep_effects", options["keep_effects"]) if "keep_effects" in options else STANDARD.effects_us
    return Keep(events, max(events, effects))


def read_size(text: str) -> int:
    """`64MiB` → bytes."""
    number, unit = text[:-3], text[-3:]
    if unit not in SIZES or not number.isascii() or not number.isdigit() or int(number[:18]) < 1:
        raise UserError(f"`{text[:40]}` is not a size; write for example 64MiB")
    size = int(number[:18]) * SIZES[unit]
    if size < SIZES["MiB"]:
        raise UserError(f"max_size={text[:40]} is too small; 1MiB is the least that holds an event and its outcome")
    return size


def read_span(name: str, text: str) -> int:
    """`30d` → microseconds."""
    number, unit = text[:-1], text[-1:]
    if unit not in SPANS_US or not number.isascii() or not number.isdigit() or int(number[:18]) < 1:
        raise UserError(f"{name}=`{text[:40]}` is not a span of time; write for example {name}=30d")
    return min(int(number[:18]) * SPANS_US[unit], DAYS_MAX * SPANS_US["d"])
