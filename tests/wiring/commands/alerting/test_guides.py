"""docs/guides/{alarms,alerting,on-call}.md: what they tell people to write can be used."""

import re
import shlex
from pathlib import Path

import click
import pytest

from tallystick.watch.alarms.check import check_alarms
from tallystick.watch.alarms.files import read_alarm, shipped
from tallystick.watch.notify import read_alerting
from tallystick.wiring.commands.alarms import alarms
from tallystick.wiring.commands.incidents import incidents
from tallystick.wiring.commands.notify import notify
from tallystick.wiring.commands.oncall import oncall

GUIDES = Path(__file__).resolve().parents[4] / "docs" / "guides"
NAMES = ("alarms", "alerting", "on-call")
GROUPS = {"alarms": alarms, "incidents": incidents, "notify": notify, "oncall": oncall}


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a language in a guide."""
    text = (GUIDES / f"{name}.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_every_alarm_can_be_used() -> None:
    """Each file is an alarm that works together with the shipped ones."""
    found = [
        read_alarm(f"guide-{n}", text.encode()) for n, text in enumerate(blocks("alarms", "toml"))
    ]
    assert len(found) >= 7
    check_alarms([*shipped(), *found])


def test_every_shipped_alarm_is_named() -> None:
    """The guide knows all of them, and no others."""
    text = (GUIDES / "alarms.md").read_text().partition("## Write one")[0]
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", text))
    assert named == {alarm.name for alarm in shipped()}


def test_the_alerting_file_can_be_used(tmp_path: Path) -> None:
    """The pieces of the guide are one whole file."""
    file = tmp_path / "alerting.toml"
    file.write_text("\n".join(blocks("alerting", "toml")))
    alerting = read_alerting(file)
    assert alerting.heartbeat is not None
    assert [route.name for route in alerting.routes] == ["risk", "quiet"]


@pytest.mark.parametrize("number", [0, 1])
def test_schedules_can_be_used(tmp_path: Path, number: int) -> None:
    """Each is a file by itself."""
    file = tmp_path / "alerting.toml"
    file.write_text(blocks("on-call", "toml")[number])
    assert read_alerting(file).schedules.keys() == {"desk"}


@pytest.mark.parametrize("name", NAMES)
def test_commands_are_there(name: str) -> None:
    """Each command line of ours can be parsed by the command that it names."""
    lines = [line for text in blocks(name, "sh") for line in text.splitlines()]
    ours = [line for line in lines if line.startswith("tallystick ")]
    assert ours
    for line in ours:
        _, group, command, *words = shlex.split(line, comments=True)
        found = GROUPS[group].commands[command]
        files = [each for each in words if each.endswith((".toml", ".md"))]
        plain = [f"{Path(__file__)}" if each in files else each for each in words]
        context = found.make_context(command, [*plain], resilient_parsing=False)
        assert isinstance(context, click.Context)
