"""Writes what the reducer says: incident, alerts, timeline and messages together."""

import msgspec

from tallystick.clock import parse_rfc3339, rfc3339
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.incidents.book import Kept
from tallystick.watch.notify.incidents.draft import Change
from tallystick.watch.notify.incidents.standing import Standing
from tallystick.watch.notify.incidents.store import IncidentStore
from tallystick.watch.notify.message import MESSAGE_ALERTS_MAX, Message
from tallystick.watch.notify.outbox import Addressed

MESSAGE_ALERTS_BYTES_MAX = 262_144
"""Most bytes of alerts in one message; the first is always there."""


class Writer:
    """Into one store, inside a transaction."""

    def __init__(self, store: IncidentStore) -> None:
        self._store = store
        self._book = store.book

    def write(
        self,
        change: Change,
        now_ns: int,
        kept: Kept | None = None,
        seq: int = 0,
        *,
        looked: bool = False,
    ) -> Standing:
        """All of it; `kept` and `seq` are the alert that fires, where one does."""
        incident = self._book.put(change.incident, looked=looked)
        for member in change.members:
            if member.ended_ns:
                self._book.end_member(incident.number, member.fingerprint, now_ns)
                self._quieten(member.fingerprint)
            elif kept is not None:
                there = msgspec.structs.replace(kept, member=member)
                self._book.put_member(incident, there, seq)
                if kept.expires_ns:
                    self._book.schedule(incident)
        if change.end_all:
            for fingerprint in self._book.end_members(incident.number, now_ns):
                self._quieten(fingerprint)
        self._book.add_happenings(incident.number, change.happenings)
        if change.tell:
            self._tell(incident, change, now_ns)
        if incident.sums and incident.state == "resolved":
            self._book.look_at_storm(incident.number)
        return incident

    def _quieten(self, fingerprint: str) -> None:
        """An alert that ended holds nobody back any more."""
        if not self._book.firing_in(fingerprint) and self._store.inhibitors.remove(fingerprint):
            self._book.look_at_all()

    def _tell(self, incident: Standing, change: Change, now_ns: int) -> None:
        first = change.tell[0]
        message = Message(
            key="",
            dedup_key=incident.key,
            incident=incident.id,
            number=incident.transitions,
            action=first.action,
            why=first.why,
            severity=incident.severity,
            title=incident.title,
            at_ns=now_ns,
            opened_ns=incident.opened_ns,
            by=change.by,
            firing=incident.fires,
            labels=incident.labels,
            alerts=self._alerts(incident),
        )
        to = [Addressed(each.target, each.recipient) for each in change.tell]
        transition, _ = self._store.messages.add(incident.number, message, to, now_ns)
        if first.action == "trigger":
            self._store.alerts.told(incident.number, transition)

    def _alerts(self, incident: Standing) -> tuple[Alert, ...]:
        """Those that fire and may be told; of a resolved incident those that did."""
        if incident.sums:
            found = self._book.in_stormy(incident.number, MESSAGE_ALERTS_MAX)
        else:
            found = self._book.newest(incident.number, MESSAGE_ALERTS_MAX)
        if incident.state != "resolved":
            found = [each for each in found if each.fires and not each.held]
        chosen: list[Alert] = []
        size = 0
        for each in found:
            size += len(msgspec.json.encode(each.alert))
            if chosen and size > MESSAGE_ALERTS_BYTES_MAX:
                break
            chosen.append(_with_end(each))
        return tuple(chosen)


def _with_end(kept: Kept) -> Alert:
    """The alert; one that ended says when."""
    ended_ns, ends_at = kept.member.ended_ns, kept.alert.ends_at
    if not ended_ns or (ends_at is not None and parse_rfc3339(ends_at) <= ended_ns):
        return kept.alert
    return msgspec.structs.replace(kept.alert, ends_at=rfc3339(ended_ns))
