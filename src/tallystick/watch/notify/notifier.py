"""The notifier: the front desk of the room. Raise an alert here; everything else follows."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from tallystick.clock import Clock, rfc3339
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.config import OWN_TARGETS, Alerting
from tallystick.watch.notify.escalation import Receiver, Roster
from tallystick.watch.notify.incidents import handling
from tallystick.watch.notify.incidents.alerts import AlertRecord
from tallystick.watch.notify.incidents.book import IncidentFilter, Kept, number_of
from tallystick.watch.notify.incidents.draft import Change, one_line
from tallystick.watch.notify.incidents.engine import Engine
from tallystick.watch.notify.incidents.looker import Looker
from tallystick.watch.notify.incidents.records import ActiveAlert, IncidentRecord, TargetRecord
from tallystick.watch.notify.incidents.rules import Rules
from tallystick.watch.notify.incidents.standing import Standing
from tallystick.watch.notify.incidents.store import IncidentStore
from tallystick.watch.notify.outbox import MessageRecord
from tallystick.watch.notify.policy import Decision, Matcher, Silence, check_silence

NOTE_CHARACTERS_MAX = 4_096
"""Longest note of an incident, and longest name of who wrote it."""
ACKNOWLEDGE_SECONDS_MAX = 31 * 86_400
"""Longest time for which an acknowledgement may be asked."""
SHOWN_MAX = 100
"""Most messages and alerts that are told with one incident, the newest."""
LOOK_INCIDENTS_MAX = 8
"""Incidents looked at in one transaction: alerts that come meanwhile wait for it."""
LOOKS_MAX = 1_000
"""Such transactions one after another, before it is told that there is more to do."""


class Delivering(Protocol):
    """What brings messages to their targets; `Deliverer` does."""

    def start(self) -> None:
        """Begin, on this event loop."""
        ...

    def wake(self) -> None:
        """Something may be due; from any thread."""
        ...

    async def stop(self) -> None:
        """Let what is on its way end, and close the channels."""
        ...


class Notifier:
    """Decides, keeps and delivers: alerts, incidents, messages, silences.

    Every method but `start` and `stop` blocks for the disk (a few milliseconds when it writes) and
    may be called from any thread; on an event loop call them through `asyncio.to_thread`. `start`
    and `stop` belong to one event loop, on which what time brings is done between them.
    """

    def __init__(
        self,
        store: IncidentStore,
        deliverer: Delivering,
        alerting: Alerting,
        clock: Clock,
        roster: Roster | None = None,
    ) -> None:
        """`roster` knows who is on call by the schedules of the file; there may be none."""
        self._store = store
        self._deliverer = deliverer
        self._alerting = alerting
        self._clock = clock
        self._rules = Rules.of(alerting, roster)
        self._engine = Engine(store, self._rules)
        self._looker = Looker(self.look, clock)
        store.on_change = self._changed

    @property
    def changes(self) -> int:
        """Grows whenever anything may have changed; asking costs nothing and blocks for nobody."""
        return self._store.file.committed

    @property
    def trouble(self) -> str:
        """Why incidents do not escalate now; empty while they do."""
        return self._looker.trouble

    def raise_alert(self, alert: Alert) -> Decision:
        """Decide and store; durable when it returns, and on its way to the targets.

        The same id again changes nothing and gives the first decision; but an `ends_at` to come
        keeps it alive until then, and one that is past ends it.

        Raises:
            Refused: `ALERT_TOO_LARGE`, `ALERT_TIME`.
        """
        return self._engine.raise_alert(alert, self._clock.now_ns())

    def recent(self, limit: int) -> list[AlertRecord]:
        """The last alerts, newest first, with why they were sent or not and what became of it."""
        with self._store.reading():
            return self._store.alerts.recent(limit)

    def active(self, limit: int) -> list[ActiveAlert]:
        """Alerts that fire now, the newest first, at most PAGE_ITEMS_MAX."""
        with self._store.reading():
            found = self._store.book.all_firing(max(0, min(limit, PAGE_ITEMS_MAX)))
        merged: dict[str, ActiveAlert] = {}
        for alert, since_ns, held, number in found:
            before = merged.get(alert.id)
            incidents = (*(before.incidents if before else ()), f"I-{number}")
            merged[alert.id] = ActiveAlert(alert, rfc3339(since_ns), held, incidents)
        return list(merged.values())

    def acknowledge(
        self, incident_id: str, by: str, *, seconds: int | None = None, via: str = ""
    ) -> Standing:
        """Somebody has taken it: it escalates no more, for `seconds`.

        None: as long as its policy says; 0: until it is resolved. `via` is a target that knows.

        Raises:
            Refused: `UNKNOWN_INCIDENT`, `INCIDENT_RESOLVED`, `ACKNOWLEDGE_SECONDS`.
        """
        if seconds is not None and not 0 <= seconds <= ACKNOWLEDGE_SECONDS_MAX:
            raise Refused(
                "ACKNOWLEDGE_SECONDS",
                f"An acknowledgement holds for at most {ACKNOWLEDGE_SECONDS_MAX} seconds.",
            )
        name, now_ns = _name(by), self._clock.now_ns()

        def do(incident: Standing) -> Change:
            if incident.state == "resolved":
                raise Refused("INCIDENT_RESOLVED", f"{incident.id} is resolved already.")
            return handling.acknowledge(incident, name, seconds, via, now_ns, self._rules)

        return self._handle(incident_id, do, now_ns)

    def unacknowledge(self, incident_id: str, by: str) -> Standing:
        """Nobody has it any more: it is told from the first step on.

        Raises:
            Refused: `UNKNOWN_INCIDENT`.
        """
        name, now_ns = _name(by), self._clock.now_ns()
        return self._handle(
            incident_id,
            lambda incident: handling.unacknowledge(incident, name, now_ns, self._rules),
            now_ns,
        )

    def resolve(self, incident_id: str, by: str, note: str = "", *, via: str = "") -> Standing:
        """Somebody says that it is over; one that is resolved stays as it is.

        Raises:
            Refused: `UNKNOWN_INCIDENT`, `NOTE_TOO_LONG`.
        """
        name, text, now_ns = _name(by), _note(note), self._clock.now_ns()
        return self._handle(
            incident_id,
            lambda incident: handling.resolve(incident, name, text, via, now_ns, self._rules),
            now_ns,
        )

    def note(self, incident_id: str, by: str, text: str) -> Standing:
        """Write something into its timeline.

        Raises:
            Refused: `UNKNOWN_INCIDENT`, `NOTE_EMPTY`, `NOTE_TOO_LONG`.
        """
        name, said, now_ns = _name(by), _note(text), self._clock.now_ns()
        if not said:
            raise Refused("NOTE_EMPTY", "A note says something.")
        return self._handle(
            incident_id,
            lambda incident: handling.note(incident, name, said, now_ns, self._rules),
            now_ns,
        )

    def incidents(
        self, wanted: IncidentFilter, limit: int, before: int | None = None
    ) -> list[Standing]:
        """The newest first; `before` is a number, for the next page."""
        with self._store.reading():
            return self._store.book.listed(wanted, limit, before)

    def incident(self, incident_id: str) -> IncidentRecord:
        """One incident and its story.

        Raises:
            Refused: `UNKNOWN_INCIDENT`.
        """
        number = number_of(incident_id)
        with self._store.reading():
            book = self._store.book
            standing = None if number is None else book.get(number)
            if standing is None:
                raise _unknown(incident_id)
            timeline, left_out = book.timeline(standing.number)
            kept = self._members(standing)
            messages = self._store.messages.of_incident(standing.number, SHOWN_MAX)
        members = tuple(each.member for each in kept)
        return IncidentRecord(
            msgspec.structs.replace(standing, members=members),
            timeline,
            left_out,
            tuple(messages),
            tuple(each.alert for each in kept),
        )

    def told_next(self, incident: Standing) -> tuple[Receiver, ...]:
        """Whom its next step tells, as things stand now; nobody where none is due."""
        if incident.state != "open" or incident.held or not incident.step_ns:
            return ()
        taken = self._rules.take(
            incident.policy, incident.step, incident.round, incident.step_ns, incident.failed
        )
        return () if taken is None else taken.receivers

    def find(self, key: str) -> Standing | None:
        """The incident of a deduplication key that is not resolved, else its last one."""
        with self._store.reading():
            return self._store.book.of_key(key)

    def test_target(self, target: str, by: str) -> int:
        """Send a test message to a target; its id, by which `message` says what became of it.

        Raises:
            Refused: `UNKNOWN_TARGET`.
        """
        if target not in self._alerting.targets:
            known = ", ".join(sorted(self._alerting.targets)) or "none"
            sentence = f"There is no target {target!r}; there is: {known}."
            raise Refused("UNKNOWN_TARGET", sentence)
        name = _name(by)
        title = f"A test message from Tallystick, asked for by {name}. There is nothing to do."
        return self._store.say(target, title, self._clock.now_ns(), why="test", by=name)

    def targets(self) -> list[TargetRecord]:
        """The targets of the configuration, with what waits for them."""
        with self._store.reading():
            counts = self._store.messages.counts()
        return [
            TargetRecord(
                name,
                str(text.get("type", "")),
                counts.get((name, "pending"), 0),
                counts.get((name, "dead"), 0),
            )
            for name, text in self._alerting.targets.items()
        ]

    def message(self, message_id: int) -> MessageRecord:
        """One message and what became of it.

        Raises:
            Refused: `UNKNOWN_MESSAGE`.
        """
        found = self._store.message(message_id) if 0 < message_id < 2**62 else None
        if found is None:
            raise Refused("UNKNOWN_MESSAGE", f"There is no message {message_id}.")
        return found

    def dead(self, limit: int, target: str | None = None) -> list[MessageRecord]:
        """Messages that were given up, of one target or of all, newest first.

        At most PAGE_ITEMS_MAX.
        """
        with self._store.reading():
            return self._store.messages.dead(max(0, min(limit, PAGE_ITEMS_MAX)), target)

    def replay_dead(self, message_id: int) -> MessageRecord:
        """Send it again, as if it were new.

        Raises:
            Refused: `UNKNOWN_MESSAGE`, `MESSAGE_NOT_DEAD`.
        """
        self.message(message_id)
        with self._store.writing():
            if not self._store.messages.replay(message_id, self._clock.now_ns()):
                sentence = f"Message {message_id} was not given up; only such are replayed."
                raise Refused("MESSAGE_NOT_DEAD", sentence)
        return self.message(message_id)

    def silences(self) -> list[Silence]:
        """Silences that have not ended."""
        with self._store.reading():
            return self._store.silences.unended(self._clock.now_ns())

    def add_silence(
        self,
        matchers: tuple[Matcher, ...],
        starts_at_ns: int,
        ends_at_ns: int,
        comment: str,
        author: str,
        *,
        key: str = "",
        request: str = "",
    ) -> Silence:
        """Tell nobody of alerts that meet every matcher, between these moments.

        Raises:
            Refused: see `policy.check_silence`; `SILENCE_PERIOD` also when it is over already.
        """
        silence = Silence("", matchers, starts_at_ns, ends_at_ns, comment, author, key, request)
        check_silence(silence)
        now_ns = self._clock.now_ns()
        if ends_at_ns <= now_ns:
            raise Refused("SILENCE_PERIOD", "This silence would be over already.")
        with self._store.writing():
            kept = self._store.silences.add(silence, now_ns)
            self._store.book.look_at_all()
        return kept

    def known_silence(self, key: str) -> Silence | None:
        """The silence that was made under this key, also when it has ended since."""
        with self._store.reading():
            return self._store.silences.known(key)

    def end_silence(self, silence_id: str) -> None:
        """End a silence now; what it held and still fires is told.

        Raises:
            Refused: `UNKNOWN_SILENCE`.
        """
        with self._store.writing():
            if not self._store.silences.end(silence_id, self._clock.now_ns()):
                raise Refused("UNKNOWN_SILENCE", f"There is no silence {silence_id!r}.")
            self._store.book.look_at_all()

    def look(self) -> int | None:
        """Do what time has brought; gives when there is more to do, None: nothing is due."""
        now_ns = self._clock.now_ns()
        for _ in range(LOOKS_MAX):
            if self._engine.look(now_ns, LOOK_INCIDENTS_MAX) < LOOK_INCIDENTS_MAX:
                break
        with self._store.reading():
            return self._store.book.next_due_ns()

    async def start(self) -> None:
        """Deliver and escalate from now on; what an earlier process left over goes first."""
        known = {*self._alerting.targets, *OWN_TARGETS}
        await asyncio.to_thread(self._store.bury_unknown, known, self._clock.now_ns())
        self._looker.start()
        self._deliverer.start()

    async def stop(self) -> None:
        """Stop and close the store; what is not delivered waits for the next start."""
        try:
            await self._looker.stop()
            await self._deliverer.stop()
        finally:
            self._store.close()

    def _changed(self) -> None:
        """Something is due perhaps; from any thread."""
        self._deliverer.wake()
        self._looker.wake()

    def _handle(self, incident_id: str, do: Callable[[Standing], Change], now_ns: int) -> Standing:
        number = number_of(incident_id)
        changed = None if number is None else self._engine.handle(number, do, now_ns)
        if changed is None:
            raise _unknown(incident_id)
        return changed

    def _members(self, standing: Standing) -> list[Kept]:
        book = self._store.book
        if standing.sums:
            return book.in_stormy(standing.number, SHOWN_MAX)
        return book.newest(standing.number, SHOWN_MAX)


def _unknown(incident_id: str) -> Refused:
    return Refused("UNKNOWN_INCIDENT", f"There is no incident {incident_id[:64]!r}.")


def _name(by: str) -> str:
    return one_line(by, NOTE_CHARACTERS_MAX)


def _note(text: str) -> str:
    if len(text) > NOTE_CHARACTERS_MAX:
        raise Refused("NOTE_TOO_LONG", f"A note has at most {NOTE_CHARACTERS_MAX} characters.")
    return text.strip()
