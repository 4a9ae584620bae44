"""The dead man's switch: one ping proves the whole way, and what breaks it is said inside, too."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import structlog

from tallystick.clock import NS_PER_SECOND, ManualClock, parse_rfc3339
from tallystick.errors import Misconfigured, TemporaryError
from tallystick.watch.notify import heartbeat
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.deliver import Deliverer, TargetHealth
from tallystick.watch.notify.heartbeat import (
    HEARTBEAT_TARGET,
    MISSED_MAX,
    Heartbeat,
    HeartbeatChannel,
)
from tallystick.watch.notify.incidents.store import IncidentStore

EVERY_SECONDS = 60
WELL, STUCK = TargetHealth(0, False, ""), TargetHealth(1, True, "answered 503")
NOBODY = "http://127.0.0.1:9/secret-of-the-check"
Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


class Receives(Protocol):
    """The receiver of conftest.py."""

    url: str
    received: list[tuple[object, bytes]]


class Patient(ManualClock):
    """Whoever sleeps waits until somebody else has moved it."""

    async def sleep(self, seconds: float) -> None:
        """Until then."""
        until_ns = self.now_ns() + round(seconds * NS_PER_SECOND)
        while self.now_ns() < until_ns:  # noqa: ASYNC110  a test moves it
            await asyncio.sleep(0.001)


class House:
    """A heartbeat with everything that it needs, for one test."""

    def __init__(self, path: Path) -> None:
        self.clock: ManualClock = Patient()
        self.store = IncidentStore(path)
        self.raised: list[Alert] = []
        self.wrong = ""
        self.health: dict[str, TargetHealth] = {}

    async def up(self, url: str, alive: Callable[[Heartbeat], Awaitable[None]]) -> None:
        """Deliver and beat while `alive` runs."""
        self.channel = HeartbeatChannel(url, self.clock)
        deliverer = Deliverer(
            self.store,
            {HEARTBEAT_TARGET: self.channel},
            self.clock,
            random.Random(1),  # noqa: S311
        )
        self.store.on_change = deliverer.wake
        deliverer.start()
        heart = Heartbeat(
            self.store, self.channel, self.raised.append, self.clock,
            every_seconds=EVERY_SECONDS, proofs={"the alarms": lambda: self.wrong},
            health=lambda: deliverer.health() | self.health,
        )  # fmt: skip
        try:
            await alive(heart)
        finally:
            await deliverer.stop()

    def probes(self) -> list[str]:
        """The states of all probes that were said, the oldest first."""
        found: list[str] = []
        while (record := self.store.message(len(found) + 1)) is not None:
            assert (record.target, record.why) == (HEARTBEAT_TARGET, "heartbeat")
            found.append(record.state)
        return found

    def ends_ns(self) -> int:
        """When the alert that was raised last ends."""
        ends_at = self.raised[-1].ends_at
        assert ends_at is not None
        return parse_rfc3339(ends_at)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house, closed afterwards."""
    house = House(tmp_path / "notify.db")
    yield house
    house.store.close()


def test_one_ping_goes_the_whole_way(
    house: House, receiver: Receives, eventually: Eventually
) -> None:
    """Said to the store, found by the deliverer, posted outside: the way of every message."""

    async def alive(heart: Heartbeat) -> None:
        """Three beats."""
        for count in (1, 2, 3):
            await heart.beat()
            await eventually(lambda count=count: house.probes() == ["delivered"] * count)  # type: ignore[misc]
            house.clock.advance(EVERY_SECONDS)

    asyncio.run(house.up(receiver.url, alive))
    assert len(receiver.received) == 3
    assert all(body.startswith(b"Tallystick works, 2023-") for _, body in receiver.received)
    assert not house.raised


def test_nobody_outside_is_said_inside_until_they_are_back(
    house: House, receiver: Receives, eventually: Eventually
) -> None:
    """One probe waits, not one a minute; the alert is kept alive, and ends with the next ping."""

    async def dead(heart: Heartbeat) -> None:
        """Some minutes without anybody."""
        for _ in range(MISSED_MAX + 3):
            await heart.beat()
            house.clock.advance(EVERY_SECONDS)

    asyncio.run(house.up(NOBODY, dead))
    assert house.probes() == ["pending"]
    assert len(house.raised) == 2
    assert len({alert.id for alert in house.raised}) == 1
    assert house.raised[0].severity == "critical"
    assert "has not been reached since 2023-" in house.raised[0].summary
    assert "secret" not in house.raised[0].summary
    assert house.ends_ns() > house.clock.now_ns()

    async def back(heart: Heartbeat) -> None:
        """The process was started anew, and somebody is there."""
        await eventually(lambda: house.probes() == ["delivered"])
        await heart.beat()

    asyncio.run(house.up(receiver.url, back))
    assert len(house.raised) == 2  # a new process lets the alert of the old one end by itself


