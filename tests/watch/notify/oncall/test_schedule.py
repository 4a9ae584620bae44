"""Schedules as they stand in the configuration: read, or refused with their place."""

import tomllib
from collections.abc import Callable

import msgspec
import pytest

from tallystick.errors import Refused
from tallystick.watch.notify.oncall.duty import on_call
from tallystick.watch.notify.oncall.schedule import (
    COUNTS_MAX,
    LAYERS_MAX,
    PEOPLE_MAX,
    WINDOWS_MAX,
    ChangeText,
    LayerText,
    OverrideText,
    Schedule,
    ScheduleText,
    WindowText,
    place_calendar,
)
from tallystick.watch.notify.oncall.span import Span, Spans

At = Callable[[str], int]
Read = Callable[[ScheduleText], Schedule]
LAYER = LayerText(("ann", "bob"), "2026-11-02T09:00")
WRITTEN = """
time_zone = "Europe/London"

[[layers]]
name = "week"
people = ["ann", "bob"]
starts = "2026-11-02T09:00"
changes = [{at = "2026-12-01T00:00", people = ["cai"]}]

[[layers]]
name = "nights"
people = ["cai", "dee"]
starts = "2026-11-02T20:00"
every = "day"
only = [{days = ["mon", "tue"], from = "20:00", to = "08:00"}]

[[overrides]]
person = "dee"
starts = "2026-11-05T10:00"
ends = "2026-11-05T12:00"
"""


def test_it_is_read_as_it_is_written(at: At, read: Read) -> None:
    """Layers over layers, restrictions, changes and overrides of a TOML file."""
    schedule = read(msgspec.convert(tomllib.loads(WRITTEN), ScheduleText))
    said = {
        moment: on_call(schedule, at(moment))
        for moment in (
            "2026-11-02 08:59",  # before the first hand-over
            "2026-11-02 09:00",
            "2026-11-02 20:00",  # Monday night
            "2026-11-03 08:00",
            "2026-11-04 21:00",  # no night shift on Wednesdays
            "2026-11-05 11:00",  # the override
            "2026-11-09 09:00",
            "2026-12-03 12:00",  # the old people's last shift still runs
            "2026-12-07 09:00",
        )
    }
    assert list(said.values()) == [
        None, "ann", "cai", "ann", "ann", "dee", "bob", "ann", "cai",
    ]  # fmt: skip


def test_layers_without_a_name_are_counted(read: Read, at: At) -> None:
    """They are called by their place, from one."""
    schedule = read(ScheduleText(layers=(LAYER,)))
    spans = list(schedule.sources[0].between(at("2026-11-03 00:00"), at("2026-11-04 00:00")))
    assert [span.source for span in spans] == ["layer:1"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("time_zone", ScheduleText("Mars/Base", (LAYER,))),
        ("time_zone", ScheduleText("../etc/passwd", (LAYER,))),
        ("time_zone", ScheduleText("", (LAYER,))),
        ("layers", ScheduleText()),
        ("layers", ScheduleText(layers=(LAYER,) * (LAYERS_MAX + 1))),
        ("layers[1].name", ScheduleText(layers=(LayerText(("ann",), "2026-11-02T09:00", name="2"),
                                                LAYER))),
        ("layers[0].people", ScheduleText(layers=(LayerText((), "2026-11-02T09:00"),))),
        ("layers[0].people", ScheduleText(
            layers=(LayerText(("ann",) * (PEOPLE_MAX + 1), "2026-11-02T09:00"),))),
        ("layers[0].people[1]", ScheduleText(
            layers=(LayerText(("ann", "zoe"), "2026-11-02T09:00"),))),
        ("layers[0].starts", ScheduleText(layers=(LayerText(("ann",), "2026-11-02 09:00"),))),
        ("layers[0].starts", ScheduleText(layers=(LayerText(("ann",), "2026-02-30T09:00"),))),
        ("layers[0].starts", ScheduleText(layers=(LayerText(("ann",), "1926-02-20T09:00"),))),
        ("layers[0].ends", ScheduleText(
            layers=(LayerText(("ann",), "2026-11-02T09:00", ends="2026-11-02T09:00"),))),
        ("layers[0].count", ScheduleText(
            layers=(LayerText(("ann",), "2026-11-02T09:00", count=0),))),
        ("layers[0].count", ScheduleText(layers=(
            LayerText(("ann",), "2026-11-02T09:00", count=COUNTS_MAX["week"] + 1),))),
        ("layers[0].only", ScheduleText(layers=(
            LayerText(("ann",), "2026-11-02T09:00", only=(WindowText(),) * (WINDOWS_MAX + 1)),))),
        ("layers[0].only[0].from", ScheduleText(layers=(
            LayerText(("ann",), "2026-11-02T09:00", only=(WindowText((), "24:00"),)),))),
        ("layers[0].only[1].to", ScheduleText(layers=(
            LayerText(("ann",), "2026-11-02T09:00",
                      only=(WindowText(), WindowText((), "09:00", "5pm"))),))),
        ("layers[0].changes", ScheduleText(layers=(LayerText(
            ("ann",), "2026-11-02T09:00",
            changes=(ChangeText("2026-11-03T09:00", ("bob",)),) * (PEOPLE_MAX + 1)),))),
        ("layers[0].changes[0].at", ScheduleText(layers=(LayerText(
            ("ann",), "2026-11-02T09:00", changes=(ChangeText("2026-11-02T09:00", ("bob",)),)),))),
        ("layers[0].changes[0].people[0]", ScheduleText(layers=(LayerText(
            ("ann",), "2026-11-02T09:00", changes=(ChangeText("2026-11-09T09:00", ("zoe",)),)),))),
        ("overrides[0].person", ScheduleText(
            layers=(LAYER,),
            overrides=(OverrideText("zoe", "2026-11-02T09:00", "2026-11-02T10:00"),))),
        ("overrides[0].ends", ScheduleText(
            layers=(LAYER,),
            overrides=(OverrideText("ann", "2026-11-02T09:00", "2026-11-02T09:00"),))),
        ("overrides", ScheduleText(
            layers=(LAYER,),
            overrides=(OverrideText("ann", "2026-11-02T09:00", "2026-11-02T10:00"),)
            * (LAYERS_MAX + 1))),
    ],
    ids=range(24),
)  # fmt: skip
def test_what_cannot_work_is_refused_with_its_place(
    read: Read, field: str, text: ScheduleText
) -> None:
    """A sentence, and the member that is wrong."""
    with pytest.raises(Refused) as refused:
        read(text)
    assert (refused.value.code, refused.value.field) == ("SCHEDULE_INVALID", field)
    assert str(refused.value).endswith(".")


def test_a_misspelt_member_is_refused() -> None:
    """A setting that nobody reads would be a surprise at night."""
    with pytest.raises(msgspec.ValidationError, match="stats"):
        msgspec.convert({"layers": [{"people": ["ann"], "stats": "x"}]}, ScheduleText)


def test_a_calendar_speaks_before_layers_and_after_overrides(at: At, read: Read) -> None:
    """Its place is between them."""
    text = ScheduleText(
        layers=(LAYER,), overrides=(OverrideText("cai", "2026-11-03T10:00", "2026-11-03T11:00"),)
    )
    day = Span("dee", at("2026-11-03 00:00"), at("2026-11-04 00:00"), "ical")
    schedule = place_calendar(read(text), Spans([day]))
    asked = ("2026-11-02 12:00", "2026-11-03 09:00", "2026-11-03 10:30", "2026-11-04 00:00")
    assert [on_call(schedule, at(each)) for each in asked] == ["ann", "dee", "cai", "ann"]
