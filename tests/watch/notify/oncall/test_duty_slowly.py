"""Schedules against a second computation, which walks the clocks in steps of five minutes."""

import random
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import count, pairwise
from zoneinfo import ZoneInfo

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.oncall.duty import gaps, on_call, shifts
from tallystick.watch.notify.oncall.schedule import (
    DAYS,
    ChangeText,
    LayerText,
    OverrideText,
    ScheduleText,
    WindowText,
    read_schedule,
)

PEOPLE = ("ann", "bob", "cai", "dee", "eve")
ZONES = ("UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe")
FIRST, LAST = datetime(2026, 9, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
# Changes of clocks in these zones: moments at which mistakes are made.
CHANGES = (
    "2026-10-25T01:00", "2027-03-28T01:00", "2026-11-01T06:00", "2027-03-14T07:00",
    "2026-10-03T15:30", "2027-04-03T15:00",
)  # fmt: skip


@cache
def walked(zone: str) -> list[datetime]:
    """The latest time that the clocks there have ever shown, every five minutes."""
    shown, moment, latest = [], FIRST, datetime.min  # noqa: DTZ901  on a wall
    while moment < LAST:
        wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        latest = max(latest, wall)
        shown.append(latest)
        moment += STEP
    return shown


def met(wall: datetime, zone: str) -> datetime:
    """The first moment at which they have shown this time or a later one."""
    return FIRST + STEP * bisect_left(walked(zone), wall)


def local(text: str) -> datetime:
    """A wall time of the configuration."""
    return datetime.fromisoformat(text)


def hand_over(layer: LayerText, number: int) -> datetime:
    """The wall time of a hand-over."""
    starts = local(layer.starts)
    if layer.every != "month":
        unit = {"hour": "hours", "day": "days", "week": "weeks"}[layer.every]
        return starts + number * layer.count * timedelta(**{unit: 1})
    month = starts.month - 1 + number * layer.count
    for day in range(starts.day, 0, -1):
        try:
            return starts.replace(year=starts.year + month // 12, month=month % 12 + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")


def in_window(window: WindowText, zone: str, moment: datetime) -> bool:
    """Whether a restriction lets the layer speak."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    return any(opened(window, zone, day + timedelta(days=n), moment) for n in (-2, -1, 0, 1))


def opened(window: WindowText, zone: str, day: date, moment: datetime) -> bool:
    """Whether it is open at that moment because it was opened on that day."""
    if window.days and DAYS[day.weekday()] not in window.days:
        return False
    begins = datetime.combine(day, time.fromisoformat(window.begins))
    if window.ends == "24:00":
        ends = datetime.combine(day, time()) + timedelta(days=1)
    else:
        ends = datetime.combine(day, time.fromisoformat(window.ends))
        ends += timedelta(days=ends <= begins)
    return met(begins, zone) <= moment < met(ends, zone)


def said_by(layer: LayerText, zone: str, moment: datetime) -> str | None:
    """Whom a layer names: hand-overs are walked through one by one."""
    if layer.ends and moment >= met(local(layer.ends), zone):
        return None
    if layer.only and not any(in_window(window, zone, moment) for window in layer.only):
        return None
    changes, people, turn, person = list(layer.changes), layer.people, 0, None
    for number in count():
        begins = met(hand_over(layer, number), zone)
        if begins > moment:
            return person
        while changes and met(local(changes[0].at), zone) <= begins:
            people, turn = changes.pop(0).people, 0
        person = people[turn % len(people)]
        turn += 1
    raise AssertionError("hand-overs never end")


def slowly(text: ScheduleText, moment: datetime) -> str | None:
    """Who is on call."""
    zone = text.time_zone
    for override in reversed(text.overrides):
        if met(local(override.starts), zone) <= moment < met(local(override.ends), zone):
            return override.person
    found = (said_by(layer, zone, moment) for layer in reversed(text.layers))
    return next((person for person in found if person is not None), None)


def some_wall(dice: random.Random, first: str = "2026-09-03", days: int = 200) -> str:
    """A wall time on a quarter of an hour, often in the night."""
    hour = dice.choice((0, 1, 1, 2, 2, 3, dice.randrange(24)))
    moment = local(first) + timedelta(days=dice.randrange(days), hours=hour)
    return (moment + timedelta(minutes=dice.choice((0, 15, 30, 45)))).isoformat()[:16]


def some_layer(dice: random.Random) -> LayerText:
    """A layer of any kind."""
    every = dice.choice(("hour", "day", "week", "month"))
    starts = some_wall(dice, days=60)
    moments = sorted({some_wall(dice, "2026-11-10") for _ in range(dice.randrange(3))})
    windows = []
    for _ in range(dice.choice((0, 0, 1, 2))):
        days = tuple(dice.sample(DAYS, dice.randrange(5)))
        begins, ends = some_wall(dice)[11:], dice.choice(("24:00", some_wall(dice)[11:]))
        windows.append(WindowText(days, begins, ends))
    return LayerText(
        tuple(dice.choices(PEOPLE, k=dice.randint(1, 4))),
        starts,
        every,
        dice.choice((1, 1, 2, 5, 8, 12, 24)) if every == "hour" else dice.choice((1, 1, 2, 3)),
        ends=dice.choice(("", "", some_wall(dice, "2027-01-01", 90))),
        only=tuple(windows),
        changes=tuple(
            ChangeText(at, tuple(dice.choices(PEOPLE, k=dice.randint(1, 3)))) for at in moments
        ),
    )


def some_schedule(dice: random.Random) -> ScheduleText:
    """Layers over layers, and overrides that overlap."""
    overrides = []
    for _ in range(dice.randrange(6)):
        starts = local(some_wall(dice))
        ends = starts + dice.choice((1, 3, 26, 200)) * timedelta(hours=1)
        overrides.append(
            OverrideText(dice.choice(PEOPLE), starts.isoformat()[:16], ends.isoformat()[:16])
        )
    # An override whose whole time is left out by the clocks would be refused.
    zone = dice.choice(ZONES)
    kept = [
        each for each in overrides if met(local(each.starts), zone) < met(local(each.ends), zone)
    ]
    layers = tuple(some_layer(dice) for _ in range(dice.randint(1, 3)))
    return ScheduleText(zone, layers, tuple(kept))


def moments_of(dice: random.Random) -> list[datetime]:
    """Moments to look at: anywhere, and around each change of clocks."""
    moments = [FIRST + timedelta(minutes=5 * dice.randrange(60_000)) for _ in range(40)]
    for change in CHANGES:
        at = local(change).replace(tzinfo=UTC)
        moments += [at + timedelta(minutes=5 * dice.randrange(-30, 30)) for _ in range(4)]
    return sorted(moments)


@pytest.mark.parametrize("seed", range(60))
def test_both_computations_name_the_same_people(seed: int) -> None:
    """Random schedules in four zones, at random moments and around every change of clocks."""
    dice = random.Random(seed)  # noqa: S311  a seeded test
    text = some_schedule(dice)
    schedule = read_schedule("desk", text, PEOPLE)
    for moment in moments_of(dice):
        at_ns = int(moment.timestamp()) * NS_PER_SECOND
        assert on_call(schedule, at_ns) == slowly(text, moment), (text, moment)


@pytest.mark.parametrize("seed", range(0, 60, 4))
def test_shifts_and_gaps_tell_the_same_story(seed: int) -> None:
    """Ten days around a change of clocks: at each five minutes one shift or one gap, the same."""
    dice = random.Random(seed)  # noqa: S311  a seeded test
    text = some_schedule(dice)
    schedule = read_schedule("desk", text, PEOPLE)
    first = local(dice.choice(CHANGES)).replace(tzinfo=UTC) - timedelta(days=5)
    window = [int(each.timestamp()) * NS_PER_SECOND for each in (first, first + timedelta(days=10))]
    story = [(each.starts_ns, each.ends_ns, each.person) for each in shifts(schedule, *window)]
    story += [(each.starts_ns, each.ends_ns, None) for each in gaps(schedule, *window)]
    story.sort(key=lambda each: each[0])
    assert all(before[1] == after[0] for before, after in pairwise(story))
    place = 0
    for step in range(0, 10 * 288, 7):
        moment = first + step * STEP
        at_ns = int(moment.timestamp()) * NS_PER_SECOND
        while story[place][1] <= at_ns:
            place += 1
        assert story[place][2] == slowly(text, moment), (text, moment)
