"""The store of incidents: one SQLite file with alerts, incidents, messages and silences.

`notify.db` of the data folder. Every method does its work in one transaction, durable when it
returns; whoever needs more than one of the parts takes `writing` and uses them. SQL stands in
sql/queries.sql.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from tallystick.sqlite_file import SqliteFile, named_queries
from tallystick.watch.notify.alert import Severity
from tallystick.watch.notify.incidents.alerts import Alerts
from tallystick.watch.notify.incidents.book import Book
from tallystick.watch.notify.incidents.incident import Happening, What
from tallystick.watch.notify.inhibitors import Inhibitors
from tallystick.watch.notify.message import Message, Why
from tallystick.watch.notify.outbox import (
    NO_INCIDENT,
    Addressed,
    Due,
    MessageRecord,
    Messages,
    State,
)
from tallystick.watch.notify.silences import Silences

_SQL = resources.files("tallystick.watch.notify") / "sql"
_SCHEMAS = (_SQL / "0001_outbox.sql", _SQL / "0002_incidents.sql")

__all__ = ["Due", "IncidentStore", "MessageRecord", "State"]


def _nothing() -> None:
    """Nobody wants to know."""


class IncidentStore:
    """Open at `path`; errors are `TemporaryError` (nothing was done) or `Corrupt`.

    A file of the older outbox is brought up to date when it is opened: its alerts, its messages
    that wait and its silences go on. `on_change` is called after something became due; from
    whatever thread, so it only wakes.
    """

    def __init__(self, path: Path) -> None:
        queries = named_queries(_SQL / "queries.sql")
        self.file = SqliteFile(path, "The store of incidents", _SCHEMAS, queries)
        self.alerts = Alerts(self.file)
        self.book = Book(self.file)
        self.inhibitors = Inhibitors(self.file)
        self.messages = Messages(self.file)
        self.silences = Silences(self.file)
        self.on_change: Callable[[], None] = _nothing
        with self.file.writing():
            self.messages.add_missing_keys()
        with self.file.reading():
            # Whoever runs the store folds its log in the background (wal.fold_wal): an alert that
            # had to do it would be late. This is for those who do not.
            self.file.run("fold_late")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Everything or nothing, and then whoever waits is woken."""
        with self.file.writing():
            yield
        self.on_change()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Nobody else uses the file meanwhile."""
        with self.file.reading():
            yield

    def next_due(self, target: str, now_ns: int) -> Due | None:
        """The oldest message for this target whose time and turn have come."""
        with self.file.reading():
            return self.messages.next_due(target, now_ns)

    def next_due_at(self, target: str) -> int | None:
        """When the next message for this target is due, nanoseconds since the epoch."""
        with self.file.reading():
            return self.messages.next_due_at(target)

    def settle(
        self,
        due: Due,
        state: State,
        at_ns: int,
        error: str | None = None,
        provider_id: str = "",
        *,
        tried: bool = True,
    ) -> None:
        """Note an attempt: it is `delivered`, `dead`, or `pending` again from `at_ns` on.

        The timeline says it, and what is dead is escalated at once. `tried`: it counts as an
        attempt.
        """
        with self.file.writing():
            settled = self.messages.settle(due.id, state, at_ns, error, provider_id, tried=tried)
            if settled is None or settled[0] == NO_INCIDENT or state == "pending":
                return
            incident, recipient, why = settled
            if self.book.get(incident) is None:
                return
            person = f" ({recipient})" if recipient else ""
            what: What = "told" if state == "delivered" else "failed"
            proof = f" [{provider_id}]" if provider_id else ""
            ending = proof if state == "delivered" else f": {error or 'given up'}"
            line = Happening(at_ns, what, due.target, f"{why}{person}{ending}"[:1_000])
            self.book.add_happenings(incident, [line])
            if state == "delivered":
                self.book.reached(incident, due.target)
            else:
                self.book.look_at(incident)
        if state == "dead":
            self.on_change()

    def stuck(self, target: str) -> None:
        """Its circuit is open: for the escalation, what waits there counts as given up."""
        with self.file.writing():
            incidents = self.messages.give_up_pending(target)
            for number in incidents:
                self.book.look_at(number)
        if incidents:
            self.on_change()

    def say(
        self,
        target: str,
        title: str,
        now_ns: int,
        *,
        why: Why = "test",
        severity: Severity = "info",
        by: str = "",
    ) -> int:
        """A message of no incident, which goes the way of all others; its id."""
        message = Message(
            key="",
            dedup_key=f"tallystick/{why}/{target}",
            incident="",
            number=0,
            action="trigger",
            why=why,
            severity=severity,
            title=title,
            at_ns=now_ns,
            opened_ns=now_ns,
            by=by,
        )
        with self.writing():
            return self.messages.add(NO_INCIDENT, message, [Addressed(target)], now_ns)[1]

    def message(self, message_id: int) -> MessageRecord | None:
        """One message and what became of it."""
        with self.file.reading():
            return self.messages.record(message_id)

    def bury_unknown(self, known: Collection[str], now_ns: int) -> None:
        """What waits for targets that are in no configuration any more is dead."""
        with self.writing():
            for number in self.messages.bury_unknown(known, now_ns):
                self.book.look_at(number)

    def close(self) -> None:
        """Close the file; closing again is harmless."""
        self.file.close()
