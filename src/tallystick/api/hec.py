"""Splunk's HTTP Event Collector: its routes, its answers; the parsing is `watch.collect.ingest`'s.

Source: Splunk "HTTP Event Collector REST API endpoints", and answers measured on Splunk
Enterprise and Cloud. What is measured and what is ours: docs/guides/log-ingest.md.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tallystick.api.ingest import Sent, read_body, request_name, sent_by, stored, writer_of
from tallystick.api.operation import JSON, Call, Handler, Operation
from tallystick.api.services import Services
from tallystick.errors import Crowded, PermanentError, ShuttingDown, TemporaryError
from tallystick.limits import HEC_ACKS_MAX
from tallystick.watch.collect.ingest import (
    APPROACHING,
    HEC_ANSWERS,
    HecAnswer,
    HecBatch,
    HecMetadata,
    HecRefusal,
    Ingest,
    Kept,
    Writer,
    hec_token,
    is_channel,
    parse_events,
    parse_raw,
)

_DISABLED, _INVALID_TOKEN, _NO_DATA, _BAD_FORMAT = (HEC_ANSWERS[code] for code in (1, 4, 5, 6))
_INTERNAL, _BUSY, _NO_CHANNEL, _BAD_CHANNEL = (HEC_ANSWERS[code] for code in (8, 9, 10, 11))
_ACK_OFF, _TOKEN_IN_QUERY, _HEALTHY = (HEC_ANSWERS[code] for code in (14, 16, 17))
_SHUTTING_DOWN, _FULL, _ACKS_FULL = (HEC_ANSWERS[code] for code in (23, 26, 27))
_PATH = "/services/collector"
_SUFFIX = "/1.0"
_POST = "POST,OPTIONS"
_GET = "GET,HEAD,OPTIONS"
_REFUSALS_MAX = 100
"""Most bad events that an answer names."""

Parse = Callable[..., HecBatch]
_log = structlog.get_logger("api")


class HecInvalid(msgspec.Struct, frozen=True, rename="kebab"):
    """An event that was not taken, among others that were."""

    invalid_event_number: int
    """Which one of the request, from 0."""
    code: int
    text: str
    reason: str


class HecReply(msgspec.Struct, frozen=True, omit_defaults=True, rename="kebab"):
    """What the collector answers: code 0 when everything is durable.

    The first four members are Splunk's; the others are there only when there is something to say.
    """

    text: str
    code: int
    invalid_event_number: int | None = None
    ack_id: int | None = msgspec.field(name="ackId", default=None)
    invalid_events: tuple[HecInvalid, ...] = ()
    """Events that were kept as text only, because they could not be understood."""
    invalid_event_count: int = 0
    duplicate_event_count: int = 0
    """Events that were stored before, and are not stored again."""


class HecAcks(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a poll is answered: which ids of the channel are acknowledged; or why not."""

    acks: dict[str, bool] | None = None
    text: str | None = None
    code: int | None = None


