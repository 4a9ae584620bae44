"""A liquidity provider over a WebSocket, and over HTTP while the WebSocket is away.

The messages are in `wire`. A connection that breaks, says nothing for too long or talks nonsense
is opened again, later each time up to a limit, at a moment drawn by chance so that many clients do
not come back together. What the provider quoted is withdrawn when its connection ends: nobody may
deal on it any more. Nothing that the provider does raises an error here; it is counted and logged.
"""

import asyncio
import random

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, PayloadTooBig, WebSocketException
from websockets.frames import CloseCode

from tallystick.clock import Clock
from tallystick.errors import Misconfigured
from tallystick.execution.quotes.ages import max_age_ns
from tallystick.execution.quotes.arrival import Dropped, QuoteMessage, quote_of
from tallystick.execution.quotes.polling import Poll
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.quotes.source import Drops, Sink
from tallystick.execution.quotes.wire import (
    Message,
    Subscribe,
    WithdrawMessage,
    decode_message,
    encode,
)
from tallystick.fx import PAIRS

MESSAGE_BYTES_MAX = 65_536
"""Largest message of a provider; a larger one ends the connection."""
MESSAGES_WAITING_MAX = 64
"""Most messages read ahead; then the provider has to wait."""
OPEN_SECONDS_MAX = 5.0
IDLE_SECONDS_MAX = 15.0
"""Longest silence; a provider says a heartbeat each five seconds."""
BACK_OFF_SECONDS = 0.5
BACK_OFF_SECONDS_MAX = 30.0
"""Between two attempts: doubled from the first to the second, each drawn from the upper half."""
POLL_SECONDS = 1.0
TURN_MESSAGES = 64
"""Messages taken before others on the event loop get their turn."""
FOREVER = float("inf")
SCHEMES = {"ws": "ws", "wss": "ws", "http": "http", "https": "http"}

_log = structlog.get_logger("execution")


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a provider is and how to speak with it, as settings say it."""

    name: str
    """The `source` of its quotes."""
    url: str
    """ws:// or wss:// to be told, http:// or https:// to ask only."""
    pairs: tuple[str, ...] = tuple(PAIRS)
    """The pairs that it is asked to quote; others are dropped."""
    token: str | None = None
    """Sent as `Authorization: Bearer`."""
    poll_url: str | None = None
    """http:// or https://: asked while the WebSocket is away."""
    idle_seconds: float = IDLE_SECONDS_MAX
    """Longest silence of a connection."""
    poll_seconds: float = POLL_SECONDS
    """Between two questions."""


