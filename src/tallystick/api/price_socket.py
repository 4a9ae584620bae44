"""Prices over a WebSocket: the same messages as server-sent events, for pairs that may change.

The client says `auth` (unless its token came in the `Authorization` header), `subscribe`,
`unsubscribe` and `ping`; it hears `ready`, `snapshot`, `price`, `heartbeat`, `unsubscribed`,
`pong` and `error`. Everything said to it goes through one loop, so that the order of messages is
the order of their ids. Close codes are RFC 6455's where they fit, else from its private range.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tallystick.access import Principal, Tokens
from tallystick.api.calls import Calls
from tallystick.api.decoding import refusal_of
from tallystick.api.price_items import known_pairs, parse_pairs
from tallystick.api.price_stream import Follower, PriceStream
from tallystick.api.problems import known_error
from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Overloaded, Refused, ShuttingDown, TallystickError
from tallystick.limits import (
    PRICE_SOCKET_AUTH_SECONDS_MAX,
    PRICE_SOCKET_MESSAGE_BYTES_MAX,
    PRICE_SOCKET_MESSAGES_PER_SECOND_MAX,
)

PATH = "/v1/prices/ws"
SWITCHING_PROTOCOLS = 101
LEFT = 1000
TOO_BIG = 1009
FAILED = 1011
RESTART = 1012
TRY_LATER = 1013
UNAUTHENTICATED = 4401
FORBIDDEN = 4403
AUTH_TIMED_OUT = 4408
TOO_MANY_MESSAGES = 4429
COMMANDS_WAITING_MAX = 8
"""Most messages of a client that wait for what is being said to it."""
_REASON_BYTES_MAX = 123
"""RFC 6455 section 5.5: what fits into a close frame behind its code."""


class Auth(msgspec.Struct, frozen=True, tag_field="type", tag="auth", forbid_unknown_fields=True):
    """The first message of a client that sent no `Authorization` header."""

    token: str


class Subscribe(
    msgspec.Struct, frozen=True, tag_field="type", tag="subscribe", forbid_unknown_fields=True
):
    """Tell these pairs, without `pairs` all; `resume`: the id of the last message that came."""

    pairs: list[str] | None = None
    resume: str | None = None


class Unsubscribe(
    msgspec.Struct, frozen=True, tag_field="type", tag="unsubscribe", forbid_unknown_fields=True
):
    """Tell these pairs no more, without `pairs` none."""

    pairs: list[str] | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping", forbid_unknown_fields=True):
    """Are you there? `id` comes back."""

    id: str | None = None


class Ready(msgspec.Struct, frozen=True, tag_field="type", tag="ready"):
    """The token is good; `name` is whose it is."""

    name: str


class Unsubscribed(msgspec.Struct, frozen=True, tag_field="type", tag="unsubscribed"):
    """These pairs are told no more."""

    pairs: tuple[str, ...]


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a ping."""

    id: str | None
    at: str


