"""The ways in without a token, over HTTP: the page of a link, and PagerDuty's webhooks."""

import asyncio
import hashlib
import hmac
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tallystick.clock import SystemClock, rfc3339
from tallystick.errors import Refused
from tallystick.watch.notify import Alert, Deliverer, IncidentStore, Notifier, every_target
from tallystick.watch.notify.inbound.links import PAGE_HEADERS, LinkDoor
from tallystick.watch.notify.inbound.pagerduty import WEBHOOK_BYTES_MAX, PagerDutyDoor
from tallystick.watch.notify.links import LINK_PATH, Links
from tallystick.web.inbound import PAGERDUTY_PATH, link_routes, pagerduty_routes

SECRET = "a" * 44
Ask = Callable[..., httpx.Response]


@pytest.fixture
def notifier(tmp_path: Path) -> Iterator[Notifier]:
    """With one open incident, I-1."""
    clock = SystemClock()
    store = IncidentStore(tmp_path / "notify.db")
    deliverer = Deliverer(store, {}, clock, random.Random(1))  # noqa: S311  jitter
    notifier = Notifier(store, deliverer, every_target({}), clock)
    alert = Alert("a", "a", "critical", "Prices stand.", "test", rfc3339(clock.now_ns()))
    notifier.raise_alert(alert)
    yield notifier
    store.close()


@pytest.fixture
def links() -> Links:
    """Links of this server."""
    return Links(bytes(32), "https://fx.example", SystemClock())


@pytest.fixture
def ask(notifier: Notifier, links: Links) -> Ask:
    """Puts one request to the routes; a refusal is told by its code."""

    async def refused(_: Request, error: Exception) -> Response:
        """As the API has problems for it."""
        assert isinstance(error, Refused)
        return PlainTextResponse(error.code, 422)

    doors = LinkDoor(links, notifier), PagerDutyDoor([SECRET], notifier, SystemClock())
    routes = link_routes(doors[0]) + pagerduty_routes(doors[1])
    app = Starlette(routes=routes, exception_handlers={Refused: refused})

    def asking(method: str, path: str, **given: object) -> httpx.Response:
        """One request."""

        async def send() -> httpx.Response:
            """On a loop of its own."""
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://fx") as client:
                return await client.request(method, path, **given)  # type: ignore[arg-type]

        return asyncio.run(send())

    return asking


def test_the_page_of_a_link(ask: Ask, notifier: Notifier, links: Links) -> None:
    """GET and HEAD change nothing, POST to the same address acts; the headers keep it private."""
    path = f"{LINK_PATH}?t={links.token('I-1', 'acknowledge', 'ann')}"
    for method in ("GET", "HEAD"):
        answer = ask(method, path)
        assert answer.status_code == 200
        assert PAGE_HEADERS.items() <= {name: answer.headers[name] for name in PAGE_HEADERS}.items()
    assert notifier.incident("I-1").incident.state == "open"
    assert ask("POST", path).status_code == 200
    assert notifier.incident("I-1").incident.acknowledged_by == "link:ann"
    assert ask("GET", f"{LINK_PATH}?t=forged").status_code == 403
    assert ask("POST", LINK_PATH).status_code == 403
    assert ask("PUT", path).status_code == 405


def test_a_webhook_of_pagerduty(ask: Ask, notifier: Notifier) -> None:
    """202 for what is signed, whatever it is about; the raw body is what was signed."""
    event = {
        "id": "01BRB6ZP4M6T8ZG4X6BP63ZB9O", "event_type": "incident.resolved",
        "occurred_at": rfc3339(SystemClock().now_ns()), "agent": {"summary": "Zoë"},
        "data": {"incident_key": notifier.incident("I-1").incident.key},
    }  # fmt: skip
    body = msgspec.json.format(msgspec.json.encode({"event": event}), indent=3)
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-PagerDuty-Signature": f"v1=00,v1={mac}"}
    assert ask("POST", PAGERDUTY_PATH, content=body).text == "WEBHOOK_SIGNATURE"
    assert notifier.incident("I-1").incident.state == "open"
    answer = ask("POST", PAGERDUTY_PATH, content=body, headers=headers)
    assert (answer.status_code, answer.content) == (202, b"")
    assert notifier.incident("I-1").incident.state == "resolved"
    assert ask("POST", PAGERDUTY_PATH, content=body, headers=headers).status_code == 202


def test_a_body_without_end_is_cut_off(ask: Ask) -> None:
    """PagerDuty sends at most 256 KB; nobody is listened to for longer."""
    answer = ask("POST", PAGERDUTY_PATH, content=b" " * (WEBHOOK_BYTES_MAX + 1))
    assert answer.text == "BODY_TOO_LARGE"
