"""Escalation: who is told by a step, and what comes next."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.config import PersonText, PolicyText, StepText
from tallystick.watch.notify.escalation import (
    ROUND_PAUSE_SECONDS,
    Next,
    Receiver,
    Taken,
    in_place_of,
    next_step,
    receivers,
    take,
)

NOW = 1_790_000_000 * NS_PER_SECOND
PEOPLE = {
    "ann": PersonText(("ann-mail", "ann-sms")),
    "bob": PersonText(("bob-sms", "chat")),
    "cai": PersonText(("chat",)),
}


class Duty:
    """Who is on call, written down."""

    def __init__(self, **people: str | None) -> None:
        self.people = people
        self.asked: list[tuple[str, int]] = []

    def on_call(self, name: str, at_ns: int, /) -> str | None:
        """As written."""
        self.asked.append((name, at_ns))
        return self.people.get(name)


DUTY = Duty(desk="ann", night="cai", gap=None, left="zoe")


def later(seconds: int) -> int:
    """A moment after now."""
    return NOW + seconds * NS_PER_SECOND


@pytest.mark.parametrize(
    ("tell", "fallback", "failed", "told"),
    [
        # A target, a person by the first of theirs, whoever is on call.
        (("target:ops",), (), (), [("ops", "")]),
        (("person:ann",), (), (), [("ann-mail", "ann")]),
        (("schedule:night", "person:bob"), (), (), [("chat", "cai"), ("bob-sms", "bob")]),
        # What has failed is passed over; the next one of the person is tried.
        (("person:ann",), (), ("ann-mail",), [("ann-sms", "ann")]),
        (("person:ann", "target:ops"), (), ("ann-mail", "ann-sms"), [("ops", "")]),
        # Each target once, whoever is reached by it.
        (("person:cai", "person:bob", "target:chat"), (), ("bob-sms",), [("chat", "cai, bob")]),
        (("schedule:desk", "person:ann"), (), (), [("ann-mail", "ann")]),
        # Nobody is left, nobody is on call, or they have left the firm: the fallback.
        (("person:ann",), ("target:ops",), ("ann-mail", "ann-sms"), [("ops", "")]),
        (("schedule:gap",), ("person:bob",), (), [("bob-sms", "bob")]),
        (("schedule:left", "schedule:unknown"), ("target:ops",), (), [("ops", "")]),
        (("target:ops",), ("target:more",), (), [("ops", "")]),
        # And if that has failed too, nobody.
        (("target:ops",), ("target:more",), ("ops", "more"), []),
        ((), (), (), []),
    ],
    ids=range(13),
)
def test_whom_a_step_tells(
    tell: tuple[str, ...],
    fallback: tuple[str, ...],
    failed: tuple[str, ...],
    told: list[tuple[str, str]],
) -> None:
    """Targets that work, each with whom it reaches."""
    found = receivers(StepText(tell, 0, fallback), DUTY, PEOPLE, NOW, failed)
    assert [(each.target, each.recipient) for each in found] == told


def test_the_schedule_is_asked_for_the_moment() -> None:
    """Not for when the incident began."""
    duty = Duty(desk="ann")
    receivers(StepText(("schedule:desk",)), duty, PEOPLE, later(7))
    assert duty.asked == [("desk", later(7))]


def test_a_failure_is_made_good_by_the_step_that_told_it() -> None:
    """Also where later steps were taken meanwhile; steps that did not tell it tell nobody more."""
    policy = PolicyText(
        (
            StepText(("target:chat",), 0, ("target:ops",)),
            StepText(("person:ann",)),
            StepText(("person:cai",)),
        )
    )

    def instead(target: str, taken: int, *failed: str) -> list[str]:
        found = in_place_of(target, policy, taken, DUTY, PEOPLE, NOW, failed)
        return [each.target for each in found]

    assert instead("chat", 1) == instead("chat", 3) == ["ops"]
    assert instead("ann-mail", 1) == []
    assert instead("ann-mail", 2) == ["ann-sms"]
    assert instead("ann-sms", 2, "ann-mail") == []
    assert instead("ops", 2, "chat") == []
    assert instead("chat", 1, "chat") == ["ops"]


def test_steps_come_one_after_another_and_again() -> None:
    """Each after its wait since the one before; the whole again, `rounds` times; then nothing."""
    policy = PolicyText(
        (StepText(("a",), 60), StepText(("b",), 0), StepText(("c",), 300)), rounds=1
    )
    assert next_step(policy, -1, 0, NOW) == Next(0, 0, later(60))
    assert next_step(policy, 0, 0, NOW) == Next(1, 0, NOW)
    assert next_step(policy, 1, 0, NOW) == Next(2, 0, later(300))
    assert next_step(policy, 2, 0, NOW) == Next(0, 1, later(60))
    assert next_step(policy, 2, 1, NOW) is None


def test_a_new_round_always_waits() -> None:
    """Also where the first step is told at once: rounds are not used up in one moment."""
    policy = PolicyText((StepText(("a",)),), rounds=2)
    assert next_step(policy, 0, 0, NOW) == Next(0, 1, later(ROUND_PAUSE_SECONDS))


def test_a_step_that_has_nobody_costs_no_time() -> None:
    """A gap in the schedule: the next step is taken in its place, at once."""
    policy = PolicyText(
        (StepText(("schedule:gap",)), StepText(("target:x",), 600), StepText(("person:bob",), 900)),
        rounds=0,
    )
    taken = take(policy, Next(0, 0, NOW), DUTY, PEOPLE, NOW)
    assert taken == Taken(1, 0, (Receiver("x"),), Next(2, 0, later(900)))
    failed = take(policy, Next(0, 0, NOW), DUTY, PEOPLE, NOW, ("x",))
    assert failed == Taken(2, 0, (Receiver("bob-sms", "bob"),), None)


def test_a_round_that_reaches_nobody_is_over_and_the_next_one_waits() -> None:
    """No receivers, and when to try again."""
    policy = PolicyText((StepText(("schedule:gap",)), StepText(("target:x",), 600)), rounds=1)
    taken = take(policy, Next(0, 0, NOW), DUTY, PEOPLE, NOW, ("x",))
    assert taken == Taken(1, 0, (), Next(0, 1, later(ROUND_PAUSE_SECONDS)))
    assert take(policy, Next(0, 1, NOW), DUTY, PEOPLE, NOW, ("x",)) == Taken(1, 1, (), None)


WHO = ("target:a", "target:b", "person:ann", "person:bob", "schedule:desk", "schedule:gap")
STEPS = st.builds(
    StepText,
    st.lists(st.sampled_from(WHO), max_size=3).map(tuple),
    st.integers(0, 1_000),
    st.lists(st.sampled_from(WHO), max_size=2).map(tuple),
)
POLICIES = st.builds(
    PolicyText, st.lists(STEPS, min_size=1, max_size=5).map(tuple), st.integers(0, 4)
)
FAILED = st.sets(st.sampled_from(("a", "b", "ann-mail", "ann-sms", "bob-sms", "chat")))


@given(POLICIES, FAILED)
def test_a_policy_ends_and_never_goes_back(policy: PolicyText, failed: set[str]) -> None:
    """However it is made: rising steps and times, no more than its rounds, none that has failed."""
    at: Next | None = next_step(policy, -1, 0, NOW)
    taken: list[Taken] = []
    times = [NOW]
    while at is not None:
        times.append(at.due_ns)
        taken.append(take(policy, at, DUTY, PEOPLE, at.due_ns, failed))
        at = taken[-1].then
    assert len(taken) <= len(policy.steps) * (policy.rounds + 1)
    assert {each.round for each in taken} == set(range(policy.rounds + 1))
    assert all((one.round, one.step) < (two.round, two.step) for one, two in pairwise(taken))
    assert times == sorted(times)
    told = [each.target for step in taken for each in step.receivers]
    assert not failed & set(told)
    for each in taken:
        targets = [receiver.target for receiver in each.receivers]
        assert len(targets) == len(set(targets))


@given(POLICIES, FAILED)
def test_whoever_can_be_reached_is(policy: PolicyText, failed: set[str]) -> None:
    """If any step of the policy has somebody, the first step that is taken has."""
    someone = any(receivers(step, DUTY, PEOPLE, NOW, failed) for step in policy.steps)
    assert bool(take(policy, Next(0, 0, NOW), DUTY, PEOPLE, NOW, failed).receivers) is someone
