"""HTTP servers as this house runs them: uvicorn, on a socket taken first, with clean signals."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from tallystick.errors import Misconfigured
from tallystick.limits import SHUTDOWN_SECONDS_MAX

BACKLOG = 2_048
"""Connections that wait to be accepted."""
KEEP_ALIVE_SECONDS = 75
MESSAGE_BYTES_MAX = 65_536
"""Largest WebSocket message of a client; a longer one ends its connection (RFC 6455, 1009)."""
PING_SECONDS = 20.0
"""How often a WebSocket client is asked whether it is there, and how long it may take to answer."""


class Server(uvicorn.Server):
    """uvicorn without its way with signals: it raises each again when it has stopped serving.

    That would end the process before the rooms are closed.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to whoever runs the server; see `heed_signals`."""
        yield


def server_for(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    http: type[asyncio.Protocol] | Literal["httptools"] = "httptools",
    websockets: bool = False,
    requests_max: int | None = None,
) -> Server:
    """A server for the application, which logs its requests itself.

    `http`: who reads requests, uvicorn's own protocol or one made of it.
    `websockets`: the application answers WebSocket scopes too; without it an upgrade is ignored.
    `requests_max`: connections and requests under way; further ones are told to come back.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=http,
        # The other one, "websockets", needs a part of the package that is going away.
        ws="websockets-sansio" if websockets else "none",
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,  # messages are short, and have to be fast
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        date_header=True,
        backlog=BACKLOG,
        limit_concurrency=requests_max,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX // 2,
    )
    return Server(config)


def listen(host: str, port: int, advice: str = "choose another address") -> socket.socket:
    """The listening socket; taken before anything is opened, so that a failure touches nothing.

    Raises:
        Misconfigured: the address cannot be used; the `advice` is in the sentence.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"Cannot listen on {host}:{port} ({error.strerror}); {advice}."
        ) from error
    return listener


def heed_signals(server: Server) -> None:
    """SIGINT and SIGTERM end the serving, and the process when all is kept and closed."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
