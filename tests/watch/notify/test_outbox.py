"""The outbox keeps what it was told, once, whole, and across restarts."""

import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tallystick.errors import Corrupt, PermanentError, Refused, TemporaryError
from tallystick.watch.notify import (
    Alert,
    Deduplicated,
    Deliver,
    Matcher,
    Outbox,
    Policy,
    Silence,
    Silenced,
)
from tallystick.watch.notify import (
    outbox as outbox_module,
)
from tallystick.watch.notify.policy import Decision

NOW = 1_790_000_000 * 10**9
SECOND = 10**9
JUDGE = Policy(("terminal", "webhook")).decide


def silence(**members: object) -> Silence:
    """Everything is silent for an hour."""
    matcher = Matcher("detector", "=~", ".*")
    settled = {"starts_at_ns": NOW, "ends_at_ns": NOW + 3_600 * SECOND}
    return Silence(  # type: ignore[arg-type]
        id="", matchers=(matcher,), comment="upgrade", author="ops", **settled | members
    )


def test_an_alert_becomes_a_delivery_for_each_channel(
    outbox: Outbox, make_alert: Callable[..., Alert]
) -> None:
    """Both channels get it, whole, and settle it on their own."""
    alert = make_alert("a", details={"p": 1e-7})
    assert outbox.raise_alert(alert, JUDGE, NOW) == Deliver(("terminal", "webhook"))
    due = outbox.next_due("webhook", NOW)
    assert due is not None
    assert (due.alert, due.attempts) == (alert, 0)
    outbox.settle(due, "delivered", NOW)
    assert outbox.next_due("webhook", NOW) is None
    assert outbox.next_due_at("webhook") is None
    assert outbox.next_due("terminal", NOW) is not None
    (record,) = outbox.recent(10)
    assert [(d.channel, d.state, d.attempts) for d in record.deliveries] == [
        ("terminal", "pending", 0),
        ("webhook", "delivered", 1),
    ]
    assert record.raised_at == "2026-09-21T14:13:20.000000Z"


def test_the_same_id_again_changes_nothing(
    outbox: Outbox, make_alert: Callable[..., Alert]
) -> None:
    """A replayed alert gets its first decision, and nobody hears of it twice."""
    outbox.raise_alert(make_alert("a"), JUDGE, NOW)
    before = outbox.recent(10)

    def never(*_: object) -> Decision:
        raise AssertionError("a known alert is not judged again")

    again = outbox.raise_alert(make_alert("a", summary="changed"), never, NOW + SECOND)
    assert again == Deliver(("terminal", "webhook"))
    assert outbox.recent(10) == before


def test_duplicates_are_counted_on_the_one_that_speaks(
    outbox: Outbox, make_alert: Callable[..., Alert]
) -> None:
    """Why an alert was not sent can be shown, and how many there were."""
    for n in range(4):
        outbox.raise_alert(make_alert(f"a-{n}", fingerprint="f"), JUDGE, NOW + n)
    outbox.raise_alert(make_alert("other", fingerprint="g"), JUDGE, NOW)
    records = {record.alert.id: record for record in outbox.recent(10)}
    assert records["a-0"].swallowed == 3
    assert records["a-3"].decision == Deduplicated("a-0")
    assert records["a-3"].deliveries == ()
    assert records["other"].decision == Deliver(("terminal", "webhook"))


def test_a_decision_that_fails_leaves_nothing(
    outbox: Outbox, make_alert: Callable[..., Alert]
) -> None:
    """Alert, decision and deliveries are one transaction: all or nothing."""

    def broken(*_: object) -> Decision:
        raise OSError("in the middle")

    with pytest.raises(OSError, match="middle"):
        outbox.raise_alert(make_alert("a"), broken, NOW)
    assert outbox.recent(10) == []
    twice = Policy(("same", "same")).decide  # the second delivery violates the primary key
    with pytest.raises(TemporaryError):
        outbox.raise_alert(make_alert("a"), twice, NOW)
    assert outbox.recent(10) == []
    outbox.raise_alert(make_alert("a"), JUDGE, NOW)


def test_what_is_due_comes_in_order_and_not_too_early(
    outbox: Outbox, make_alert: Callable[..., Alert]
) -> None:
    """The oldest first; one that waits for its next attempt lets younger ones pass."""
    for name in "abc":
        outbox.raise_alert(make_alert(name), JUDGE, NOW)
    first = outbox.next_due("webhook", NOW)
    assert first is not None
    assert first.alert.id == "a"
    outbox.settle(first, "pending", NOW + 5 * SECOND, "answered 503")
    second = outbox.next_due("webhook", NOW)
    assert second is not None
    assert second.alert.id == "b"
    outbox.settle(second, "dead", NOW, "x" * 10_000)
    third = outbox.next_due("webhook", NOW)
    assert third is not None
    outbox.settle(third, "delivered", NOW)
    assert outbox.next_due("webhook", NOW) is None
    assert outbox.next_due_at("webhook") == NOW + 5 * SECOND
    retry = outbox.next_due("webhook", NOW + 5 * SECOND)
    assert retry is not None
    assert (retry.alert.id, retry.attempts) == ("a", 1)
    dead = outbox.recent(10)[1].deliveries[1]
    assert (dead.state, dead.next_attempt_at, len(dead.last_error or "")) == ("dead", None, 500)


