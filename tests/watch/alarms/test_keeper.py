"""The keeper: stored before it is told, told in order, told again after a crash."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.errors import Corrupt, TemporaryError
from tallystick.watch.alarms.keeper import Keeper
from tallystick.watch.alarms.standing import Work
from tallystick.watch.alarms.store import AlarmStore
from tallystick.watch.notify.alert import Alert


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AlarmStore]:
    """A store in a fresh file."""
    opened = AlarmStore(tmp_path / "alarms.db")
    yield opened
    opened.close()


def work(*ids: str) -> Work:
    """Alerts to be told."""
    return Work((), (), tuple(
        Alert(each, "f", "error", "", "alarms", "2026-11-22T04:30:00Z") for each in ids
    ))  # fmt: skip


def test_what_was_taken_is_not_told_again(store: AlarmStore) -> None:
    """What was not is, from there on, in its order; also by the next process."""
    told: list[str] = []
    away = {"b"}

    def take(alert: Alert) -> None:
        if alert.id in away:
            raise TemporaryError("Away.")
        told.append(alert.id)

    async def scenario() -> None:
        keeper = Keeper(store, take)
        assert await keeper.commit(work("a", "b", "c"), {})
        assert not await keeper.tell()
        assert told == ["a"]
        assert not await keeper.tell()
        keeper.close()
        away.clear()
        again = Keeper(store, take)
        assert await again.tell()
        assert await again.tell()
        again.close()

    asyncio.run(scenario())
    assert told == ["a", "b", "c"]


def test_a_damaged_file_is_no_passing_trouble(
    store: AlarmStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be kept any more: that is said loudly."""

    def damaged(*_: object) -> None:
        raise Corrupt("The alarms' file is damaged.")

    monkeypatch.setattr(store, "commit", damaged)

    async def scenario() -> None:
        keeper = Keeper(store, lambda _alert: None)
        try:
            with pytest.raises(Corrupt):
                await keeper.commit(work("a"), {})
        finally:
            keeper.close()

    asyncio.run(scenario())
