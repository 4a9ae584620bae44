"""`tallystick oncall`: who has the duty, shifts, calendars, and who stands in."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from click.testing import Result

from tallystick.wiring.commands.oncall import oncall

Run = Callable[..., Result]
Facts = Callable[..., Any]


def test_who(run: Run, facts: Facts) -> None:
    """A row a schedule; times when nobody is on call are said below."""
    desk = facts(oncall, "who", "desk")["schedules"][0]
    lines = run(oncall, "who").stdout.splitlines()
    assert lines[0].split() == ["schedule", "on", "call", "until", "(UTC)", "next", "from", "(UTC)"]
    assert lines[1].split()[:2] == ["desk", desk["now"]["person"]]
    assert lines[2].split()[:2] == ["empty", "nobody"]
    assert any(line.startswith("Nobody is on call on empty from 20") for line in lines[3:])
    missing = run(oncall, "who", "night")
    sentence = "tallystick: There is no schedule 'night'; there is: desk, empty.\n"
    assert (missing.exit_code, missing.stderr) == (1, sentence)


def test_shifts(run: Run, facts: Facts) -> None:
    """With the day of the week; gaps stand among them."""
    said = run(oncall, "shifts", "desk", "--from", "2026-03-02T00:00:00Z", "--days", "28").stdout
    lines = said.splitlines()
    assert lines[2].split()[:3] == ["Mon", "2026-03-02", "09:00"]
    assert [line.split()[6] for line in lines[1:]] == ["bob", "ann", "bob", "ann", "bob"]
    assert "nobody" in run(oncall, "shifts", "empty").stdout
    assert len(facts(oncall, "shifts", "desk")["shifts"]) >= 2
    assert run(oncall, "shifts", "night").exit_code == 1
    assert run(oncall, "shifts", "desk", "--from", "soon").exit_code == 1


def test_somebody_stands_in(run: Run, facts: Facts) -> None:
    """From now on or from later on; it is ended by its id."""
    before = facts(oncall, "who", "desk")["schedules"][0]["now"]["person"]
    other = "bob" if before == "ann" else "ann"
    made = run(oncall, "override", "desk", other, "--until", "+8h", "--reason", "dentist")
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith(f"{other} stands in on desk from 20")
    said = run(oncall, "who", "desk").stdout
    assert said.splitlines()[1].split()[1] == other
    assert f"{other} stands in on desk" in said
    assert ": dentist" in said
    name = made.stdout.rsplit("(", 1)[1].removesuffix(").\n")
    over = run(oncall, "end", name).stdout
    assert over.splitlines()[0] == f"{name} is over."
    assert over.splitlines()[2].split()[1] == before
    assert run(oncall, "end", name).exit_code == 1
    later = facts(oncall, "override", "desk", other, "--from", "+1d", "--until", "+2d")
    assert later["starts_at"] < later["ends_at"]
    assert run(oncall, "end", later["id"]).exit_code == 0
    nobody = run(oncall, "override", "desk", "zoe", "--until", "+1h")
    assert (nobody.exit_code, nobody.stderr) == (1, "tallystick: There is nobody called 'zoe'.\n")


def test_the_address_of_a_calendar(run: Run) -> None:
    """Whoever has it subscribes, without a token."""
    address = run(oncall, "calendar", "desk").stdout.strip()
    assert httpx.get(address, timeout=30).text.startswith("BEGIN:VCALENDAR\r\n")
    assert run(oncall, "calendar", "night").exit_code == 1


@pytest.mark.parametrize("name", ["who", "shifts", "override", "end", "calendar"])
def test_help_has_examples(run: Run, name: str) -> None:
    """Whoever asks for help sees how it is called, and what the exit codes mean."""
    said = run(oncall, name, "--help").stdout
    assert f"tallystick oncall {name}" in said
    assert "Exit code: 0" in said
