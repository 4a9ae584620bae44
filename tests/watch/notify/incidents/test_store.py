"""The store keeps what it was told: whole, once, across restarts and from its older form."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from tallystick.errors import Corrupt, PermanentError, TemporaryError
from tallystick.watch.notify import (
    Deduplicated,
    IncidentFilter,
    IncidentStore,
    Matcher,
    Silenced,
)
from tallystick.watch.notify.alert import idempotency_key
from tallystick.watch.notify.incidents import alerts as alerts_module
from tallystick.watch.notify.incidents import book as book_module

Build = Callable[..., Any]
RELEASED = Path(__file__).parent / "released_outbox.sql"
"""A dump of a file that the outbox before incidents wrote."""
TERMINAL = '[targets]\nterminal = { type = "terminal" }\nwebhook = { type = "webhook" }\n'


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Such a file."""
    path = tmp_path / "notify.db"
    connection = apsw.Connection(str(path))
    connection.execute(RELEASED.read_text())
    connection.close()
    return path


def test_a_file_of_the_older_form_goes_on(desk: Build, released: Path) -> None:
    """Its alerts, what became of them, its messages that wait and its silences are there."""
    d = desk(file=TERMINAL, path=str(released))
    records = d.notifier.recent(10)
    assert [each.alert.id for each in records] == ["quiet", "dead", "waits", "again", "sent"]
    assert isinstance(records[0].decision, Silenced)
    assert [(each.channel, each.state) for each in records[2].deliveries] == [
        ("terminal", "pending"),
        ("webhook", "pending"),
    ]
    assert [(each.channel, each.state, each.attempts) for each in records[4].deliveries] == [
        ("terminal", "delivered", 1),
        ("webhook", "delivered", 2),
    ]
    assert records[4].swallowed == 1
    assert records[3].decision == Deduplicated("sent")
    now = 1_790_000_000 * 10**9
    due = d.store.next_due("webhook", now + 10**12)
    assert (due.message.title, due.attempts) == ("Trouble waits.", 1)
    assert due.message.alerts == (records[2].alert,)
    assert due.message.key == idempotency_key("waits", "webhook")
    d.store.settle(due, "delivered", now)
    assert d.store.next_due("webhook", now + 10**12) is None
    (silence,) = d.store.silences.unended(now + 10**10)
    assert (silence.id, silence.comment) == ("S-2", "upgrade")
    assert d.store.silences.known("ann k").id == "S-1"
    (dead,) = d.notifier.dead(9)
    assert d.notifier.replay_dead(dead.id).state == "pending"
    assert d.notifier.incidents(IncidentFilter(), 9) == []


def test_what_opens_goes_before_what_ends_and_the_critical_first(desk: Build) -> None:
    """Fifteen incidents end at once; then a warning and something critical, which passes all."""
    d = desk(file=TERMINAL)
    names = [f"old-{number}" for number in range(15)]
    for name in names:
        d.fire(name)
    d.told()
    for name in names:
        d.end(name)
    d.fire("new")
    d.fire("worst", "critical")
    d.end("new")
    order = []
    while (due := d.store.next_due("webhook", d.clock.now_ns())) is not None:
        order.append((due.message.why, due.message.alerts[0].labels["name"]))
        d.store.settle(due, "delivered", d.clock.now_ns())
    assert order[:2] == [("opened", "worst"), ("opened", "new")]
    assert order[2:] == [("resolved", name) for name in (*names, "new")]


def test_it_is_brought_up_to_date_once(released: Path) -> None:
    """Opened again, it is as it was."""
    IncidentStore(released).close()
    store = IncidentStore(released)
    assert store.file._connection.pragma("user_version") == 2
    assert store.next_due("terminal", 2**62) is not None
    store.close()


def test_an_older_tallystick_refuses_the_newer_file(tmp_path: Path) -> None:
    """As this one refuses a newer one still."""
    newer = tmp_path / "newer.db"
    connection = apsw.Connection(str(newer))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(PermanentError, match="newer"):
        IncidentStore(newer)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is not a database" * 100)
    with pytest.raises(Corrupt, match="damaged"):
        IncidentStore(damaged)


def test_everything_survives_a_restart(desk: Build, tmp_path: Path) -> None:
    """Incidents, members, timelines, messages, silences: the same before and after."""
    path = str(tmp_path / "notify.db")
    first = desk(path=path)
    now = first.clock.now_ns()
    first.notifier.add_silence((Matcher("name", "=", "z"),), now, now + 10**12, "c", "ann")
    for name in "abc":
        first.fire(name, l_team="fx")
    first.notifier.acknowledge("I-1", "ann")
    before = (first.notifier.incident("I-1"), first.notifier.silences(), first.notifier.active(9))
    first.store.close()
    second = desk(path=path)
    after = (second.notifier.incident("I-1"), second.notifier.silences(), second.notifier.active(9))
    assert after == before
    assert second.later(3_601)[-1] == ("pager", "I-1", "unacknowledged")


