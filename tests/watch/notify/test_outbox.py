"""The outbox: messages in order, once, until they are settled."""

from pathlib import Path

import pytest

from tallystick.watch.notify import IncidentStore
from tallystick.watch.notify import outbox as outbox_module
from tallystick.watch.notify.message import Message
from tallystick.watch.notify.outbox import NO_INCIDENT, Addressed

NOW = 1_790_000_000 * 10**9
SECOND = 10**9


def say(store: IncidentStore, incident: int, number: int, *targets: str, at_ns: int = NOW) -> None:
    """One transition of an incident, for these targets."""
    message = Message(
        "", f"key-{incident}", f"I-{incident}", number, "trigger", "opened", "warning",
        f"{incident}.{number}", at_ns, NOW,
    )  # fmt: skip
    with store.writing():
        store.messages.add(incident, message, [Addressed(each, "ann") for each in targets], at_ns)


def title(store: IncidentStore, target: str = "x", now_ns: int = NOW) -> str:
    """What is due first."""
    due = store.next_due(target, now_ns)
    return "" if due is None else due.message.title


def test_order_is_kept_for_each_incident_and_no_other_waits(outbox: IncidentStore) -> None:
    """A message that waits for its next attempt holds up its own incident on its own target."""
    for incident, number in ((1, 1), (1, 2), (2, 1)):
        say(outbox, incident, number, "x", "y")
    first = outbox.next_due("x", NOW)
    assert first is not None
    assert (first.message.title, first.message.recipient) == ("1.1", "ann")
    outbox.settle(first, "pending", NOW + 5 * SECOND, "answered 503")
    assert title(outbox) == "2.1"
    assert title(outbox, "y") == "1.1"
    second = outbox.next_due("x", NOW)
    assert second is not None
    outbox.settle(second, "dead", NOW, "x" * 10_000)
    assert outbox.next_due("x", NOW) is None
    assert outbox.next_due_at("x") == NOW + 5 * SECOND
    again = outbox.next_due("x", NOW + 5 * SECOND)
    assert again is not None
    assert (again.message.title, again.attempts) == ("1.1", 1)
    assert again.message.key == first.message.key
    outbox.settle(again, "delivered", NOW, provider_id="p" * 1_000)
    assert title(outbox) == "1.2"
    dead = outbox.message(second.id)
    assert dead is not None
    assert (dead.state, dead.next_attempt_at, len(dead.last_error or "")) == ("dead", None, 500)


def test_messages_of_no_incident_do_not_wait_for_each_other(outbox: IncidentStore) -> None:
    """Tests and heartbeats; each has a key of its own."""
    numbers = [outbox.say("x", f"{n}", NOW) for n in range(3)]
    first = outbox.next_due("x", NOW)
    assert first is not None
    outbox.settle(first, "pending", NOW + SECOND, "later", tried=False)
    second = outbox.next_due("x", NOW)
    assert second is not None
    assert (first.id, second.id) == tuple(numbers[:2])
    assert first.message.key != second.message.key
    assert outbox.message(first.id).attempts == 0  # type: ignore[union-attr]
    assert (second.message.why, second.message.incident) == ("test", "")


def test_what_was_settled_is_not_settled_again(outbox: IncidentStore) -> None:
    """An attempt that was slow to report changes nothing any more."""
    say(outbox, 1, 1, "x")
    due = outbox.next_due("x", NOW)
    assert due is not None
    outbox.settle(due, "delivered", NOW, provider_id="p-1")
    outbox.settle(due, "dead", NOW, "too late")
    record = outbox.message(due.id)
    assert record is not None
    assert (record.state, record.provider_id, record.attempts) == ("delivered", "p-1", 1)
    assert outbox.message(99) is None


def test_whoever_waits_is_woken_only_when_something_changed(outbox: IncidentStore) -> None:
    """A circuit that is open is told again and again: the first time counts."""
    woken = []
    outbox.on_change = lambda: woken.append(1)
    say(outbox, 1, 1, "x")
    assert len(woken) == 1
    outbox.stuck("y")
    assert len(woken) == 1
    outbox.stuck("x")
    outbox.stuck("x")
    assert len(woken) == 2
    due = outbox.next_due("x", NOW)
    assert due is not None
    outbox.settle(due, "pending", NOW, "busy")
    assert len(woken) == 2


def test_messages_of_no_incident_are_not_kept_for_ever(
    outbox: IncidentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settled ones make room; those that wait stay."""
    monkeypatch.setattr(outbox_module, "TRANSITIONS_KEPT_MAX", 3)
    waits = outbox.say("down", "waits", NOW)
    for n in range(20):
        outbox.say("x", str(n), NOW)
        due = outbox.next_due("x", NOW)
        assert due is not None
        outbox.settle(due, "delivered", NOW)
    rows = list(outbox.file._connection.execute("SELECT count(*) FROM messages"))
    assert rows[0][0] <= 6
    assert outbox.message(waits) is not None
    assert NO_INCIDENT == 0


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    """What waited waits."""
    first = IncidentStore(tmp_path / "notify.db")
    say(first, 1, 1, "x")
    due = first.next_due("x", NOW)
    first.close()
    second = IncidentStore(tmp_path / "notify.db")
    assert second.next_due("x", NOW) == due
    second.close()
