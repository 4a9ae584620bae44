"""API Gateway's proxy events as ASGI requests, and answers back: bytes for bytes, nothing decided.

REST APIs with Lambda proxy integration (payload format 1.0), which an Application Load Balancer's
events resemble. API Gateway decodes the query string's parameters and not the path's.
"""

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import unquote, urlencode

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from starlette.types import ASGIApp, Message, Scope

Proxied = dict[str, Any]
"""An answer in API Gateway's form."""
_TEXTS = ("text/", "application/json", "application/problem+json", "application/x-ndjson")


def scope_of(event: APIGatewayProxyEvent) -> Scope:
    """The ASGI scope of the request."""
    path = event.path
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": event.http_method,
        "scheme": "https",
        "path": unquote(path),
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": _query(event).encode(),
        "root_path": "",
        "headers": _headers(event),
        "client": _client(event),
        "server": (event.request_context.domain_name or "", 443),
    }


def body_of(event: APIGatewayProxyEvent) -> bytes:
    """The request's body.

    Raises:
        ValueError: it says that it is base64 and is not.
    """
    body = event.body or ""
    return b64decode(body, validate=True) if event.is_base64_encoded else body.encode()


async def asked(app: ASGIApp, scope: Scope, body: bytes) -> Proxied:
    """What the application answers."""
    said: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    start = said[0]
    answer = b"".join(each.get("body", b"") for each in said[1:])
    return proxied(start["status"], start["headers"], answer)


def proxied(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Proxied:
    """An answer as API Gateway wants it; what is no text goes in base64."""
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    kind = next((v[0] for k, v in named.items() if k.lower() == "content-type"), "")
    text = kind.startswith(_TEXTS) or not body
    return {
        "statusCode": status,
        "multiValueHeaders": named,
        "body": body.decode() if text else b64encode(body).decode(),
        "isBase64Encoded": not text,
    }


def _headers(event: APIGatewayProxyEvent) -> list[tuple[bytes, bytes]]:
    """Lower-case names, each value by itself; the one-value form where there is no other."""
    many = event.get("multiValueHeaders") or {
        name: [value] for name, value in (event.get("headers") or {}).items()
    }
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, values in many.items()
        for value in values
    ]


def _query(event: APIGatewayProxyEvent) -> str:
    many = event.get("multiValueQueryStringParameters") or {
        name: [value] for name, value in (event.get("queryStringParameters") or {}).items()
    }
    return urlencode([(name, value) for name, values in many.items() for value in values])


def _client(event: APIGatewayProxyEvent) -> tuple[str, int] | None:
    context = event.get("requestContext") or {}
    address = (context.get("identity") or {}).get("sourceIp")
    return (address, 0) if address else None
