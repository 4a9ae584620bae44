"""A night on call in virtual time: schedules, escalation, people and channels that fail, by seed.

The notifier and its store are the real ones; the clock, the channels and the people are dice.
Whatever they throw: somebody is told, nobody after the acknowledgement, in order, and not for ever.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock, parse_rfc3339, rfc3339
from tallystick.errors import Refused
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.config import (
    Alerting,
    FlapText,
    PersonText,
    PolicyText,
    RouteText,
    StepText,
    StormText,
)
from tallystick.watch.notify.escalation import ROUND_PAUSE_SECONDS
from tallystick.watch.notify.incidents.incident import Incident
from tallystick.watch.notify.incidents.store import Due, IncidentStore
from tallystick.watch.notify.message import Message
from tallystick.watch.notify.notifier import Notifier
from tallystick.watch.notify.oncall.duty import on_call
from tallystick.watch.notify.oncall.schedule import (
    LayerText,
    Schedule,
    ScheduleText,
    WindowText,
    read_schedule,
)

START = parse_rfc3339("2026-10-24T20:00:00Z")  # clocks go back in the night
HOURS = 10
ATTEMPTS = 4
RETRY_SECONDS = 30
ROCK = "rock"
"""A target that always works, somewhere in the policy."""


class Roster:
    """The schedules of the world."""

    def __init__(self, schedules: dict[str, Schedule]) -> None:
        self._schedules = schedules

    def on_call(self, name: str, at_ns: int, /) -> str | None:
        """Who is."""
        return on_call(self._schedules[name], at_ns)


class Doorbell:
    """A deliverer that the simulation does the work of."""

    def start(self) -> None:
        """Nothing runs by itself."""

    def wake(self) -> None:
        """The simulation looks anyway."""

    async def stop(self) -> None:
        """Nothing runs by itself."""


@dataclass
class Night:
    """What happened, as it happened."""

    alerting: Alerting
    roster: Roster
    created: list[tuple[str, Message]] = field(default_factory=list)
    arrived: list[tuple[int, str, Message]] = field(default_factory=list)
    stands: dict[str, list[Incident]] = field(default_factory=dict)


def some_world(dice: random.Random) -> tuple[Alerting, dict[str, Schedule]]:
    """People, targets, schedules and a policy."""
    names = ["ann", "bob", "cai", "dee"][: dice.randint(2, 4)]
    people = {
        name: PersonText(
            tuple(dice.sample([f"{name}-mail", f"{name}-sms", "chat"], dice.randint(1, 3)))
        )
        for name in names
    }
    schedules = {name: some_schedule(dice, names) for name in ("desk", "night")}
    who = [
        *(f"person:{name}" for name in names), "schedule:desk", "schedule:night",
        "target:chat", "target:pager",
    ]  # fmt: skip
    steps = []
    for _ in range(dice.randint(1, 4)):
        tell = tuple(dice.sample(who, dice.randint(1, 2)))
        fallback = tuple(dice.sample(who, dice.randint(0, 1)))
        steps.append(StepText(tell, dice.choice((0, 60, 300, 900)), fallback))
    place, rock = dice.randrange(len(steps)), f"target:{ROCK}"
    one = steps[place]
    field_ = dice.choice(("tell", "fallback"))
    steps[place] = msgspec.structs.replace(one, **{field_: (*getattr(one, field_), rock)})
    targets = {
        "chat",
        "pager",
        ROCK,
        *(each for person in people.values() for each in person.targets),
    }
    alerting = Alerting(
        targets={name: {"type": "terminal"} for name in sorted(targets)},
        people=people,
        schedules=schedules,
        policies={"page": PolicyText(tuple(steps), dice.randint(0, 2), dice.choice((0, 1_200)))},
        routes=(RouteText("desk", policy="page", repeat_seconds=0, reopen_seconds=0),),
        storm=StormText(10_000),
        flap=FlapText(100),
    )
    read = {name: read_schedule(name, text, people) for name, text in schedules.items()}
    return alerting, read


def some_schedule(dice: random.Random, names: list[str]) -> ScheduleText:
    """A rotation, perhaps only at certain hours."""
    people = tuple(dice.sample(names, dice.randint(1, len(names))))
    only = (WindowText((), "22:00", "06:00"),) if dice.random() < 0.4 else ()
    every = dice.choice(("hour", "day"))
    return ScheduleText(
        "Europe/London",
        (LayerText(people, "2026-10-20T09:00", every, dice.choice((1, 2)), only=only),),
    )


class Simulation:
    """One night. Everything is in the heap of what comes next, or due in the store."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311  a seeded test
        alerting, schedules = some_world(self.dice)
        self.night = Night(alerting, Roster(schedules))
        self.clock = ManualClock(START)
        self.store = IncidentStore(Path(":memory:"))
        self.notifier = Notifier(self.store, Doorbell(), alerting, self.clock, self.night.roster)
        self.down = {target: list(self.outages()) for target in sorted(alerting.targets)}
        self.down[ROCK] = []
        self.order = count()
        self.heap: list[tuple[int, int, str, object]] = []
        self.seen: set[str] = set()
        for number in range(self.dice.randint(1, 4)):
            at_ns = START + self.dice.randrange(3_600) * NS_PER_SECOND
            self.plan(at_ns, "alert", number)
            if self.dice.random() < 0.5:
                self.plan(at_ns + self.dice.randrange(60, 20_000) * NS_PER_SECOND, "end", number)

    def outages(self) -> Iterator[tuple[int, int]]:
        """Times at which a target does not answer."""
        at = 0
        while self.dice.random() < 0.7:
            at += self.dice.randrange(6_000)
            end = at + self.dice.choice((100, 700, 40_000))
            yield START + at * NS_PER_SECOND, START + end * NS_PER_SECOND
            at = end

    def plan(self, at_ns: int, what: str, of: object) -> None:
        """Something that comes."""
        heapq.heappush(self.heap, (at_ns, next(self.order), what, of))

    def run(self) -> Night:
        """The whole night."""
        until_ns = START + HOURS * 3_600 * NS_PER_SECOND
        while True:
            self.do_what_is_due()
            times = [self.notifier.look(), self.heap[0][0] if self.heap else None]
            times += [self.store.next_due_at(target) for target in self.down]
            at_ns = min((each for each in times if each is not None), default=until_ns)
            if at_ns >= until_ns:
                break
            self.clock.advance(max(0, at_ns - self.clock.now_ns()) / NS_PER_SECOND)
        self.store.close()
        return self.night

    def do_what_is_due(self) -> None:
        """Events of the heap, then the notifier, then every target that has something."""
        now_ns = self.clock.now_ns()
        while self.heap and self.heap[0][0] <= now_ns:
            _, _, what, of = heapq.heappop(self.heap)
            getattr(self, what)(of)
        self.notifier.look()
        self.note()
        for target in self.down:
            while (due := self.store.next_due(target, now_ns)) is not None:
                self.attempt(due)
                self.notifier.look()
                self.note()

    def attempt(self, due: Due) -> None:
        """A message goes out, or does not."""
        now_ns, target, message = self.clock.now_ns(), due.target, due.message
        if message.key not in self.seen:
            self.seen.add(message.key)
            self.night.created.append((target, message))
        if not any(first <= now_ns < last for first, last in self.down[target]):
            self.store.settle(due, "delivered", now_ns)
            self.night.arrived.append((now_ns, target, message))
            if message.action == "trigger" and self.dice.random() < 0.3:
                latency_ns = self.dice.randrange(30, 900) * NS_PER_SECOND
                self.plan(now_ns + latency_ns, "acknowledge", message.incident)
        elif due.attempts + 1 < ATTEMPTS:
            at_ns = now_ns + RETRY_SECONDS * NS_PER_SECOND
            self.store.settle(due, "pending", at_ns, "no answer")
            if self.dice.random() < 0.2:
                self.store.stuck(target)  # its circuit opens: escalation goes on without it
        else:
            self.store.settle(due, "dead", now_ns, "no answer")

    def alert(self, number: int) -> None:
        """A trouble begins."""
        self.notifier.raise_alert(self.about(number))

    def end(self, number: int) -> None:
        """It ends."""
        ended = rfc3339(self.clock.now_ns())
        alert = self.about(number)
        self.notifier.raise_alert(
            msgspec.structs.replace(alert, id=f"{alert.id}-end", ends_at=ended)
        )

    def acknowledge(self, incident: str) -> None:
        """Somebody has read the message."""
        try:
            self.notifier.acknowledge(incident, "ann")
        except Refused as refused:
            if refused.code != "INCIDENT_RESOLVED":
                raise
            return

    def about(self, number: int) -> Alert:
        """The alert of a trouble."""
        return Alert(
            f"A-{number}", f"f{number}", "critical", f"Trouble {number}.", "test",
            rfc3339(START), {"number": str(number)},
        )  # fmt: skip

    def note(self) -> None:
        """How every incident stands now."""
        for number in range(1, 9):
            try:
                record = self.notifier.incident(f"I-{number}")
            except Refused:
                return
            stands = self.night.stands.setdefault(f"I-{number}", [])
            if not stands or stands[-1] != record.incident:
                stands.append(record.incident)


