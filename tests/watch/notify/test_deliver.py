"""The deliverer over the real store: order, retries, the circuit, death, and a graceful stop."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
import structlog

from tallystick.clock import NS_PER_SECOND, Clock, ManualClock, SystemClock
from tallystick.errors import PermanentError, TemporaryError
from tallystick.watch.notify import deliver
from tallystick.watch.notify.deliver import Deliverer, Finish, as_it_is
from tallystick.watch.notify.incidents.store import IncidentStore
from tallystick.watch.notify.lane import FAILURES_MAX, MESSAGE_SECONDS_MAX
from tallystick.watch.notify.message import Message, Ways

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


@dataclass
class Scripted:
    """A channel that does what `plan` says for each call, and notes when it was called."""

    clock: Clock
    plan: list[object] = field(default_factory=list)
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    sending: int = 0
    closed: bool = False

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: object, clock: Clock) -> Self:
        """Not opened by configuration."""
        raise NotImplementedError

    async def send(self, message: Message) -> str:
        """Raise, wait, call or accept, as planned."""
        self.sending += 1
        assert self.sending == 1, "one send at a time"
        try:
            self.calls.append((message.title, message.key, self.clock.now_ns()))
            self.messages.append(message)
            step = self.plan.pop(0) if self.plan else None
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
            elif callable(step):
                step()
            return f"id of {message.title}"
        finally:
            self.sending -= 1

    async def close(self) -> None:
        """Note it."""
        self.closed = True

    @property
    def titles(self) -> list[str]:
        """What was sent, in order."""
        return [title for title, _, _ in self.calls]


class StillClock(SystemClock):
    """Its sleep never ends: whoever goes on was woken."""

    async def sleep(self, seconds: float) -> None:
        """Wait until cancelled."""
        assert seconds >= 0
        await asyncio.Event().wait()


class Counting(ThreadPoolExecutor):
    """Counts what threads are asked to do."""

    asked = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Count it, and do it."""
        self.asked += 1
        return super().submit(fn, *args, **kwargs)


class Store(IncidentStore):
    """The real store; notes who is given up on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.gave_up: list[str] = []

    def stuck(self, target: str) -> None:
        """Note it, and do it."""
        self.gave_up.append(target)
        super().stuck(target)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in a fresh file."""
    store = Store(tmp_path / "notify.db")
    yield store
    store.close()


@dataclass
class Run:
    """Delivers until a condition holds, then stops."""

    store: Store
    eventually: Eventually

    def __call__(
        self,
        channels: dict[str, Scripted],
        clock: Clock,
        until: Callable[[], bool],
        before: Callable[[Deliverer], Awaitable[None]] | None = None,
        finish: Finish = as_it_is,
    ) -> None:
        """On one loop."""

        async def main() -> None:
            """Start, wait, stop."""
            chance = random.Random(1)  # noqa: S311  jitter
            deliverer = Deliverer(
                self.store, channels, clock, chance, finish=finish, send_seconds_max=0.2
            )
            self.store.on_change = deliverer.wake
            deliverer.start()
            try:
                if before is not None:
                    await before(deliverer)
                await self.eventually(until)
            finally:
                await deliverer.stop()

        asyncio.run(main())
        assert all(channel.closed for channel in channels.values())


@pytest.fixture
def run(store: Store, eventually: Eventually) -> Run:
    """Delivers what is in the store."""
    return Run(store, eventually)


def say(store: IncidentStore, clock: Clock, *titles: str, target: str = "x") -> list[int]:
    """Messages of no incident; their ids."""
    return [store.say(target, title, clock.now_ns()) for title in titles]


def states(store: IncidentStore, *ids: int) -> list[str]:
    """What became of these messages."""
    records = [store.message(each) for each in ids]
    return [record.state if record else "gone" for record in records]


def arrived(store: IncidentStore, *ids: int) -> Callable[[], bool]:
    """Whether all of these were delivered."""
    return lambda: set(states(store, *ids)) == {"delivered"}


def test_what_was_left_over_goes_out_in_order(store: Store, run: Run) -> None:
    """Pending messages of an earlier process are sent at start, the oldest first."""
    clock = ManualClock()
    ids = say(store, clock, *"01234")
    channel = Scripted(clock)
    run({"x": channel}, clock, arrived(store, *ids))
    assert channel.titles == list("01234")
    record = store.message(ids[0])
    assert record is not None
    assert (record.attempts, record.provider_id) == (1, "id of 0")


def test_a_message_committed_in_another_thread_wakes_it_at_once(store: Store, run: Run) -> None:
    """No polling: on a clock that never ends a sleep, the message still arrives."""
    clock = StillClock()
    channel = Scripted(clock)
    ids: list[int] = []

    async def later(_: Deliverer) -> None:
        """Commit one from a thread."""
        await asyncio.sleep(0)
        thread = threading.Thread(target=lambda: ids.extend(say(store, clock, "a")))
        thread.start()
        await asyncio.to_thread(thread.join)

    run({"x": channel}, clock, lambda: bool(ids) and arrived(store, *ids)(), later)


