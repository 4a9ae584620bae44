"""Server-sent events (HTML Living Standard, section 9.2), as every stream of the door says them."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Refused

EVENT_STREAM = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_DIGITS_MAX = 15


class EventStream(Response):
    """A stream as a response; what it holds is taken when it is sent, not when it is made."""

    def __init__(self) -> None:
        super().__init__(headers=_HEADERS, media_type=EVENT_STREAM)

    async def say(
        self, frames: AsyncIterator[bytes], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send the frames until the client leaves or they end."""
        stream = StreamingResponse(frames, headers=_HEADERS, media_type=EVENT_STREAM)
        await stream(scope, receive, send)


async def wait_for(news: asyncio.Event, ns: int) -> None:
    """Until there is something to say, or it is time for a heartbeat: so many nanoseconds."""
    try:
        async with asyncio.timeout(max(0, ns) / NS_PER_SECOND):
            await news.wait()
    except TimeoutError:
        return


def resumed(last_event_id: str | None, what: str) -> int | None:
    """The number behind that which a follower that comes back has seen; None: it does not say.

    Raises:
        Refused: `BAD_REQUEST`, the id is not the number of `what`.
    """
    text = last_event_id
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise Refused("BAD_REQUEST", f"Last-Event-ID is {what}.")
    return int(text) + 1