def test_what_does_not_work_withholds_it(
    house: House, receiver: Receives, eventually: Eventually
) -> None:
    """No probe while a proof fails, and an alert at once; both are over when it works again."""

    async def alive(heart: Heartbeat) -> None:
        """A proof that fails twice."""
        house.wrong = "nothing was evaluated for 90 s."
        await heart.beat()
        await heart.beat()
        assert house.probes() == []
        assert [alert.summary for alert in house.raised] == [
            "The heartbeat is withheld: the alarms: nothing was evaluated for 90 s."
        ] * 2
        assert house.ends_ns() > house.clock.now_ns()
        house.wrong = ""
        await heart.beat()
        assert house.ends_ns() == house.clock.now_ns()
        await eventually(lambda: house.probes() == ["delivered"])

    asyncio.run(house.up(receiver.url, alive))
    assert len(receiver.received) == 1


def test_a_proof_that_breaks_withholds_it(house: House, receiver: Receives) -> None:
    """A part that cannot even be asked is no part that works; the heart goes on."""

    async def alive(heart: Heartbeat) -> None:
        """Asked once while it breaks."""
        heart.proofs["the ledger"] = lambda: str(1 // 0)  # type: ignore[index]  # a dict here
        with structlog.testing.capture_logs() as lines:
            await heart.beat()
        assert "notify.proof_broken" in {line["event"] for line in lines}
        assert house.probes() == []
        del heart.proofs["the ledger"]  # type: ignore[attr-defined]
        await heart.beat()
        assert len(house.probes()) == 1

    asyncio.run(house.up(receiver.url, alive))
    assert house.raised[0].summary == (
        "The heartbeat is withheld: the ledger: It cannot be asked (ZeroDivisionError)."
    )


def test_a_proof_that_hangs_withholds_it_and_is_asked_once(
    house: House, receiver: Receives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is an answer; another question would only hang beside the first one."""
    monkeypatch.setattr(heartbeat, "PROOF_SECONDS_MAX", 0.02)
    free = threading.Event()
    asked: list[bool] = []

    def hangs() -> str:
        """As a disk that does not answer."""
        asked.append(True)
        free.wait()
        return ""

    async def alive(heart: Heartbeat) -> None:
        """Three beats while it hangs, one afterwards."""
        heart.proofs["the ledger"] = hangs  # type: ignore[index]
        for _ in range(3):
            await heart.beat()
        assert (house.probes(), asked) == ([], [True])
        free.set()
        monkeypatch.setattr(heartbeat, "PROOF_SECONDS_MAX", 10.0)
        await heart.beat()
        assert len(house.probes()) == 1

    try:
        asyncio.run(house.up(receiver.url, alive))
    finally:
        free.set()
    assert house.raised[0].summary.endswith("the ledger: no answer within 0.02 s.")


def test_while_no_target_can_be_reached_nobody_says_that_all_is_well(
    house: House, receiver: Receives
) -> None:
    """The outside is the last who can tell; one target that works is enough."""

    async def alive(heart: Heartbeat) -> None:
        """First none, then one."""
        house.health = {"a": STUCK, "b": STUCK}
        await heart.beat()
        assert house.probes() == []
        assert house.raised[0].summary.endswith("no target can be reached (a, b).")
        house.health = {"a": STUCK, "b": WELL}
        await heart.beat()
        assert len(house.probes()) == 1

    asyncio.run(house.up(receiver.url, alive))


def test_a_probe_that_was_refused_is_never_said_later(house: House) -> None:
    """It would say that all was well when nobody knows: it is no dead letter to send again."""
    now_ns = house.clock.now_ns()
    probe = house.store.say(HEARTBEAT_TARGET, "Tallystick works", now_ns, why="heartbeat")
    due = house.store.next_due(HEARTBEAT_TARGET, now_ns)
    assert due is not None
    house.store.settle(due, "dead", now_ns, "It answered 410.")
    with house.store.writing():
        assert house.store.messages.dead(10) == []
        assert not house.store.messages.replay(probe, now_ns)


class Once(ManualClock):
    """Its second sleep ends the test."""

    sleeps = 0

    async def sleep(self, seconds: float) -> None:
        """Count."""
        self.sleeps += 1
        assert seconds == EVERY_SECONDS
        if self.sleeps == 2:
            raise asyncio.CancelledError


def test_a_store_that_fails_stops_the_ping_but_not_the_heart(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service outside hears nothing and calls people; we try again."""

    def fail(*_: object, **__: object) -> None:
        """As a full disk does."""
        raise TemporaryError("The disk is full.")

    monkeypatch.setattr(house.store, "say", fail)
    house.clock = clock = Once()

    async def alive(heart: Heartbeat) -> None:
        """Two rounds."""
        with pytest.raises(asyncio.CancelledError):
            await heart.run()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(house.up(NOBODY, alive))
    assert clock.sleeps == 2
    assert [(line["event"], line["reason"]) for line in lines] == [
        ("notify.heartbeat_failed", "The disk is full.")
    ] * 2


def test_its_address_is_a_secret_like_others() -> None:
    """It may stand in the environment; one that is none is refused at the start."""
    clock = ManualClock()
    HeartbeatChannel.open({"url": {"env": "X"}}, lambda _: "https://beat.example/abc", clock)
    with pytest.raises(Misconfigured) as refused:
        HeartbeatChannel.open({"url": {"env": "X"}}, lambda _: "ftp://beat.example/abcd", clock)
    assert "abcd" not in str(refused.value)
