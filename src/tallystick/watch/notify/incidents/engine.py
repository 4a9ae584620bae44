"""The engine: what happens is read, reduced and written in one transaction. Blocks for the disk.

It holds no state of its own but the rules; whatever it knows stands in the store.
"""

from collections.abc import Callable

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.errors import Overloaded, Refused
from tallystick.watch.notify.alert import ALERT_BYTES_MAX, Alert, matched_labels, worse
from tallystick.watch.notify.incidents import reduce
from tallystick.watch.notify.incidents.book import Kept
from tallystick.watch.notify.incidents.draft import Change
from tallystick.watch.notify.incidents.incident import Member
from tallystick.watch.notify.incidents.rules import Rules
from tallystick.watch.notify.incidents.standing import Standing
from tallystick.watch.notify.incidents.store import IncidentStore
from tallystick.watch.notify.incidents.writing import Writer
from tallystick.watch.notify.policy import Decision, Deduplicated, Deliver, Silence, Silenced
from tallystick.watch.notify.routing import Place
from tallystick.watch.notify.storm import breaks_out, is_over

FIRING_MAX = 50_000
"""Most alerts that fire at once; then further ones are told to come back."""
_COUNT_EVERY = 64
"""How often those that fire are counted, in alerts."""
_encode = msgspec.json.Encoder().encode


