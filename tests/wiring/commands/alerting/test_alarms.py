"""`tallystick alarms`: what it shows, makes, deletes, tries out and checks, and its exits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tallystick.wiring.commands.alarms import alarms

Run = Callable[..., Result]
Facts = Callable[..., Any]
Soon = Callable[[Callable[[], Any]], Any]
LAG = """
description = "The lag is too long"
severity = "warning"
comparison = ">"
threshold = 5.0
unit = "seconds"
runbook = "Look at the feed."
[source]
type = "metric"
name = "lag"
labels = {feed = "a*"}
by = ["feed"]
"""


EVENTS = """
description = "Something came"
statistic = "count"
threshold = 1.0
[source]
type = "events"
pattern = '{"source": ["x"]}'
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An alarm in a file."""
    path = tmp_path / "lag.toml"
    path.write_text(LAG)
    return path


def test_the_list_says_what_fires_and_why(app: Any, run: Run, facts: Facts, soon: Soon) -> None:
    """The one that fires comes first, in a row with its sentence; then how many there are."""
    app.happen("acme", 3)
    soon(lambda: facts(alarms, "list", "--state", "ALARM")["alarms"])
    assert run(alarms, "list", "--state", "OK").stdout == "There is no such alarm.\n"
    lines = run(alarms, "list").stdout.splitlines()
    assert lines[0].split() == ["state", "since", "alarm", "severity", "why"]
    assert lines[1].split()[0] == "ALARM"
    assert "rejects" in lines[1]
    assert "error" in lines[1]
    assert lines[-1] == "1 of 1 alarm fires."


def test_one_is_explained(app: Any, run: Run, facts: Facts, soon: Soon) -> None:
    """What it watches, when it fires, how each series stands and why, and the runbook."""
    app.happen("bolt", 3)
    soon(lambda: [e for e in facts(alarms, "show", "rejects")["series"]
                  if e["labels"]["account"] == "bolt" and e["state"] == "ALARM"])  # fmt: skip
    said = run(alarms, "show", "rejects").stdout
    for part in (
        "events that match", "by $.account", "count >= 2 orders", "How it stands", "account=bolt",
        "Why: the last evaluations, newest first", "What to do", "2. Call the desk.",
        "shipped with the product",
    ):  # fmt: skip
        assert part in said, part
    assert "Why:" not in run(alarms, "show", "rejects", "--traces", "0").stdout
    missing = run(alarms, "show", "nobody")
    assert (missing.exit_code, missing.stderr) == (1, "tallystick: There is no alarm 'nobody'.\n")


def test_put_and_delete(run: Run, facts: Facts, file: Path) -> None:
    """A file becomes an alarm, changes it, and it is deleted again."""
    assert run(alarms, "put", str(file)).stdout == "lag is made (version 1).\n"
    file.write_text(LAG.replace("5.0", "7.5"))
    assert run(alarms, "put", str(file)).stdout == "lag is changed (version 2).\n"
    known = facts(alarms, "show", "lag")
    assert (known["alarm"]["threshold"], known["origin"]) == (7.5, "api")
    said = run(alarms, "show", "lag").stdout
    assert "metric lag {feed=a*}, by feed" in said
    assert "average > 7.5 seconds, over 1 min" in said
    assert "made by ada" in said
    assert run(alarms, "delete", "lag").stdout == "lag is deleted.\n"
    assert run(alarms, "delete", "lag").exit_code == 1
    file.write_text(LAG.replace(">", "="))
    wrong = run(alarms, "put", str(file))
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith(f"tallystick: {file}: ")


def test_a_shipped_one_comes_back(run: Run, file: Path) -> None:
    """It is said, so that nobody thinks it is gone."""
    rejects = file.rename(file.with_name("rejects.toml"))
    assert run(alarms, "put", str(rejects)).exit_code == 0
    said = run(alarms, "delete", "rejects").stdout
    assert said == "rejects is deleted; the shipped one is back in its place.\n"
    assert run(alarms, "delete", "rejects").exit_code == 1


def test_a_rule_is_tried_out(run: Run, facts: Facts, file: Path) -> None:
    """A file or a known alarm; what would have been, in sentences; what is not known is said."""
    file.write_text(EVENTS)
    said = run(alarms, "test", str(file), "--earliest", "-10m").stdout
    assert said.startswith("lag  ")
    assert "It would not have fired" in said
    answer = facts(alarms, "test", "rejects", "-e", "-1h")
    assert (answer["name"], answer["fired"]) == ("rejects", 0)
    nobody = run(alarms, "test", "nobody")
    assert (nobody.exit_code, nobody.stderr) == (1, "tallystick: There is no alarm 'nobody'.\n")
    gone = run(alarms, "test", "gone.toml")
    assert gone.exit_code == 2
    assert "gone.toml cannot be read" in gone.stderr


def test_a_folder_is_checked(run: Run, facts: Facts, file: Path) -> None:
    """As a start would read it, with every complaint; no server is asked."""
    said = run(alarms, "check", str(file.parent)).stdout
    assert said.splitlines()[0] == "lag  The lag is too long"
    assert "1 of your own and " in said
    assert facts(alarms, "check", str(file.parent))["alarms"] == [{"name": "lag", "enabled": True}]
    file.write_text(LAG.replace("[source]", "[sauce]"))
    wrong = run(alarms, "check", str(file.parent))
    assert wrong.exit_code == 1
    assert "lag.toml" in wrong.stderr
    told = json.loads(run(alarms, "check", str(file.parent), "--json").stdout)
    assert told["usable"] is False


def test_no_server(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2 and a sentence."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path / "nothing"))
    result = run(alarms, "list")
    assert result.exit_code == 2
    assert result.stderr.startswith("tallystick: No server")


@pytest.mark.parametrize("name", ["list", "show", "put", "delete", "test", "check"])
def test_help_has_examples(run: Run, name: str) -> None:
    """Whoever asks for help sees how it is called, and what the exit codes mean."""
    said = run(alarms, name, "--help").stdout
    assert f"tallystick alarms {name}" in said
    assert "Exit code: 0" in said
