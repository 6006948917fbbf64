"""How long `waybill prove` goes on: three profiles, in counts and not in seconds, so that each finds the same
everywhere.

`quick` is for the desk: the reference workspace in less than a minute. `ci` is what a change should pass: the same in
some three minutes of CPU. `nightly` is what a machine may do while nobody waits. What was measured: docs/prove.md.
"""

from msgspec import Struct


class Profile(Struct, frozen=True):
    """`samples`: recordings that are attacked exhaustively, of each road one; of each so many `mutants`. `drawn`:
    scenarios drawn besides, of at most `things` things, `faults` faults and `crashes` crashes. `shrunk_max`: runs
    that a failure may take to be made short."""

    name: str
    samples: int
    mutants: int
    drawn: int
    things: int
    faults: int
    crashes: int
    shrunk_max: int


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("quick", samples=1, mutants=80, drawn=25, things=2, faults=2, crashes=1, shrunk_max=120),
        Profile("ci", samples=3, mutants=400, drawn=200, things=3, faults=3, crashes=2, shrunk_max=300),
        Profile("nightly", samples=12, mutants=2_000, drawn=5_000, things=4, faults=6, crashes=4, shrunk_max=1_000),
    )
}