class Wrong(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    """A message could not be used; nothing has changed."""

    code: str
    detail: str
    field: str | None = None


class Closing(NamedTuple):
    """Why a connection ends."""

    code: int
    reason: str


Command = Auth | Subscribe | Unsubscribe | Ping
_decode = msgspec.json.Decoder(Command).decode
_encode = msgspec.json.Encoder().encode


def price_socket_route(stream: PriceStream, tokens: Tokens, calls: Calls) -> WebSocketRoute:
    """`/v1/prices/ws`."""

    async def serve(websocket: WebSocket) -> None:
        start_ns = calls.start_ns()
        await websocket.accept()
        socket = PriceSocket(websocket, stream, tokens)
        closing = await socket.serve()
        fields = {"account": socket.account, "ws.close_code": closing.code}
        calls.answered("GET", PATH, SWITCHING_PROTOCOLS, start_ns, dict(fields))

    return WebSocketRoute(PATH, serve)


class PriceSocket:
    """One client's connection."""

    def __init__(self, websocket: WebSocket, stream: PriceStream, tokens: Tokens) -> None:
        self.account: str | None = None
        self._websocket = websocket
        self._stream = stream
        self._tokens = tokens
        self._commands: asyncio.Queue[Command | Wrong] = asyncio.Queue(COMMANDS_WAITING_MAX)
        self._second = 0
        self._in_second = 0

    async def serve(self) -> Closing:
        """Talk until one side ends it; why it ended."""
        talking = asyncio.create_task(self._talk())
        ending = asyncio.create_task(self._stream.ended.wait())
        closing = Closing(RESTART, "Tallystick is shutting down; connect again.")
        try:
            await asyncio.wait({talking, ending}, return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                closing = talking.result()
        except WebSocketDisconnect as left:
            return Closing(left.code, "")
        except Exception as error:  # noqa: BLE001  outermost loop of a connection
            closing = _closing_of(known_error(error))
        finally:
            await _cancel(talking, ending)
        reason = closing.reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
        with suppress(WebSocketDisconnect):  # the client was faster
            await self._websocket.close(closing.code, reason)
        return closing

    async def _talk(self) -> Closing:
        try:
            principal = await self._authenticate()
        except TimeoutError:
            seconds = PRICE_SOCKET_AUTH_SECONDS_MAX
            return Closing(AUTH_TIMED_OUT, f"No token came within {seconds} s.")
        principal.require_any("read", "operate")
        self.account = principal.account
        with self._stream.place() as follower:
            await self._say(_encode(Ready(principal.name)))
            self._first()
            reading = asyncio.create_task(self._read(follower))
            writing = asyncio.create_task(self._write(follower))
            try:
                await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
                return reading.result() if reading.done() else writing.result()
            finally:
                await _cancel(reading, writing)

    async def _authenticate(self) -> Principal:
        """Whose token came in the header, or in the first message.

        Raises:
            Refused: `UNAUTHENTICATED`.
            TimeoutError: no message came.
        """
        header = self._websocket.headers.get("authorization")
        if header is not None:
            return self._tokens.principal(header)
        async with asyncio.timeout(PRICE_SOCKET_AUTH_SECONDS_MAX):
            data = await self._receive()
        command = _command(data) if isinstance(data, str) else None
        if not isinstance(command, Auth):
            raise Refused("UNAUTHENTICATED", 'The first message is {"type":"auth","token":...}.')
        return self._tokens.principal(f"Bearer {command.token}")

    def _first(self) -> None:
        """The subscription in the address, where there is one."""
        query = self._websocket.query_params
        if "pairs" in query or "resume" in query:
            try:
                pairs = parse_pairs(query.get("pairs"))
            except Refused as refused:
                self._commands.put_nowait(_wrong(refused))
                return
            asked = None if pairs is None else list(pairs)
            self._commands.put_nowait(Subscribe(asked, query.get("resume")))

    async def _read(self, follower: Follower) -> Closing:
        """What the client says, put where it is done in its turn; ends with why it ends."""
        while True:
            data = await self._receive()
            if isinstance(data, Closing):
                return data
            await self._commands.put(_command(data))
            follower.woken.set()

    async def _receive(self) -> str | Closing:
        """One message, or why the connection must end.

        Raises:
            WebSocketDisconnect: the client is gone.
        """
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", LEFT), message.get("reason"))
        second = self._stream.clock.monotonic_ns() // NS_PER_SECOND
        self._in_second = self._in_second + 1 if second == self._second else 1
        self._second = second
        if self._in_second > PRICE_SOCKET_MESSAGES_PER_SECOND_MAX:
            most = PRICE_SOCKET_MESSAGES_PER_SECOND_MAX
            return Closing(TOO_MANY_MESSAGES, f"At most {most} messages a second.")
        text = message.get("text")
        data: str = text if text is not None else message["bytes"].decode(errors="replace")
        if len(data) > PRICE_SOCKET_MESSAGE_BYTES_MAX:
            most = PRICE_SOCKET_MESSAGE_BYTES_MAX
            return Closing(TOO_BIG, f"A message may have at most {most} bytes.")
        return data

    async def _write(self, follower: Follower) -> Closing:
        stream = self._stream
        beat_ns = stream.clock.monotonic_ns() + stream.heartbeat_ns
        while not stream.ended.is_set():
            said = False
            for text in self._due(follower):
                said = True
                await self._say(text)
            if not said:
                await follower.wait(beat_ns)
            if stream.clock.monotonic_ns() >= beat_ns:
                beat_ns = stream.clock.monotonic_ns() + stream.heartbeat_ns
                await self._say(_encode(stream.heartbeat(follower)))
        return Closing(RESTART, "Tallystick is shutting down; connect again.")

    def _due(self, follower: Follower) -> list[bytes]:
        """Updates that wait, then the answers to commands: an id is never before a lower one."""
        found = list(self._updates(follower))
        while not self._commands.empty():
            command = self._commands.get_nowait()
            found += self._updates(follower)
            try:
                found.append(_encode(self._answer(command, follower)))
            except Refused as refused:
                found.append(_encode(_wrong(refused)))
        return found

    def _updates(self, follower: Follower) -> Iterator[bytes]:
        stream = self._stream
        now_ns = stream.clock.now_ns()
        for update, missed in follower.take():
            token = follower.token(update.number).encode()
            members = update.json(now_ns, stream.session)
            yield b'{"type":"price","id":"%b","missed":%d,%b' % (token, missed, members)

    def _answer(self, command: Command | Wrong, follower: Follower) -> msgspec.Struct:
        """Do what the client asks.

        Raises:
            Refused: `UNKNOWN_PAIR`, `BAD_REQUEST`.
        """
        match command:
            case Subscribe():
                pairs = None if command.pairs is None else known_pairs(command.pairs)
                return self._stream.subscribe(follower, pairs, command.resume)
            case Unsubscribe():
                named = list(follower.pairs) if command.pairs is None else command.pairs
                gone = known_pairs(named)
                self._stream.unsubscribe(follower, gone)
                return Unsubscribed(gone)
            case Ping():
                return Pong(command.id, rfc3339(self._stream.clock.now_ns()))
            case Auth():
                raise Refused("BAD_REQUEST", "The connection has its token already.")
            case Wrong():
                return command

    async def _say(self, text: bytes) -> None:
        await self._websocket.send_text(text.decode())


def _command(data: str) -> Command | Wrong:
    """What a message asks for, or why it asks for nothing."""
    try:
        command: Command = _decode(data)
    except msgspec.ValidationError as error:
        return _wrong(refusal_of(str(error), Command))
    except msgspec.DecodeError as error:
        return Wrong("BAD_JSON", f"The message is not JSON: {error}.")
    return command


def _wrong(refused: Refused) -> Wrong:
    return Wrong(refused.code, str(refused), refused.field)


def _closing_of(error: TallystickError) -> Closing:
    """The close code of an error that ends a connection."""
    code = FAILED
    if isinstance(error, Refused):
        code = FORBIDDEN if error.code == "FORBIDDEN" else UNAUTHENTICATED
    elif isinstance(error, Overloaded):
        code = TRY_LATER
    elif isinstance(error, ShuttingDown):
        code = RESTART
    return Closing(code, str(error))


async def _cancel(*tasks: asyncio.Task[Closing] | asyncio.Task[bool]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
