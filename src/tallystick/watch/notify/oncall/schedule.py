"""On-call schedules as they stand in the configuration, and what is made of them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from tallystick.errors import Refused
from tallystick.watch.notify.channel import Secret
from tallystick.watch.notify.oncall.rotation import Every, Rotation, Window
from tallystick.watch.notify.oncall.span import Source, Span, Spans
from tallystick.watch.notify.oncall.wall import moment_of

LAYERS_MAX = 20
"""Most layers of a schedule, and overrides of its file."""
PEOPLE_MAX = 100
"""Most people in one rotation, and most changes of them."""
WINDOWS_MAX = 21
"""Most restrictions of one layer: three a day."""
YEARS = range(2000, 2100)
"""Years in which a schedule may begin or end."""
COUNTS_MAX: dict[Every, int] = {"hour": 8_784, "day": 366, "week": 52, "month": 12}
"""Longest shift: a year, in each of its units."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class WindowText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times at which a layer speaks: `{days = ["mon", "fri"], from = "09:00", to = "17:00"}`.

    `days` are those on which it begins; none: every day. A `to` that is not after `from` is on the
    next day.
    """

    days: tuple[Day, ...] = ()
    begins: str = msgspec.field(default="00:00", name="from")
    ends: str = msgspec.field(default="24:00", name="to")


class ChangeText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From the first hand-over at or after `at` (local time), these people go round."""

    at: str
    people: tuple[str, ...]


class LayerText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """People in turns; `starts` is the first hand-over, local: `2026-11-02T09:00`.

    A shift is `count` times `every` long. `only` are the times at which the layer speaks.
    """

    people: tuple[str, ...]
    starts: str
    every: Every = "week"
    count: int = 1
    ends: str = ""
    name: str = ""
    only: tuple[WindowText, ...] = ()
    changes: tuple[ChangeText, ...] = ()


class OverrideText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person instead of everybody else for a while; local times."""

    person: str
    starts: str
    ends: str


class ScheduleText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One schedule: of two layers the later one speaks, before them a calendar, first overrides.

    `ical` is the path or the URL of a calendar whose events are called like people. A URL that
    nobody else may know is a secret: `{env = "NAME"}`.
    """

    time_zone: str = "UTC"
    layers: tuple[LayerText, ...] = ()
    overrides: tuple[OverrideText, ...] = ()
    ical: str | Secret = ""


@dataclass(frozen=True)
class Schedule:
    """Who has the duty when: `sources` in rising order, the last one that has somebody speaks."""

    name: str
    zone: ZoneInfo
    sources: tuple[Source, ...]


def read_schedule(name: str, text: ScheduleText, people: Collection[str]) -> Schedule:
    """The schedule of this text, without its calendar: `place_calendar` puts that in.

    Raises:
        Refused: `SCHEDULE_INVALID`, with the offending member in `field`: `layers[0].starts`.
    """
    zone = _zone(text.time_zone)
    if not text.layers and not text.ical:
        raise _refused("layers", f"The schedule {name!r} needs a layer or a calendar.")
    for field, count in (("layers", len(text.layers)), ("overrides", len(text.overrides))):
        if count > LAYERS_MAX:
            raise _refused(field, f"A schedule has at most {LAYERS_MAX} {field}.")
    layers = []
    for place, layer in enumerate(text.layers):
        with _within(f"layers[{place}]"):
            layers.append(_rotation(layer, layer.name or f"{place + 1}", zone, people))
    names = [layer.name for layer in layers]
    for place, each in enumerate(names):
        if each in names[:place]:
            raise _refused(f"layers[{place}].name", f"Two layers are called {each!r}.")
    overrides = []
    for place, override in enumerate(text.overrides):
        with _within(f"overrides[{place}]"):
            overrides.append(Spans([_override(override, zone, people)]))
    return Schedule(name, zone, (*layers, *overrides))


def place_calendar(schedule: Schedule, calendar: Source) -> Schedule:
    """The schedule with a calendar above its layers and below its overrides."""
    layers = [each for each in schedule.sources if isinstance(each, Rotation)]
    above = schedule.sources[len(layers) :]
    return Schedule(schedule.name, schedule.zone, (*layers, calendar, *above))


