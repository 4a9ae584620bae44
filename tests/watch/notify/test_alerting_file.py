"""The alerting file: what it says, and every mistake in it with its place."""

from pathlib import Path

import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.notify import every_target, read_alerting
from tallystick.watch.notify.alerting_file import ALERTING_BYTES_MAX
from tallystick.watch.notify.config import StepText
from tallystick.watch.notify.incidents.rules import Rules

WHOLE = """
[targets.ops-pager]
type = "pagerduty"
routing_key = { env = "PD_KEY" }
[targets.ops-mail]
type = "email"
[people.ann]
targets = ["ops-mail"]
time_zone = "Europe/London"
[schedules.desk]
time_zone = "Europe/London"
layers = [{ people = ["ann"], starts = "2026-11-02T09:00" }]
[policies.page]
rounds = 2
[[policies.page.steps]]
tell = ["schedule:desk", "target:ops-pager", "person:ann"]
fallback = ["target:ops-mail"]
[[routes]]
name = "fx"
match = ['severity=~"critical|error"', 'team="fx"']
group_by = ["alarm", "account"]
group_wait_seconds = 5
policy = "page"
mute = ["weekend"]
continue = true
[[routes.routes]]
name = "fx-night"
match = ['night="1"']
[[inhibit]]
source = ['alarm="ledger-away"']
target = ['severity="warning"']
equal = ["host"]
[mute_times.weekend]
time_zone = "America/New_York"
[[mute_times.weekend.intervals]]
weekdays = ["saturday:sunday"]
[storm]
incidents = 5
[flap]
changes = 4
[heartbeat]
url = { env = "HEARTBEAT_URL" }
"""


def read(folder: Path, text: str) -> str:
    """What is wrong with this text."""
    path = folder / "alerting.toml"
    path.write_text(text)
    with pytest.raises(Misconfigured) as wrong:
        read_alerting(path)
    assert str(wrong.value).startswith(f"{path}: ") or "is no TOML" in str(wrong.value)
    return str(wrong.value).removeprefix(f"{path}: ")


def test_everything_in_it_is_read(tmp_path: Path) -> None:
    """Each section becomes its value."""
    path = tmp_path / "alerting.toml"
    path.write_text(WHOLE)
    alerting = read_alerting(path)
    assert alerting.targets["ops-pager"]["routing_key"] == {"env": "PD_KEY"}
    assert alerting.policies["page"].steps[0].fallback == ("target:ops-mail",)
    assert alerting.routes[0].goes_on
    assert alerting.routes[0].routes[0].name == "fx-night"
    assert alerting.storm.incidents == 5
    assert alerting.flap.changes == 4
    assert alerting.heartbeat is not None
    assert alerting.heartbeat.every_seconds == 60
    assert alerting.schedules["desk"].layers[0].people == ("ann",)


def test_an_empty_file_tells_nobody_and_is_no_mistake(tmp_path: Path) -> None:
    """No targets: alerts become incidents, and can be looked at."""
    path = tmp_path / "alerting.toml"
    path.write_text("")
    assert read_alerting(path) == every_target({})


def test_without_a_file_every_target_is_told_at_once() -> None:
    """One policy with one step."""
    rules = Rules.of(every_target({"terminal": {"type": "terminal"}}))
    assert rules.policy("all").steps == (StepText(("target:terminal",)),)
    assert rules.policy("gone") == rules.policy("all")


@pytest.mark.parametrize(
    ("wrong", "instead", "sentence"),
    [
        ("[storm]", "[strom]", "strom is unknown; there may be: flap, heartbeat,"),
        ("incidents = 5", 'incidents = "5"', "storm.incidents: Expected `int`, got `str`."),
        ("incidents = 5", "incidents = 0", "storm.incidents: Expected `int` >= 1."),
        ("incidents = 5", "most = 5", "storm: Object contains unknown field `most`."),
        ("[targets.ops-mail]", "[targets.heartbeat]", "targets.heartbeat: this name is taken"),
        ('type = "email"', 'kind = "email"', "targets.ops-mail: a target needs a type"),
        (
            'targets = ["ops-mail"]', 'targets = ["mail"]',
            "people.ann.targets: there is no target 'mail'; there is: ops-mail, ops-pager.",
        ),
        (
            'targets = ["ops-mail"]', "targets = []",
            "people.ann.targets: Expected `array` of length >= 1.",
        ),
        ('zone = "Europe/London"\n[s', 'zone = "London"\n[s', "people.ann.time_zone: 'London' is"),
        ('people = ["ann"]', 'people = ["bob"]', "schedules.desk.layers[0]"),
        ('"person:ann"', '"person:bob"', "page.steps[0].tell[2]: there is no person 'bob'"),
        ('"person:ann"', '"ann"', "page.steps[0].tell[2]: 'ann' is none of schedule:NAME"),
        ("rounds = 2", "rounds = 2.5", "policies.page.rounds: Expected `int`, got `float`."),
        (
            "match = ['severity", "match = ['=x', 'severity",
            "routes[0].match[0]: '=x' is no matcher",
        ),
        ('policy = "page"', 'policy = "wake"', "routes[0].policy: there is no policy 'wake'"),
        ('mute = ["weekend"]', 'mute = ["night"]', "routes[0].mute: there is no mute time"),
        ('name = "fx-night"', 'name = "fx"', "routes[0].routes[0].name: there are two routes"),
        ("saturday:sunday", "satturday", "mute_times.weekend.intervals[0].weekdays: 'satturday'"),
        ("source = [", "source = ['=', ", "inhibit[0].source[0]: '=' is no matcher"),
        ("group_wait_seconds = 5", "group_wait_seconds = -5", "group_wait_seconds: Expected `int`"),
        ("[storm]", "[storm", "is no TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, wrong: str, instead: str, sentence: str
) -> None:
    """A path into the file and a sentence."""
    assert wrong in WHOLE
    assert sentence in read(tmp_path, WHOLE.replace(wrong, instead, 1))


def test_a_file_that_is_not_there_or_too_large_is_said(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(Misconfigured, match="cannot be read: No such file"):
        read_alerting(tmp_path / "none.toml")
    large = tmp_path / "large.toml"
    large.write_text("#" * (ALERTING_BYTES_MAX + 1))
    with pytest.raises(Misconfigured, match="more than 1048576 bytes"):
        read_alerting(large)
