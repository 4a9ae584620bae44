"""The deliverer: order, retries, back-off, death, and a graceful stop."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import structlog

from tallystick.clock import NS_PER_SECOND, ManualClock, SystemClock
from tallystick.errors import PermanentError, TemporaryError
from tallystick.limits import OUTBOX_ATTEMPTS_MAX
from tallystick.watch.notify import Alert, Deliverer, Outbox, Policy
from tallystick.watch.notify.deliver import BACKOFF_SECONDS_MAX

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


@dataclass
class Scripted:
    """A channel that does what `plan` says for each call, and notes when it was called."""

    clock: ManualClock | SystemClock
    plan: list[object]
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    sending: int = 0
    closed: bool = False

    async def send(self, alert: Alert, idempotency_key: str) -> None:
        """Raise, wait or accept, as planned."""
        self.sending += 1
        assert self.sending == 1, "one send at a time"
        try:
            self.calls.append((alert.id, idempotency_key, self.clock.now_ns()))
            step = self.plan.pop(0) if self.plan else None
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
        finally:
            self.sending -= 1

    async def close(self) -> None:
        """Note it."""
        self.closed = True


class StillClock(SystemClock):
    """Its sleep never ends: whoever goes on was woken."""

    async def sleep(self, seconds: float) -> None:
        """Wait until cancelled."""
        assert seconds >= 0
        await asyncio.Event().wait()


@pytest.fixture
def run(eventually: Eventually) -> Callable[..., None]:
    """Delivers until a condition holds, then stops: `run(outbox, channels, clock, until)`."""

    def deliver(
        outbox: Outbox,
        channels: dict[str, Scripted],
        clock: ManualClock | SystemClock,
        until: Callable[[], bool],
        before: Callable[[Deliverer], Awaitable[None]] | None = None,
    ) -> None:
        async def main() -> None:
            """Run on one loop."""
            chance = random.Random(1)  # noqa: S311  jitter
            deliverer = Deliverer(outbox, channels, clock, chance, send_seconds_max=0.2)
            deliverer.start()
            try:
                if before is not None:
                    await before(deliverer)
                await eventually(until)
            finally:
                await deliverer.stop()

        asyncio.run(main())
        assert all(channel.closed for channel in channels.values())

    return deliver


def raise_alerts(
    outbox: Outbox, clock: ManualClock | SystemClock, *alerts: Alert, channels: str = "x"
) -> None:
    """Raise them for these one-letter channels."""
    for alert in alerts:
        outbox.raise_alert(alert, Policy(tuple(channels)).decide, clock.now_ns())


def states(outbox: Outbox, channel: str = "x") -> list[str]:
    """The states of all deliveries on this channel, newest first."""
    return [d.state for r in outbox.recent(100) for d in r.deliveries if d.channel == channel]


def test_what_was_left_over_goes_out_in_order(
    outbox: Outbox, make_alert: Callable[..., Alert], run: Callable[..., None]
) -> None:
    """Pending deliveries of an earlier process are sent at start, the oldest first."""
    clock = ManualClock()
    raise_alerts(outbox, clock, *(make_alert(str(n)) for n in range(5)))
    channel = Scripted(clock, [])
    run(outbox, {"x": channel}, clock, lambda: states(outbox) == ["delivered"] * 5)
    assert [alert_id for alert_id, _, _ in channel.calls] == list("01234")


def test_an_alert_raised_in_another_thread_wakes_it_at_once(
    outbox: Outbox, make_alert: Callable[..., Alert], run: Callable[..., None]
) -> None:
    """No polling: on a clock that never ends a sleep, the alert still arrives."""
    clock = StillClock()
    channel = Scripted(clock, [])

    async def later(deliverer: Deliverer) -> None:
        """Raise an alert from a thread."""
        await asyncio.sleep(0)

        def work() -> None:
            """In the thread."""
            raise_alerts(outbox, clock, make_alert("a"))
            deliverer.wake()

        thread = threading.Thread(target=work)
        thread.start()
        await asyncio.to_thread(thread.join)

    run(outbox, {"x": channel}, clock, lambda: states(outbox) == ["delivered"], later)


def test_failures_are_retried_with_growing_jittered_pauses(
    outbox: Outbox, make_alert: Callable[..., Alert], run: Callable[..., None]
) -> None:
    """The same key each time; pauses between half and all of 1, 2, 4, ... s; then it is dead."""
    clock = ManualClock()
    plan: list[object] = [TemporaryError("busy") for _ in range(50)]
    channel = Scripted(clock, plan)
    raise_alerts(outbox, clock, make_alert("a"))
    run(outbox, {"x": channel}, clock, lambda: states(outbox) == ["dead"])
    assert len(channel.calls) == OUTBOX_ATTEMPTS_MAX
    assert len({key for _, key, _ in channel.calls}) == 1
    at = [at_ns / NS_PER_SECOND for _, _, at_ns in channel.calls]
    for n, (earlier, later) in enumerate(pairwise(at)):
        whole = min(2.0**n, BACKOFF_SECONDS_MAX)
        assert max(1, whole / 2) - 0.001 <= later - earlier <= whole + 0.001
    assert outbox.recent(1)[0].deliveries[0].last_error == "busy"


def test_a_receiver_that_asks_for_time_gets_it(
    outbox: Outbox, make_alert: Callable[..., Alert], run: Callable[..., None]
) -> None:
    """Never earlier than `retry_after_seconds`."""
    clock = ManualClock()
    busy = TemporaryError("later")
    busy.retry_after_seconds = 77
    channel = Scripted(clock, [busy])
    raise_alerts(outbox, clock, make_alert("a"))
    run(outbox, {"x": channel}, clock, lambda: states(outbox) == ["delivered"])
    (_, _, first), (_, _, second) = channel.calls
    assert second - first == 77 * NS_PER_SECOND


def test_a_permanent_error_is_dead_at_once_and_others_go_on(
    outbox: Outbox, make_alert: Callable[..., Alert], run: Callable[..., None]
) -> None:
    """What will never be taken does not stand in the way."""
    clock = ManualClock()
    channel = Scripted(clock, [PermanentError("answered 400")])
    raise_alerts(outbox, clock, make_alert("a"), make_alert("b"))
    run(outbox, {"x": channel}, clock, lambda: states(outbox) == ["delivered", "dead"])
    assert len(channel.calls) == 2


def test_a_channels_bug_is_a_failed_attempt_and_is_said(
    outbox: Outbox, make_alert: Callable[..., Alert], run: Callable[..., None]
) -> None:
    """An unexpected exception is logged with its trace and tried again."""
    clock = ManualClock()
    channel = Scripted(clock, [ZeroDivisionError("bug")])
    raise_alerts(outbox, clock, make_alert("a"))
    with structlog.testing.capture_logs() as lines:
        run(outbox, {"x": channel}, clock, lambda: states(outbox) == ["delivered"])
    events = [line["event"] for line in lines]
    assert events == [
        "notify.channel_broken",
        "notify.delivery_failed",
        "notify.alert_delivered",
    ]
    assert lines[2]["order_id"] == "O-12"
    assert lines[2]["attempts"] == 2


def test_a_channel_that_hangs_is_cut_off_and_holds_up_no_other(
    outbox: Outbox, make_alert: Callable[..., Alert], run: Callable[..., None]
) -> None:
    """An attempt has a longest time; the other channel delivers meanwhile."""
    clock = ManualClock()
    slow, quick = Scripted(clock, [asyncio.Event()]), Scripted(clock, [])
    raise_alerts(outbox, clock, make_alert("a"), make_alert("b"), channels="xy")
    with structlog.testing.capture_logs() as lines:
        run(
            outbox,
            {"x": slow, "y": quick},
            clock,
            lambda: states(outbox, "x") + states(outbox, "y") == ["delivered"] * 4,
        )
    failed = [line for line in lines if line["event"] == "notify.delivery_failed"]
    assert [(line["channel"], line["reason"]) for line in failed] == [
        ("x", "No answer within 0.2 s.")
    ]


def test_a_stop_in_the_middle_loses_nothing(
    outbox: Outbox,
    make_alert: Callable[..., Alert],
    run: Callable[..., None],
    eventually: Eventually,
) -> None:
    """An attempt that was cut short is pending, and the next start sends it again."""
    clock = SystemClock()
    raise_alerts(outbox, clock, make_alert("a"))
    stuck = Scripted(clock, [asyncio.Event()])

    async def main() -> None:
        """Run on one loop."""
        chance = random.Random(1)  # noqa: S311  jitter
        deliverer = Deliverer(outbox, {"x": stuck}, clock, chance, send_seconds_max=60)
        deliverer.wake()  # harmless before start
        deliverer.start()
        await eventually(lambda: bool(stuck.calls))
        await deliverer.stop()
        deliverer.wake()  # and after stop

    asyncio.run(main())
    assert states(outbox) == ["pending"]
    again = Scripted(clock, [])
    run(outbox, {"x": again}, clock, lambda: states(outbox) == ["delivered"])
    assert again.calls[0][:2] == stuck.calls[0][:2]


def test_an_outbox_that_fails_for_a_while_is_borne(
    outbox: Outbox,
    make_alert: Callable[..., Alert],
    run: Callable[..., None],
    eventually: Eventually,
) -> None:
    """With the file's table gone for a moment the worker says so, waits, and goes on."""
    clock = ManualClock()
    raise_alerts(outbox, clock, make_alert("a"))
    outbox._file._connection.execute("ALTER TABLE deliveries RENAME TO away")
    channel = Scripted(clock, [])

    async def repair(_: Deliverer) -> None:
        """Give the table back once its absence was said."""
        await eventually(lambda: "notify.outbox_failed" in {line["event"] for line in lines})
        with outbox._file._lock:
            outbox._file._connection.execute("ALTER TABLE away RENAME TO deliveries")

    with structlog.testing.capture_logs() as lines:
        run(outbox, {"x": channel}, clock, lambda: len(channel.calls) == 1, repair)
    assert states(outbox) == ["delivered"]
