"""Files of alarms: the shipped ones, an operator's own, and every complaint at once."""

import re
from pathlib import Path

import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.alarms.alarm import Alarm, MetricSource
from tallystick.watch.alarms.files import ALARM_FILE_BYTES_MAX, read_alarm, read_alarms, shipped
from tallystick.watch.alarms.order import children
from tallystick.watch.collect.query import parse

GOOD = """
description = "Orders are answered slowly."
severity = "error"
statistic = "p99"
comparison = ">"
threshold = 1
unit = "seconds"
periods = 5
datapoints = 3

[source]
type = "metric"
name = "http_server_request_duration_seconds"
labels = {http_route = "/v1/orders"}
"""
WANTED = {
    "latency": "api-latency",
    "error rate": "api-errors",
    "throughput drop": "throughput-drop",
    "reject spike": "reject-spike",
    "stale prices": "stale-prices",
    "ledger not growing": "ledger-not-growing",
    "ledger check failed": "ledger-check-failed",
    "stream lag": "stream-lag",
    "detector silent": "detector-silent",
    "margin call": "margin-call",
    "disk": "disk-full",
    "certificate expiry": "certificate-expiry",
    "backup age": "backup-age",
}
"""What an FX desk needs, and which shipped alarm it is."""


def test_what_a_desk_needs_is_shipped() -> None:
    """Each of them is there, is on, and says what to do."""
    alarms = {alarm.name: alarm for alarm in shipped()}
    for name in WANTED.values():
        assert alarms[name].enabled
        assert len(alarms[name].runbook) > 50


def test_shipped_alarms_tell_once() -> None:
    """What only serves another alarm tells nobody; everything else says whose matter it is."""
    alarms = shipped()
    serving = {child for alarm in alarms for child in children(alarm)}
    serving |= {"market-closed"}
    for alarm in alarms:
        assert alarm.enabled is (alarm.name not in serving)
        assert ("team" in alarm.labels) is alarm.enabled


def test_an_alarm_is_a_file(tmp_path: Path) -> None:
    """Its name is the file's; other files and hidden ones are left alone."""
    (tmp_path / "slow.toml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("not an alarm")
    (tmp_path / ".slow.toml").write_text("=")
    alarms = {alarm.name: alarm for alarm in read_alarms(tmp_path)}
    assert alarms.keys() == {alarm.name for alarm in shipped()} | {"slow"}
    assert alarms["slow"] == Alarm(
        "slow",
        "Orders are answered slowly.",
        "error",
        MetricSource("http_server_request_duration_seconds", {"http_route": "/v1/orders"}),
        "p99",
        ">",
        1.0,
        unit="seconds",
        periods=5,
        datapoints=3,
    )


def test_a_file_replaces_the_shipped_alarm_of_its_name(tmp_path: Path) -> None:
    """So a shipped one is changed, or turned off."""
    (tmp_path / "api-latency.toml").write_text("enabled = false" + GOOD)
    alarms = {alarm.name: alarm for alarm in read_alarms(tmp_path)}
    assert alarms.keys() == {alarm.name for alarm in shipped()}
    assert not alarms["api-latency"].enabled


def test_every_complaint_is_named(tmp_path: Path) -> None:
    """An operator fixes a folder in one go."""
    for name, text in {
        "a": "threshold = ",
        "b": GOOD + "other = 1",
        "c": GOOD.replace('"p99"', '"p42"'),
        "d": GOOD.replace("datapoints = 3", "datapoints = 9"),
        "e": "other = 1" + GOOD,
        "f": 'name = "g"' + GOOD,
        "h i": GOOD,
        "j": GOOD.replace('"metric"', '"fax"'),
        "k": "#" * ALARM_FILE_BYTES_MAX + GOOD,
    }.items():
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "l.toml").write_bytes(b'description = "\xff"')
    (tmp_path / "m.toml").mkdir()
    with pytest.raises(Misconfigured) as refusal:
        read_alarms(tmp_path)
    said = str(refusal.value)
    for part in (
        "a.toml: it is no TOML:",
        "b.toml: Object contains unknown field `other` - at `$.source`",
        "c.toml: Invalid enum value 'p42' - at `$.statistic`",
        "d.toml: An alarm fires from 1 to 5 periods on, not 9.",
        "e.toml: Object contains unknown field `other`",
        "f.toml: its name is the file's, f, not g.",
        "h i.toml: 'h i' cannot be an alarm's name",
        "j.toml: Invalid value 'fax' - at `$.source.type`",
        f"k.toml: it is larger than {ALARM_FILE_BYTES_MAX} bytes.",
        "l.toml: it is no TOML:",
        "m.toml: [Errno 21] Is a directory",
    ):
        assert part in said
    assert str(tmp_path) in said


def test_alarms_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    """A rule over an alarm that is not there."""
    (tmp_path / "both.toml").write_text('description = "Both."\nrule = "ALARM(nobody)"\n')
    with pytest.raises(Misconfigured, match="both refers to nobody"):
        read_alarms(tmp_path)


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    """A wrong path is no empty folder."""
    with pytest.raises(Misconfigured, match="is not there"):
        read_alarms(tmp_path / "nowhere")


def test_deep_toml_is_refused_with_a_sentence() -> None:
    """Nesting beyond the parser's means does not end the start with a traceback."""
    with pytest.raises(Misconfigured, match="it is no TOML"):
        read_alarm("deep", b"a = " + b"[" * 20_000)


def test_what_a_runbook_asks_for_can_be_asked() -> None:
    """The log queries in runbooks are read by the query language."""
    queries = [
        query
        for alarm in shipped()
        for query in re.findall(r"tallystick logs -e -\d+[mh] '([^']+)'", alarm.runbook)
    ]
    assert len(queries) == sum(alarm.runbook.count("tallystick logs") for alarm in shipped()) > 3
    for query in queries:
        parse(query, 0)


def test_the_alarms_of_the_guide_can_be_used() -> None:
    """Each TOML block of the guide is a whole alarm."""
    guide = Path(__file__).resolve().parents[3] / "docs" / "guides" / "alarms.md"
    blocks = re.findall(r"```toml\n(.*?)```", guide.read_text(), re.DOTALL)
    assert len(blocks) > 3
    for block in blocks:
        read_alarm("guide", block.encode())
