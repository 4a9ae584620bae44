"""One keep-alive HTTP/1.1 connection with at most one request on its way."""

import asyncio
from typing import Protocol, cast

import httptools

from tallystick.wiring.load.orders import Request

ANSWER_BYTES_MAX = 33_554_432
"""Longest body of an answer; a batch of 1,000 orders is answered with about three million."""


class Owner(Protocol):
    """Whose connection it is; told once of everything that happens to it."""

    def answered(self, connection: "Connection", status: int, body: bytes) -> None:
        """The whole answer to `connection.request`; the connection may send again."""

    def closed(self, connection: "Connection") -> None:
        """It is gone; a `request` that it still has is unanswered."""

    def broken(self, sentence: str) -> None:
        """What came is no HTTP answer; `closed` follows."""


class Connection(asyncio.Protocol):
    """Sends one request after the other; made anew when it has closed."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._bytes = 0
        self.request: Request | None = None
        self.sent_ns = 0
        self.is_open = False
        self.drops_answer = False
        """Whether the connection is to be cut when the first bytes of the answer are there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to write to."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has the methods only
        self.is_open = True

    def send(self, request: Request, now_ns: int) -> None:
        """Send; nothing else may be on its way."""
        assert self._transport is not None, "opened first"  # noqa: S101
        self.request = request
        self.sent_ns = now_ns
        self._transport.write(request.wire)

    def abort(self) -> None:
        """Cut the connection at once, whatever is on its way."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read on; a whole answer is handed over."""
        if self.drops_answer:
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._owner.broken(f"{error!r} in {data[:200]!r}")
            self.abort()

    def on_body(self, data: bytes) -> None:
        """A part of the body (httptools)."""
        self._parts.append(data)
        self._bytes += len(data)
        if self._bytes > ANSWER_BYTES_MAX:
            self._owner.broken(f"an answer has more than {ANSWER_BYTES_MAX:,} bytes")
            self.abort()

    def on_message_complete(self) -> None:
        """The answer is whole (httptools)."""
        parts, self._parts, self._bytes = self._parts, [], 0
        status = self._parser.get_status_code()
        if status < 200:  # RFC 9110 section 15.2: the answer is still to come
            return
        if not self._parser.should_keep_alive():
            self.is_open = False
        if self.request is None:
            self._owner.broken("an answer came that nobody asked for")
            self.abort()
            return
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._owner.answered(self, status, body)
        if not self.is_open and self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """It is gone."""
        self.is_open = False
        self._owner.closed(self)

    def close(self) -> None:
        """Close; there is nothing more to send."""
        self.is_open = False
        if self._transport is not None:
            self._transport.close()