def is_url(ical: str) -> bool:
    """Whether a calendar is somewhere else; `webcal` is what calendar programs say for it."""
    return ical.startswith(("https://", "http://", "webcal://"))


def _rotation(text: LayerText, name: str, zone: ZoneInfo, people: Collection[str]) -> Rotation:
    if not 1 <= text.count <= COUNTS_MAX[text.every]:
        longest = COUNTS_MAX[text.every]
        raise _refused("count", f"A shift is 1 to {longest} times {text.every!r} long.")
    _check_people(text.people, people)
    starts = _local("starts", text.starts)
    ends_ns = moment_of(_local("ends", text.ends), zone) if text.ends else None
    if ends_ns is not None and ends_ns <= moment_of(starts, zone):
        raise _refused("ends", "A layer must end after it starts.")
    if len(text.only) > WINDOWS_MAX:
        raise _refused("only", f"A layer has at most {WINDOWS_MAX} restrictions.")
    windows = []
    for place, window in enumerate(text.only):
        with _within(f"only[{place}]"):
            windows.append(_window(window))
    rotation = Rotation(
        name, zone, starts, text.every, text.count, text.people, ends_ns, tuple(windows)
    )
    _change(rotation, text, starts, zone, people)
    return rotation


def _change(
    rotation: Rotation, text: LayerText, starts: datetime, zone: ZoneInfo, people: Collection[str]
) -> None:
    if len(text.changes) > PEOPLE_MAX:
        raise _refused("changes", f"A layer has at most {PEOPLE_MAX} changes.")
    last = starts
    for place, change in enumerate(text.changes):
        with _within(f"changes[{place}]"):
            at = _local("at", change.at)
            if at <= last:
                raise _refused("at", "Changes stand in the order of time, after the start.")
            _check_people(change.people, people)
            rotation.change(moment_of(at, zone), change.people)
            last = at


def _window(text: WindowText) -> Window:
    days = frozenset(DAYS.index(day) for day in text.days or DAYS)
    ends = None if text.ends == "24:00" else _time("to", text.ends)
    return Window(days, _time("from", text.begins), ends)


def _override(text: OverrideText, zone: ZoneInfo, people: Collection[str]) -> Span:
    _check_person("person", text.person, people)
    starts_ns = moment_of(_local("starts", text.starts), zone)
    ends_ns = moment_of(_local("ends", text.ends), zone)
    if ends_ns <= starts_ns:
        raise _refused("ends", "An override must end after it starts.")
    return Span(text.person, starts_ns, ends_ns, "override")


def _check_people(names: tuple[str, ...], people: Collection[str]) -> None:
    if not 1 <= len(names) <= PEOPLE_MAX:
        raise _refused("people", f"A rotation has 1 to {PEOPLE_MAX} people.")
    for place, name in enumerate(names):
        _check_person(f"people[{place}]", name, people)


def _check_person(field: str, name: str, people: Collection[str]) -> None:
    if name not in people:
        raise _refused(field, f"There is nobody called {name!r} under [people].")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise _refused("time_zone", f"There is no time zone {name[:64]!r}.") from error


def _local(field: str, text: str) -> datetime:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M")  # noqa: DTZ007  a wall's time
    except ValueError as error:
        raise _refused(
            field, f"{text[:64]!r} is no local time such as 2026-11-02T09:00."
        ) from error
    if moment.year not in YEARS:
        raise _refused(field, f"The year must be {YEARS[0]} to {YEARS[-1]}.")
    return moment


def _time(field: str, text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007  a wall's time
    except ValueError as error:
        raise _refused(field, f"{text[:64]!r} is no time of day such as 09:00.") from error


def _refused(field: str, sentence: str) -> Refused:
    return Refused("SCHEDULE_INVALID", sentence, field=field)


@contextmanager
def _within(field: str) -> Iterator[None]:
    """A refusal inside names its place from outside."""
    try:
        yield
    except Refused as error:
        raise Refused(error.code, str(error), field=f"{field}.{error.field}") from error
