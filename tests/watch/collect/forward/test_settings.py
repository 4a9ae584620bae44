"""The file that names destinations."""

from pathlib import Path

import pytest

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured
from tallystick.watch.collect.forward import open_destination, read_destinations
from tallystick.watch.collect.forward.splunk import SplunkSettings

FILE = """
[[destination]]
type = "splunk_hec"
name = "splunk"
url = "https://splunk.example:8088"
token = "of-the-test"
indexes = ["tallystick"]

[[destination]]
type = "otlp"
name = "collector"
url = "https://collector.example:4318/v1/logs"

[[destination]]
type = "syslog"
name = "siem"
host = "siem.example"

[[destination]]
type = "cloudwatch"
name = "aws"
group = "/tallystick"
region = "eu-central-1"
"""


def test_each_type_is_read(tmp_path: Path) -> None:
    """Four destinations, each with its own settings."""
    path = tmp_path / "forward.toml"
    path.write_text(FILE)

    found = read_destinations(path)

    assert [each.name for each in found] == ["splunk", "collector", "siem", "aws"]
    assert isinstance(found[0], SplunkSettings)
    assert found[0].indexes == ("tallystick",)


@pytest.mark.parametrize(
    "text",
    [
        FILE.replace('"siem"', '"aws"'),
        FILE.replace('type = "otlp"', 'type = "carrier_pigeon"'),
        FILE.replace("token", "tokem"),
        "destination = 1",
        "[[",
    ],
)
def test_a_wrong_file_is_said_at_the_start(text: str, tmp_path: Path) -> None:
    """Names twice, unknown types and members, no TOML: with the file's name."""
    path = tmp_path / "forward.toml"
    path.write_text(text)

    with pytest.raises(Misconfigured, match="TALLYSTICK_FORWARD"):
        read_destinations(path)


@pytest.mark.parametrize("url", ["splunk.example", "ftp://x", "https://me:secret@x", "http://[::"])
def test_addresses_that_cannot_be_used(url: str) -> None:
    """Said before anything is sent, without the secret in it."""
    with pytest.raises(Misconfigured) as caught:
        open_destination(SplunkSettings("s", url, "of-the-test"), SystemClock())

    assert "secret" not in str(caught.value)
