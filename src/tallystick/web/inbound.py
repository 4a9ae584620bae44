"""Two ways in without a token: the page of a signed link, and PagerDuty's webhooks."""

import asyncio

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tallystick.errors import Refused
from tallystick.watch.notify.inbound.links import PAGE_HEADERS, LinkDoor, Page
from tallystick.watch.notify.inbound.pagerduty import (
    SIGNATURE_HEADER,
    WEBHOOK_BYTES_MAX,
    PagerDutyDoor,
)
from tallystick.watch.notify.links import LINK_PATH

PAGERDUTY_PATH = "/v1/notify/pagerduty"
"""Where a webhook subscription of PagerDuty posts to."""


def link_routes(door: LinkDoor) -> list[Route]:
    """The page of a signed link: GET shows it, POST presses its button."""

    async def show(request: Request) -> Response:
        return _html(await asyncio.to_thread(door.show, _token(request)))

    async def act(request: Request) -> Response:
        return _html(await asyncio.to_thread(door.act, _token(request)))

    return [Route(LINK_PATH, show, methods=["GET"]), Route(LINK_PATH, act, methods=["POST"])]


def pagerduty_routes(door: PagerDutyDoor) -> list[Route]:
    """Answers 202 to whatever is signed; what PagerDuty sends again is known by its id.

    Refusals: `WEBHOOK_SIGNATURE`, `WEBHOOK_BODY`, `BODY_TOO_LARGE`. After a 4xx none comes again.
    """

    async def receive(request: Request) -> Response:
        body = await _body(request)
        signatures = request.headers.get(SIGNATURE_HEADER, "")
        await asyncio.to_thread(door.receive, signatures, body)
        return Response(status_code=202)

    return [Route(PAGERDUTY_PATH, receive, methods=["POST"])]


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > WEBHOOK_BYTES_MAX:
            sentence = f"A webhook has at most {WEBHOOK_BYTES_MAX} bytes."
            raise Refused("BODY_TOO_LARGE", sentence)
    return body


def _token(request: Request) -> str:
    return request.query_params.get("t", "")


def _html(page: Page) -> Response:
    return HTMLResponse(page.html, page.status, PAGE_HEADERS)
