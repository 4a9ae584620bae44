"""OTLP/HTTP: `POST /v1/logs`, with the protocol's own answers and errors.

Source: OpenTelemetry Protocol Specification 1.x, "OTLP/HTTP"; `google/rpc/status.proto` and
`google/rpc/code.proto` for errors.
"""

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from starlette.responses import Response

from tallystick.api.ingest import Sent, bearer, request_name, stored
from tallystick.api.operation import JSON, Call, Operation
from tallystick.api.problems import headers_of, known_error, problem_of
from tallystick.api.services import Services
from tallystick.errors import Refused, TallystickError
from tallystick.watch.collect.ingest import OtlpBatch, parse_otlp_json, parse_otlp_protobuf

PROTOBUF = "application/x-protobuf"
_INVALID_ARGUMENT, _PERMISSION_DENIED, _RESOURCE_EXHAUSTED = 3, 7, 8
_INTERNAL, _UNAVAILABLE, _UNAUTHENTICATED = 13, 14, 16
_RPC_CODES = {
    401: _UNAUTHENTICATED,
    403: _PERMISSION_DENIED,
    429: _RESOURCE_EXHAUSTED,
    500: _INTERNAL,
    503: _UNAVAILABLE,
}
"""google.rpc.Code by HTTP status; any other is an invalid argument."""
_ERRORS_TOLD_MAX = 10
_PARSERS = {PROTOBUF: parse_otlp_protobuf, JSON: parse_otlp_json}


class OtlpPartial(msgspec.Struct, frozen=True, rename="camel"):
    """What was not taken."""

    rejected_log_records: str
    """How many; as text, because it is a number of 64 bits."""
    error_message: str


class OtlpAnswer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is taken is durable; `partial_success` is there only when something was not."""

    partial_success: OtlpPartial | None = None


class OtlpStatus(msgspec.Struct, frozen=True):
    """google.rpc.Status: why a request failed."""

    code: int
    message: str


async def logs(services: Services, call: Call) -> Response:
    """Store log records."""
    kind = _media_type(call)
    try:
        if kind not in _PARSERS:
            sentence = f"Send {PROTOBUF} or {JSON}, not {kind[:64]!r}."
            raise Refused("BAD_CONTENT_TYPE", sentence)
        return await _stored(services, call, kind)
    except TallystickError as error:
        return _failed(known_error(error), kind)


async def _stored(services: Services, call: Call, kind: str) -> Response:
    ingest = services.ingest
    writer = bearer(services, call.headers.get("authorization"))
    received_ns = services.clock.now_ns()

    def parse(sent: Sent) -> OtlpBatch:
        repeats = ingest.settings.drop_repeats
        return _PARSERS[kind](
            sent.unpacked(), received_ns=received_ns, writer=writer,
            request=request_name(call, writer, sent.body) if repeats else None,
        )  # fmt: skip

    batch, kept = await stored(ingest, call, writer, parse)
    ingest.note_refused(len(batch.errors))
    errors = list(batch.errors[:_ERRORS_TOLD_MAX])
    if kept.unstorable:
        errors.append(f"{kept.unstorable} records are too long when they are redacted.")
    return _taken(len(batch.errors) + kept.unstorable, " ".join(errors), kind)


def _media_type(call: Call) -> str:
    return call.headers.get("content-type", "").partition(";")[0].strip().lower()


def _taken(rejected: int, message: str, kind: str) -> Response:
    if kind == PROTOBUF:
        answer = ExportLogsServiceResponse()
        if rejected:
            answer.partial_success.rejected_log_records = rejected
            answer.partial_success.error_message = message
        return Response(answer.SerializeToString(), media_type=PROTOBUF)
    partial = OtlpPartial(str(rejected), message) if rejected else None
    return Response(msgspec.json.encode(OtlpAnswer(partial)), media_type=JSON)


def _failed(error: TallystickError, kind: str) -> Response:
    problem = problem_of(error)
    status = OtlpStatus(_RPC_CODES.get(problem.status, _INVALID_ARGUMENT), problem.detail)
    headers = headers_of(error)
    if kind == PROTOBUF:
        return Response(_status_message(status), problem.status, headers, media_type=PROTOBUF)
    return Response(msgspec.json.encode(status), problem.status, headers, media_type=JSON)


def _status_message(status: OtlpStatus) -> bytes:
    """The status in binary: field 1 a varint below 128, field 2 a text."""
    text = status.message.encode()
    return b"\x08%c\x12%b%b" % (status.code, _varint(len(text)), text)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/v1/logs", "Store log records (OTLP/HTTP, in protobuf or JSON).",
        logs, OtlpAnswer, scope="ingest", body=bytes, raw=True, tag="logs",
        own_refusals=(400, 401, 403, 408, 413, 415, 429, 500, 503),
    ),
)  # fmt: skip
