"""API Gateway's events as ASGI requests, and answers back."""

import asyncio
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tallystick.wiring.aws.gateway import asked, body_of, proxied, scope_of

EVENTS = Path(__file__).parent / "events"


def event(name: str, **more: Any) -> APIGatewayProxyEvent:
    """The fixture of this name, with other members."""
    return APIGatewayProxyEvent(json.loads((EVENTS / f"{name}.json").read_text()) | more)


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers what it was asked."""
    request = Request(scope, receive)
    body = await request.body()
    said = {
        "path": request.url.path, "query": request.query_params.multi_items(),
        "headers": dict(request.headers), "body": body.decode(), "client": scope["client"],
    }  # fmt: skip
    await JSONResponse(said)(scope, receive, send)


def mirrored(one: APIGatewayProxyEvent) -> Any:
    """What the mirror says."""
    answer = asyncio.run(asked(mirror, scope_of(one), body_of(one)))
    assert answer["statusCode"] == 200
    return json.loads(answer["body"])


@pytest.mark.parametrize("name", ["api_gateway_order", "api_gateway_order_base64"])
def test_a_request_arrives_as_it_was_sent(name: str) -> None:
    """Path, headers in lower case, the caller's address, and the body byte for byte."""
    said = mirrored(event(name))
    assert said["path"] == "/v1/orders"
    assert said["headers"]["idempotency-key"] == "k-1"
    assert said["client"] == ["203.0.113.7", 0]
    assert json.loads(said["body"])["client_order_id"] == "a-1"


def test_a_query_is_encoded_again() -> None:
    """API Gateway decodes it; a slash and a parameter that comes twice survive."""
    assert mirrored(event("api_gateway_list"))["query"] == [["pair", "EUR/USD"], ["limit", "10"]]
    twice = mirrored(event("api_gateway_list_repeated"))["query"]
    assert twice == [["limit", "10"], ["limit", "20"]]


def test_a_path_is_decoded_once() -> None:
    """An escaped character in the path is what the route sees."""
    assert mirrored(event("api_gateway_path_encoded"))["path"] == "/v1/orders/@a-1"


def test_the_console_sends_no_headers() -> None:
    """What is null is nothing."""
    said = mirrored(event("api_gateway_console_test"))
    assert said["headers"] == {}
    assert said["query"] == []


def test_base64_that_is_none_is_refused() -> None:
    """The door's own words are for whoever sends it."""
    with pytest.raises(ValueError, match="base64"):
        body_of(event("api_gateway_order_base64", body="%%%"))


def test_bytes_go_back_in_base64() -> None:
    """What is no text is not read as text; what is text stays as it is."""
    answer = asyncio.run(
        asked(Response(b"\x00\xff", media_type="application/octet-stream"), {"type": "http"}, b"")
    )
    assert answer["isBase64Encoded"]
    assert b64decode(answer["body"]) == b"\x00\xff"
    problem = proxied(503, [(b"content-type", b"application/problem+json")], b"{}")
    assert problem["body"] == "{}"
    assert not problem["isBase64Encoded"]