def test_from_the_commit_to_the_request_is_one_look_into_the_store(
    store: Store, eventually: Eventually
) -> None:
    """One thread's turn between the wake and the send; storing what came of it is the next."""
    clock = StillClock()

    async def main() -> None:
        """Run on one loop."""
        with Counting(1) as threads:
            asked: list[int] = []
            channel = Scripted(clock, [lambda: asked.append(threads.asked)])
            chance = random.Random(1)  # noqa: S311  jitter
            deliverer = Deliverer(
                store,
                {"x": channel},
                clock,
                chance,
                executor=threads,
            )
            deliverer.start()
            await eventually(lambda: threads.asked == 1)
            await asyncio.wrap_future(threads.submit(int))  # the first look is over
            [message] = say(store, clock, "a")
            deliverer.wake()
            await eventually(arrived(store, message))
            await deliverer.stop()
        assert asked == [3]

    asyncio.run(main())


def test_failures_are_retried_under_the_same_key_until_it_works(store: Store, run: Run) -> None:
    """Through pauses, an open circuit and its trials; then all that waited comes at once."""
    clock = ManualClock()
    began_ns = clock.now_ns()
    ids = say(store, clock, "a", "b")
    channel = Scripted(clock, [TemporaryError("busy") for _ in range(6)])
    run({"x": channel}, clock, arrived(store, *ids))
    keys = {title: {key for name, key, _ in channel.calls if name == title} for title in "ab"}
    assert [len(each) for each in keys.values()] == [1, 1]
    assert len(channel.calls) == 8
    first, second = channel.calls[-2:]
    assert second[2] - first[2] < NS_PER_SECOND
    assert store.gave_up
    assert (first[2] - began_ns) / NS_PER_SECOND > 10


def test_a_receiver_that_asks_for_time_gets_it(store: Store, run: Run) -> None:
    """Never earlier than `retry_after_seconds`, whichever message it is."""
    clock = ManualClock()
    busy = TemporaryError("later")
    busy.retry_after_seconds = 77
    channel = Scripted(clock, [busy])
    ids = say(store, clock, "a", "b")
    run({"x": channel}, clock, arrived(store, *ids))
    (_, _, first), (_, _, second), _ = channel.calls
    assert second - first >= 77 * NS_PER_SECOND
    assert store.gave_up


def test_a_permanent_error_is_dead_at_once_and_others_go_on(store: Store, run: Run) -> None:
    """What will never be taken does not stand in the way."""
    clock = ManualClock()
    channel = Scripted(clock, [PermanentError("answered 400")])
    ids = say(store, clock, "a", "b")
    run({"x": channel}, clock, lambda: states(store, *ids) == ["dead", "delivered"])
    assert len(channel.calls) == 2
    record = store.message(ids[0])
    assert record is not None
    assert record.last_error == "answered 400"


def test_a_message_that_is_too_old_is_dead_without_an_attempt(store: Store, run: Run) -> None:
    """Nobody is woken by what was true yesterday."""
    clock = ManualClock()
    [old] = say(store, clock, "old")
    clock.advance(MESSAGE_SECONDS_MAX + 1)
    [new] = say(store, clock, "new")
    channel = Scripted(clock)
    run({"x": channel}, clock, lambda: states(store, old, new) == ["dead", "delivered"])
    assert channel.titles == ["new"]


def test_a_channels_bug_is_a_failed_attempt_and_is_said(store: Store, run: Run) -> None:
    """An unexpected exception is logged with its trace and tried again."""
    clock = ManualClock()
    channel = Scripted(clock, [ZeroDivisionError("bug")])
    ids = say(store, clock, "a")
    with structlog.testing.capture_logs() as lines:
        run({"x": channel}, clock, arrived(store, *ids))
    assert [line["event"] for line in lines] == [
        "notify.channel_broken",
        "notify.delivery_failed",
        "notify.alert_delivered",
    ]
    assert lines[2]["attempts"] == 2


def test_a_channel_that_hangs_is_cut_off_and_holds_up_no_other(store: Store, run: Run) -> None:
    """An attempt has a longest time; the other channel delivers meanwhile."""
    clock = ManualClock()
    slow, quick = Scripted(clock, [asyncio.Event()]), Scripted(clock)
    ids = say(store, clock, "a", "b") + say(store, clock, "a", "b", target="y")
    with structlog.testing.capture_logs() as lines:
        run({"x": slow, "y": quick}, clock, arrived(store, *ids))
    failed = [line for line in lines if line["event"] == "notify.delivery_failed"]
    assert [(line["channel"], line["reason"]) for line in failed] == [
        ("x", "No answer within 0.2 s.")
    ]


