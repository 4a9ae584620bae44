"""Signed HTTP POSTs: common to the webhook and the workflow target, and to the alert webhook."""

from tallystick import posting
from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.stream.rules.signature import checked_secret, signed_headers

SEND_SECONDS_MAX = 5.0
"""Longest wait for a connection, or between two pieces of the answer."""


class Poster:
    """Posts to one URL; any 2xx means "taken"."""

    def __init__(self, url: str, secret: bytes, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the URL or the secret cannot be used.
        """
        self._plain = posting.Poster(url, clock, what="a webhook", seconds_max=SEND_SECONDS_MAX)
        self._secret = checked_secret(secret)
        self._clock = clock

    async def post(self, key: str, body: bytes, headers: dict[str, str]) -> bytes:
        """Post once; the beginning of the answer.

        Raises:
            TemporaryError, PermanentError: as `tallystick.posting` says.
        """
        now_seconds = self._clock.now_ns() // NS_PER_SECOND
        signed = signed_headers(self._secret, now_seconds, key, body)
        all_headers = {"Content-Type": "application/json", **headers, **signed}
        return await self._plain.post(body, all_headers)

    async def close(self) -> None:
        """Close idle connections."""
        await self._plain.close()
