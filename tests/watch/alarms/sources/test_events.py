"""Events as an alarm's numbers."""

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.errors import Refused
from tallystick.stream import Message
from tallystick.stream.rules import other_event
from tallystick.watch.alarms.alarm import Alarm, EventSource
from tallystick.watch.alarms.series import series_of
from tallystick.watch.alarms.sources import About, Listening

AT = "2026-11-22T04:08:16.123456Z"
NOW = parse_rfc3339(AT) + 5 * NS_PER_SECOND
REJECTED = '{"detail": {"outcome": {"kind": ["rejected"]}}}'


def alarm(name: str, pattern: str, *by: str) -> Alarm:
    """An alarm over events."""
    return Alarm(name, "Something is odd.", source=EventSource(pattern, by), threshold=1.0)


def entry(position: int, outcome: str = "rejected", at: str = AT) -> Message:
    """A ledger entry about an order."""
    order = {"id": f"O-{position}", "account": "acme", "pair": "EURUSD"}
    body = {"at": at, "kind": "order_decided", "order": order, "outcome": {"kind": outcome}}
    return Message(position, msgspec.json.encode(body))


def test_what_matches_is_counted_with_the_way_to_its_proof() -> None:
    """The entry's own time, its position, its order; the series by paths into the event."""
    often = alarm("often", REJECTED, "$.account", "$.detail.order.pair")
    listening = Listening([often], "example.com/ledger")
    promising = listening.worth_reading([entry(7), entry(8, "filled")])
    seen = [event for each in promising if (event := listening.entry(each)) is not None]
    (happened,) = [h for event in seen for h in listening.happened(event, NOW)]
    assert happened.alarm is often
    assert happened.series == series_of({"account": "acme", "pair": "EURUSD"})
    assert happened.at_ns == parse_rfc3339(AT)
    assert happened.about == About(7, "O-7")


def test_most_entries_are_turned_away_by_their_bytes() -> None:
    """Nothing is read that no alarm is about; without alarms nothing at all."""
    listening = Listening([alarm("a", '{"detail-type": ["Margin Called"]}')], "")
    assert listening.worth_reading([entry(1), entry(2)]) == []
    assert Listening([], "").worth_reading([entry(1)]) == []


def test_a_path_that_leads_nowhere_is_an_empty_label() -> None:
    """Two paths with one last step keep their whole names."""
    often = alarm("often", REJECTED, "$.detail.order.id", "$.id", "$.detail.nothing")
    listening = Listening([often], "")
    event = listening.entry(entry(7))
    assert event is not None
    (happened,) = listening.happened(event, NOW)
    assert dict(happened.series) == {"detail.order.id": "O-7", "id": "7", "nothing": ""}


@pytest.mark.parametrize("at", ["2999-01-01T00:00:00Z", "yesterday", ""])
def test_a_time_that_cannot_be_is_now(at: str) -> None:
    """A clock that is ahead of ours must not hide an event in the future."""
    listening = Listening([alarm("often", REJECTED)], "")
    event = listening.entry(entry(7, at=at))
    assert event is not None
    assert listening.happened(event, NOW)[0].at_ns == NOW


def test_events_that_are_no_entries_count_too() -> None:
    """They have no position."""
    checked = alarm("check", '{"detail-type": ["Ledger Check Failed"]}')
    listening = Listening([checked], "")
    event = other_event("c/1", "tallystick.ledger", "Ledger Check Failed", {}, NOW, "")
    (happened,) = listening.happened(event, NOW)
    assert happened.about == About(None, None)


def test_bytes_that_cannot_be_read_are_counted() -> None:
    """And stop nothing."""
    listening = Listening([alarm("any", '{"source": ["tallystick.ledger"]}')], "")
    assert listening.entry(Message(3, b'{"kind":"order_decided", broken')) is None
    assert listening.unreadable == 1


def test_a_pattern_that_is_none_is_refused() -> None:
    """With EventBridge's sentence."""
    with pytest.raises(Refused) as refusal:
        Listening([alarm("bad", '{"source": "x"}')], "")
    assert refusal.value.code == "BAD_PATTERN"
