"""Hundreds of small worlds in which targets misbehave and processes die at any await.

Every message is delivered or a dead letter whose reason is known, a target that drops what it knows
by key gets each once and those of one incident in order, whoever asks for time gets it, and nobody
waits for somebody else's trouble. `simulated.delivery` says what must be true at the end.
"""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from simulated.delivery import Failed, Plan, World, live
from simulated.loop import EPOCH_NS
from simulated.post import Mood

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.lane import FAILURES_MAX, OPEN_SECONDS_MAX

SEEDS = 300
SEEDS_LONG = 10_000
SEEDS_AT_ONCE = 100
SEEDS_UNTIL_FOUND = 50
"""Within so many worlds a part that is broken on purpose must be found."""
DOWN_SECONDS = 600


def _down(chance: random.Random) -> tuple[tuple[int, int], ...]:
    if chance.random() < 0.6:
        return ()
    begin = EPOCH_NS + chance.randrange(120) * NS_PER_SECOND
    return ((begin, begin + chance.choice([5, 60, DOWN_SECONDS]) * NS_PER_SECOND),)


def _mood(chance: random.Random, incidents: list[str]) -> Mood:
    limits, fails, before, after, hangs = (chance.choice([0, 0, 0.05, 0.2]) for _ in range(5))
    few = frozenset(each for each in incidents if chance.random() < 0.1)
    return Mood(
        chance.choice([0.001, 0.05, 1.0]), limits, fails, before, after, hangs, _down(chance),
        refuses=few if chance.random() < 0.3 else frozenset(),
        cannot=few if chance.random() < 0.3 else frozenset(),
    )  # fmt: skip


def everything(chance: random.Random) -> Plan:
    """A world of a few incidents and targets with all kinds of trouble."""
    incidents = [f"I-{n}" for n in range(chance.randint(1, 6))]
    numbers: Counter[str] = Counter()
    transitions = []
    for at in sorted(chance.uniform(0, 300) for _ in range(chance.randint(1, 20))):
        incident = chance.choice(incidents)
        numbers[incident] += 1
        transitions.append((at, incident, numbers[incident]))
    return Plan(
        transitions=tuple(transitions),
        moods={f"t{n}": _mood(chance, incidents) for n in range(chance.randint(1, 3))},
        deaths=tuple(chance.randint(1, 400) for _ in range(chance.choice([0, 1, 4]))),
        flaky=chance.choice([0.0, 0.0, 0.1]),
    )


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_ONCE))
def test_every_message_arrives_once_and_in_order_or_is_a_dead_letter(first: int) -> None:
    """D1 to D5, in each of these worlds."""
    for seed in range(first, first + SEEDS_AT_ONCE):
        live(seed, everything)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.usefixtures("asked_for")
@pytest.mark.parametrize("first", range(SEEDS, SEEDS_LONG, SEEDS_LONG // 4))
def test_many_more_worlds_keep_it_too(first: int) -> None:
    """The same, for whoever has the time."""
    for seed in range(first, first + SEEDS_LONG // 4):
        live(seed, everything)


def test_the_process_may_die_at_any_step() -> None:
    """Not at some: one world, dead after each of its first steps, and again soon after."""

    def plan(at: int) -> Callable[[random.Random], Plan]:
        """Two incidents, a target that takes and drops its answer now and then."""
        said = tuple((n / 10, f"I-{n % 2}", 1 + n // 2) for n in range(6))
        dead = Plan(said, {"t": Mood(0.01, drops_after=0.3)}, deaths=(at, 25))
        return lambda _: dead

    for at in range(1, 250):
        world = live(at, plan(at))
        assert len(world.targets["t"].taken) == 6


@pytest.mark.parametrize(
    ("broken", "promise"), [("orderless", "D5"), ("gullible", "D1")], ids=["order", "loss"]
)
def test_a_store_that_is_broken_on_purpose_is_found(broken: str, promise: str) -> None:
    """The worlds are cruel enough, and what is required of them is strict enough."""
    found = ""
    for seed in range(SEEDS_UNTIL_FOUND):
        try:
            live(seed, lambda chance: _replaced(everything(chance), broken))
        except Failed as error:
            found = str(error)
            break
    assert found.startswith(promise)


def _replaced(plan: Plan, broken: str) -> Plan:
    return Plan(plan.transitions, plan.moods, plan.deaths, **{broken: True})


def _seconds(at_ns: int) -> float:
    return (at_ns - EPOCH_NS) / NS_PER_SECOND


def _outage() -> World:
    """One target is down for ten minutes, one works; an incident a second for a minute."""
    down = ((EPOCH_NS, EPOCH_NS + DOWN_SECONDS * NS_PER_SECOND),)
    said = tuple((float(n), f"I-{n}", 1) for n in range(60))
    moods = {"down": Mood(down=down), "works": Mood()}
    return live(1, lambda _: Plan(said, moods))


def test_a_target_that_is_down_for_ten_minutes_gets_everything_soon_after() -> None:
    """It is asked about once a minute meanwhile; when it is back, nothing waits any longer."""
    world = _outage()
    down = world.targets["down"]
    while_down = [at_ns for at_ns, _ in down.calls if _seconds(at_ns) < DOWN_SECONDS]
    assert len(while_down) <= FAILURES_MAX + 3 + DOWN_SECONDS / OPEN_SECONDS_MAX
    assert len(down.taken) == 60
    arrived = [_seconds(at_ns) for at_ns in down.taken_at.values()]
    assert min(arrived) < DOWN_SECONDS + OPEN_SECONDS_MAX + 10
    assert max(arrived) - min(arrived) < 60 * 0.2


def test_an_outage_holds_up_no_other_target_and_is_told_to_the_escalation() -> None:
    """Others hear at once; who cannot be reached counts as given up within seconds."""
    world = _outage()
    works = world.targets["works"]
    for row in world.post.rows:
        if row.target == "works":
            assert works.taken_at[row.message.key] - row.created_ns < NS_PER_SECOND
    stuck = [at_ns for name, at_ns in world.post.stuck_at if name == "down"]
    assert _seconds(stuck[0]) < 20
    assert {name for name, _ in world.post.stuck_at} == {"down"}


def test_one_incident_that_a_target_cannot_bear_holds_up_no_other() -> None:
    """Its messages die after a while; those of other incidents never wait for long."""
    said = tuple((float(n), "I-bad" if n % 10 == 0 else f"I-{n}", 1 + n) for n in range(100))
    world = live(2, lambda _: Plan(said, {"t": Mood(0.01, cannot=frozenset({"I-bad"}))}))
    target = world.targets["t"]
    for row in world.post.rows:
        if row.message.incident == "I-bad":
            assert row.state == "dead"
        else:
            assert target.taken_at[row.message.key] - row.created_ns < 3 * NS_PER_SECOND


def test_a_message_that_a_target_cannot_bear_is_not_its_only_trial() -> None:
    """It alone opened the circuit; what comes later is tried, and closes it."""
    said = ((0.0, "I-bad", 1), (120.0, "I-good", 1))
    world = live(3, lambda _: Plan(said, {"t": Mood(0.01, cannot=frozenset({"I-bad"}))}))
    good = next(row for row in world.post.rows if row.message.incident == "I-good")
    arrived_ns = world.targets["t"].taken_at[good.message.key]
    assert arrived_ns - good.created_ns < (OPEN_SECONDS_MAX + 5) * NS_PER_SECOND
