"""The product with a ceiling in front: the same process, and one handler that only parses.

`POST /bench/parse?bytes=N` decodes an order with the product's own struct and sends a canned
answer of N bytes: what this server and this HTTP stack could do if deciding, remembering and
proving cost nothing. Everything else goes to the product.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tallystick.execution import PlaceOrder
from tallystick.wiring import serve
from tallystick.wiring.settings import read_settings

PATH = "/bench/parse"
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
    """Answers `POST /bench/parse` itself and passes everything else to `app` (ASGI 3)."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._decoder = msgspec.json.Decoder(PlaceOrder)
        self._answers: dict[bytes, tuple[Message, Message]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's event, as ASGI has it."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await self._parse(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _parse(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        self._decoder.decode(body)
        start, rest = self._answer(scope["query_string"])
        await send(start)
        await send(rest)

    def _answer(self, query: bytes) -> tuple[Message, Message]:
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


def main() -> None:
    """Serves the product exactly as `./tallystick serve` does, with the ceiling in front."""
    serve.run(read_settings(os.environ), wrap=Ceiling)


if __name__ == "__main__":
    main()
