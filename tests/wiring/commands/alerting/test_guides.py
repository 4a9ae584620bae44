"""docs/guides/{alarms,alerting,on-call}.md: what they tell people to write can be used."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from tallystick.api.app import OPERATIONS
from tallystick.api.operation import Operation
from tallystick.clock import ManualClock
from tallystick.stream import rules
from tallystick.watch.alarms.alarm import EventSource
from tallystick.watch.alarms.check import check_alarms
from tallystick.watch.alarms.files import read_alarm, shipped
from tallystick.watch.notify import CHANNELS, check_options, read_alerting
from tallystick.watch.notify.oncall.following import calendar_urls
from tallystick.web import inbound
from tallystick.wiring.cli import main
from tallystick.wiring.commands.alarms import alarms
from tallystick.wiring.commands.incidents import incidents
from tallystick.wiring.commands.notify import notify
from tallystick.wiring.commands.oncall import oncall
from tallystick.wiring.settings import Settings

GUIDES = Path(__file__).resolve().parents[4] / "docs" / "guides"
SHIPPED_RULES = Path(rules.__file__).parent / "shipped"
NAMES = ("alarms", "alerting", "on-call")
GROUPS = {"alarms": alarms, "incidents": incidents, "notify": notify, "oncall": oncall}
SECRETS = {
    "PD_ROUTING_KEY": "e93facc04764012d7bfb002500d5d1a6",
    "OPS_CALENDAR_URL": "https://calendar.example.com/ops.ics",
    "NTFY_URL": "ntfy://fx-desk",
}
"""Of a form that is checked; any other secret may be an address."""


def text_of(name: str) -> str:
    """A guide."""
    return (GUIDES / f"{name}.md").read_text()


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a language in a guide."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(name), re.DOTALL | re.MULTILINE)


def secret(name: str) -> str:
    """What a secret of the guides may be."""
    return SECRETS.get(name.partition(":")[2], "https://hooks.example.com/s3cret-of-the-guide")


def files() -> dict[str, str]:
    """Each alerting file that the guides show: the first, the pieces of the whole one, schedules.

    What stands in two pieces of the whole file would be refused.
    """
    first, *pieces = blocks("alerting", "toml")
    schedules = {f"on-call-{n}": text for n, text in enumerate(blocks("on-call", "toml"))}
    return {"first": first, "whole": "\n".join(pieces), **schedules}


def test_every_alarm_can_be_used() -> None:
    """Each file is an alarm that works together with the shipped ones."""
    found = [
        read_alarm(f"guide-{n}", text.encode()) for n, text in enumerate(blocks("alarms", "toml"))
    ]
    assert len(found) >= 7
    check_alarms([*shipped(), *found])


def test_the_large_trade_sees_what_the_shipped_rule_sees() -> None:
    """Market orders too: they are filled as they are decided."""
    found = [read_alarm("guide", text.encode()) for text in blocks("alarms", "toml")]
    patterns = [json.loads(a.source.pattern) for a in found if isinstance(a.source, EventSource)]
    rule = tomllib.loads((SHIPPED_RULES / "large-trade.toml").read_text())
    assert patterns == [json.loads(rule["pattern"])]


def test_every_shipped_alarm_is_named() -> None:
    """The guide knows all of them, and no others."""
    text = text_of("alarms").partition("## Write one")[0]
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", text))
    assert named == {alarm.name for alarm in shipped()}


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", files())
def test_an_alerting_file_can_be_used(tmp_path: Path, name: str) -> None:
    """As a start uses it: its channels open, and its calendars have addresses."""
    file = tmp_path / "alerting.toml"
    file.write_text(files()[name])
    alerting = read_alerting(file)
    check_options(alerting)
    calendar_urls(alerting.schedules, secret)
    for target in alerting.targets.values():
        CHANNELS[target["type"]].open(target, secret, ManualClock())


def test_the_whole_file_has_what_the_guide_says(tmp_path: Path) -> None:
    """Its pieces are one file, of which each section is used."""
    file = tmp_path / "alerting.toml"
    file.write_text(files()["whole"])
    alerting = read_alerting(file)
    assert alerting.heartbeat is not None
    assert [route.name for route in alerting.routes] == ["risk", "quiet"]
    said = CliRunner().invoke(notify, ["route", str(file), "severity=critical", "team=risk"])
    assert (said.exit_code, said.stdout.splitlines()[0]) == (0, "risk")


def test_a_newcomer_finds_it_on_the_first_screen() -> None:
    """What pages by chat and by mail, how to try it, and how to take an incident."""
    screen = "\n".join(text_of("alerting").splitlines()[:50])
    for needed in ('"slack"', '"email"', "notify check", "notify test", "incidents ack"):
        assert needed in screen


def test_every_target_and_option_is_in_the_table() -> None:
    """The table has a row for each channel, with its options and no others."""
    table = text_of("alerting").partition("\n| type |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))
    assert rows.keys() == CHANNELS.keys()
    for kind, channel in CHANNELS.items():
        fields = {field.encode_name for field in msgspec.structs.fields(channel.options)}
        assert set(re.findall(r"`([a-z_]+)(?: = [^`]*)?`", rows[kind])) == fields, kind


@pytest.mark.parametrize("name", NAMES)
def test_commands_are_there(name: str) -> None:
    """Each command line of ours can be parsed by the command that it names."""
    lines = [line for text in blocks(name, "sh") for line in text.splitlines()]
    ours = [line for line in lines if line.startswith("tallystick ")]
    assert ours
    for line in ours:
        _, group, command, *words = shlex.split(line, comments=True)
        found = GROUPS[group].commands[command]
        there = [each for each in words if each.endswith((".toml", ".md"))]
        plain = [f"{Path(__file__)}" if each in there else each for each in words]
        # click keeps a command's first help option: it has to be the one that users see.
        context = found.make_context(command, plain, **main.context_settings)
        assert isinstance(context, click.Context)


def test_files_can_be_checked_as_the_guides_say(tmp_path: Path) -> None:
    """`alarms check` and `notify check` run on what the guides show."""
    folder = tmp_path / "alarms"
    folder.mkdir()
    for n, text in enumerate(blocks("alarms", "toml")):
        (folder / f"guide-{n}.toml").write_text(text)
    said = CliRunner().invoke(alarms, ["check", str(folder)])
    assert said.exit_code == 0, said.output
    for name, text in files().items():
        (tmp_path / f"{name}.toml").write_text(text)
        said = CliRunner().invoke(notify, ["check", str(tmp_path / f"{name}.toml")])
        assert said.exit_code == 0, said.output


def calls(name: str) -> Iterator[tuple[str, str]]:
    """Methods and paths that a guide names in its tables and in its text."""
    for said in re.findall(r"`((?:(?:GET|POST|PUT|DELETE)(?: and )?)+) (/[^\s`]+)`", text_of(name)):
        yield said[0], said[1]


def operation(method: str, path: str) -> Operation | None:
    """What answers there; names of parameters do not count."""
    shape = re.sub(r"\{\w+\}", "{}", path.partition("?")[0])
    return next(
        (
            each
            for each in OPERATIONS
            if each.method == method and re.sub(r"\{\w+\}", "{}", each.path) == shape
        ),
        None,
    )


@pytest.mark.parametrize("name", NAMES)
def test_operations_are_there(name: str) -> None:
    """Each call that a guide names; PagerDuty's webhooks come in by a door of their own."""
    found = list(calls(name))
    assert found
    for method, path in found:
        known = operation(method, path) is not None or path == inbound.PAGERDUTY_PATH
        assert known, f"{method} {path}"


