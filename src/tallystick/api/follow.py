"""Following the ledger: every entry from a position on, in order, once, as server-sent events.

Followers pull: each one's stream reads the ledger from where it stands when its client has taken
what came before, so a slow one costs nothing and nobody loses an entry. A follower that comes
back names the last position it saw and gets what came after.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tallystick.api.event_stream import EVENT_STREAM, EventStream, resumed, wait_for
from tallystick.api.history import item_of, sight
from tallystick.api.ledger import Position
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND
from tallystick.ledger.columns import columns_of
from tallystick.limits import FOLLOW_ROWS_MAX

PROVED_ROWS = 16
"""Entries said at once when each comes with its receipt, which takes a while to make."""
_FRAME = b"event: entry\nid: %d\ndata: %b\n\n"
_ENCODER = msgspec.json.Encoder()


class FollowQuery(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}
):
    """From which position on; `Last-Event-ID` goes before it. `proofs`: each with its receipt."""

    from_: Position = 0
    proofs: bool = False


class FollowResponse(EventStream):
    """The stream as a response; it holds its place only while it is being sent."""

    def __init__(
        self, services: Services, start: int, account: str | None, *, proofs: bool
    ) -> None:
        """`account`: only its entries are said; None: all."""
        super().__init__()
        self._services = services
        self._followers = services.followers
        self._position = start
        self._account = account
        self._proofs = proofs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the follower leaves or the process does."""
        with self._followers.place() as moved:
            await self.say(self._frames(moved), scope, receive, send)

    async def _frames(self, moved: asyncio.Event) -> AsyncIterator[bytes]:
        clock, ledger = self._followers.clock, self._services.ledger
        silence_ns = int(self._followers.heartbeat_seconds * NS_PER_SECOND)
        said_ns = clock.monotonic_ns()
        yield self._heartbeat()  # the client sees at once that it is connected
        while not self._followers.closed:
            moved.clear()  # before the look: a commit after it sets it again
            if self._position < ledger.size:
                frames = self._next()
                if frames:
                    said_ns = clock.monotonic_ns()
                    yield frames
                else:
                    await asyncio.sleep(0)  # all of others: let them run
            else:
                await wait_for(moved, said_ns + silence_ns - clock.monotonic_ns())
            if clock.monotonic_ns() - said_ns >= silence_ns:
                said_ns = clock.monotonic_ns()
                yield self._heartbeat()

    def _next(self) -> bytes:
        """The frames of the next entries; none where they are all of others."""
        rows_max = PROVED_ROWS if self._proofs else FOLLOW_ROWS_MAX
        rows = self._services.ledger.rows(self._position, rows_max)
        frames: list[bytes] = []
        for position, row in enumerate(rows, self._position):
            if self._account is None or columns_of(row.entry).account == self._account:
                item = item_of(self._services, position, row, receipt=self._proofs)
                frames.append(_FRAME % (position, _ENCODER.encode(item)))
        self._position += len(rows)
        return b"".join(frames)

    def _heartbeat(self) -> bytes:
        """A comment, and the last position that needs not be said again."""
        if self._position == 0:
            return b": heartbeat\n\n"
        return b": heartbeat\nid: %d\n\n" % (self._position - 1)


async def follow(services: Services, call: Call) -> Response:
    """The ledger from a position on, for as long as the client listens."""
    query: FollowQuery = call.query
    seen = resumed(call.headers.get("last-event-id"), "the position of an entry")
    start = query.from_ if seen is None else seen
    return FollowResponse(services, start, sight(services, call), proofs=query.proofs)


OPERATIONS = (
    Operation(
        "GET", "/v1/ledger/follow", "Every entry from a position on, as server-sent events.",
        follow, bytes, scope="entries", query=FollowQuery, media_type=EVENT_STREAM, tag="ledger",
        refusals=("BAD_REQUEST",),
    ),
)  # fmt: skip
