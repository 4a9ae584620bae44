"""Retention: a duty to keep records forbids an erasure until its first possible date."""

from datetime import date
from pathlib import Path

import pytest

from tallystick.clock import parse_rfc3339
from tallystick.errors import Misconfigured, Refused
from tallystick.ledger.personal.retention import (
    Known,
    Retention,
    Rule,
    first_day_after,
    read_retention,
)

TRADES = Rule(name="records of trades", basis="MiFID II, Article 16(7)", years=5, traded=True)
IDS = Rule(name="identity", basis="AMLD, Article 40", years=2, fields=("national_id", "passport"))


def at(text: str) -> int:
    """Nanoseconds of a day's last second."""
    return parse_rfc3339(f"{text}T23:59:59Z")


def known(*fields: str, recorded: str = "2020-03-01", traded: str | None = None) -> Known:
    """A subject with these fields, recorded and traded on these days."""
    return Known("S-1", frozenset(fields), at(recorded), None if traded is None else at(traded))


@pytest.mark.parametrize(
    ("day", "years", "first"),
    [
        ("2020-03-01", 5, "2025-03-02"),
        ("2020-02-29", 4, "2024-03-01"),
        ("2020-02-29", 5, "2025-03-01"),
        ("2019-12-31", 1, "2021-01-01"),
        ("2024-02-28", 4, "2028-02-29"),
    ],
)
def test_a_period_ends_with_its_last_hour(day: str, years: int, first: str) -> None:
    """Regulation 1182/71, Article 3(2)(c): the same day of the last year is still in it."""
    assert first_day_after(date.fromisoformat(day), years) == date.fromisoformat(first)


def test_without_rules_nothing_is_forbidden() -> None:
    """The policy of a new installation."""
    Retention().require_end(known("name", traded="2020-03-01"), 0)


def test_a_duty_forbids_until_its_end() -> None:
    """The sentence names the rule, its basis and the first possible date; then it is allowed."""
    policy = Retention((TRADES,))
    subject = known("name", recorded="2019-01-01", traded="2020-03-01")

    with pytest.raises(Refused) as refused:
        policy.require_end(subject, at("2025-03-01"))
    assert refused.value.code == "ERASURE_FORBIDDEN"
    assert str(refused.value) == (
        "Subject S-1 cannot be erased yet: the rule 'records of trades' (MiFID II, Article 16(7))"
        " keeps records for 5 years after the last activity, which was on 2020-03-01. The first"
        " possible date is 2025-03-02."
    )
    policy.require_end(subject, parse_rfc3339("2025-03-02T00:00:00Z"))


def test_a_rule_is_for_those_it_names() -> None:
    """Who never traded, or has none of its fields, may be erased at once."""
    now = at("2020-03-02")

    Retention((TRADES,)).require_end(known("national_id"), now)
    Retention((IDS,)).require_end(known("name", traded="2020-03-01"), now)
    both = Rule(name="both", basis="law", years=1, traded=True, fields=("name",))
    Retention((both,)).require_end(known("name"), now)
    Retention((both,)).require_end(known("email", traded="2020-03-01"), now)
    for policy in (Retention((IDS,)), Retention((Rule(name="all", basis="law", years=1),))):
        with pytest.raises(Refused):
            policy.require_end(known("passport"), now)
    with pytest.raises(Refused):
        Retention((both,)).require_end(known("name", traded="2020-03-01"), now)


def test_the_newest_activity_counts_and_the_longest_duty_is_named() -> None:
    """A recording after the last trade begins the period anew."""
    subject = known("passport", recorded="2021-06-01", traded="2020-03-01")

    with pytest.raises(Refused, match=r"records of trades.*2021-06-01.*date is 2026-06-02\.$"):
        Retention((IDS, TRADES)).require_end(subject, at("2022-01-01"))


def test_a_policy_file(tmp_path: Path) -> None:
    """The form in the module's docstring; an empty file forbids nothing."""
    path = tmp_path / "retention.toml"
    path.write_text(
        '[[rule]]\nname = "records of trades"\nbasis = "MiFID II, Article 16(7)"\nyears = 5\n'
        'traded = true\n[[rule]]\nname = "identity"\nbasis = "AMLD, Article 40"\nyears = 2\n'
        'fields = ["national_id", "passport"]\n'
    )

    assert read_retention(path) == Retention((TRADES, IDS))
    path.write_text("")
    assert read_retention(path) == Retention()


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        "rules = []",
        '[[rule]]\nname = "n"\nbasis = "b"',
        '[[rule]]\nname = "n"\nbasis = "b"\nyears = 0',
        '[[rule]]\nname = "n"\nbasis = "b"\nyears = 1\nyear = 2',
        '[[rule]]\nname = ""\nbasis = "b"\nyears = 1',
        "#" * 70_000,
    ],
    ids=["not_toml", "unknown", "no_years", "no_duty", "misspelt", "nameless", "large"],
)
def test_a_policy_that_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    """A rule that is misread would let records go that must be kept: nothing is guessed."""
    path = tmp_path / "retention.toml"
    path.write_text(text)

    with pytest.raises(Misconfigured, match=r"retention\.toml"):
        read_retention(path)
    with pytest.raises(Misconfigured, match="nowhere"):
        read_retention(tmp_path / "nowhere.toml")
