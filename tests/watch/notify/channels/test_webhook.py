"""The webhook channel against a real server on loopback."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.watch.notify.channels import WebhookChannel
from tallystick.watch.notify.message import Message

SECRET = b"a shared secret of enough bytes"
Make = Callable[..., Message]


def send(url: str, message: Message, clock: ManualClock | None = None) -> None:
    """Send once, on a loop of its own."""

    async def main() -> None:
        """Run on one loop."""
        channel = WebhookChannel(url, SECRET, clock or ManualClock())
        try:
            await channel.send(message)
        finally:
            await channel.close()

    asyncio.run(main())


def test_a_receiver_can_check_who_sent_what(receiver: Any, make_message: Make) -> None:
    """The signature is HMAC-SHA256 over timestamp, dot and the raw body, as documented."""
    clock = ManualClock()
    message = make_message(title="Größe: 250 Mio. €")
    send(receiver.url, message, clock)
    ((headers, body),) = receiver.received
    stamp = headers["Tallystick-Timestamp"]
    assert stamp == str(clock.now_ns() // NS_PER_SECOND)
    expected = hmac.new(SECRET, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["Tallystick-Signature"] == f"v1={expected}"
    assert headers["Idempotency-Key"] == message.key
    assert headers["Content-Type"] == "application/json"
    said = msgspec.json.decode(body)
    assert said["v"] == 2
    assert msgspec.convert(said["message"], Message) == message


def test_a_replay_under_another_key_is_seen(receiver: Any, make_message: Make) -> None:
    """The key stands in the body too, which is signed: the header alone can be changed."""
    message = make_message()
    send(receiver.url, message)
    ((_, body),) = receiver.received
    assert msgspec.json.decode(body)["message"]["key"] == message.key


@pytest.mark.parametrize("status", [500, 502, 503, 408, 425, 429])
def test_statuses_worth_another_attempt(
    receiver: Any, answer: Callable[..., object], make_message: Make, status: int
) -> None:
    """The other side's trouble is temporary."""
    receiver.answers.append(answer(status))
    with pytest.raises(TemporaryError, match=rf"^127\.0\.0\.1 answered {status}\.$"):
        send(receiver.url, make_message())


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 422])
def test_statuses_that_will_not_change(
    receiver: Any, answer: Callable[..., object], make_message: Make, status: int
) -> None:
    """A refusal is permanent, and a redirect is not followed: the URL is wrong."""
    receiver.answers.append(answer(status))
    with pytest.raises(PermanentError, match=f"answered {status}"):
        send(receiver.url, make_message())


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
    receiver: Any, answer: Callable[..., object], make_message: Make, header: str, seconds: int
) -> None:
    """Seconds or a date (RFC 9110 section 10.2.3), never more than an hour; nonsense is ignored."""
    receiver.answers.append(answer(429, header))
    with pytest.raises(TemporaryError) as error:
        send(receiver.url, make_message(), ManualClock())
    assert error.value.retry_after_seconds == seconds


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
