"""What the engine counts, over its restarts: its counters begin at nothing each time, the story's go on.

What it counted between the last look and a SIGKILL is lost to the counters, so nothing that must be exact is taken
from them. This file refuses to fetch anything.
"""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

ACTIVE = ("accepted", "running", "waiting")


class Meter:
    """Reads pages of `/metrics`. `standing` counts the events that are not over, by status, as of the last page."""

    def __init__(self) -> None:
        self.standing: Counter[str] = Counter()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._now: Counter[tuple[str, str]] = Counter()

    def read(self, page: str) -> None:
        """Takes in one page. Raises ValueError for what is not the Prometheus text format."""
        self.standing.clear()
        self._now.clear()
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == "waybill_events":
                    self.standing[sample.labels["status"]] += int(sample.value)
                elif sample.name.endswith("_total"):
                    word = sample.labels.get("verdict", sample.labels.get("status", ""))
                    self._now[sample.name, word] += int(sample.value)

    def restarted(self) -> None:
        """The next page is a new engine's, which counts from nothing."""
        self._ended.update(self._now)
        self._now.clear()

    def total(self, name: str, word: str | None = None) -> int:
        """A counter over all engines so far; `word` is its verdict or status, None for all of them together."""
        return sum(
            count
            for counts in (self._ended, self._now)
            for (counted, said), count in counts.items()
            if counted == name and word in (None, said)
        )

    @property
    def backlog(self) -> int:
        """Events that the engine still has to move."""
        return sum(self.standing[status] for status in ACTIVE)

    @property
    def unfinished(self) -> int:
        """Events that are not over, those that wait for a person included."""
        return self.standing.total()

    @property
    def retries(self) -> int:
        """Calls that had to be made again, or asked about."""
        return self.total("waybill_calls_total", "retry") + self.total("waybill_calls_total", "unknown")