def bodies() -> Iterator[tuple[str, str, str]]:
    """Guide, address and body of each curl command that sends one."""
    for name in NAMES:
        for text in blocks(name, "sh"):
            for command in re.findall(r"^curl (?:.|\n)*?(?=\n(?!  |\")|\Z)", text, re.MULTILINE):
                words = shlex.split(command)
                if "-d" in words:
                    method = words[words.index("-X") + 1] if "-X" in words else "POST"
                    url = next(each for each in words if each.startswith("http"))
                    yield method, url.partition("8080")[2], words[words.index("-d") + 1]


def test_bodies_are_taken() -> None:
    """What a curl command sends is what its operation takes."""
    taken = 0
    for method, path, body in bodies():
        named = re.sub(r"^(/v1/alarms)/[a-z-]+$", r"\1/{name}", path)
        found = operation(method, named)
        assert found is not None, f"{method} {path}"
        assert found.body is not None, path
        value = msgspec.json.decode(body, type=found.body)
        assert value is not None
        taken += 1
    assert taken == 2


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_there(name: str) -> None:
    """Every TALLYSTICK_... is a setting; the token is what people call theirs."""
    known = {f"TALLYSTICK_{each.name.upper()}" for each in msgspec.structs.fields(Settings)}
    said = set(re.findall(r"\bTALLYSTICK_[A-Z_]+\b", text_of(name))) - {"TALLYSTICK_TOKEN"}
    assert said <= known


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    """Its own tool checks it."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("Needs promtool: apt-get install prometheus.")
    (block,) = blocks("alerting", "yaml")
    (tmp_path / "tallystick-token").write_text("t")
    file = tmp_path / "prometheus.yml"
    file.write_text(block.replace("/etc/prometheus", str(tmp_path)))
    ran = subprocess.run(
        [promtool, "check", "config", str(file)],
        capture_output=True, check=False, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
