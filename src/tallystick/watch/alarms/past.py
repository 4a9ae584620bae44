"""What happened before: entries of the ledger and anomalies, for trying alarms out."""

from collections.abc import Iterator
from typing import Protocol

from tallystick.ledger import Ledger
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.stream import Message
from tallystick.stream.rules.replays import position_at
from tallystick.watch.detect.found import Found, Wanted
from tallystick.watch.detect.score import Anomaly

ENTRIES_MAX = 500_000
"""Most entries of the past that one alarm is tried out over: the newest of the range."""
ANOMALIES_MAX = 10_000
"""Most anomalies of the past, likewise."""
_ROWS = 1_000


class Past(Protocol):
    """What is over, a range at a time; called from a thread."""

    def entries(self, start_ns: int, end_ns: int) -> Iterator[Message]:
        """Entries from about the one time up to about the other, in their order."""
        ...

    def anomalies(self, start_ns: int, end_ns: int) -> Iterator[Anomaly]:
        """Anomalies whose own stamp lies in the range, in any order."""
        ...


class HousePast:
    """The past as the ledger and the store of anomalies have it."""

    def __init__(self, ledger: Ledger, found: Found) -> None:
        self._ledger = ledger
        self._found = found

    def entries(self, start_ns: int, end_ns: int) -> Iterator[Message]:
        """See `Past`."""
        size = self._ledger.size
        end = position_at(self._ledger, end_ns, size)
        position = max(position_at(self._ledger, start_ns, size), end - ENTRIES_MAX)
        while position < end:
            rows = self._ledger.rows(position, min(_ROWS, end - position))
            for row in rows:
                yield Message(position, row.entry)
                position += 1
            if not rows:
                return

    def anomalies(self, start_ns: int, end_ns: int) -> Iterator[Anomaly]:
        """See `Past`."""
        wanted = Wanted(since_ns=start_ns, until_ns=end_ns, held=False)
        cursor: str | None = None
        for _ in range(ANOMALIES_MAX // PAGE_ITEMS_MAX):
            page = self._found.page(wanted, PAGE_ITEMS_MAX, cursor)
            yield from (known.anomaly for known in page.items)
            if (cursor := page.next) is None:
                return


class NoPast:
    """Where there is nothing to look back on."""

    def entries(self, start_ns: int, end_ns: int) -> Iterator[Message]:  # noqa: ARG002  port
        """None."""
        return iter(())

    def anomalies(self, start_ns: int, end_ns: int) -> Iterator[Anomaly]:  # noqa: ARG002  port
        """None."""
        return iter(())