class _Answered(Exception):  # noqa: N818  an answer on its way up
    """The request is answered with this."""

    def __init__(self, answer: HecAnswer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def _in_hecs_words(handler: Handler) -> Handler:
    """The handler, with errors told as Splunk tells them."""

    @wraps(handler)
    async def answering(services: Services, call: Call) -> Response:
        try:
            response: Response = await handler(services, call)
        except _Answered as error:
            return _reply(error.answer)
        except Crowded as error:
            return _reply(_FULL, retry_after_seconds=error.retry_after_seconds)
        except ShuttingDown as error:
            return _reply(_SHUTTING_DOWN, retry_after_seconds=error.retry_after_seconds)
        except TemporaryError as error:
            return _reply(_BUSY, retry_after_seconds=error.retry_after_seconds)
        except PermanentError as error:
            _log.error("api.request_failed", exc_info=error)
            return _reply(_INTERNAL)
        return response

    return answering


@_in_hecs_words
async def events(services: Services, call: Call) -> Response:
    """JSON events, one after another or in an array."""
    return await _collect(services, call, parse_events)


@_in_hecs_words
async def raw(services: Services, call: Call) -> Response:
    """Text, one event a line."""
    return await _collect(services, call, parse_raw)


@_in_hecs_words
async def ack(services: Services, call: Call) -> Response:
    """Which requests of a channel are durable: all that were answered."""
    ingest = services.ingest
    writer = _writer(services, call)
    if ingest.settings.ack == "off":
        return _reply(_ACK_OFF)
    channel = _channel(call)
    if not channel:
        return _reply(_NO_CHANNEL)
    with ingest.flight.load() as load:
        body = await read_body(call.body, ingest, load)
        asked = sent_by(call, writer, body).unpacked()
    if not asked.strip():
        return _reply(_NO_DATA)
    try:
        ids = msgspec.json.decode(asked, type=_Poll).acks
    except (msgspec.DecodeError, RecursionError):
        return _reply(_BAD_FORMAT)
    told = ingest.acks.told(writer.name, channel, ids)
    return Response(msgspec.json.encode(HecAcks(told)), media_type=JSON)


@_in_hecs_words
async def health(services: Services, call: Call) -> Response:
    """Whether the collector takes events, and how near it is to its limits."""
    ingest = services.ingest
    if ingest.settings.health_checks_token:
        try:
            _writer(services, call)
        except _Answered as error:
            other = {_INVALID_TOKEN.code: 21, _DISABLED.code: 22}
            return _reply(HEC_ANSWERS[other.get(error.answer.code, error.answer.code)])
    return _reply(_state(ingest))


async def options(_services: Services, _call: Call) -> Response:
    """Docker's driver asks before it starts a container."""
    return Response(status_code=200, headers={"Allow": _POST})


async def health_options(_services: Services, _call: Call) -> Response:
    """What the route for health allows."""
    return Response(status_code=200, headers={"Allow": _GET})


class _Poll(msgspec.Struct, frozen=True):
    """The body of a poll."""

    acks: list[int]

    def __post_init__(self) -> None:
        if len(self.acks) > HEC_ACKS_MAX:
            raise ValueError(f"At most {HEC_ACKS_MAX} ids may be asked for at once.")


def _state(ingest: Ingest) -> HecAnswer:
    queue, acks = ingest.fullness, ingest.acks.fullness
    if queue >= 1 or acks >= 1:
        return HEC_ANSWERS[20 if queue >= 1 and acks >= 1 else 18 if queue >= 1 else 19]
    if ingest.closed:
        return _SHUTTING_DOWN
    if queue >= APPROACHING:
        return HEC_ANSWERS[24]
    return HEC_ANSWERS[25] if acks >= APPROACHING else _HEALTHY


def _writer(services: Services, call: Call) -> Writer:
    """Who sends; a token in the query is looked at, and never accepted."""
    authorization = call.headers.get("authorization")
    in_query = call.params.get("token") if not authorization else None
    token = hec_token(authorization) if in_query is None else in_query
    if isinstance(token, HecAnswer):
        raise _Answered(token)
    writer = writer_of(services, token)
    if not isinstance(writer, Writer):
        raise _Answered(_DISABLED if writer == "disabled" else _INVALID_TOKEN)
    if in_query is not None:
        raise _Answered(_TOKEN_IN_QUERY)
    return writer


def _channel(call: Call) -> str:
    """The channel that the request names, if it does."""
    channel = call.headers.get("x-splunk-request-channel") or call.params.get("channel", "")
    if channel and not is_channel(channel):
        raise _Answered(_BAD_CHANNEL)
    return channel


async def _collect(services: Services, call: Call, parse: Parse) -> Response:
    ingest = services.ingest
    settings = ingest.settings
    writer = _writer(services, call)
    channel = _channel(call)
    if settings.ack == "required" and not channel:
        return _reply(_NO_CHANNEL)
    counted = bool(channel) and settings.ack != "off"
    if counted:
        try:
            ingest.acks.open(writer.name, channel)
        except Crowded as error:
            return _reply(_ACKS_FULL, retry_after_seconds=error.retry_after_seconds)
    received_ns = services.clock.now_ns()

    def parsed(sent: Sent) -> HecBatch:
        found = parse(
            sent.unpacked(), received_ns=received_ns, metadata=_metadata(call), writer=writer,
            strict=settings.strict, extract_time=_extracts(call),
        )  # fmt: skip
        if not (settings.drop_repeats and (channel or found.is_timed)):
            return found
        name = request_name(call, writer, sent.body, channel=channel)
        return replace(found, batch=replace(found.batch, request=name))

    batch, kept = await stored(ingest, call, writer, parsed)
    ingest.note_refused(len(batch.refusals))
    ack_id = None
    if counted and batch.answer.code == 0:
        ack_id = ingest.acks.given(writer.name, channel)
    return _answer(batch, kept, ack_id, strict=settings.strict)


def _metadata(call: Call) -> HecMetadata:
    names = ("host", "source", "sourcetype", "index")
    return HecMetadata(**{name: call.params.get(name) for name in names})


def _extracts(call: Call) -> bool:
    return call.params.get("auto_extract_timestamp", "").lower() in {"true", "1"}


def _answer(batch: HecBatch, kept: Kept, ack_id: int | None, *, strict: bool) -> Response:
    answer = batch.answer
    refusals = () if strict else batch.refusals
    reply = HecReply(
        answer.text,
        answer.code,
        answer.invalid_event_number,
        ack_id,
        tuple(map(_invalid, refusals[:_REFUSALS_MAX])),
        len(refusals) + kept.unstorable,
        kept.duplicates,
    )
    return Response(msgspec.json.encode(reply), answer.status, media_type=JSON)


def _invalid(refusal: HecRefusal) -> HecInvalid:
    answer = refusal.answer
    return HecInvalid(refusal.number, answer.code, answer.text, refusal.reason)


def _reply(answer: HecAnswer, *, retry_after_seconds: int | None = None) -> Response:
    headers = None
    if retry_after_seconds is not None:
        headers = {"Retry-After": str(retry_after_seconds)}
    return Response(answer.body(), answer.status, headers, media_type=JSON)


def _post(path: str, summary: str, handler: Handler, answer: type) -> tuple[Operation, ...]:
    """A route under its two names, with what it allows."""
    return tuple(
        operation
        for name in (path, path + _SUFFIX)
        for operation in (
            Operation(
                "POST", name, summary, handler, answer, scope="hec", body=bytes, raw=True,
                tag="hec", refusals=("BAD_ENCODING", "BAD_GZIP", "BODY_TOO_SLOW"),
                own_refusals=(400, 401, 403, 429, 500, 503),
            ),
            Operation("OPTIONS", name, "What the route allows.", options, None, tag="hec"),
        )
    )  # fmt: skip


def _health(path: str) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", path, "Whether the collector takes events.", health, HecReply, raw=True,
            tag="hec", own_refusals=(400, 401, 503),
        ),
        Operation("OPTIONS", path, "What the route allows.", health_options, None, tag="hec"),
    )  # fmt: skip


