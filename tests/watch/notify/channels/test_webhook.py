"""The webhook channel against a real server on loopback."""

import asyncio
import hashlib
import hmac
import logging
import random
from collections.abc import Callable

import msgspec
import pytest
import structlog

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.watch.notify import Alert, Deliverer, Notifier, Outbox, Policy, WebhookChannel

SECRET = b"a shared secret of enough bytes"


def send(url: str, alert: Alert, clock: ManualClock | None = None) -> None:
    """Send once, on a loop of its own."""

    async def main() -> None:
        """Run on one loop."""
        channel = WebhookChannel(url, SECRET, clock or ManualClock())
        try:
            await channel.send(alert, "key-1")
        finally:
            await channel.close()

    asyncio.run(main())


def test_a_receiver_can_check_who_sent_what(
    receiver: object, make_alert: Callable[..., Alert]
) -> None:
    """The signature is HMAC-SHA256 over timestamp, dot and the raw body, as documented."""
    clock = ManualClock()
    alert = make_alert("a", summary="Größe: 250 Mio. €", details={"p_value": 1e-7})
    send(receiver.url, alert, clock)  # type: ignore[attr-defined]
    ((headers, body),) = receiver.received  # type: ignore[attr-defined]
    stamp = headers["Tallystick-Timestamp"]
    assert stamp == str(clock.now_ns() // NS_PER_SECOND)
    expected = hmac.new(SECRET, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["Tallystick-Signature"] == f"v1={expected}"
    assert headers["Idempotency-Key"] == "key-1"
    assert headers["Content-Type"] == "application/json"
    message = msgspec.json.decode(body)
    assert message["v"] == 1
    assert msgspec.convert(message["alert"], Alert) == alert


@pytest.mark.parametrize("status", [500, 502, 503, 408, 425, 429])
def test_statuses_worth_another_attempt(
    receiver: object, answer: Callable[..., object], make_alert: Callable[..., Alert], status: int
) -> None:
    """The other side's trouble is temporary."""
    receiver.answers.append(answer(status))  # type: ignore[attr-defined]
    with pytest.raises(TemporaryError, match=rf"^127\.0\.0\.1 answered {status}\.$"):
        send(receiver.url, make_alert("a"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 422])
def test_statuses_that_will_not_change(
    receiver: object, answer: Callable[..., object], make_alert: Callable[..., Alert], status: int
) -> None:
    """A refusal is permanent, and a redirect is not followed: the URL is wrong."""
    receiver.answers.append(answer(status))  # type: ignore[attr-defined]
    with pytest.raises(PermanentError, match=f"answered {status}"):
        send(receiver.url, make_alert("a"))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("999999999999999999999", 3_600),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60),
        ("Tue, 14 Nov 2000 22:14:20 GMT", 1),
        ("soon", 1),
        ("-5", 1),
    ],
)
def test_retry_after_is_read(
    receiver: object,
    answer: Callable[..., object],
    make_alert: Callable[..., Alert],
    header: str,
    seconds: int,
) -> None:
    """Seconds or a date (RFC 9110 section 10.2.3), never more than an hour; nonsense is ignored."""
    receiver.answers.append(answer(429, header))  # type: ignore[attr-defined]
    with pytest.raises(TemporaryError) as error:
        send(receiver.url, make_alert("a"), ManualClock())  # type: ignore[attr-defined]
    assert error.value.retry_after_seconds == seconds


def test_a_dropped_connection_is_temporary(
    receiver: object, answer: Callable[..., object], make_alert: Callable[..., Alert]
) -> None:
    """Whether the other side took it is not known: try again under the same key."""
    receiver.answers.append(answer(drop=True))  # type: ignore[attr-defined]
    with pytest.raises(TemporaryError, match="cannot be reached"):
        send(receiver.url, make_alert("a"))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x/",
        "https://",
        "x",
        "http://user:password@x/",
        "http://[::1",
        "http://x:99999/",
    ],
)
def test_an_impossible_url_is_said_at_start(url: str) -> None:
    """And the sentence does not repeat the URL, which may hold a secret."""
    with pytest.raises(Misconfigured) as error:
        WebhookChannel(url, SECRET, ManualClock())
    assert "password" not in str(error.value) or "no password" in str(error.value)


def test_a_short_secret_is_said_at_start() -> None:
    """A secret that can be guessed proves nothing."""
    with pytest.raises(Misconfigured, match="16 bytes"):
        WebhookChannel("http://127.0.0.1/", b"short", ManualClock())


def test_it_arrives_in_the_end_and_tells_no_secret(
    receiver: object,
    answer: Callable[..., object],
    outbox: Outbox,
    make_alert: Callable[..., Alert],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A receiver that fails, asks for time, drops, hangs and fails again gets the alert.

    Every attempt has the same idempotency key and a signature of its own; neither the secret nor
    the URL's path and query stand in any log line or stored error.
    """
    caplog.set_level(logging.DEBUG)
    plan = [answer(500), answer(429, "30"), answer(drop=True), answer(hang=True), answer(503)]
    receiver.answers.extend(plan)  # type: ignore[attr-defined]
    clock = ManualClock()

    async def main() -> None:
        """Run on one loop."""
        channel = WebhookChannel(receiver.url, SECRET, clock)  # type: ignore[attr-defined]
        chance = random.Random(5)  # noqa: S311  jitter
        deliverer = Deliverer(outbox, {"webhook": channel}, clock, chance, send_seconds_max=0.3)
        notifier = Notifier(outbox, deliverer, Policy(("webhook",)), clock)
        await notifier.start()
        await asyncio.to_thread(notifier.raise_alert, make_alert("a"))
        async with asyncio.timeout(30):
            while (records := notifier.recent(1))[0].deliveries[0].state == "pending":
                errors.add(records[0].deliveries[0].last_error)
                await asyncio.sleep(0.002)
        final.append(records[0].deliveries[0])
        await notifier.stop()

    errors: set[str | None] = set()
    final: list[object] = []
    with structlog.testing.capture_logs() as lines:
        asyncio.run(main())
    assert (final[0].state, final[0].attempts) == ("delivered", 6)  # type: ignore[attr-defined]
    assert len(set(receiver.keys())) == 1  # type: ignore[attr-defined]
    stamps = [int(h["Tallystick-Timestamp"]) for h, _ in receiver.received]  # type: ignore[attr-defined]
    assert len(stamps) == 6
    assert stamps[2] - stamps[1] >= 30
    said = f"{lines} {errors} {caplog.text}"
    assert "do-not-log" not in said
    assert "/alerts" not in said
    assert SECRET.decode() not in said
