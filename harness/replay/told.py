"""What a run did, as values that can be compared: events, and for each what partners were told."""

from msgspec import Struct


class Name(Struct, frozen=True, order=True):
    """An event over several runs: the numbers of two stores need not be the same. `turn` counts those of one id,
    `story` is the one of several stories that it belongs to."""

    integration: str
    id: str
    turn: int = 0
    story: str = ""


class Deed(Struct, frozen=True):
    """One request to a partner, or one event told to a topic (`emit TOPIC`).

    `identity` is how the partner's book knows it, empty where it has no name. `effect`: it may change something there.
    `content` is what was asked for: `{query, body}`, or `{body}` of the event.
    """

    operation: str
    identity: str
    effect: bool
    content: object


class EventTold(Struct, frozen=True):
    """One event: how it ended, and its deeds in order. `origin` says what it came from, for people."""

    name: Name
    origin: str
    status: str
    deeds: tuple[Deed, ...]


Told = dict[Name, EventTold]