OPERATIONS = (
    *_post(_PATH, "Splunk HEC: JSON events.", events, HecReply),
    *_post(f"{_PATH}/event", "Splunk HEC: JSON events.", events, HecReply),
    *_post(f"{_PATH}/raw", "Splunk HEC: text, one event a line.", raw, HecReply),
    *_post(f"{_PATH}/ack", "Splunk HEC: which requests are durable.", ack, HecAcks),
    *_health(f"{_PATH}/health"),
    *_health(f"{_PATH}/health{_SUFFIX}"),
)
_ALLOWED = {operation.path: _POST for operation in OPERATIONS} | {
    operation.path: _GET for operation in OPERATIONS if operation.method == "GET"
}


async def _unknown(request: Request) -> Response:
    """Splunk's own words for a path or a method that the collector does not know."""
    allowed = _ALLOWED.get(request.url.path)
    body = {"text": "The requested URL was not found on this server.", "code": 404}
    headers = {"Allow": allowed} if allowed else None
    return Response(msgspec.json.encode(body), 405 if allowed else 404, headers, media_type=JSON)


UNKNOWN_ROUTES = tuple(
    Route(path, _unknown, methods=["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"])
    for path in (_PATH, f"{_PATH}/{{rest:path}}")
)
"""What else is asked under the collector's path; they go behind all other routes."""
