"""`tallystick detect models`, `promote`, `rollback`, `challenge`, `backtest` on a real server."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import httpx
import msgspec
import pytest
from click.testing import CliRunner

from tallystick.watch.detect.config import DetectConfig
from tallystick.watch.detect.models import Model, shipped
from tallystick.wiring.commands.detect.backtest import backtest
from tallystick.wiring.commands.detect.models import challenge, models, promote, rollback

UP_SECONDS_MAX = 200.0
"""A first start compiles the detectors."""
CONFIG = DetectConfig(disabled=("order_burst",))
VERSION = Model(CONFIG).version


def run(command: click.Command, *arguments: str, code: int = 0) -> str:
    """Run a command in this process; what it said."""
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == code, done.output
    return done.output


def facts(command: click.Command, *arguments: str) -> Any:
    """Run a command with --json."""
    return json.loads(run(command, *arguments, "--json"))


def until(question: Callable[[], object]) -> None:
    """Ask until it is so: another process is at work."""
    deadline = time.monotonic() + UP_SECONDS_MAX
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def trade(client: httpx.Client, count: int) -> None:
    """Place some orders."""
    for number in range(count):
        body = {
            "client_order_id": f"t-{number}", "account": "demo", "pair": "EUR/USD", "side": "buy",
            "quantity": "1000", "type": "market", "time_in_force": "FOK",
        }  # fmt: skip
        assert client.post("/v1/orders", json=body).status_code == 201


@pytest.mark.server
@pytest.mark.slow
def test_a_version_is_tried_challenges_alerts_and_goes(
    serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole life of a version, by commands against a running server with detection."""
    server = serve(tmp_path / "data", seed="7", detection="on")
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path / "data"))
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(CONFIG))
    report = tmp_path / "report.json"

    with server.client() as client:
        until(lambda: facts(models)["running"] == shipped().version)
        trade(client, 30)
        published = tmp_path / "data/ledger/checkpoint"
        until(lambda: int(published.read_text().splitlines()[1]) >= 31)

        assert facts(models, "add", str(tmp_path / "config.json")) == {"version": VERSION}
        said = run(backtest, "--version", VERSION, "--out", str(report))
        assert f"version {VERSION}: 0 anomalies" in said
        assert "digest " in said

        assert "watches in the shadow" in run(challenge, VERSION)
        trade(client, 1)  # its key is known: nothing new
        until(lambda: facts(models)["comparison"] is not None)
        assert facts(models)["comparison"]["challenger"] == VERSION

        unfit = tmp_path / "other.json"
        unfit.write_bytes(report.read_bytes().replace(VERSION.encode(), b"0" * 12))
        why = ("--reason", "quieter")
        assert "not of" in run(promote, VERSION, "--backtest", str(unfit), *why, code=1)
        said = run(promote, VERSION, "--backtest", str(report), *why)
        assert f"promoted: {VERSION}, before it {shipped().version}" in said
        until(lambda: facts(models)["running"] == VERSION)

        listed = facts(models)
        assert listed["champion"] == VERSION
        assert listed["challenger"] is None
        (promoted,) = listed["promotions"]
        kept = client.get(f"/v1/detection/backtests/{promoted['backtest']['digest']}")
        assert kept.content == report.read_bytes()
        assert "promoted" in run(models)
        assert "quieter" in run(models, "show", VERSION)

        assert f"back to {shipped().version}" in run(rollback, "--reason", "too quiet")
        until(lambda: facts(models)["running"] == shipped().version)
        assert "Nothing was promoted" in run(rollback, code=1)
        entries = client.get("/v1/ledger/entries", params={"kind": "model_promoted"}).json()
        assert [json.loads(each["entry"])["rollback"] for each in entries["entries"]] == [
            False, True,
        ]  # fmt: skip
    assert server.stop() == 0
    assert server.said() == ""


def test_what_is_no_version_is_not_kept(tmp_path: Path) -> None:
    """A configuration that is none, an artefact that is not there, a name that is none."""
    config = tmp_path / "config.json"
    config.write_text('{"alarm_q": 1}')
    place = ("--models", str(tmp_path / "models"))
    assert "is no configuration" in run(models, "add", str(config), *place, code=2)
    config.write_text("{}")
    for artefact in ("nothing", "a=/nowhere", "../a=" + str(config)):
        run(models, "add", str(config), "--artefact", artefact, *place, code=2)
    config.write_text('{"numbers": {"nobody": {"warm_up": 1}}}')
    assert "nobody" in run(models, "add", str(config), *place, code=2)
    assert not (tmp_path / "models").exists()


def test_nobody_watches_where_detection_is_off(
    serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands and the API say so; entries that nobody is to look at are no lag."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path / "data"))
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(CONFIG))
    server = serve(tmp_path / "data", seed="7", detection="off")

    run(models, "add", str(tmp_path / "config.json"))
    assert "But no detection process runs now" in run(challenge, VERSION)
    assert "But no detection process runs now" in run(models)
    with server.client() as client:
        trade(client, 3)
        said = client.get("/v1/detection").json()
    assert said["head"] > 3
    assert (said["on"], said["running"], said["lag"]) == (False, False, 0)


def test_somebody_or_nobody_challenges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither both nor none of the two; and without a server nothing is promoted."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    assert "Name the version" in run(challenge, code=2)
    assert "Name the version" in run(challenge, VERSION, "--none", code=2)
    assert "No server" in run(challenge, "--none", code=2)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"alarm_p": 5}', "alarm_p is a probability"),
        ('{"likely_min": 0}', "likely_min is a probability"),
        ('{"disabled": ["nonsense"]}', "no finding 'nonsense'"),
        ('{"disabled": ["\udcff"]}', "is no configuration of detection"),
        ('{"numbers": {"orders": {"entities_max": 1e12}}}', "from 1 to 100,000"),
    ],
)
def test_a_configuration_that_means_nothing_is_refused(
    tmp_path: Path, config: str, said: str
) -> None:
    """Before a version of it is kept."""
    file = tmp_path / "config.json"
    file.write_text(config, errors="surrogateescape")
    assert said in run(models, "add", str(file), "--models", str(tmp_path / "kept"), code=2)
    assert not (tmp_path / "kept").exists()
