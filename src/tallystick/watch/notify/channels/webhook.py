"""The webhook: an HTTP POST of JSON, signed, so that its receiver can be sure who sent it.

The body is `{"v":1,"alert":{...}}` with the members of `Alert`. Three headers go with it:

    Idempotency-Key: the same for every attempt to deliver this alert here; drop what you know
    Tallystick-Timestamp: seconds since the epoch when this attempt was signed
    Tallystick-Signature: v1=<hex HMAC-SHA256 under the shared secret of timestamp "." body>

A receiver computes the HMAC over the timestamp header, a dot and the raw body, compares it in
constant time, and refuses timestamps more than some minutes old. Any 2xx answer means "taken";
408, 425, 429 and 5xx are tried again, after `Retry-After` where it is given; anything else is not.
"""

import hashlib
import hmac
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from tallystick import __version__
from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.watch.notify.alert import Alert

SEND_SECONDS_MAX = 5.0
"""Longest wait for a connection, or between two pieces of the answer."""
RETRY_AFTER_SECONDS_MAX = 3_600
"""A receiver cannot ask us to stay away for longer than this."""
SECRET_BYTES_MIN = 16
"""Shortest shared secret."""
_TRY_AGAIN = frozenset({408, 425, 429})


class WebhookChannel:
    """Posts to one URL. The secret and the URL's path and query stay out of logs and errors.

    It speaks to httpx's transport, not to its client: the client logs whole URLs, follows
    redirects and reads proxies from the environment.
    """

    def __init__(self, url: str, secret: bytes, clock: Clock) -> None:
        self._url = _checked(url)
        if len(secret) < SECRET_BYTES_MIN:
            raise Misconfigured(f"A webhook's secret needs at least {SECRET_BYTES_MIN} bytes.")
        self._secret = secret
        self._clock = clock
        self._transport = httpx.AsyncHTTPTransport(trust_env=False)
        self._timeout = {"timeout": httpx.Timeout(SEND_SECONDS_MAX).as_dict()}

    async def send(self, alert: Alert, idempotency_key: str) -> None:
        """Post once."""
        request = self._request(alert, idempotency_key)
        try:
            response = await self._transport.handle_async_request(request)
            await response.aclose()
        except httpx.TransportError as error:
            name = type(error).__name__
            raise TemporaryError(f"{self._url.host} cannot be reached ({name}).") from error
        self._judge(response.status_code, response.headers.get("retry-after"))

    async def close(self) -> None:
        """Close idle connections."""
        await self._transport.aclose()

    def _request(self, alert: Alert, idempotency_key: str) -> httpx.Request:
        body = msgspec.json.encode({"v": 1, "alert": alert})
        timestamp = str(self._clock.now_ns() // NS_PER_SECOND)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Tallystick/{__version__}",
            "Idempotency-Key": idempotency_key,
            "Tallystick-Timestamp": timestamp,
            "Tallystick-Signature": signature(self._secret, timestamp, body),
        }
        return httpx.Request(
            "POST", self._url, headers=headers, content=body, extensions=self._timeout
        )

    def _judge(self, status: int, retry_after: str | None) -> None:
        if 200 <= status < 300:
            return
        sentence = f"{self._url.host} answered {status}."
        if status < 500 and status not in _TRY_AGAIN:
            raise PermanentError(sentence)
        error = TemporaryError(sentence)
        error.retry_after_seconds = max(
            TemporaryError.retry_after_seconds, self._seconds(retry_after)
        )
        raise error

    def _seconds(self, retry_after: str | None) -> int:
        """`Retry-After` (RFC 9110 section 10.2.3), seconds or a date; 0 where it says nothing."""
        text = (retry_after or "").strip()
        if text.isascii() and text.isdigit():
            return min(int(text[:9]), RETRY_AFTER_SECONDS_MAX)
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return 0
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        wait = moment.timestamp() - self._clock.now_ns() / NS_PER_SECOND
        return min(max(0, round(wait)), RETRY_AFTER_SECONDS_MAX)


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The value of `Tallystick-Signature`; receivers compute the same."""
    mac = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={mac.hexdigest()}"


def _checked(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise Misconfigured("The webhook's URL cannot be read.") from error
    port = 443 if url.port is None else url.port
    if url.scheme not in {"http", "https"} or not url.host or not 0 < port < 65_536:
        raise Misconfigured("A webhook's URL starts with https:// (or http://) and names a host.")
    if url.userinfo:
        raise Misconfigured("A webhook's URL carries no user name and no password.")
    return url