def test_what_fails_in_the_middle_leaves_nothing(
    desk: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alert, incident, timeline and messages are one transaction: all or nothing."""
    d = desk()
    d.fire("a", l_team="fx")

    def picture() -> object:
        """All there is."""
        return [
            list(d.store.file._connection.execute(f"SELECT * FROM {table}"))  # noqa: S608
            for table in ("alerts", "incidents", "members", "happenings", "messages", "told")
        ]

    before = picture()

    def broken(*_: object, **__: object) -> None:
        raise OSError("in the middle")

    for part, method in ((d.store.messages, "add"), (d.store.book, "add_happenings")):
        with monkeypatch.context() as patched:
            patched.setattr(part, method, broken)
            with pytest.raises(OSError, match="middle"):
                d.fire("b", "critical", l_team="fx")
        assert picture() == before


def test_old_alerts_go_but_not_what_fires_or_waits(
    desk: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest settled ones make room."""
    monkeypatch.setattr(alerts_module, "ALERTS_KEPT_MAX", 3)
    d = desk()
    d.fire("fires", id="fires")
    for n in range(6):
        d.fire(f"x{n}", id=f"x{n}", l_team=f"t{n}")
        d.end(f"x{n}")
        if n != 2:
            d.told()
    kept = {each.alert.id for each in d.notifier.recent(100)}
    assert "fires" in kept
    assert "x5" in kept
    assert "x0" not in kept
    assert d.notifier.incident("I-2").incident.state == "resolved"


def test_old_incidents_go_but_not_open_ones(desk: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their timelines, members and messages."""
    monkeypatch.setattr(book_module, "INCIDENTS_KEPT_MAX", 3)
    d = desk()
    d.fire("stays", l_team="stays")
    for n in range(8):
        d.fire(f"x{n}", l_team=f"t{n}")
        d.end(f"x{n}")
        d.told()
    numbers = [each.number for each in d.notifier.incidents(IncidentFilter(), 99)]
    assert numbers == [9, 8, 7, 1]
    connection = d.store.file._connection
    for table in ("happenings", "members", "messages", "transitions"):
        query = f"SELECT count(*) FROM {table} WHERE incident BETWEEN 2 AND 6"  # noqa: S608
        assert list(connection.execute(query)) == [(0,)]


def test_messages_for_targets_that_are_gone_are_dead_and_escalate(desk: Build) -> None:
    """They would wait for ever; the incident goes on to the next step."""
    d = desk()
    d.fire()
    d.store.bury_unknown({"mail", "chat"}, d.clock.now_ns())
    assert d.told() == [("mail", "I-1", "escalated")]
    (dead,) = d.notifier.dead(9)
    assert dead.last_error == "There is no target 'pager' any more."


def test_what_was_given_up_can_be_asked_for_by_target(desk: Build) -> None:
    """Those of other targets take no room from it."""
    d = desk()
    for name, gone in (("one", "mail"), ("two", "pager"), ("three", "pager")):
        d.store.say(gone, name, d.clock.now_ns(), why="test")
        d.store.bury_unknown({"mail", "pager", "chat"} - {gone}, d.clock.now_ns())
    assert [each.target for each in d.notifier.dead(9)] == ["pager", "pager", "mail"]
    assert [each.target for each in d.notifier.dead(1, "mail")] == ["mail"]
    assert d.notifier.dead(9, "chat") == []
    counts = {each.name: (each.pending, each.dead) for each in d.notifier.targets()}
    assert (counts["mail"], counts["pager"]) == ((0, 1), (0, 2))


def test_many_threads_may_use_it(desk: Build) -> None:
    """Eight threads raise, end, read and deliver at once; nothing is lost and nothing breaks."""
    d = desk()
    errors: list[Exception] = []

    def work(name: int) -> None:
        """In the thread."""
        try:
            for n in range(10):
                d.fire(f"{name}-{n}", id=f"{name}-{n}", l_team=f"{name}")
                due = d.store.next_due("pager", d.clock.now_ns())
                if due is not None:
                    d.store.settle(due, "delivered", d.clock.now_ns())
                d.notifier.recent(3)
                d.notifier.look()
        except Exception as error:  # noqa: BLE001  shown below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(d.notifier.recent(1_000)) == 80
    assert sum(each.fires for each in d.notifier.incidents(IncidentFilter(), 99)) == 80


def test_it_is_durable_before_it_returns(tmp_path: Path) -> None:
    """WAL with synchronous=FULL (2): a commit waits for the disk."""
    store = IncidentStore(tmp_path / "notify.db")
    assert store.file._connection.pragma("journal_mode") == "wal"
    assert store.file._connection.pragma("synchronous") == 2
    store.close()
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Used after its end, it is a temporary error: nothing was done."""
    store = IncidentStore(tmp_path / "notify.db")
    store.close()
    with pytest.raises(TemporaryError):
        store.next_due("x", 0)
