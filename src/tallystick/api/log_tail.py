"""The live tail at the door: new lines that fit a query, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tallystick.api.event_stream import EVENT_STREAM, EventStream, resumed, wait_for
from tallystick.api.logs import Asking, question_of
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND
from tallystick.watch.collect.search import LogTail, LogTails
from tallystick.watch.collect.search.tail import GATHER_SECONDS, Taken

_LINE = b"event: line\nid: %d\ndata: %b\n\n"
_MISSED = b'event: missed\ndata: {"lines":%d}\n\n'


class TailResponse(EventStream):
    """The stream as a response; it holds its place only while it is being sent."""

    def __init__(self, tails: LogTails, tail: LogTail) -> None:
        super().__init__()
        self._tails = tails
        self._tail = tail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the follower leaves or the process does."""
        with self._tails.place() as grown:
            await self.say(self._frames(grown), scope, receive, send)

    async def _frames(self, grown: asyncio.Event) -> AsyncIterator[bytes]:
        tails, tail = self._tails, self._tail
        clock = tails.clock
        silence_ns = int(tails.heartbeat_seconds * NS_PER_SECOND)
        said_ns = clock.monotonic_ns()
        yield heartbeat(tail.position)  # the client sees at once that it is connected
        while not tails.closed:
            grown.clear()  # before the look: lines that come after it set it again
            if tail.is_behind:
                taken = await tails.run(tail.take)
                tails.missed += taken.missed
                frames = framed(taken)
                if frames:
                    said_ns = clock.monotonic_ns()
                    yield frames
                await clock.sleep(GATHER_SECONDS)
            else:
                await wait_for(grown, said_ns + silence_ns - clock.monotonic_ns())
            if clock.monotonic_ns() - said_ns >= silence_ns:
                said_ns = clock.monotonic_ns()
                yield heartbeat(tail.position)


def framed(taken: Taken) -> bytes:
    """The frames of lines that fit, and of how many were missed before them."""
    frames = [_LINE % each for each in taken.lines]
    return b"".join([_MISSED % taken.missed, *frames] if taken.missed else frames)


def heartbeat(position: int) -> bytes:
    """A comment, and the last line that needs not be looked at again."""
    return b": heartbeat\nid: %d\n\n" % (position - 1)


async def tail(services: Services, call: Call) -> Response:
    """New lines for as long as the client listens; with `Last-Event-ID` those since then first."""
    start = resumed(call.headers.get("last-event-id"), "the number of a log line")
    question = question_of(services, call, call.query)
    followed = await services.tails.run(lambda: services.tails.tail(question, start))
    return TailResponse(services.tails, followed)


OPERATIONS = (
    Operation(
        "GET", "/v1/logs/tail", "New lines that fit, as server-sent events.",
        tail, bytes, scope="operate", query=Asking, media_type=EVENT_STREAM, tag="logs",
        refusals=("BAD_QUERY", "BAD_REQUEST", "UNKNOWN_SEARCH", "CROWDED"),
    ),
)  # fmt: skip
