"""The product with ceilings in front: the same process, and handlers that do next to nothing.

`POST /bench/parse?bytes=N` decodes an order with the product's own struct and sends a canned
answer of N bytes: what this server and this HTTP stack could do if deciding, remembering and
proving cost nothing. `POST /bench/noop?bytes=N` does not even look at the body. Everything else
goes to the product.
"""

import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

import moments
from tallystick.api.calls import OrderLine
from tallystick.execution import PlaceOrder
from tallystick.wiring import serve
from tallystick.wiring.settings import read_settings
from tallystick.wiring.single import Single

PARSE, NOOP = "/bench/parse", "/bench/noop"
DETACHED = "BENCH_DETACHED"
"""In the environment: serve without those who watch."""
WRITERS = {"prices", "expire", "margin", "end-of-day", "publish", "wals"}
"""What an order needs to be decided, remembered and proved."""
UNALERTED = "BENCH_UNALERTED"
"""In the environment: serve without alarms, event rules, and those who tell people."""
ALERTING = {"alarms", "alarms-feed", "rules", "rules-feed", "heartbeat"}
MOMENTS = "BENCH_MOMENTS"
"""In the environment: the file to which it is written when what was durable, and raised."""
ANSWER_BYTES_DEFAULT = 1_800
ANSWER_BYTES_MAX = 65_536

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def canned(size: int) -> bytes:
    """A JSON answer of `size` bytes that reads as a filled order."""
    empty = len(msgspec.json.encode({"rejection": None, "canned": ""}))
    return msgspec.json.encode({"rejection": None, "canned": "x" * max(0, size - empty)})


class Ceiling:
    """Answers the two paths itself and passes everything else to `app` (ASGI 3)."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._decoder = msgspec.json.Decoder(PlaceOrder)
        self._answers: dict[bytes, tuple[Message, Message]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's event, as ASGI has it."""
        if scope["type"] == "http" and scope["path"] == PARSE and scope["method"] == "POST":
            self._decoder.decode(await _body(receive))
            await self._answer(scope, send)
        elif scope["type"] == "http" and scope["path"] == NOOP and scope["method"] == "POST":
            await _body(receive)
            await self._answer(scope, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, send: Send) -> None:
        start, rest = self._canned(scope["query_string"])
        await send(start)
        await send(rest)

    def _canned(self, query: bytes) -> tuple[Message, Message]:
        known = self._answers.get(query)
        if known is None:
            asked = parse_qs(query.decode()).get("bytes", [str(ANSWER_BYTES_DEFAULT)])
            body = canned(min(ANSWER_BYTES_MAX, int(asked[0])))
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ]
            known = self._answers[query] = (
                {"type": "http.response.start", "status": 201, "headers": headers},
                {"type": "http.response.body", "body": body},
            )
        return known


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


class Detached(Single):
    """The product without anybody who watches: nobody hears of an order but its client."""

    def _hear_order(self, line: OrderLine, at_ns: int) -> None:
        """No log line, no detector."""

    def _works(self) -> Iterable[tuple[str, Coroutine[Any, Any, None]]]:
        for name, work in super()._works():
            if name in WRITERS:
                yield name, work
            else:
                work.close()


class Unalerted(Single):
    """The product in which nothing is evaluated, matched or told."""

    def _works(self) -> Iterable[tuple[str, Coroutine[Any, Any, None]]]:
        for name, work in super()._works():
            if name in ALERTING:
                work.close()
            else:
                yield name, work


def main() -> None:
    """Serves the product exactly as `./tallystick serve` does, with the ceilings in front."""
    if DETACHED in os.environ:
        serve.Single = Detached  # type: ignore[misc]  # the one name that differs
    if UNALERTED in os.environ:
        serve.Single = Unalerted  # type: ignore[misc]  # the one name that differs
    if MOMENTS in os.environ:
        serve.Single = moments.timed(Path(os.environ[MOMENTS]))  # type: ignore[misc]  # same
    serve.run(read_settings(os.environ), wrap=Ceiling)


if __name__ == "__main__":
    main()
