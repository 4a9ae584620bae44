"""Inhibition: who keeps whom quiet."""

from tallystick.watch.notify.config import InhibitText
from tallystick.watch.notify.routing import Inhibition

RULE = Inhibition.of(InhibitText(('alarm="away"',), ('severity="warning"',), ("host",)))


def test_sides_meet_where_the_labels_are_equal() -> None:
    """The same host is the same key; another is not; what matches neither side is neither."""
    source = RULE.as_source({"alarm": "away", "host": "a", "severity": "critical"})
    target = RULE.as_target({"severity": "warning", "host": "a"})
    other = RULE.as_target({"severity": "warning", "host": "b"})
    assert source is not None
    assert target is not None
    assert other is not None
    assert source.shared == target.shared != other.shared
    assert RULE.as_source({"host": "a"}) is None
    assert RULE.as_target({"host": "a"}) is None


def test_labels_that_are_missing_on_both_are_equal() -> None:
    """As in Alertmanager."""
    source, target = RULE.as_source({"alarm": "away"}), RULE.as_target({"severity": "warning"})
    assert source is not None
    assert target is not None
    assert source.shared == target.shared


def test_an_alert_on_both_sides_says_so() -> None:
    """Such are not inhibited by another one of the kind."""
    both = {"alarm": "away", "severity": "warning"}
    for side in (RULE.as_source(both), RULE.as_target(both)):
        assert side is not None
        assert side.both


def test_two_rules_never_meet() -> None:
    """The key holds the rule."""
    other = Inhibition.of(InhibitText(('alarm="gone"',), ('severity="warning"',), ("host",)))
    labels = {"severity": "warning", "host": "a"}
    mine, theirs = RULE.as_target(labels), other.as_target(labels)
    assert mine is not None
    assert theirs is not None
    assert mine.shared != theirs.shared
