"""lens/answers.yaml answers all 79 questions of the lens.

By tests that exist, or by who does what.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, cast

import yaml

from proof import tests as known

HERE = Path(__file__).resolve().parent.parent
QUESTIONS = {"OPS": 7, "SEC": 16, "REL": 10, "PERF": 9, "COST": 19, "SUS": 18}
REFERENCE = HERE.parents[1].parent / "shared/reference/fsi-lens-questions.txt"


def answers() -> list[dict[str, Any]]:
    """Return the answers in their order."""
    return cast("list[dict[str, Any]]", yaml.safe_load((HERE / "lens/answers.yaml").read_text()))


def profiles() -> dict[str, dict[str, Any]]:
    """Return the profiles as they are written."""
    return {
        path.stem: tomllib.loads(path.read_text()) for path in (HERE / "profiles").glob("*.toml")
    }


def test_every_question_is_answered_once() -> None:
    """There are 79 answers, as many in each pillar as the lens asks, each under its own id."""
    found = [re.fullmatch(r"FSI([A-Z]+)0*(\d+)", each["id"]) for each in answers()]
    asked = [(match[1], int(match[2])) for match in found if match]
    assert asked == [
        (pillar, number)
        for pillar in ("OPS", "SEC", "REL", "PERF", "COST", "SUS")
        for number in range(1, QUESTIONS[pillar] + 1)
    ]
    assert len(asked) == 79
    if REFERENCE.exists():
        listed = {
            re.sub(r"0+(\d)", r"\1", line.split(":")[0].lstrip("# "))
            for line in REFERENCE.read_text().splitlines()
            if line.startswith("# FSI")
        }
        assert listed == {re.sub(r"0+(\d)", r"\1", each["id"]) for each in answers()}


def test_every_answer_is_proved_or_says_who() -> None:
    """An answer names tests that exist, or it says who does what.

    Never both.
    """
    for each in answers():
        assert ("proof" in each) != ("organisational" in each), each["id"]
        for test in each.get("proof", []):
            assert known.exists(test), f"{each['id']}: {test}"
        assert len(each.get("answer", each.get("organisational", ""))) >= 60, each["id"]


def test_most_answers_are_proved() -> None:
    """At least five in six answers rest on a test; the rest is honestly organisational."""
    assert sum("proof" in each for each in answers()) >= 65


def test_stages_are_separate_accounts() -> None:
    """Delivery, staging and production are three accounts in every profile."""
    for name, profile in profiles().items():
        accounts = profile["accounts"]
        assert set(accounts) == {"delivery", "staging", "production"}, name
        assert len(set(accounts.values())) == len(accounts), name


def test_recovery_objectives_stand_in_every_profile() -> None:
    """Each profile states how soon it is back and how much it may lose.

    It states how slow an answer may be.
    """
    for name, profile in profiles().items():
        limits = profile["limits"]
        assert limits["rto_minutes"] > 0, name
        assert limits["rpo_seconds"] > 0, name
        assert limits["latency_ms_p99"] > 0, name
