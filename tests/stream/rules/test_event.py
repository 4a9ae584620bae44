"""The envelope: EventBridge's members around an entry's own bytes."""

import json

import pytest

from tallystick.stream.rules import entry_event, other_event, read_event, words_of
from tallystick.stream.rules.event import kind_of

BODY = (
    b'{"at":"2026-11-22T04:08:16.123456Z","kind":"order_decided",'
    b'"order":{"account":"demo","id":"O-7","pair":"EUR/USD","quantity":"1000.00"},"v":1}'
)


def test_an_entry_is_wrapped_byte_for_byte() -> None:
    """The detail is what stands in the ledger; the envelope says whose and about what."""
    event = entry_event(7, BODY, "ledger.example/test")
    assert event is not None
    assert event.body.endswith(b',"detail":' + BODY + b"}")
    assert json.loads(event.body) == event.members
    assert event.members == {
        "version": "0",
        "id": "7",
        "detail-type": "Order Decided",
        "source": "tallystick.ledger",
        "account": "demo",
        "time": "2026-11-22T04:08:16.123456Z",
        "region": "ledger.example/test",
        "resources": ["entry/7", "account/demo", "order/O-7", "pair/EUR/USD"],
        "detail": json.loads(BODY),
    }


def test_a_replayed_event_says_so() -> None:
    """As EventBridge's do, so that a rule can leave them out."""
    event = entry_event(7, BODY, "x", "monday")
    assert event is not None
    assert event.members["replay-name"] == "monday"


def test_bytes_that_are_no_entry_are_no_event() -> None:
    """Raw bytes of a load test say nothing; broken ones raise."""
    assert entry_event(1, b"raw", "x") is None
    assert entry_event(1, b'{"a":1}', "x") is None
    with pytest.raises(ValueError, match="trunc"):
        entry_event(1, b'{"kind":', "x")


def test_other_events_have_the_same_envelope() -> None:
    """Anomalies and log lines look like entries to a rule."""
    event = other_event("A-1", "tallystick.detect", "Anomaly", {"p": 1}, 10**18, "x")
    assert read_event(event.body) == event
    assert event.members["time"] == "2001-09-09T01:46:40.000000Z"
    with pytest.raises(ValueError, match="object"):
        read_event(b"[]")


def test_kinds_and_their_words() -> None:
    """Each detail-type has one kind and back."""
    assert words_of("margin_changed") == "Margin Changed"
    assert kind_of("Margin Changed") == "margin_changed"
    assert kind_of("margin Changed") is None
