"""Answers made piece by piece in the threads of the log search, for as long as a client takes them.

A client that goes away ends its search: nothing is found for nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tallystick.api.problems import problem_response
from tallystick.errors import TallystickError
from tallystick.watch.collect.search import LogSearch, Places

T = TypeVar("T")


class Stream(Protocol):
    """The bytes of an answer, taken and closed by one thread at a time."""

    @property
    def pieces(self) -> Generator[bytes, None, None]:
        """They may be empty."""
        ...

    def close(self) -> None:
        """Let go of what was searched."""
        ...


class StreamedResponse(Response):
    """A response that pulls its pieces; it holds a place from its call to its end."""

    def __init__(
        self,
        search: LogSearch,
        begin: Callable[[], Stream],
        *,
        stop: Callable[[], None],
        media_type: str,
        headers: dict[str, str] | None = None,
        refuse: Callable[[TallystickError], Response] = problem_response,
    ) -> None:
        """`begin` blocks; `stop` ends, from any thread, what it began or is about to begin.

        `refuse` is the answer where the search is refused before its first piece.
        """
        super().__init__(headers=headers, media_type=media_type)
        self._places = search.streams
        self._begin = begin
        self._stop = stop
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all pieces, or until the client leaves."""
        sending = asyncio.ensure_future(self._send(scope, receive, send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not sending.done():
                self._stop()
                sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._places.take()
        except TallystickError as error:
            await self._refuse(error)(scope, receive, send)
            return
        work = _Work(self._places, self._stop)
        try:
            await self._answer(work, scope, receive, send)
        finally:
            work.leave()

    async def _answer(self, work: "_Work", scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await work.begin(self._begin)
            first = await work.next()
        except TallystickError as error:
            await self._refuse(error)(scope, receive, send)
            return
        headers = [each for each in self.raw_headers if each[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for piece in work.pieces(first):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Work:
    """What runs in a place; `leave` gives it back as soon as nothing runs there."""

    def __init__(self, places: Places, stop: Callable[[], None]) -> None:
        self._places = places
        self._stop = stop
        self._stream: Stream | None = None
        self._pending: Future[None] | Future[bytes | None] | None = None

    async def begin(self, begin: Callable[[], Stream]) -> None:
        """Begin the search in a thread."""

        def begun() -> None:
            self._stream = begin()

        future = self._places.piece(begun)
        self._pending = future
        await asyncio.wrap_future(future)

    async def next(self) -> bytes | None:
        """The next piece; None behind the last."""
        stream = self._stream
        if stream is None:
            return None
        future = self._places.piece(lambda: next(stream.pieces, None))
        self._pending = future
        return await asyncio.wrap_future(future)

    async def pieces(self, first: bytes | None) -> AsyncIterator[bytes]:
        """The first piece and all others."""
        piece = first
        while piece is not None:
            yield piece
            piece = await self.next()

    def leave(self) -> None:
        """Stop what runs, and clean up behind it; for the event loop."""
        self._stop()
        if self._pending is None:
            self._end()
        else:  # at once where it is over
            self._pending.add_done_callback(lambda _done: self._end())

    def _end(self) -> None:
        try:
            if self._stream is not None:
                self._stream.close()
        finally:
            self._places.give_back()


async def _left(receive: Receive) -> None:
    """Until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
