"""Prices at the door: the newest of each pair, and a stream of them as server-sent events."""

from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tallystick.api.event_stream import EVENT_STREAM, EventStream
from tallystick.api.operation import Call, Operation
from tallystick.api.price_items import (
    PriceItem,
    SessionItem,
    Snapshot,
    parse_pairs,
    price_item,
    session_item,
)
from tallystick.api.price_stream import Follower, PriceStream
from tallystick.api.problems import problem_response
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.fx import PAIRS, pair, spot_date, trade_date

NS_PER_MS = 1_000_000
_encode = msgspec.json.Encoder().encode


class PricesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`pairs`: symbols with commas between, such as `EUR/USD,USD/JPY`; without it, all."""

    pairs: str | None = None


class PriceNow(PriceItem, frozen=True):
    """A pair's newest quote, how old it is, and what a trade done now would settle on."""

    age_ms: int
    value_date: str


class PriceList(msgspec.Struct, frozen=True):
    """The newest quote of every pair, by name; `unpriced`: those that were named and have none."""

    prices: list[PriceNow]
    unpriced: list[str]
    session: SessionItem


class PriceEvents(EventStream):
    """The stream as a response; it holds its place only while it is being sent."""

    def __init__(
        self, stream: PriceStream, pairs: tuple[str, ...] | None, resume: str | None
    ) -> None:
        super().__init__()
        self._stream = stream
        self._pairs = pairs
        self._resume = resume

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the client leaves or the process does."""
        with self._stream.place() as follower:
            snapshot = self._stream.subscribe(follower, self._pairs, self._resume)
            await self.say(self._frames(follower, snapshot), scope, receive, send)

    async def _frames(self, follower: Follower, snapshot: Snapshot) -> AsyncIterator[bytes]:
        stream = self._stream
        yield _frame(b"snapshot", _encode(snapshot), snapshot.id)
        beat_ns = stream.clock.monotonic_ns() + stream.heartbeat_ns
        while not stream.ended.is_set():
            updates = follower.take()
            if updates:
                now_ns = stream.clock.now_ns()
                yield b"".join(
                    _frame(
                        b"price",
                        b'{"missed":%d,%b' % (missed, update.json(now_ns, stream.session)),
                        follower.token(update.number),
                    )
                    for update, missed in updates
                )
            else:
                await follower.wait(beat_ns)
            if stream.clock.monotonic_ns() >= beat_ns:
                beat_ns = stream.clock.monotonic_ns() + stream.heartbeat_ns
                yield _frame(b"heartbeat", _encode(stream.heartbeat(follower)))


async def prices(services: Services, call: Call) -> PriceList:
    """The newest quotes."""
    query: PricesQuery = call.query
    named = parse_pairs(query.pairs)
    now_ns = services.clock.now_ns()
    session = services.prices.session(now_ns)
    found: list[PriceNow] = []
    for name in sorted(PAIRS if named is None else named):
        quote = services.board.get(name)
        if quote is not None:
            members = msgspec.structs.asdict(price_item(quote, now_ns, session))
            age_ms = max(0, now_ns - quote.at_ns) // NS_PER_MS
            traded = pair(name)
            value_date = spot_date(traded, trade_date(now_ns, traded)).isoformat()
            found.append(PriceNow(**members, age_ms=age_ms, value_date=value_date))
    priced = {item.pair for item in found}
    unpriced = [name for name in named or () if name not in priced]
    return PriceList(found, unpriced, session_item(session))


async def stream_prices(services: Services, call: Call) -> Response:
    """Prices as they come, for as long as the client listens."""
    query: PricesQuery = call.query
    resume = call.headers.get("last-event-id") or None
    return PriceEvents(services.prices, parse_pairs(query.pairs), resume)


async def upgrade(_services: Services, _call: Call) -> Response:
    """A plain request for what is a WebSocket (RFC 9110 section 15.5.22)."""
    refused = Refused("UPGRADE_REQUIRED", "Connect to this path with a WebSocket.")
    response = problem_response(refused)
    response.headers["Upgrade"] = "websocket"
    return response


def _frame(event: bytes, data: bytes, token: str | None = None) -> bytes:
    """One event in the event-stream format of the HTML standard, section 9.2.5."""
    if token is None:
        return b"event: %b\ndata: %b\n\n" % (event, data)
    return b"event: %b\nid: %b\ndata: %b\n\n" % (event, token.encode(), data)


OPERATIONS = (
    Operation(
        "GET", "/v1/prices", "The newest quote of every pair, with depth.",
        prices, PriceList, scope="read", query=PricesQuery, tag="prices",
        refusals=("BAD_REQUEST", "UNKNOWN_PAIR"),
    ),
    Operation(
        "GET", "/v1/prices/stream", "Prices as they come, as server-sent events.",
        stream_prices, bytes, scope="read", query=PricesQuery, media_type=EVENT_STREAM,
        tag="prices", refusals=("BAD_REQUEST", "UNKNOWN_PAIR"),
    ),
    Operation(
        "GET", "/v1/prices/ws", "Prices as they come, over a WebSocket.",
        upgrade, None, scope="read", status=101, tag="prices", refusals=("UPGRADE_REQUIRED",),
    ),
)  # fmt: skip