class LiquidityProvider:
    """One provider's quotes; a `LiveSource`."""

    def __init__(self, provider: Provider, clock: Clock, chance: random.Random) -> None:
        """Nothing is opened yet.

        Raises:
            Misconfigured: an address cannot be used.
        """
        self.name = provider.name
        self.drops = Drops()
        self.connections = 0
        """How often a connection was opened."""
        self.gaps = 0
        """Messages that never came, by the sequence numbers of those that did."""
        self._provider = provider
        self._clock = clock
        self._chance = chance
        self._pairs = frozenset(provider.pairs)
        self._headers = {"Authorization": f"Bearer {provider.token}"} if provider.token else {}
        self._behind: set[str] = set()
        self._at_ns: dict[str, int] = {}
        self._next: int | None = None
        self._attempts = 0
        self._streams = _scheme(provider.url) == "ws"
        asked = provider.poll_url if self._streams else provider.url
        self._poll: Poll | None = None
        if asked is not None:
            if _scheme(asked) != "http":
                raise Misconfigured(f"{asked} is not an address that can be asked over HTTP.")
            self._poll = Poll(asked, self._headers, clock, provider.poll_seconds)

    @property
    def gap(self) -> bool:
        """Whether a message was lost since which some pair was not quoted anew."""
        return bool(self._behind)

    async def run(self, sink: Sink) -> None:
        """Hand on quotes until cancelled."""
        while True:
            if self._streams:
                await self._stream(sink)
            seconds = self._back_off() if self._streams else FOREVER
            if self._poll is None:
                await self._clock.sleep(seconds)
                continue
            async for message in self._poll.quotes(seconds, self.drops):
                self._quoted(message, sink)

    def _back_off(self) -> float:
        doubled = BACK_OFF_SECONDS * 2 ** min(self._attempts, 16)
        longest = min(doubled, BACK_OFF_SECONDS_MAX)
        self._attempts += 1
        return self._chance.uniform(longest / 2, longest)

    async def _stream(self, sink: Sink) -> None:
        """One connection, from its opening to its end."""
        try:
            async with _Connect(
                self._provider.url,
                additional_headers=self._headers,
                user_agent_header="tallystick",
                open_timeout=OPEN_SECONDS_MAX,
                close_timeout=1,
                ping_interval=None,
                max_size=MESSAGE_BYTES_MAX,
                max_queue=MESSAGES_WAITING_MAX,
                compression=None,
                proxy=None,
            ) as connection:
                self.connections += 1
                try:
                    await self._listen(connection, sink)
                except asyncio.CancelledError:  # we go, and nothing is wrong: say so
                    await connection.close(CloseCode.GOING_AWAY)
                    raise
                finally:
                    sink.withdraw(self.name)
        except (WebSocketException, OSError, TimeoutError) as error:
            if isinstance(error, ConnectionClosed) and isinstance(error.__cause__, PayloadTooBig):
                self.drops.count("too_large")
            _log.warning(
                "execution.provider_away",
                body=f"{self.name}: {str(error) or 'nothing said in time'}",
                **{"provider.attempts": self._attempts + 1},
            )

    async def _listen(self, connection: ClientConnection, sink: Sink) -> None:
        self._next = None
        self._at_ns.clear()
        self._behind.clear()
        await connection.send(encode(Subscribe(tuple(sorted(self._pairs)))).decode())
        taken = 0
        while True:
            async with asyncio.timeout(self._provider.idle_seconds):
                data = await connection.recv(decode=False)
            self._hear(data, sink)
            taken += 1
            if taken % TURN_MESSAGES == 0:
                await asyncio.sleep(0)

    def _hear(self, data: bytes, sink: Sink) -> None:
        try:
            message = decode_message(data)
        except (msgspec.DecodeError, UnicodeDecodeError):  # a ValidationError is one
            self.drops.count("malformed")
            return
        self._attempts = 0  # it speaks our language
        if not self._in_sequence(message):
            return
        if isinstance(message, QuoteMessage):
            self._quoted(message, sink)
        elif isinstance(message, WithdrawMessage):
            sink.withdraw(self.name)

    def _in_sequence(self, message: Message) -> bool:
        """Whether the message is new; a gap before it is counted."""
        if message.seq is None:
            return True
        if self._next is not None:
            if message.seq < self._next:
                self.drops.count("out_of_order")
                return False
            if message.seq > self._next:
                self.gaps += message.seq - self._next
                self._behind = set(self._at_ns)
        self._next = message.seq + 1
        return True

    def _quoted(self, message: QuoteMessage, sink: Sink) -> None:
        try:
            quote = self._quote(message)
        except Dropped as dropped:
            self.drops.count(dropped.reason)
            return
        self._at_ns[quote.pair] = quote.at_ns
        self._behind.discard(quote.pair)
        sink.take([quote])

    def _quote(self, message: QuoteMessage) -> Quote:
        if message.pair not in self._pairs:
            raise Dropped("unknown_pair")
        limit_ns = max_age_ns(message.pair, self.name)
        quote = quote_of(message, self.name, self._clock.now_ns(), limit_ns)
        if quote.at_ns < self._at_ns.get(quote.pair, 0):
            raise Dropped("out_of_order")
        return quote


class _Connect(connect):
    """Follows no redirect: the token is for nobody else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """What went wrong is what is said."""
        return exc


def _scheme(url: str) -> str:
    """`ws` or `http`, with or without TLS.

    Raises:
        Misconfigured: it is no such address.
    """
    scheme, _, rest = url.partition("://")
    kind = SCHEMES.get(scheme)
    if kind is None or not rest.strip("/"):
        raise Misconfigured(f"{url!r} is not the address of a liquidity provider.")
    return kind
