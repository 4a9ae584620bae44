"""`tallystick incidents`: what it shows, what people do with it, and its exits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tallystick.wiring.commands.incidents import incidents

Run = Callable[..., Result]
Facts = Callable[..., Any]
Soon = Callable[[Callable[[], Any]], Any]


def named(facts: Facts, number: int) -> str:
    """The id of a trouble's incident."""
    found = facts(incidents, "list", "--state", "all", "--label", f"trouble={number}")["incidents"]
    name: str = found[0]["id"]
    return name


def test_nothing_is_wrong(run: Run) -> None:
    """It says so in a sentence."""
    nothing = ("list", "--label", "trouble=none")
    assert run(incidents, *nothing).stdout == "All is quiet.\n"
    assert run(incidents, *nothing, "--state", "all").stdout == "There is no such incident.\n"


def test_the_list(app: Any, run: Run, facts: Facts) -> None:
    """A row each, the newest last: who has it stands behind what it is."""
    for number in (1, 2, 3):
        severity = "critical" if number == 3 else "warning"
        app.raise_alert(number, severity=severity, labels={"team": "fx", "list": "yes"})
    run(incidents, "ack", named(facts, 2))
    lines = run(incidents, "list", "--label", "list=yes").stdout.splitlines()
    assert lines[0].split() == ["id", "began", "severity", "state", "fires", "what"]
    assert [line.split()[0] for line in lines[1:]] == [named(facts, n) for n in (1, 2, 3)]
    assert "acknowledged" in lines[2]
    assert "ada has it" in lines[2]
    assert lines[3].split()[2:5] == ["critical", "open", "1/1"]
    less = run(incidents, "list", "--label", "list=yes", "--limit", "1")
    assert less.stderr == "There are more than these 1; see --limit.\n"
    assert len(run(incidents, "list", "--severity", "critical").stdout.splitlines()) == 2


def test_one_with_its_story(app: Any, run: Run, facts: Facts, soon: Soon) -> None:
    """Timeline, alerts, who was told, proofs with the command that checks them, what to do."""
    app.raise_alert(
        4, position=1, order_id="O-1", links={"runbook": "https://wiki.example/x"},
        summary="A price\x1b[2J is stale.",
    )  # fmt: skip
    name = named(facts, 4)
    soon(lambda: "told" in {e["what"] for e in facts(incidents, "show", name)["timeline"]})
    said = run(incidents, "show", name).stdout
    for part in (
        "Timeline (UTC)", "opened", "Alerts, newest first", "runbook: https://wiki.example/x",
        "Who was told", "ops", "delivered", "Proved facts", "entry 1, order O-1",
        f"curl -s {app.url}/v1/ledger/entries/1/receipt", f"tallystick incidents ack {name}",
    ):  # fmt: skip
        assert part in said, part
    assert "\x1b" not in said
    run(incidents, "resolve", name)
    over = run(incidents, "show", name.removeprefix("I-"), "--lines", "1").stdout
    assert "by ada" in over
    assert "lines before these" in over
    assert "Act" not in over.splitlines()


def test_people_act(app: Any, run: Run, facts: Facts) -> None:
    """Each says what it has done, in a sentence; a refusal is a sentence and exit 1."""
    app.raise_alert(5)
    name = named(facts, 5)
    taken = run(incidents, "ack", name.lower(), "--for", "2h").stdout
    assert taken.startswith(f"{name} is yours until 20")
    kept = run(incidents, "ack", name, "--for", "0").stdout
    assert kept == f"{name} is yours until it is resolved: Trouble 5 has come.\n"
    assert "nobody has it" in run(incidents, "unack", name).stdout
    noted = run(incidents, "note", name, "the", "feed", "is late")
    assert noted.stdout == f"It stands in the timeline of {name}.\n"
    over = run(incidents, "resolve", name, "--note", "a drill").stdout
    assert over == f"{name} is resolved: Trouble 5 has come.\n"
    texts = {each["text"] for each in facts(incidents, "show", name)["timeline"]}
    assert {"the feed is late", "a drill"} <= texts
    late = run(incidents, "ack", name)
    assert (late.exit_code, late.stderr) == (1, f"tallystick: {name} is resolved already.\n")
    assert run(incidents, "show", "I-999").exit_code == 1
    assert run(incidents, "ack", name, "--for", "soon").exit_code == 1


def test_the_document(app: Any, run: Run, facts: Facts, tmp_path: Path) -> None:
    """On the screen, or into a file that was not there."""
    app.raise_alert(6)
    name = named(facts, 6)
    text = run(incidents, "postmortem", name).stdout
    assert text.startswith(f"# {name}: Trouble 6 has come.\n")
    file = tmp_path / "drill.md"
    written = run(incidents, "postmortem", name, "--out", str(file))
    assert written.exit_code == 0
    assert file.read_text().startswith(f"# {name}: ")
    again = run(incidents, "postmortem", name, "--out", str(file))
    assert (again.exit_code, "cannot be written" in again.stderr) == (2, True)
    assert run(incidents, "postmortem", "I-999").exit_code == 1


@pytest.mark.parametrize("name", ["list", "show", "ack", "unack", "resolve", "note", "postmortem"])
def test_help_has_examples(run: Run, name: str) -> None:
    """Whoever asks for help sees how it is called, and what the exit codes mean."""
    said = run(incidents, name, "--help").stdout
    assert f"tallystick incidents {name}" in said
    assert "Exit code: 0" in said
