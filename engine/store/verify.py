"""Is a store whole? What can be asked of any store, in rows; each kind adds what its files can tell."""

from collections.abc import Mapping

from msgspec import Struct

from engine.store.database import Database

CHECKS = {
    "deliveries have no event": "SELECT count(*) FROM delivery d LEFT JOIN event e ON e.event = d.event WHERE e.event IS NULL",
    "events that are not over have no plan": (
        "SELECT count(*) FROM delivery d LEFT JOIN plan p ON p.hash = d.plan WHERE p.hash IS NULL"
        " AND d.status IN ('accepted', 'running', 'waiting', 'held', 'quarantined', 'dead')"
    ),
    "keys are had by two events at once": (
        "SELECT count(*) FROM (SELECT key_digest FROM delivery WHERE in_way = 2 GROUP BY key_digest HAVING count(*) > 1)"
        " AS shared"
    ),
}
COUNTED = ("event", "delivery", "line", "effect", "identity", "message", "plan")


class Verified(Struct, frozen=True):
    """`problems` in words: rows that do not fit together; `damage`: what cannot be read at all. `rows` of each table.
    `groups` is how many groups of commits the store has had, `missing` how many more its head says were answered (None:
    there is no head to compare with)."""

    problems: tuple[str, ...]
    rows: Mapping[str, int]
    groups: int | None = None
    missing: int | None = None
    damage: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        return not (self.problems or self.damage or self.missing)


def find_problems(database: Database) -> tuple[str, ...]:
    """What does not fit together."""
    counted = {words: database.rows(statement)[0][0] for words, statement in CHECKS.items()}
    return tuple(f"{count} {words}" for words, count in counted.items() if count)


def count_rows(database: Database) -> dict[str, int]:
    return {table: int(database.rows(f"SELECT count(*) FROM {table}")[0][0]) for table in COUNTED}
