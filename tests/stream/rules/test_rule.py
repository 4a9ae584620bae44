"""Rule files: what stands in them, and every complaint at once."""

from pathlib import Path

import pytest

from tallystick.errors import Misconfigured
from tallystick.stream.rules import entry_event, read_rule, read_rules, shipped_rules

QUEUE = '[[targets]]\nid = "q"\ntype = "queue"\nqueue = "fills"\n'
GOOD = f"""
description = "fills"
pattern = '{{"detail-type": ["Order Filled"]}}'
{QUEUE}
[targets.retry]
attempts_max = 3
"""


def test_a_rule_in_toml_and_in_json_is_the_same(tmp_path: Path) -> None:
    """The form of the file does not matter; its name is the rule's."""
    (tmp_path / "fills.toml").write_text(GOOD)
    (tmp_path / "more.json").write_text(
        '{"pattern": {"detail-type": ["Order Filled"]}, "targets": [{"id": "q", "type": "queue",'
        ' "queue": "fills", "retry": {"attempts_max": 3}}]}'
    )
    (tmp_path / "notes.txt").write_text("not a rule")
    rules = {rule.name: rule for rule in read_rules(tmp_path)}
    for name in ("fills", "more"):
        rule = rules[name]
        assert rule.pattern is not None
        assert rule.pattern.source == {"detail-type": ["Order Filled"]}
        (target,) = rule.targets
        assert (target.id, target.type, target.options) == ("q", "queue", {"queue": "fills"})
        assert target.retry.attempts_max == 3


def test_the_shipped_rules_are_there_and_can_be_replaced(tmp_path: Path) -> None:
    """One file of the same name turns a shipped rule off."""
    names = {rule.name for rule in shipped_rules()}
    assert names == {"large-trade", "margin-call", "kill-switch", "ledger-check-failed"}
    (tmp_path / "large-trade.toml").write_text(f'state = "disabled"{GOOD}')
    rules = {rule.name: rule for rule in read_rules(tmp_path)}
    assert rules.keys() == names
    assert not rules["large-trade"].enabled
    assert all(rule.enabled for rule in read_rules(None))


def test_every_complaint_is_named(tmp_path: Path) -> None:
    """An operator fixes a folder in one go."""
    (tmp_path / "a.toml").write_text("pattern = 1")
    (tmp_path / "b.toml").write_text(
        'pattern = "{}"\nschedule = "daily"\n[[targets]]\ntype = "fax"\n'
        '[[targets]]\nid = "x y"\ntype = "queue"\n[[targets]]\ntype = "queue"\ninput = "{"\n'
    )
    (tmp_path / "c.json").write_text("{")
    (tmp_path / "d.toml").write_text('schedule = "daily"\ntargets = []\n')
    (tmp_path / "e f.toml").write_text(GOOD)
    (tmp_path / "g.toml").write_text(GOOD + "other = 1\n")
    (tmp_path / "h.toml").write_text(GOOD.replace("attempts_max = 3", "attempts_max = 0"))
    (tmp_path / "i.toml").write_text(GOOD)
    (tmp_path / "i.json").write_text("{}")
    (tmp_path / "j.toml").write_text(f"pattern = '{{\"a\": [1]}}'\n{QUEUE}{QUEUE}")
    with pytest.raises(Misconfigured) as error:
        read_rules(tmp_path)
    said = str(error.value)
    for part in (
        "a.toml: it cannot be read: Expected `str | object | null`",
        "b.toml: a rule has either a pattern or a schedule. Event pattern is not valid.",
        "target 1: its type 'fax' is none of ",
        "target x y: an id has",
        "target 3: The input of a target cannot be used: the input is no JSON",
        "c.json: it cannot be read",
        "The schedule 'daily' cannot be used",
        "d.toml: The schedule 'daily' cannot be used: it is neither rate(5 minutes) nor cron(0",
        " 18 ? * MON-FRI *). a rule has 1 to 20 targets.",
        "e f.toml: a rule's name has 1 to 64",
        "h.toml: target q: Expected `int` >= 1",
        "i.toml: there is another rule called i.",
        "j.toml: target q: there is another target of this id.",
    ):
        assert part in said, said


def test_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """A misspelt setting is not silently no rules."""
    with pytest.raises(Misconfigured, match="is not there"):
        read_rules(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "body", "matched"),
    [
        ("large-trade",
         b'{"kind":"order_decided","order":{"quantity":"10000000","state":"filled"}}', True),
        ("large-trade",
         b'{"kind":"order_decided","order":{"quantity":"9999999","state":"filled"}}', False),
        ("margin-call", b'{"account":"a","event":"call_entered","kind":"margin_changed"}', True),
        ("margin-call", b'{"account":"a","event":"call_exited","kind":"margin_changed"}', False),
        ("kill-switch", b'{"kind":"trading_state_set","scope":"all","state":"halted"}', True),
        ("kill-switch", b'{"kind":"trading_state_set","scope":"all","state":"active"}', False),
        ("kill-switch", b'{"active":true,"kind":"kill_switch_set"}', True),
        ("ledger-check-failed", b'{"abandoned":false,"kind":"ledger_reconciled"}', True),
    ],
)  # fmt: skip
def test_what_the_shipped_rules_are_about(name: str, body: bytes, matched: bool) -> None:
    """Each of them on an entry that it is about and one that it is not."""
    (rule,) = [rule for rule in shipped_rules() if rule.name == name]
    event = entry_event(1, body, "x")
    assert event is not None
    assert rule.pattern is not None
    assert rule.pattern.matches(event.members) is matched


def test_a_large_file_is_refused() -> None:
    """Rules are short."""
    with pytest.raises(Misconfigured, match="at most 65536 bytes"):
        read_rule("x", b"#" * 70_000, "toml")
