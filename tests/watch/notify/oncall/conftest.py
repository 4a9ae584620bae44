"""Moments as people write them, and a desk with four people."""

from collections.abc import Callable

import pytest

from tallystick.clock import parse_rfc3339
from tallystick.watch.notify.oncall.schedule import (
    LayerText,
    Schedule,
    ScheduleText,
    read_schedule,
)

PEOPLE = ("ann", "bob", "cai", "dee")


@pytest.fixture
def people() -> tuple[str, ...]:
    """Who may be on call."""
    return PEOPLE


@pytest.fixture
def at() -> Callable[[str], int]:
    """`2026-11-02 09:00` in UTC as nanoseconds since the epoch."""
    return lambda text: parse_rfc3339(f"{text.replace(' ', 'T')}:00Z")


@pytest.fixture
def read() -> Callable[[ScheduleText], Schedule]:
    """The schedule `desk` of a text."""
    return lambda text: read_schedule("desk", text, PEOPLE)


@pytest.fixture
def weekly() -> ScheduleText:
    """Ann, Bob and Cai for a week each, handed over on Mondays at nine in London."""
    layer = LayerText(("ann", "bob", "cai"), "2026-11-02T09:00", name="week")
    return ScheduleText("Europe/London", (layer,))
