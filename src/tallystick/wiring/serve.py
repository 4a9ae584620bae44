"""Runs the single-process topology behind uvicorn: one screen, clean signals."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured, PermanentError
from tallystick.limits import SHUTDOWN_SECONDS_MAX
from tallystick.wiring.settings import Settings
from tallystick.wiring.single import Single, warm_up

BACKLOG = 2_048
KEEP_ALIVE_SECONDS = 75
LOOK_SECONDS = 0.5
"""How often the loops of the process are looked after."""

_log = structlog.get_logger("wiring")


Wrap = Callable[[ASGIApp], ASGIApp]


class _Server(uvicorn.Server):
    """uvicorn without its way with signals: it raises each again when it has stopped serving.

    That would end the process before the rooms are closed.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to whoever runs the server."""
        yield


def run(settings: Settings, wrap: Wrap = lambda app: app) -> None:
    """Serve until SIGINT or SIGTERM; `wrap` may put another application around the product's.

    Raises:
        TallystickError: it could not start, or a part of it failed.
    """
    import uvloop  # noqa: PLC0415  only a server needs it

    uvloop.run(_serve(settings, wrap))


def server_of(single: Single, wrap: Wrap = lambda app: app) -> uvicorn.Server:
    """The HTTP server around the composition; access lines are the canonical ones of `api`."""
    config = uvicorn.Config(
        wrap(single.app),
        host=single.settings.host,
        port=single.settings.port,
        http="httptools",
        ws="none",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        date_header=True,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX // 2,
    )
    return _Server(config)


async def _serve(settings: Settings, wrap: Wrap) -> None:
    clock = SystemClock()
    listener = _listen(settings)
    try:
        single = Single(settings, clock, listener.getsockname()[1])
    except BaseException:
        listener.close()
        raise
    warm_up(clock)
    await single.start()
    server = server_of(single, wrap)
    _heed_signals(server)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    announced = False
    try:
        while not serving.done():
            if server.started and not announced:
                announced = True
                print(screen(single), flush=True)
            if (failure := single.failure()) is not None:
                _log.error("wiring.part_ended", exc_info=failure)
                server.should_exit = True
                single.end_streams()
                await serving
                raise PermanentError(f"A part of the process ended: {failure!r}") from failure
            if server.should_exit:
                single.end_streams()
            await clock.sleep(LOOK_SECONDS if announced else 0.01)
        await serving
    finally:
        await single.stop()


def _listen(settings: Settings) -> socket.socket:
    """The listening socket; taken before anything is opened, so that a failure touches nothing.

    Raises:
        Misconfigured: the address cannot be used.
    """
    host, port = settings.host, settings.port
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"Cannot listen on {host}:{port} ({error.strerror});"
            " choose another address with TALLYSTICK_PORT or TALLYSTICK_HOST."
        ) from error
    return listener


def _heed_signals(server: uvicorn.Server) -> None:
    """SIGINT and SIGTERM end the serving, and the process when all is kept and closed."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)


def screen(single: Single) -> str:
    """What a person sees at start: where everything is, and how to place an order."""
    facts, data = single.facts, single.settings.folder
    body = (
        f'{{"client_order_id":"c-1","account":"{facts.account}","pair":"EUR/USD","side":"buy",'
        '"quantity":"1000000","type":"market","time_in_force":"FOK"}'
    )
    return f"""
  Tallystick runs.                                             Stop it with Ctrl-C.

  Page           {facts.url}/#token={facts.token}
  API reference  {facts.url}/docs   (OpenAPI: {facts.url}/openapi.json)
  Ledger         {facts.url}/v1/ledger/checkpoint   ({single.ledger.size} entries)
  Verifier key   {facts.vkey}
  Account        {facts.account}
  Token          {facts.token}
  Data           {data}

  Place an order, keep its receipt, verify it:

  curl -s {facts.url}/v1/orders -H 'Authorization: Bearer {facts.token}' \\
    -H 'Content-Type: application/json' \\
    -d '{body}' > receipt.json
  ./tallystick verify receipt.json --vkey '{facts.vkey}'
"""