SEEDS = range(40)


@pytest.fixture(scope="module")
def nights() -> list[Night]:
    """All of them."""
    return [Simulation(seed).run() for seed in SEEDS]


def triggers(night: Night, incident: str) -> list[Message]:
    """What was said of an incident that asks somebody to act."""
    return [
        each for _, each in night.created if each.incident == incident and each.action == "trigger"
    ]


def test_a_night_is_the_same_again() -> None:
    """By its seed alone."""
    one, two = Simulation(7).run(), Simulation(7).run()
    assert one.created == two.created
    assert one.arrived == two.arrived
    assert one.created


def test_somebody_is_always_told(nights: list[Night]) -> None:
    """Of each incident that stays open: at the latest when the first round is through."""
    for night in nights:
        policy = night.alerting.policies["page"]
        gives_up = ATTEMPTS * RETRY_SECONDS
        longest = sum(step.after_seconds + 4 * gives_up for step in policy.steps)
        for name, stands in night.stands.items():
            arrived = [
                at for at, _, each in night.arrived
                if each.incident == name and each.action == "trigger"
            ]  # fmt: skip
            opened, last = stands[0].opened_ns, stands[-1]
            limit = opened + longest * NS_PER_SECOND
            resolved_early = last.state == "resolved" and last.resolved_ns <= limit
            assert resolved_early or (arrived and min(arrived) <= limit), (name, stands)