def test_a_stop_in_the_middle_loses_nothing(store: Store, run: Run, eventually: Eventually) -> None:
    """An attempt that was cut short is pending, and the next start sends it again."""
    clock = SystemClock()
    ids = say(store, clock, "a")
    stuck = Scripted(clock, [asyncio.Event()])

    async def main() -> None:
        """Run on one loop."""
        chance = random.Random(1)  # noqa: S311  jitter
        deliverer = Deliverer(store, {"x": stuck}, clock, chance, send_seconds_max=60)
        deliverer.wake()  # harmless before start
        deliverer.start()
        await eventually(lambda: bool(stuck.calls))
        await deliverer.stop()
        deliverer.wake()  # and after stop

    asyncio.run(main())
    assert states(store, *ids) == ["pending"]
    again = Scripted(clock)
    run({"x": again}, clock, arrived(store, *ids))
    assert again.calls[0][:2] == stuck.calls[0][:2]


def test_what_was_answered_is_stored_however_long_the_store_fails(
    store: Store, run: Run, eventually: Eventually
) -> None:
    """The file cannot be used just after the send: nobody is asked twice."""
    clock = ManualClock()
    ids = say(store, clock, "a")
    connection, lock = store.file._connection, store.file._lock

    def break_it() -> None:
        """While the target answers."""
        with lock:
            connection.execute("ALTER TABLE messages RENAME TO away")

    async def repair(_: Deliverer) -> None:
        """Give the table back once its absence was said."""
        await eventually(lambda: "notify.outbox_failed" in {line["event"] for line in lines})
        with lock:
            connection.execute("ALTER TABLE away RENAME TO messages")

    channel = Scripted(clock, [break_it])
    with structlog.testing.capture_logs() as lines:
        run({"x": channel}, clock, lambda: len(lines) > 1 and arrived(store, *ids)(), repair)
    assert channel.titles == ["a"]


def test_what_is_not_stored_with_a_message_is_put_in_just_before_it_is_sent(
    store: Store, run: Run
) -> None:
    """Links are made for each attempt; where they cannot be made, the message goes without."""
    clock = ManualClock()
    ids = say(store, clock, "a", "broken")

    def finish(message: Message, target: str) -> Message:
        """A way for the first, a bug for the other."""
        assert target == "x"
        if message.title == "broken":
            raise ZeroDivisionError
        return msgspec.structs.replace(message, ways=Ways(incident="https://fx.example/"))

    channel = Scripted(clock)
    with structlog.testing.capture_logs() as lines:
        run({"x": channel}, clock, arrived(store, *ids), finish=finish)
    assert [each.ways.incident for each in channel.messages] == ["https://fx.example/", ""]
    assert "notify.message_unfinished" in {line["event"] for line in lines}


def test_attempts_under_way_are_bounded(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many targets there are, so many are asked at once; all get their turn."""
    monkeypatch.setattr(deliver, "ATTEMPTS_AT_ONCE_MAX", 2)
    clock = SystemClock()
    names = "abcdef"
    channels: dict[str, Scripted] = {}
    under_way: list[int] = []

    def count() -> None:
        """How many are sending just now."""
        under_way.append(sum(each.sending for each in channels.values()))

    for name in names:
        channels[name] = Scripted(clock, [count, asyncio.Event(), count])
    ids = [say(store, clock, "1", "2", "3", target=name) for name in names]
    flat = [each for three in ids for each in three]
    with structlog.testing.capture_logs():
        run(channels, clock, arrived(store, *flat))
    assert len(under_way) == 12
    assert max(under_way) <= 2


def test_a_dead_letter_is_sent_again_when_somebody_asks(store: Store, run: Run) -> None:
    """As if it were new, under the key that it always had; also after more than a day."""
    clock = ManualClock()
    channel = Scripted(clock, [PermanentError("answered 401")])
    [message] = say(store, clock, "a")
    run({"x": channel}, clock, lambda: states(store, message) == ["dead"])
    clock.advance(2 * MESSAGE_SECONDS_MAX)
    with store.writing():
        assert store.messages.replay(message, clock.now_ns())
    run({"x": channel}, clock, arrived(store, message))
    assert len({key for _, key, _ in channel.calls}) == 1
    assert len(channel.calls) == 2


def test_it_says_how_its_targets_are_doing(store: Store, run: Run) -> None:
    """An open circuit, since when escalation goes on, and the last error; all well otherwise."""
    clock = StillClock()
    ids = say(store, clock, *"abc") + say(store, clock, "a", target="y")
    failing = Scripted(clock, [TemporaryError("busy") for _ in range(FAILURES_MAX)])
    seen: list[Deliverer] = []

    async def keep(deliverer: Deliverer) -> None:
        """For the question afterwards."""
        seen.append(deliverer)

    run(
        {"x": failing, "y": Scripted(clock)},
        clock,
        lambda: arrived(store, ids[-1])() and seen[0].health()["x"].last_error != "",
        keep,
    )
    health = seen[0].health()
    assert health["x"].last_error == "busy"
    assert (health["y"].open_until_ns, health["y"].stuck, health["y"].last_error) == (0, False, "")
