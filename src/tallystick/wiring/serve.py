"""Runs the single-process topology behind uvicorn: one screen, clean signals."""

import asyncio
from collections.abc import Callable

import structlog
from starlette.types import ASGIApp

from tallystick.clock import SystemClock
from tallystick.errors import PermanentError
from tallystick.wiring.hot_http import protocol_for
from tallystick.wiring.http import Server, heed_signals, listen, server_for
from tallystick.wiring.settings import Settings
from tallystick.wiring.single import Single, warm_up

LOOK_SECONDS = 0.5
"""How often the loops of the process are looked after."""
_ADVICE = "choose another address with TALLYSTICK_PORT or TALLYSTICK_HOST"

_log = structlog.get_logger("wiring")


Wrap = Callable[[ASGIApp], ASGIApp]


def run(settings: Settings, wrap: Wrap = lambda app: app) -> None:
    """Serve until SIGINT or SIGTERM; `wrap` may put another application around the product's.

    Raises:
        TallystickError: it could not start, or a part of it failed.
    """
    import uvloop  # noqa: PLC0415  only a server needs it

    uvloop.run(_serve(settings, wrap))


def server_of(single: Single, wrap: Wrap = lambda app: app) -> Server:
    """The HTTP server around the composition; access lines are the canonical ones of `api`."""
    host, port = single.settings.host, single.settings.port
    http = protocol_for(single.app.hot)
    return server_for(wrap(single.app), host, port, http=http, websockets=True)


async def _serve(settings: Settings, wrap: Wrap) -> None:
    clock = SystemClock()
    listener = listen(settings.host, settings.port, _ADVICE)
    try:
        single = Single(settings, clock, listener.getsockname()[1])
    except BaseException:
        listener.close()
        raise
    warm_up(clock)
    try:
        await single.start()
    except BaseException:
        listener.close()
        await single.give_up()
        raise
    server = server_of(single, wrap)
    heed_signals(server)
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