def test_everything_survives_a_restart(tmp_path: Path, make_alert: Callable[..., Alert]) -> None:
    """Alerts, deliveries, silences and what deduplication knows are read from the file."""
    path = tmp_path / "outbox.db"
    first = Outbox(path)
    first.raise_alert(make_alert("a", fingerprint="f"), JUDGE, NOW)
    kept = first.add_silence(silence(starts_at_ns=NOW + 10), NOW)
    records = first.recent(10)
    first.close()
    second = Outbox(path)
    assert second.recent(10) == records
    assert second.silences(NOW) == [kept]
    assert second.next_due("terminal", NOW) is not None
    assert second.raise_alert(make_alert("b", fingerprint="f"), JUDGE, NOW) == Deduplicated("a")
    second.close()
    second.close()


def test_silences_are_kept_applied_and_ended(
    outbox: Outbox, make_alert: Callable[..., Alert]
) -> None:
    """A silence holds between its moments, can be ended early, and says that it was the reason."""
    kept = outbox.add_silence(silence(), NOW)
    assert kept.id == "S-1"
    assert outbox.raise_alert(make_alert("a"), JUDGE, NOW) == Silenced("S-1")
    assert outbox.end_silence("S-1", NOW)
    assert not outbox.end_silence("S-1", NOW)
    assert not outbox.end_silence("S-" + "9" * 400, NOW)
    assert not outbox.end_silence("x", NOW)
    assert isinstance(outbox.raise_alert(make_alert("b"), JUDGE, NOW), Deliver)
    outbox.add_silence(silence(), NOW)
    assert outbox.silences(NOW + 3_600 * SECOND) == []


def test_under_one_key_a_silence_is_made_once(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after it has ended, until as many others came as are kept; without a key each is new."""
    monkeypatch.setattr(outbox_module, "SILENCES_MAX", 3)
    kept = outbox.add_silence(silence(key="write ann k", request="d"), NOW)
    assert outbox.add_silence(silence(key="write ann k", request="e"), NOW) == kept
    assert outbox.known_silence("write bob k") is None
    assert outbox.known_silence("") is None
    assert outbox.end_silence(kept.id, NOW)
    assert outbox.add_silence(silence(key="write ann k"), NOW) == kept
    assert outbox.silences(NOW) == []
    for _ in range(4):
        assert outbox.end_silence(outbox.add_silence(silence(), NOW).id, NOW)
    assert outbox.known_silence("write ann k") is None


def test_limits_hold(
    outbox: Outbox, make_alert: Callable[..., Alert], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too large an alert, too many silences; old settled alerts go, pending ones stay."""
    with pytest.raises(Refused, match="65536 bytes"):
        outbox.raise_alert(make_alert("a", summary="x" * 70_000), JUDGE, NOW)
    monkeypatch.setattr(outbox_module, "SILENCES_MAX", 2)
    outbox.add_silence(silence(ends_at_ns=NOW + 1), NOW)
    outbox.add_silence(silence(starts_at_ns=NOW + SECOND), NOW + SECOND)
    outbox.add_silence(silence(starts_at_ns=NOW + SECOND), NOW + SECOND)
    with pytest.raises(Refused) as refused:
        outbox.add_silence(silence(), NOW + SECOND)
    assert refused.value.code == "SILENCES_TOO_MANY"
    monkeypatch.setattr(outbox_module, "ALERTS_KEPT_MAX", 3)
    quiet = Policy(()).decide
    outbox.raise_alert(make_alert("pending"), JUDGE, NOW + 2)
    for n in range(6):
        outbox.raise_alert(make_alert(f"quiet-{n}"), quiet, NOW)
    ids = [record.alert.id for record in outbox.recent(100)]
    assert ids == ["quiet-5", "quiet-4", "quiet-3", "pending"]


def test_many_threads_may_use_it(outbox: Outbox, make_alert: Callable[..., Alert]) -> None:
    """Eight threads raise and read at once; nothing is lost and nothing breaks."""
    errors: list[Exception] = []

    def work(name: int) -> None:
        """In the thread."""
        try:
            for n in range(20):
                outbox.raise_alert(make_alert(f"{name}-{n}"), JUDGE, NOW)
                due = outbox.next_due("webhook", NOW)
                if due is not None:
                    outbox.settle(due, "delivered", NOW)
                outbox.recent(3)
        except Exception as error:  # noqa: BLE001  shown below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(outbox.recent(1_000)) == 160


def test_it_is_durable_before_it_returns(outbox: Outbox) -> None:
    """WAL with synchronous=FULL (2): a commit waits for the disk."""
    assert outbox._file._connection.pragma("journal_mode") == "wal"
    assert outbox._file._connection.pragma("synchronous") == 2


def test_a_damaged_or_newer_file_is_refused(tmp_path: Path) -> None:
    """A sentence, not a driver's error."""
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is not a database" * 100)
    with pytest.raises(Corrupt, match="damaged"):
        Outbox(damaged)
    newer = tmp_path / "newer.db"
    connection = apsw.Connection(str(newer))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(PermanentError, match="newer"):
        Outbox(newer)


def test_a_closed_outbox_says_so(outbox: Outbox) -> None:
    """Used after its end, it is a temporary error: nothing was done."""
    outbox.close()
    with pytest.raises(TemporaryError):
        outbox.recent(1)
