"""The store of alarms: what commits together, and what is there after a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.errors import Refused
from tallystick.watch.alarms import store as store_module
from tallystick.watch.alarms.alarm import Alarm, MetricSource, Trace
from tallystick.watch.alarms.board import TRACES_KEPT
from tallystick.watch.alarms.evaluate import Reading
from tallystick.watch.alarms.standing import Noted, Row, Standing, Work
from tallystick.watch.alarms.store import AlarmStore
from tallystick.watch.notify.alert import Alert

SERIES = (("route", "/v1/orders"),)
ALARM = Alarm("slow", "Orders are slow.", source=MetricSource("m"), threshold=1.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AlarmStore]:
    """A store in a fresh file."""
    opened = AlarmStore(tmp_path / "alarms.db")
    yield opened
    opened.close()


def alert(alert_id: str) -> Alert:
    """An alert."""
    return Alert(alert_id, "f", "error", "It is slow.", "alarms", "2026-11-22T04:30:00Z")


def test_a_state_commits_with_its_trace_and_its_alert(tmp_path: Path) -> None:
    """After a restart all of it is there, and the alert waits until it is told."""
    store = AlarmStore(tmp_path / "alarms.db")
    readings = (Reading(60, 1.5), Reading(120, None), Reading(180, 2.0, 0.5, 1.0))
    standing = Standing("form", "ALARM", 180, readings=readings, fired=alert("a"), alerts=1)
    trace = Trace(180, "ALARM", "OK", "ALARM: slow.")
    work = Work((Row("slow", SERIES, standing),), (Noted("slow", SERIES, trace),), (alert("a"),))
    store.commit(work, {"place": b"here"})
    store.close()
    again = AlarmStore(tmp_path / "alarms.db")
    assert again.rows() == [Row("slow", SERIES, standing)]
    assert again.traces("slow") == [Noted("slow", SERIES, trace)]
    assert [each.alert for each in again.untold()] == [alert("a")]
    assert again.kept("place") == b"here"
    again.told(again.untold()[0].seq)
    assert again.untold() == []
    again.commit(Work((Row("slow", SERIES, None),), (), ()), {})
    assert again.rows() == []
    again.close()


def test_alerts_are_told_in_their_order(store: AlarmStore) -> None:
    """The end of something never overtakes its beginning."""
    store.commit(Work((), (), (alert("a"), alert("b"))), {})
    store.commit(Work((), (), (alert("c"),)), {})
    assert [each.alert.id for each in store.untold()] == ["a", "b", "c"]


def test_alerts_that_nobody_takes_are_bounded(
    store: AlarmStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest go, and how many is said."""
    monkeypatch.setattr(store_module, "UNTOLD_MAX", 3)
    lost = [store.commit(Work((), (), (alert(str(n)), alert(f"{n}'"))), {}) for n in range(3)]
    assert lost == [0, 1, 2]
    assert [each.alert.id for each in store.untold()] == ["1'", "2", "2'"]


def test_traces_are_bounded(store: AlarmStore) -> None:
    """The last hundred of each alarm; another alarm's are left alone."""
    for number in range(TRACES_KEPT + 20):
        trace = Trace(number, "OK", "ALARM", "")
        store.commit(Work((), (Noted("slow", (), trace), Noted(f"a{number}", (), trace)), ()), {})
    assert len(store.traces("slow")) == TRACES_KEPT
    assert store.traces("slow")[0].trace.at_ns == TRACES_KEPT + 19
    assert len(store.traces("a0")) == 1


def test_definitions_have_versions(store: AlarmStore) -> None:
    """Whoever changes one that somebody else has changed is told so."""
    assert store.define(ALARM, "ann", 1, 0).version == 1
    assert store.define(ALARM, "ann", 2, 1).version == 2
    with pytest.raises(Refused) as refusal:
        store.define(ALARM, "bob", 3, 1)
    assert refusal.value.code == "ALARM_CHANGED"
    assert store.define(ALARM, "bob", 4, None).version == 3
    (kept,) = store.definitions()
    assert (kept.alarm, kept.version, kept.changed_at_ns, kept.author) == (ALARM, 3, 4, "bob")


def test_a_version_never_comes_again(store: AlarmStore) -> None:
    """Nor after a deletion: an old version's number must not fit a new alarm."""
    store.define(ALARM, "ann", 1, None)
    assert store.undefine("slow", "ann", 2, 1)
    assert not store.undefine("slow", "ann", 3, None)
    assert store.definitions() == []
    assert store.define(ALARM, "ann", 4, 0).version == 3
    with pytest.raises(Refused) as refusal:
        store.undefine("slow", "ann", 5, 1)
    assert refusal.value.code == "ALARM_CHANGED"
