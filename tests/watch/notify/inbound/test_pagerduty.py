"""PagerDuty's webhooks v3: signatures, what acts and what does not, repetitions and old events.

The bodies have the form of the examples in PagerDuty's developer documentation.
"""

import hashlib
import hmac

import msgspec
import pytest

from tallystick.clock import ManualClock, rfc3339
from tallystick.errors import Misconfigured, Refused, TemporaryError
from tallystick.watch.notify import Notifier
from tallystick.watch.notify.inbound import pagerduty
from tallystick.watch.notify.inbound.pagerduty import (
    EVENT_SECONDS_MAX,
    SKEW_SECONDS,
    WEBHOOK_BYTES_MAX,
    PagerDutyDoor,
    is_signed,
)

SECRET, NEXT = "a" * 44, "b" * 44
ACKNOWLEDGED = "incident.acknowledged"


def signed(body: bytes, *secrets: str) -> str:
    """The header that PagerDuty sends."""
    macs = [hmac.new(each.encode(), body, hashlib.sha256).hexdigest() for each in secrets]
    return ",".join(f"v1={mac}" for mac in macs)


def test_the_documented_form_of_the_header_is_understood() -> None:
    """Several signatures with commas, as while a secret is changed; other versions are passed."""
    body = b'{"event":{}}'
    right, wrong = signed(body, SECRET), signed(body, "c" * 44)
    secrets = [SECRET.encode()]
    for header in (right, f"{wrong},{right}", f"{right},{wrong}", f"{wrong}, {right}"):
        assert is_signed(secrets, header, body)
    for header in ("", wrong, right.upper(), right[3:], right.replace("v1", "v0"), "v1=", "é"):
        assert not is_signed(secrets, header, body)
    assert not is_signed(secrets, right, body + b" ")
    assert is_signed([NEXT.encode(), SECRET.encode()], right, body)


@pytest.fixture
def door(notifier: Notifier, clock: ManualClock) -> PagerDutyDoor:
    """The door under test."""
    return PagerDutyDoor([SECRET], notifier, clock, "ops-pager")


class Sender:
    """PagerDuty as it posts to us."""

    def __init__(self, door: PagerDutyDoor, clock: ManualClock) -> None:
        self.door = door
        self._clock = clock
        self._sent = 0

    def body(self, event_type: str, key: str | None, agent: str | None = "Tenex Engineer") -> bytes:
        """One event, of now."""
        self._sent += 1
        event = {
            "id": f"01BRB6ZP4M6T8ZG4X6BP{self._sent}",
            "event_type": event_type,
            "resource_type": "incident",
            "occurred_at": rfc3339(self._clock.now_ns()),
            "agent": agent and {"id": "PLH1HKV", "summary": agent, "type": "user_reference"},
            "client": {"name": "PagerDuty"},
            "data": {"id": "PGR0VU2", "type": "incident", "number": 2, "incident_key": key},
        }
        return msgspec.json.encode({"event": event})

    def send(self, body: bytes) -> str:
        """What becomes of it."""
        return self.door.receive(signed(body, SECRET), body).outcome

    def say(self, event_type: str, key: str | None, agent: str | None = "Tenex Engineer") -> str:
        """Send one event."""
        return self.send(self.body(event_type, key, agent))


@pytest.fixture
def sender(door: PagerDutyDoor, clock: ManualClock) -> Sender:
    """PagerDuty."""
    return Sender(door, clock)


@pytest.fixture
def key(notifier: Notifier, incident: str) -> str:
    """The deduplication key under which the incident was triggered there."""
    return notifier.incident(incident).incident.key


def test_what_somebody_does_there_is_done_here(
    sender: Sender, notifier: Notifier, incident: str, key: str, clock: ManualClock
) -> None:
    """Acknowledge, take back, acknowledge, resolve: each in the timeline with their name."""
    for event_type, state in (
        (ACKNOWLEDGED, "acknowledged"),
        ("incident.unacknowledged", "open"),
        (ACKNOWLEDGED, "acknowledged"),
        ("incident.resolved", "resolved"),
    ):
        clock.advance(1)
        assert sender.say(event_type, key) == "done"
        assert notifier.incident(incident).incident.state == state
    timeline = notifier.incident(incident).timeline
    assert {line.by for line in timeline if line.what in {"acknowledged", "resolved"}} == {
        "pagerduty:Tenex Engineer"
    }


def test_its_echo_of_what_we_told_it_changes_nothing(
    sender: Sender, notifier: Notifier, incident: str, key: str
) -> None:
    """Acknowledged here, told there, told back: whoever it was stays the one."""
    notifier.acknowledge(incident, "ann")
    before = notifier.incident(incident)
    assert sender.say(ACKNOWLEDGED, key, agent=None) == "nothing_to_do"
    assert notifier.incident(incident) == before
    notifier.resolve(incident, "ann")
    assert sender.say("incident.resolved", key, agent=None) == "nothing_to_do"
    assert sender.say(ACKNOWLEDGED, key) == "nothing_to_do"