class Engine:
    """Of one store and the rules that its incidents follow."""

    def __init__(self, store: IncidentStore, rules: Rules) -> None:
        """The rules may be others than before: everything is looked at anew."""
        self._store = store
        self._rules = rules
        self._book = store.book
        self._writer = Writer(store)
        with store.writing():
            store.inhibitors.clear()
            if rules.inhibitions:
                for alert, *_ in store.book.all_firing(FIRING_MAX):
                    store.inhibitors.add(alert, rules.inhibitions)
            store.book.look_at_all()

    def raise_alert(self, alert: Alert, now_ns: int) -> Decision:
        """An alert fires, or has ended where its `ends_at` is past; see `Alert`.

        Raises:
            Refused: `ALERT_TOO_LARGE`, `ALERT_TIME`.
            Overloaded: too many fire.
        """
        body = _encode(alert)
        if len(body) > ALERT_BYTES_MAX:
            raise Refused("ALERT_TOO_LARGE", f"An alert may have at most {ALERT_BYTES_MAX} bytes.")
        ends_ns = _ends_ns(alert)
        over = ends_ns is not None and ends_ns <= now_ns
        with self._store.writing():
            known = self._store.alerts.known(alert.id)
            if known is None:
                seq = self._store.alerts.add(alert, body, now_ns, ends=over)
            elif known.ends or ends_ns is None:
                return known.decision
            elif not over and not self._book.expired(known.seq):
                self._book.extend(alert.fingerprint, ends_ns)
                return known.decision
            else:
                seq = known.seq
            if over:
                decision = self._end(alert, ends_ns or now_ns, now_ns)
                if known is not None:
                    return known.decision
            else:
                decision = self._fire(alert, seq, ends_ns or 0, now_ns)
            self._store.alerts.decide(seq, decision)
        return decision

    def handle(self, number: int, do: Callable[[Standing], Change], now_ns: int) -> Standing | None:
        """Something is done with an incident; None where there is none of this number."""
        with self._store.writing():
            standing = self._book.get(number)
            if standing is None:
                return None
            return self._writer.write(do(standing), now_ns)

    def look(self, now_ns: int, limit: int) -> int:
        """Do what is due, for so many incidents at most; how many there were."""
        with self._store.file.writing():
            due = self._book.due(now_ns, limit)
            for number in due:
                self._look_at(number, now_ns)
        if due:
            self._store.on_change()
        return len(due)

    def _fire(self, alert: Alert, seq: int, expires_ns: int, now_ns: int) -> Decision:
        if seq % _COUNT_EVERY == 0 and self._book.count_firing() >= FIRING_MAX:
            raise Overloaded(f"{FIRING_MAX} alerts fire already; try again in a moment.")
        fingerprint = alert.fingerprint
        for number in self._book.firing_in(fingerprint):
            found = self._book.member(number, fingerprint)
            if found is not None and 0 < found.expires_ns <= now_ns:
                self._look_at(number, now_ns)
        before = self._book.firing_in(fingerprint)
        severity = alert.severity
        for number in before:
            found = self._book.member(number, fingerprint)
            if found is not None and worse(found.member.severity, severity):
                severity = found.member.severity
        held = self._held(alert, self._store.silences.active(now_ns), now_ns)
        started_ns = _starts_ns(alert, now_ns)
        member = Member(fingerprint, alert.id, severity, alert.summary, started_ns)
        kept = Kept(member, alert, held, expires_ns)
        # It is where its labels put it, at the worst that it has been.
        places = self._rules.tree.places(msgspec.structs.replace(alert, severity=severity))
        decisions = [self._place(place, kept, seq, now_ns) for place in places]
        keys = {place.key for place in places}
        for number in before:
            self._leave(number, keys, fingerprint, now_ns)
        self._store.inhibitors.add(alert, self._rules.inhibitions)
        return _together(decisions)

    def _place(self, place: Place, kept: Kept, seq: int, now_ns: int) -> Decision:
        incident = self._book.of_key(place.key)
        came = reduce.Arrival(kept.alert, kept.member, kept.held)
        if incident is None or incident.state == "resolved":
            change = self._open(place, incident, came, now_ns)
        else:
            known = self._book.member(incident.number, kept.member.fingerprint)
            if known is None or not known.fires:
                change = reduce.joined(incident, came, now_ns, self._rules)
            else:
                change = reduce.again(incident, known.member, came, now_ns, self._rules)
                if not change.members:
                    return self._nothing_new(incident, known, kept.expires_ns)
        return self._decided(change, kept, seq, now_ns)

    def _nothing_new(self, incident: Standing, known: Kept, expires_ns: int) -> Decision:
        if known.expires_ns:
            self._book.extend(known.member.fingerprint, expires_ns)
        held = known.held or incident.held
        return Silenced(held) if held else Deduplicated(known.member.alert_id)

    def _decided(self, change: Change, kept: Kept, seq: int, now_ns: int) -> Decision:
        """Write what an alert came to, and say it in a word."""
        told = any(each.action == "trigger" for each in change.tell)
        stands = change.incident
        waits = not kept.held and not stands.held and bool(stands.news_ns or stands.step_ns)
        gathers = waits and not told and stands.state == "open" and not stands.flaps
        if not change.incident.number:
            stands = self._book.put(stands)
            change = msgspec.structs.replace(change, incident=stands)
        if told or gathers:
            self._store.alerts.expect(seq, stands.number)
        self._writer.write(change, now_ns, kept, seq)
        if kept.held or stands.held:
            return Silenced(kept.held or stands.held)
        if told:
            return Deliver(tuple(each.target for each in change.tell))
        if gathers or not stands.spoke:
            return Deliver(stands.targets if gathers else ())
        return Deduplicated(stands.spoke)

    def _open(
        self, place: Place, last: Standing | None, came: reduce.Arrival, now_ns: int
    ) -> Change:
        storm = self._storm(place, came.member, now_ns)
        reopen_ns = place.route.reopen_seconds * NS_PER_SECOND
        if last is not None and now_ns - last.resolved_ns < reopen_ns:
            return reduce.reopened(last, came, storm, now_ns, self._rules)
        return reduce.opened(place, came, last, storm, now_ns, self._rules)

    def _storm(self, place: Place, member: Member, now_ns: int) -> int:
        """The number of the incident that speaks for what opens now on this route; 0: none."""
        storm, route = self._rules.storm, place.route.name
        summary = self._book.storm_of(route)
        if summary is not None:
            change = reduce.storm_grew(summary, member, now_ns, self._rules)
            return self._writer.write(change, now_ns).number
        opened = self._book.opened_since(
            route, now_ns - storm.seconds * NS_PER_SECOND, storm.incidents
        )
        if not breaks_out(opened, storm):
            return 0
        change = reduce.storm_opened(place, member, now_ns, self._rules)
        return self._writer.write(change, now_ns).number

    def _end(self, alert: Alert, ends_ns: int, now_ns: int) -> Decision:
        told: dict[str, None] = {}
        for number in self._book.firing_in(alert.fingerprint):
            found = self._book.member(number, alert.fingerprint)
            # An end that comes late says nothing of what began after it.
            if found is not None and found.member.started_ns <= ends_ns:
                told |= dict.fromkeys(self._end_in(number, found, now_ns, ""))
        return Deliver(tuple(told))

    def _end_in(self, number: int, found: Kept, now_ns: int, how: str) -> list[str]:
        incident = self._book.get(number)
        if incident is None:
            return []
        audible = not found.held
        change = reduce.ended(incident, found.member, now_ns, self._rules, audible=audible, how=how)
        self._writer.write(change, now_ns)
        return [each.target for each in change.tell]

    def _leave(self, number: int, keys: set[str], fingerprint: str, now_ns: int) -> None:
        """An alert that is elsewhere now ends where it was."""
        incident = self._book.get(number)
        found = self._book.member(number, fingerprint)
        if incident is not None and incident.key not in keys and found is not None and found.fires:
            self._end_in(number, found, now_ns, "It belongs elsewhere now")

    def _look_at(self, number: int, now_ns: int) -> None:
        """Everything that time, silences, storms and targets that gave up change about it."""
        for each in self._book.firing(number):
            if 0 < each.expires_ns <= now_ns:
                self._end_in(number, each, now_ns, "Not said again")
        for target in self._store.messages.take_given_up(number):
            incident = self._book.get(number)
            if incident is not None:
                change = reduce.given_up(incident, target, now_ns, self._rules)
                self._writer.write(change, now_ns)
        incident = self._book.get(number)
        if incident is not None:
            change = reduce.tick(incident, self._seen(incident, now_ns), now_ns, self._rules)
            self._writer.write(change, now_ns, looked=True)

    def _seen(self, incident: Standing, now_ns: int) -> reduce.Seen:
        if incident.sums:
            storm = self._rules.storm
            since_ns = now_ns - storm.seconds * NS_PER_SECOND
            opened = self._book.opened_since(incident.route, since_ns, storm.incidents)
            left = self._book.in_storm(incident.number)
            return reduce.Seen(fires=left, over=is_over(opened, left, storm))
        held = ""
        firing = self._book.firing(incident.number)
        silences = self._store.silences.active(now_ns)
        audible = incident.fires - len(firing)
        for each in firing:
            now_held = self._held(each.alert, silences, now_ns)
            if now_held != each.held:
                self._book.hold_member(incident.number, each.member.fingerprint, now_held)
            held = now_held or held
            audible += not now_held
        storm_held, ended_by = self._storm_of(incident)
        return reduce.Seen(audible, held, storm_held, ended_by)

    def _storm_of(self, incident: Standing) -> tuple[str, str]:
        summary = self._book.get(incident.storm) if incident.storm else None
        if summary is None:
            return "", ""
        if summary.state == "resolved":
            return "", summary.resolved_by
        return f"storm:{summary.id}", ""

    def _held(self, alert: Alert, silences: list[Silence], now_ns: int) -> str:
        """What keeps an alert quiet: the id of a silence, or `inhibited:` and an alert's."""
        labels = matched_labels(alert)
        for silence in silences:
            if silence.covers(labels, now_ns):
                return silence.id
        by = self._store.inhibitors.of(alert.fingerprint, labels, self._rules.inhibitions)
        return "" if by is None else f"inhibited:{by}"


def _together(decisions: list[Decision]) -> Decision:
    """What was decided in several places, in one: told is told."""
    told = [each for each in decisions if isinstance(each, Deliver)]
    if told:
        return Deliver(tuple(dict.fromkeys(name for each in told for name in each.channels)))
    return next((each for each in decisions if isinstance(each, Deduplicated)), decisions[0])


def _ends_ns(alert: Alert) -> int | None:
    if alert.ends_at is None:
        return None
    try:
        return parse_rfc3339(alert.ends_at)
    except ValueError as error:
        raise Refused("ALERT_TIME", f"ends_at: {error}.", field="ends_at") from error


def _starts_ns(alert: Alert, now_ns: int) -> int:
    """When it began; by our clock where it does not say."""
    try:
        return parse_rfc3339(alert.starts_at)
    except ValueError:
        return now_ns
