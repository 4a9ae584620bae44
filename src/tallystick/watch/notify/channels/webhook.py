"""The webhook: an HTTP POST of JSON, signed, so that its receiver can be sure who sent it.

The body is `{"v":2,"message":{...}}` with the members of `Message`. Three headers go with it:

    Idempotency-Key: the message's key, the same for every attempt; drop what you know
    Tallystick-Timestamp: seconds since the epoch when this attempt was signed
    Tallystick-Signature: v1=<hex HMAC-SHA256 under the shared secret of timestamp "." body>

A receiver computes the HMAC over the timestamp header, a dot and the raw body, compares it in
constant time, and refuses timestamps more than some minutes old. What it remembers for longer than
that is `message.key`, which the signature covers: whoever records a request and plays it again
with another header changes nothing. Any 2xx answer means "taken"; 408, 425, 429 and 5xx are tried
again, after `Retry-After` where it is given; anything else is not.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from tallystick.clock import Clock
from tallystick.stream.rules.targets.posting import Poster
from tallystick.watch.notify.channel import Secret, Secrets, options_of, text_of
from tallystick.watch.notify.message import Message


class WebhookOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to, and the secret that both sides share (at least 16 bytes)."""

    url: str | Secret
    secret: Secret


class WebhookChannel:
    """Posts to one URL. The secret and the URL's path and query stay out of logs and errors."""

    options: ClassVar[type[msgspec.Struct]] = WebhookOptions

    def __init__(self, url: str, secret: bytes, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the URL or the secret cannot be used.
        """
        self._poster = Poster(url, secret, clock)

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:
        """Of `WebhookOptions`."""
        given = options_of(options, WebhookOptions)
        return cls(text_of(given.url, secrets), given.secret.read(secrets).encode(), clock)

    async def send(self, message: Message) -> str:
        """Post once."""
        body = msgspec.json.encode({"v": 2, "message": message})
        await self._poster.post(message.key, body, {})
        return ""

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()
