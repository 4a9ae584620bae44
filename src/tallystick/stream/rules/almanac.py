"""The almanac: which scheduled rules are due, and the event each of them gets.

A moment is noted in the same transaction as what it set off, so it happens once. After an outage
a rule gets one event, of the last moment that was missed.
"""

from collections.abc import Sequence

from tallystick.clock import rfc3339
from tallystick.stream.rules.database import Database
from tallystick.stream.rules.event import SCHEDULE, other_event
from tallystick.stream.rules.matching import Matching
from tallystick.stream.rules.outbox import Matched, Outbox
from tallystick.stream.rules.rule import Rule
from tallystick.stream.rules.schedule import Schedule

MISSED_MAX = 1_000
"""Most missed moments that are counted through to find the last one; then it is left at that."""


class Almanac:
    """Of the enabled scheduled rules; to be used from one thread at a time."""

    def __init__(
        self, database: Database, outbox: Outbox, rules: Sequence[Rule], matching: Matching
    ) -> None:
        self._db = database
        self._outbox = outbox
        self._matching = matching
        self._rules = [rule for rule in rules if rule.enabled and rule.schedule is not None]

    def turn(self, now_ns: int) -> tuple[list[Matched], int | None]:
        """Set off what is due by now; gives what that was, and when to turn the next time."""
        if not self._rules:
            return [], None
        found: list[Matched] = []
        next_ns: list[int] = []
        with self._db.writing():
            for rule in self._rules:
                assert rule.schedule is not None  # noqa: S101  see __init__
                due_ns, started_ns, looked_ns, after_ns = self._due(rule, rule.schedule, now_ns)
                if due_ns is not None:
                    found += self._set_off(rule, due_ns)
                if after_ns is not None:
                    next_ns.append(after_ns)
                self._db.run(
                    "keep_schedule",
                    rule=rule.name,
                    schedule=rule.schedule_text,
                    started_at_ns=started_ns,
                    looked_at_ns=max(now_ns, looked_ns),  # a clock that is set back repeats nothing
                )
            self._outbox.add(found, now_ns)
        return found, min(next_ns, default=None)

    def _due(
        self, rule: Rule, schedule: Schedule, now_ns: int
    ) -> tuple[int | None, int, int, int | None]:
        """The last moment that is due, since when and up to when it was looked, and the next."""
        row = self._db.one("schedule", rule=rule.name)
        if row is None or row[0] != rule.schedule_text:
            return None, now_ns, now_ns, schedule.next_after(now_ns, now_ns)
        _, started_ns, looked_ns = row
        due_ns = None
        after_ns = schedule.next_after(looked_ns, started_ns)
        for _ in range(MISSED_MAX):
            if after_ns is None or after_ns > now_ns:
                break
            due_ns = after_ns
            after_ns = schedule.next_after(after_ns, started_ns)
        else:
            after_ns = schedule.next_after(now_ns, started_ns)
        return due_ns, started_ns, looked_ns, after_ns

    def _set_off(self, rule: Rule, due_ns: int) -> list[Matched]:
        event = other_event(
            f"schedule/{rule.name}/{rfc3339(due_ns)}",
            SCHEDULE,
            "Scheduled Event",
            {},
            due_ns,
            self._matching.region,
            resources=(f"rule/{rule.name}",),
        )
        return self._matching.of(event, [rule.name])
