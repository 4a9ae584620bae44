"""`tallystick notify silence`, `silences` and `unsilence`."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from tallystick.wiring.commands.notify import notify

Run = Callable[..., Result]
Facts = Callable[..., Any]


def test_a_silence_from_its_beginning_to_its_end(run: Run, facts: Facts) -> None:
    """It is said with its matchers and reason, listed, and ended by its id."""
    made = run(
        notify, "silence", "pair=USD/TRY", 'severity=~"warning|info"', "--until", "+2h",
        "--reason", "the feed is maintained",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert 'pair="USD/TRY", severity=~"warning|info" is silent from 20' in made.stdout
    assert "the feed is maintained (ada)." in made.stdout
    (kept,) = facts(notify, "silences")["silences"]
    assert kept["matchers"][0] == {"label": "pair", "operator": "=", "value": "USD/TRY"}
    assert f"`tallystick notify unsilence {kept['id']}` ends it." in made.stdout
    assert run(notify, "silences").stdout.startswith(f"{kept['id']}  pair=")
    over = run(notify, "unsilence", kept["id"])
    assert (over.exit_code, over.stdout) == (0, f"{kept['id']} is over.\nNothing is silenced.\n")
    gone = run(notify, "unsilence", kept["id"])
    assert gone.exit_code == 1
    assert gone.stderr.startswith("tallystick: ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("pair", "--until", "+1h"), "'pair' is no matcher such as"),
        (("a=b", "--until", "soon"), "soon"),
        (("a=b", "--until", "-1h"), ""),
        (("a=b", "--until", "+40d"), ""),
    ],
    ids=["matcher", "no-time", "past", "too-long"],
)
def test_what_cannot_be_silenced(run: Run, words: tuple[str, ...], sentence: str) -> None:
    """It is refused with a sentence, and nothing is silent."""
    refused = run(notify, "silence", *words, "--reason", "x")
    assert refused.exit_code == 1, refused.output
    assert sentence in refused.stderr
    assert run(notify, "silences").stdout == "Nothing is silenced.\n"


def test_a_silence_needs_its_end_and_its_reason(run: Run) -> None:
    """Nobody silences for ever, or without saying why."""
    assert run(notify, "silence", "a=b", "--until", "+1h").exit_code == 2
    assert run(notify, "silence", "a=b", "--reason", "x").exit_code == 2
    assert run(notify, "silence", "--until", "+1h", "--reason", "x").exit_code == 2
