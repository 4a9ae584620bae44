"""Splunk's HTTP Event Collector: its routes, its answers; the parsing is `watch.collect`'s."""

import asyncio
import hmac
from collections.abc import Callable

import msgspec
from starlette.responses import Response

from tallystick.api.operation import Call, Handler, Operation
from tallystick.api.services import Services
from tallystick.errors import Refused, TemporaryError
from tallystick.limits import HEC_BODY_BYTES_MAX
from tallystick.watch.collect import (
    HEC_ANSWERS,
    HecAnswer,
    HecBatch,
    HecMetadata,
    gunzip,
    hec_token,
    parse_events,
    parse_raw,
)

_INVALID_TOKEN, _BUSY, _HEALTHY = HEC_ANSWERS[4], HEC_ANSWERS[9], HEC_ANSWERS[17]
Parse = Callable[..., HecBatch]


class HecReply(msgspec.Struct, frozen=True, omit_defaults=True, rename="kebab"):
    """What the collector answers: code 0 when everything is durable."""

    text: str
    code: int
    invalid_event_number: int | None = None


async def events(services: Services, call: Call) -> Response:
    """JSON events, one after another or in an array."""
    return await _collect(services, call, parse_events)


async def raw(services: Services, call: Call) -> Response:
    """Text, one event a line."""
    return await _collect(services, call, parse_raw)


async def health(_services: Services, _call: Call) -> Response:
    """Whether the collector takes events."""
    return _reply(_HEALTHY)


async def options(_services: Services, _call: Call) -> Response:
    """Docker's driver asks before it starts a container."""
    return Response(status_code=200, headers={"Allow": "POST,OPTIONS"})


async def _collect(services: Services, call: Call, parse: Parse) -> Response:
    token = hec_token(call.headers.get("authorization"))
    if isinstance(token, HecAnswer):
        return _reply(token)
    if not hmac.compare_digest(token.encode(), services.hec_token.encode()):
        return _reply(_INVALID_TOKEN)
    metadata = HecMetadata(
        **{name: call.params.get(name) for name in ("host", "source", "sourcetype", "index")}
    )
    batch = parse(_unpacked(call), received_ns=services.clock.now_ns(), metadata=metadata)
    if batch.lines:
        try:
            await asyncio.to_thread(services.logs.append, batch.lines)
        except TemporaryError:
            return _reply(_BUSY)
    return _reply(batch.answer)


def _unpacked(call: Call) -> bytes:
    body: bytes = call.body
    encoding = call.headers.get("content-encoding", "identity").lower()
    if encoding == "gzip":
        return gunzip(body, bytes_max=HEC_BODY_BYTES_MAX)
    if encoding != "identity":
        raise Refused("BAD_ENCODING", f"Send the body plain or as gzip, not as {encoding!r}.")
    return body


def _reply(answer: HecAnswer) -> Response:
    return Response(answer.body(), answer.status, media_type="application/json")


def _operations(path: str, summary: str, handler: Handler) -> tuple[Operation, ...]:
    return (
        Operation(
            "POST", path, summary, handler, HecReply, scope="hec", body=bytes, tag="hec",
            refusals=("BAD_ENCODING", "BAD_GZIP"), own_refusals=(400, 401, 403, 503),
        ),
        Operation("OPTIONS", path, "What the collector allows.", options, None, tag="hec"),
    )  # fmt: skip


OPERATIONS = (
    *_operations("/services/collector", "Splunk HEC: JSON events.", events),
    *_operations("/services/collector/event", "Splunk HEC: JSON events.", events),
    *_operations("/services/collector/raw", "Splunk HEC: text, one event a line.", raw),
    Operation(
        "GET", "/services/collector/health", "Whether the collector takes events.",
        health, HecReply, tag="hec",
    ),
)  # fmt: skip
