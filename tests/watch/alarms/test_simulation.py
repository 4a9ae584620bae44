"""Seeded simulation: killed at any moment, the same alerts are told, once each and in order."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import rfc3339
from tallystick.stream import Message
from tallystick.watch.alarms.alarm import Alarm, EventSource, MetricSource, Suppressor
from tallystick.watch.alarms.runner import Runner
from tallystick.watch.notify.alert import Alert

from .conftest import House

STEPS = 180
STEP_SECONDS = 10
KILLED = 0.08
"""How likely it is to be killed at each place where it can be."""
REJECTED = '{"detail": {"outcome": {"kind": ["rejected"]}}}'


class KilledError(Exception):
    """The process ends here: nothing after it happens, nothing is cleaned up."""


class Killer:
    """Ends the process before or after what it stands around, as chance has it."""

    def __init__(self, seed: int, *, on: bool) -> None:
        self._chance = random.Random(seed)  # noqa: S311  a seed, no secret
        self._on = on
        self.kills = 0

    def around(self, work: Callable[..., object]) -> Callable[..., object]:
        """The same work, that may be cut off."""

        def cut_off(*arguments: object) -> object:
            self._maybe()
            answer = work(*arguments)
            self._maybe()
            return answer

        return cut_off

    def _maybe(self) -> None:
        if self._on and self._chance.random() < KILLED:
            self.kills += 1
            raise KilledError


def alarms() -> list[Alarm]:
    """Of every kind that says the same however often it is sampled."""
    lag = MetricSource("lag")
    events = EventSource(REJECTED, ("$.account",))
    return [
        Alarm("high", "Odd.", source=lag, statistic="last", comparison=">", threshold=5.0),
        Alarm("long", "Odd.", source=lag, statistic="last", comparison=">", threshold=5.0,
              periods=3, datapoints=2),
        Alarm("often", "Odd.", source=events, statistic="count", comparison=">=", threshold=3.0),
        Alarm("both", "Odd.", rule='ALARM("high") AND ALARM("often")'),
        Alarm("quiet", "Odd.", source=lag, statistic="last", comparison=">", threshold=7.0,
              suppressor=Suppressor("often", wait_seconds=30, extension_seconds=60)),
    ]  # fmt: skip


async def told(folder: Path, seed: int, *, killed: bool) -> tuple[list[Alert], int]:
    """What the notifier was told over half an hour, and how often the process was killed."""
    house = House(folder / f"{seed}-{killed}.db")
    script = random.Random(seed)  # noqa: S311  a seed, no secret
    killer = Killer(seed, on=killed)
    ledger: list[Message] = []

    def start() -> Runner:
        runner = house.open(*alarms(), ledger_size=len(ledger))
        store = house.stores[-1]
        for name in ("commit", "told"):
            setattr(store, name, killer.around(getattr(store, name)))
        return runner

    house._take = killer.around(house._take)  # type: ignore[method-assign, assignment]
    runner = start()
    for _ in range(STEPS):
        _happen(house, ledger, script)
        while True:
            try:
                await runner.take(ledger[runner.position :])
                await runner.round()
            except KilledError:
                runner = start()
            else:
                break
        house.clock.advance(STEP_SECONDS)
    for store in house.stores:
        store.close()
    return house.raised, killer.kills


def _happen(house: House, ledger: list[Message], script: random.Random) -> None:
    if script.random() < 0.15:
        house.metrics["lag"] = script.choice([1.0, 6.0, 9.0])
    if script.random() < 0.3:
        for _ in range(script.randrange(4)):
            ledger.append(_entry(house, len(ledger), script.choice(["acme", "demo"])))


def _entry(house: House, position: int, account: str) -> Message:
    order = {"id": f"O-{position}", "account": account}
    body = {"at": rfc3339(house.clock.now_ns()), "kind": "order_decided", "order": order,
            "outcome": {"kind": "rejected"}}  # fmt: skip
    return Message(position, msgspec.json.encode(body))


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment_the_same_is_told(tmp_path: Path, seed: int) -> None:
    """Under the same ids: of each alarm's series a beginning, its end, the next beginning."""
    ideal, _ = asyncio.run(told(tmp_path, seed, killed=False))
    came, kills = asyncio.run(told(tmp_path, seed, killed=True))
    assert kills > 5
    assert len(ideal) > 10
    assert _by_trouble(came) == _by_trouble(ideal)
    for alerts in _by_trouble(came).values():
        ends = [each.ends_at is not None for each in alerts]
        assert ends == [bool(number % 2) for number in range(len(ends))]


def _by_trouble(alerts: list[Alert]) -> dict[str, list[Alert]]:
    found: dict[str, list[Alert]] = {}
    for each in alerts:
        found.setdefault(each.fingerprint, []).append(each)
    return found
