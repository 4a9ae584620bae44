"""`tallystick notify`: targets, test messages, and what could not be delivered."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from tallystick.wiring.commands import notify as command
from tallystick.wiring.commands.notify import notify

Run = Callable[..., Result]
Facts = Callable[..., Any]
Soon = Callable[[Callable[[], Any]], Any]


def test_a_target_is_tried_out(app: Any, run: Run, facts: Facts) -> None:
    """It says how long it took; what was given up says why, with exit 1."""
    taken = run(notify, "test", "ops")
    assert taken.exit_code == 0, taken.output
    assert taken.stdout.startswith("ops took it after ")
    assert "asked for by ada" in app.said.getvalue()
    assert facts(notify, "test", "ops")["state"] == "delivered"
    broken = run(notify, "test", "broken")
    assert broken.exit_code == 1
    assert broken.stderr.startswith("tallystick: broken did not take it: ")
    assert "410" in broken.stderr
    waiting = run(notify, "test", "ops", "--wait", "0")
    assert waiting.exit_code in {0, 2}
    missing = run(notify, "test", "pager")
    assert missing.exit_code == 1
    assert missing.stderr == "tallystick: There is no target 'pager'; there is: broken, ops.\n"


def test_what_was_given_up(run: Run, facts: Facts, soon: Soon) -> None:
    """A row each with its reason; it is sent again by its id, or all of a target."""
    run(notify, "test", "broken")
    found = facts(notify, "dead", "--target", "broken")["messages"]
    said = run(notify, "dead").stdout
    assert said.splitlines()[0].split()[0] == "id"
    assert "410" in said
    assert "`tallystick notify replay ID` tries again." in said
    assert run(notify, "dead", "--target", "ops").stdout.startswith("Every message was delivered")
    lines = run(notify, "targets").stdout.splitlines()
    assert lines[0].split() == ["target", "type", "waiting", "given", "up"]
    assert {line.split()[0]: line.split()[3] for line in lines[1:]}["broken"] == str(len(found))
    one = str(found[0]["id"])
    assert run(notify, "replay", one).stdout == "1 message is on its way again.\n"
    soon(lambda: len(facts(notify, "dead")["messages"]) == len(found))
    sent = facts(notify, "replay", "--all", "--target", "broken")["messages"]
    assert len(sent) == len(found)
    assert run(notify, "replay").exit_code == 2
    assert run(notify, "replay", one, "--all").exit_code == 2
    assert run(notify, "replay", "999999").exit_code == 1


def test_more_than_one_page_was_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends all of them again hears that there are more."""
    for _ in range(2):
        run(notify, "test", "broken")
    monkeypatch.setattr(command, "DEAD_PAGE", 1)
    said = run(notify, "replay", "--all").stdout
    assert said.startswith("1 message is on its way again. ")
    assert said.endswith(" more were given up: say it once more.\n")


@pytest.mark.parametrize("name", ["targets", "test", "dead", "replay"])
def test_help_has_examples(run: Run, name: str) -> None:
    """Whoever asks for help sees how it is called, and what the exit codes mean."""
    said = run(notify, name, "--help").stdout
    assert f"tallystick notify {name}" in said
    assert "Exit code: 0" in said
