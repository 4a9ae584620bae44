"""Quotes by asking over HTTP again and again, with an ETag so that nothing new costs little."""

from collections.abc import AsyncIterator, Mapping

import httpx
import msgspec
import structlog

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.execution.quotes.arrival import QuoteMessage
from tallystick.execution.quotes.source import Drops
from tallystick.execution.quotes.wire import decode_page, decode_quote

PAGE_BYTES_MAX = 1_048_576
"""Largest answer; a larger one is dropped."""
ANSWER_SECONDS_MAX = 5.0
"""Longest wait for a connection, and between two pieces of an answer."""
_OK = 200
_NOT_MODIFIED = 304

_log = structlog.get_logger("execution")


class Poll:
    """Asks one address for all its newest quotes: a JSON object with `quotes`, see `wire`."""

    def __init__(
        self, url: str, headers: Mapping[str, str], clock: Clock, poll_seconds: float
    ) -> None:
        self._url = url
        self._headers = dict(headers)
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._etag: str | None = None

    async def quotes(self, seconds: float, drops: Drops) -> AsyncIterator[QuoteMessage]:
        """Quotes as they come, for at least so many seconds; at least one question is asked.

        What cannot be read is counted in `drops`; a server that does not answer is asked again.
        """
        self._etag = None
        start_ns = self._clock.monotonic_ns()
        async with httpx.AsyncClient(
            headers=self._headers, timeout=ANSWER_SECONDS_MAX, trust_env=False
        ) as client:
            while True:
                for message in await self._ask(client, drops):
                    yield message
                await self._clock.sleep(self._poll_seconds)
                if self._clock.monotonic_ns() - start_ns >= seconds * NS_PER_SECOND:
                    return

    async def _ask(self, client: httpx.AsyncClient, drops: Drops) -> list[QuoteMessage]:
        headers = {"If-None-Match": self._etag} if self._etag else {}
        body = bytearray()
        try:
            async with client.stream("GET", self._url, headers=headers) as answer:
                if answer.status_code == _NOT_MODIFIED:
                    return []
                if answer.status_code != _OK:
                    _log.warning(
                        "execution.provider_away",
                        body=f"{self._url} answered {answer.status_code}",
                    )
                    return []
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > PAGE_BYTES_MAX:
                        drops.count("too_large")
                        return []
                etag = answer.headers.get("etag")
        except httpx.HTTPError as error:
            _log.warning(
                "execution.provider_away", body=f"{self._url}: {str(error) or type(error).__name__}"
            )
            return []
        messages = _read(bytes(body), drops)
        self._etag = etag if messages else None
        return messages


def _read(body: bytes, drops: Drops) -> list[QuoteMessage]:
    """The quotes that can be read; each of the others is counted."""
    try:
        page = decode_page(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        drops.count("malformed")
        return []
    found: list[QuoteMessage] = []
    for raw in page.quotes:
        try:
            found.append(decode_quote(raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            drops.count("malformed")
    return found
