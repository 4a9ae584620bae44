"""The live stream behind the page: server-sent events, one bounded queue a follower.

Publishing never waits and costs nothing while nobody follows. A follower that is too slow loses
its oldest events and is told how many; it then asks the API again. All of it runs on one event
loop: publish from another thread with `loop.call_soon_threadsafe(hub.publish, ...)`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from tallystick import __version__
from tallystick.access import Principal, Scope
from tallystick.errors import Overloaded, ShuttingDown
from tallystick.limits import (
    LIVE_BYTES_WAITING_MAX,
    LIVE_EVENTS_WAITING_MAX,
    LIVE_SUBSCRIBERS_MAX,
)
from tallystick.web.events import EVENTS, Gap, Hello

HEARTBEAT_SECONDS = 5.0
"""Longest silence of a stream; the page takes three of them for a dead connection."""
_HEARTBEAT = b": heartbeat\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_ENCODER = msgspec.json.Encoder()


class Subscriber:
    """One follower's events waiting to be sent, bounded in number and in bytes."""

    def __init__(self, principal: Principal, *, waiting_max: int, bytes_max: int) -> None:
        self._account = principal.account
        self._scopes = frozenset(principal.scopes)
        self._frames: deque[bytes] = deque()  # bounded by: put
        self._bytes = 0
        self._missed = 0
        self._waiting_max = waiting_max
        self._bytes_max = bytes_max
        self.woken = asyncio.Event()

    def may_see(self, account: str | None, scope: Scope | None) -> bool:
        """Whether an event of this account, reserved for holders of this scope, is for it."""
        if scope is not None and scope not in self._scopes:
            return False
        return account is None or account == self._account or "operate" in self._scopes

    def put(self, frame: bytes) -> None:
        """Queue a frame; the oldest make room."""
        self._frames.append(frame)
        self._bytes += len(frame)
        while len(self._frames) > self._waiting_max or self._bytes > self._bytes_max:
            self._bytes -= len(self._frames.popleft())
            self._missed += 1
        self.woken.set()

    def take(self) -> bytes:
        """Everything that waits, in order, behind a `gap` where something was dropped."""
        self.woken.clear()
        gap = frame_of("gap", Gap(self._missed)) if self._missed else b""
        frames = gap + b"".join(self._frames)
        self._frames.clear()
        self._bytes = self._missed = 0
        return frames


class LiveHub:
    """Where wiring says what happens and followers hear it."""

    def __init__(
        self,
        *,
        waiting_max: int = LIVE_EVENTS_WAITING_MAX,
        bytes_max: int = LIVE_BYTES_WAITING_MAX,
        subscribers_max: int = LIVE_SUBSCRIBERS_MAX,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._waiting_max = waiting_max
        self._bytes_max = bytes_max
        self._subscribers_max = subscribers_max
        self._heartbeat_seconds = heartbeat_seconds
        self._subscribers: set[Subscriber] = set()
        self._closed = False

    @property
    def listening(self) -> int:
        """How many follow now; work that only they would see can be left undone at 0."""
        return len(self._subscribers)

    def publish(
        self,
        event: str,
        data: object,
        *,
        account: str | None = None,
        scope: Scope | None = None,
    ) -> None:
        """Say `data` (JSON bytes, or what msgspec makes JSON of) to those who may hear it.

        With `account`, only that account and holders of `operate` hear it; with `scope`, only
        holders of that scope. Never waits; must be called on the event loop's thread.
        """
        if not self._subscribers:
            return
        frame = frame_of(event, data)
        for subscriber in self._subscribers:
            if subscriber.may_see(account, scope):
                subscriber.put(frame)

    @contextmanager
    def subscribe(self, principal: Principal) -> Iterator[Subscriber]:
        """A place among the followers, given back at the end of the block.

        Raises:
            Overloaded: as many follow as may.
            ShuttingDown: the hub is closed.
        """
        if self._closed:
            raise ShuttingDown
        if len(self._subscribers) >= self._subscribers_max:
            raise Overloaded(f"Already {self._subscribers_max} pages follow live; close one.")
        subscriber = Subscriber(principal, waiting_max=self._waiting_max, bytes_max=self._bytes_max)
        scopes = sorted(principal.scopes)
        hello = Hello(principal.name, principal.account, scopes, __version__)
        subscriber.put(frame_of("hello", hello))
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def stream(self, subscriber: Subscriber) -> AsyncIterator[bytes]:
        """The bytes of one follower's stream; ends soon after `close`."""
        while not self._closed:
            frames = subscriber.take()
            if frames:
                yield frames
                continue
            try:
                async with asyncio.timeout(self._heartbeat_seconds):
                    await subscriber.woken.wait()
            except TimeoutError:
                yield _HEARTBEAT
        rest = subscriber.take()
        if rest:
            yield rest

    def close(self) -> None:
        """End every stream; call it before the HTTP server waits for its connections."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.woken.set()


class LiveResponse(Response):
    """The event stream as a response; it holds its place only while it is being sent."""

    media_type = "text/event-stream"

    def __init__(self, hub: LiveHub, principal: Principal) -> None:
        super().__init__(headers=_HEADERS)
        self._hub = hub
        self._principal = principal

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Stream until the follower leaves or the hub closes."""
        with self._hub.subscribe(self._principal) as subscriber:
            body = self._hub.stream(subscriber)
            stream = StreamingResponse(body, headers=_HEADERS, media_type=self.media_type)
            await stream(scope, receive, send)


def live_route(hub: LiveHub, principal_of: Callable[[Request], Principal]) -> Route:
    """`GET /v1/live`; `principal_of` raises `Refused` for a request without a good token.

    `Refused`, `Overloaded` and `ShuttingDown` pass through before the response has begun; the
    application turns them into problems as it does everywhere.
    """

    async def live(request: Request) -> Response:
        principal = principal_of(request)
        principal.require_any("read", "operate")
        return LiveResponse(hub, principal)

    return Route("/v1/live", live, methods=["GET"])


def frame_of(event: str, data: object) -> bytes:
    """One event in the event-stream format of the HTML standard, section 9.2.5."""
    assert event in EVENTS, f"{event} is no live event"  # noqa: S101  programmer error
    text = data if isinstance(data, bytes) else _ENCODER.encode(data)
    return b"event: %b\ndata: %b\n\n" % (event.encode(), text.replace(b"\n", b"\ndata: "))