@pytest.mark.parametrize(
    "event_type",
    ["incident.triggered", "incident.annotated", "incident.escalated", "incident.reassigned",
     "incident.reopened", "service.updated", "pagey.ping", "incident.something_new"],
)  # fmt: skip
def test_other_events_are_taken_and_change_nothing(
    sender: Sender, notifier: Notifier, incident: str, key: str, event_type: str
) -> None:
    """Also those that PagerDuty will think of later."""
    before = notifier.incident(incident)
    assert sender.say(event_type, key) == "ignored"
    assert notifier.incident(incident) == before


def test_incidents_that_are_not_ours_are_none_of_our_business(sender: Sender) -> None:
    """A subscription may cover more services than ours."""
    assert sender.say(ACKNOWLEDGED, "somebody else's") == "unknown_incident"
    assert sender.say(ACKNOWLEDGED, None) == "ignored"


def test_a_repetition_changes_nothing(
    sender: Sender, notifier: Notifier, incident: str, key: str
) -> None:
    """At least once there is once here; a recorded webhook that is played again does nothing."""
    body = sender.body(ACKNOWLEDGED, key)
    assert sender.send(body) == "done"
    notifier.unacknowledge(incident, "ann")
    assert sender.send(body) == "repeated"
    assert notifier.incident(incident).incident.state == "open"


def test_it_changes_nothing_after_a_restart_either(
    sender: Sender, notifier: Notifier, incident: str, key: str, clock: ManualClock
) -> None:
    """Nobody remembers the id; but what was done since came later."""
    body = sender.body(ACKNOWLEDGED, key)
    assert sender.send(body) == "done"
    clock.advance(SKEW_SECONDS + 1)
    notifier.unacknowledge(incident, "ann")
    sender.door = PagerDutyDoor([SECRET], notifier, clock)
    assert sender.send(body) == "too_late"
    assert notifier.incident(incident).incident.state == "open"


def test_an_old_event_is_not_carried_out(
    sender: Sender, notifier: Notifier, incident: str, key: str, clock: ManualClock
) -> None:
    """PagerDuty gives up within the hour; whoever sends it a day later is somebody else."""
    body = sender.body(ACKNOWLEDGED, key)
    clock.advance(EVENT_SECONDS_MAX + 1)
    assert sender.send(body) == "too_late"
    assert notifier.incident(incident).incident.state == "open"


def test_ids_are_remembered_in_bounds(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """The oldest is forgotten; the order of events is remembered by the incident itself."""
    monkeypatch.setattr(pagerduty, "EVENTS_KNOWN_MAX", 2)
    bodies = [sender.body("incident.triggered", key) for _ in range(3)]
    assert [sender.send(body) for body in (*bodies, *bodies[1:])] == [
        "ignored", "ignored", "ignored", "repeated", "repeated",
    ]  # fmt: skip
    assert len(sender.door._known) == 2


def test_what_could_not_be_stored_is_carried_out_when_it_comes_again(
    sender: Sender, notifier: Notifier, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error goes to PagerDuty as a 5xx, and its next attempt is not taken for a repetition."""
    body = sender.body(ACKNOWLEDGED, key)

    def fail(*_: object, **__: object) -> None:
        """As a full disk does."""
        raise TemporaryError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(notifier, "acknowledge", fail)
        with pytest.raises(TemporaryError):
            sender.send(body)
    assert sender.send(body) == "done"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"event":{}}', b"\xff", b"[" * 100_000,
     b'{"event":{"id":"1","event_type":"x","occurred_at":"yesterday"}}'],
    ids=["empty", "list", "object", "event", "bytes", "deep", "time"],
)  # fmt: skip
def test_a_signed_body_that_is_no_event_is_refused(door: PagerDutyDoor, body: bytes) -> None:
    """With a code; PagerDuty does not send it again."""
    with pytest.raises(Refused) as refused:
        door.receive(signed(body, SECRET), body)
    assert refused.value.code == "WEBHOOK_BODY"


def test_what_is_not_signed_is_not_even_read(
    door: PagerDutyDoor, sender: Sender, notifier: Notifier, incident: str, key: str
) -> None:
    """The right event under a wrong secret, and one that is too large under the right one."""
    body = sender.body(ACKNOWLEDGED, key)
    large = body + b" " * WEBHOOK_BYTES_MAX
    for header, each in ((signed(body, NEXT), body), ("", body), (signed(large, SECRET), large)):
        with pytest.raises(Refused) as refused:
            door.receive(header, each)
        assert refused.value.code == "WEBHOOK_SIGNATURE"
        assert SECRET not in str(refused.value)
    assert notifier.incident(incident).incident.state == "open"


@pytest.mark.parametrize("secrets", [[], ["short"], [SECRET, ""]], ids=["none", "short", "empty"])
def test_a_secret_that_is_none_is_said_at_the_start(
    notifier: Notifier, clock: ManualClock, secrets: list[str]
) -> None:
    """Everybody can sign under an empty secret."""
    with pytest.raises(Misconfigured, match="at least 16 characters"):
        PagerDutyDoor(secrets, notifier, clock)
