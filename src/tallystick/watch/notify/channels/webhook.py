"""The webhook: an HTTP POST of JSON, signed, so that its receiver can be sure who sent it.

The body is `{"v":1,"alert":{...}}` with the members of `Alert`. Three headers go with it:

    Idempotency-Key: the same for every attempt to deliver this alert here; drop what you know
    Tallystick-Timestamp: seconds since the epoch when this attempt was signed
    Tallystick-Signature: v1=<hex HMAC-SHA256 under the shared secret of timestamp "." body>

A receiver computes the HMAC over the timestamp header, a dot and the raw body, compares it in
constant time, and refuses timestamps more than some minutes old. Any 2xx answer means "taken";
408, 425, 429 and 5xx are tried again, after `Retry-After` where it is given; anything else is not.
"""

import msgspec

from tallystick.clock import Clock
from tallystick.stream.rules.targets.posting import Poster
from tallystick.watch.notify.alert import Alert


class WebhookChannel:
    """Posts to one URL. The secret and the URL's path and query stay out of logs and errors."""

    def __init__(self, url: str, secret: bytes, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the URL or the secret cannot be used.
        """
        self._poster = Poster(url, secret, clock)

    async def send(self, alert: Alert, idempotency_key: str) -> None:
        """Post once."""
        await self._poster.post(idempotency_key, msgspec.json.encode({"v": 1, "alert": alert}), {})

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()