def test_nobody_is_called_after_the_acknowledgement(nights: list[Night]) -> None:
    """Nor after the end; until the acknowledgement runs out, if it does."""
    acknowledged = 0
    for night in nights:
        for name, stands in night.stands.items():
            changes = [(each.changed_ns, each.state) for each in stands]
            acknowledged += any(state == "acknowledged" for _, state in changes)
            for message in triggers(night, name):
                states = [state for at, state in changes if at <= message.at_ns]
                assert states[-1] == "open", (name, message)
    assert acknowledged > len(SEEDS) // 4


def test_steps_only_rise_until_it_is_handled(nights: list[Night]) -> None:
    """Round by round, step by step; back to the first one only where it is open again."""
    for night in nights:
        for stands in night.stands.values():
            for before, after in pairwise(stands):
                if before.state == after.state == "open":
                    assert (before.round, before.step) <= (after.round, after.step)


def test_messages_of_an_incident_arrive_in_order(nights: list[Night]) -> None:
    """At each target: what was said first comes first, and nothing comes twice."""
    for night in nights:
        last: dict[tuple[str, str], int] = {}
        for _, target, message in night.arrived:
            key = (message.incident, target)
            assert message.number > last.get(key, 0)
            last[key] = message.number


def test_it_ends(nights: list[Night]) -> None:
    """No more calls than the steps of all rounds reach targets; anew after an acknowledgement."""
    for night in nights:
        policy = night.alerting.policies["page"]
        targets = len(night.alerting.targets)
        most = (policy.rounds + 1) * len(policy.steps) * targets
        for name, stands in night.stands.items():
            opened = 1 + sum(
                before.state == "acknowledged" and after.state == "open"
                for before, after in pairwise(stands)
            )
            assert len(triggers(night, name)) <= most * opened


def test_who_is_on_call_is_told(nights: list[Night]) -> None:
    """Whoever a message is for is named by the policy, or on call at that very moment."""
    checked = 0
    for night in nights:
        policy = night.alerting.policies["page"]
        named = {
            receiver.removeprefix("person:")
            for step in policy.steps
            for receiver in (*step.tell, *step.fallback)
        }
        for _, message in night.created:
            duty = {night.roster.on_call(name, message.at_ns) for name in ("desk", "night")}
            people = set(filter(None, message.recipient.split(", ")))
            assert people <= named | duty, message
            checked += len(people)
    assert checked > len(SEEDS)


def test_rounds_keep_their_distance(nights: list[Night]) -> None:
    """However many channels fail: a new round waits."""
    for night in nights:
        first = night.alerting.policies["page"].steps[0].after_seconds or ROUND_PAUSE_SECONDS
        for stands in night.stands.values():
            begun = {stands[0].round: stands[0].changed_ns}
            for before, after in pairwise(stands):
                if before.state == "acknowledged":
                    begun.clear()
                if after.round == before.round + 1:
                    assert after.changed_ns - before.step_ns >= 0
                    assert after.changed_ns - begun.get(before.round, 0) >= first * NS_PER_SECOND
                begun.setdefault(after.round, after.changed_ns)
