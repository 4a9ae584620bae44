"""Escalation: who is told by a step of a policy, and which step comes next. Pure.

A policy's steps are gone through once, and then `rounds` times more. A person is told by the first
of their targets that has not failed. A step that has nobody to tell (a gap in the schedule, or all
have failed) tells its fallback; where that is nobody either, it costs no time: the next step of the
round is taken at once. A new round always waits, so that a trouble of the channels themselves does
not use up all rounds in one moment.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.config import PersonText, PolicyText, StepText

ROUND_PAUSE_SECONDS = 300
"""After the last step of a round, where the first one has no wait of its own."""


class Roster(Protocol):
    """Who knows the schedules; `oncall.OnCall` does."""

    def on_call(self, name: str, at_ns: int, /) -> str | None:
        """Who is on call by the schedule of this name; None: nobody. Never fails."""
        ...


class Receiver(msgspec.Struct, frozen=True):
    """A target that is told, and the person or people whom it reaches there (`ann, bob`)."""

    target: str
    recipient: str = ""


class Next(msgspec.Struct, frozen=True):
    """A step to come: its place in the policy, the round (0: the first) and when it is due."""

    step: int
    round: int
    due_ns: int


class Taken(msgspec.Struct, frozen=True):
    """A step that was taken: whom it tells, and what comes then (None: the policy is exhausted)."""

    step: int
    round: int
    receivers: tuple[Receiver, ...]
    then: Next | None


def receivers(
    step: StepText,
    roster: Roster,
    people: Mapping[str, PersonText],
    at_ns: int,
    failed: Collection[str] = (),
) -> tuple[Receiver, ...]:
    """Whom a step tells at that moment, each target once, in the order of the step.

    `failed` are targets that have given up or whose circuit is open: a person is told by another
    one, and if nobody is left the fallback is told.
    """
    for told in (step.tell, step.fallback):
        reached: dict[str, list[str]] = {}
        for target, recipient in _reached(told, roster, people, at_ns, failed):
            names = reached.setdefault(target, [])
            if recipient and recipient not in names:
                names.append(recipient)
        if reached:
            return tuple(Receiver(target, ", ".join(names)) for target, names in reached.items())
    return ()


def in_place_of(
    target: str,
    policy: PolicyText,
    taken: int,
    roster: Roster,
    people: Mapping[str, PersonText],
    at_ns: int,
    failed: Collection[str] = (),
) -> tuple[Receiver, ...]:
    """Whom the first `taken` steps of a round tell instead of a target that has failed now, too.

    Each step that told it, also one that was taken long ago: its fallback counts as long as nobody
    acknowledges. Some of them may have been told already.
    """
    before, after = {*failed} - {target}, {*failed, target}
    found: dict[str, Receiver] = {}
    for step in policy.steps[:taken]:
        told = receivers(step, roster, people, at_ns, before)
        if any(each.target == target for each in told):
            for each in receivers(step, roster, people, at_ns, after):
                found.setdefault(each.target, each)
    return tuple(found.values())


def next_step(policy: PolicyText, step: int, round_: int, at_ns: int) -> Next | None:
    """What comes after `step` of `round_`, which was taken at that moment (-1: none was yet)."""
    if step + 1 < len(policy.steps):
        wait = policy.steps[step + 1].after_seconds
        return Next(step + 1, round_, at_ns + wait * NS_PER_SECOND)
    if round_ >= policy.rounds:
        return None
    wait = policy.steps[0].after_seconds or ROUND_PAUSE_SECONDS
    return Next(0, round_ + 1, at_ns + wait * NS_PER_SECOND)


def take(
    policy: PolicyText,
    at: Next,
    roster: Roster,
    people: Mapping[str, PersonText],
    at_ns: int,
    failed: Collection[str] = (),
) -> Taken:
    """Take the step that is due; the moment is now, not when it was due.

    Where it has nobody to tell, the first later one of its round that has is taken in its place. No
    receivers: the rest of the round has nobody.
    """
    step = at.step
    told = receivers(policy.steps[step], roster, people, at_ns, failed)
    while not told and step + 1 < len(policy.steps):
        step += 1
        told = receivers(policy.steps[step], roster, people, at_ns, failed)
    return Taken(step, at.round, told, next_step(policy, step, at.round, at_ns))


def _reached(
    told: Iterable[str],
    roster: Roster,
    people: Mapping[str, PersonText],
    at_ns: int,
    failed: Collection[str],
) -> Iterator[tuple[str, str]]:
    """Targets that work, each with the person whom it reaches; empty: nobody in particular."""
    for receiver in told:
        kind, _, name = receiver.partition(":")
        if kind == "target":
            if name not in failed:
                yield name, ""
            continue
        person = roster.on_call(name, at_ns) if kind == "schedule" else name
        # A schedule may still name somebody who has left the configuration.
        known = people.get(person) if person is not None else None
        targets = () if known is None else known.targets
        working = next((target for target in targets if target not in failed), None)
        if person is not None and working is not None:
            yield working, person
