"""Log lines from elsewhere, at the door: who sends them, their bodies, and JSON lines."""

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tallystick.api.operation import JSON, Call, Operation
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.limits import INGEST_BODY_BYTES_MAX, INGEST_BODY_SECONDS_MAX
from tallystick.watch.collect.ingest import (
    Batch,
    Ingest,
    JsonLines,
    Kept,
    LineError,
    Load,
    Writer,
    gunzip,
    parse_lines,
)

_STEP_BYTES = 262_144
"""Room that is made for a body of unknown length at a time."""
_BEARER = "bearer "
_ERRORS_MAX = 100
"""Most errors that are told in an answer."""

Unknown = Literal["unknown", "disabled"]


@dataclass(frozen=True)
class Sent:
    """A request for the store: who sent it, and its body as it came."""

    writer: Writer
    body: bytes
    encoding: str

    def unpacked(self) -> bytes:
        """The body without its content coding.

        Raises:
            Refused: `BAD_ENCODING`, `BAD_GZIP`, `BODY_TOO_LARGE`.
        """
        if self.encoding == "gzip":
            return gunzip(self.body, bytes_max=INGEST_BODY_BYTES_MAX)
        if self.encoding not in {"", "identity"}:
            sentence = f"Send the body plain or as gzip, not as {self.encoding[:64]!r}."
            raise Refused("BAD_ENCODING", sentence)
        return self.body


def sent_by(call: Call, writer: Writer, body: bytes) -> Sent:
    """The request as it came."""
    return Sent(writer, body, call.headers.get("content-encoding", "").strip().lower())


def writer_of(services: Services, token: str) -> Writer | Unknown:
    """Who sends with this token: the demo's for the collector, or one with the scope `ingest`.

    Raises:
        Misconfigured: the file of tokens is damaged.
    """
    if hmac.compare_digest(token.encode(), services.hec_token.encode()):
        return Writer()
    record = services.tokens.find(token)
    if record is None or "ingest" not in record.scopes:
        return "unknown"
    return "disabled" if record.disabled else Writer(record.id, record.indexes)


def bearer(services: Services, authorization: str | None) -> Writer:
    """Who sends with this `Authorization: Bearer <token>`.

    Raises:
        Refused: `UNAUTHENTICATED`, `FORBIDDEN`.
    """
    given = (authorization or "").strip()
    if given[: len(_BEARER)].lower() == _BEARER:
        writer = writer_of(services, given[len(_BEARER) :].strip())
        if isinstance(writer, Writer):
            return writer
    principal = services.tokens.principal(authorization)
    principal.require("ingest")
    raise Refused("UNAUTHENTICATED", "This token is not known; it may have been replaced.")


async def read_body(request: Request, ingest: Ingest, load: Load) -> bytes:
    """The whole body; room for its bytes is made before they are read.

    Raises:
        Crowded: there is no room now.
        Refused: `BODY_TOO_LARGE`, `BODY_TOO_SLOW`.
    """
    ingest.admit()
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        _check_size(int(declared))
        load.reserve(int(declared))
    body = bytearray()
    try:
        async with asyncio.timeout(INGEST_BODY_SECONDS_MAX):
            async for chunk in request.stream():
                size = len(body) + len(chunk)
                _check_size(size)
                if not declared:
                    steps = -(-size // _STEP_BYTES)
                    load.reserve(min(steps * _STEP_BYTES, INGEST_BODY_BYTES_MAX))
                body += chunk
    except TimeoutError as error:
        sentence = f"The body took longer than {INGEST_BODY_SECONDS_MAX} seconds to arrive."
        raise Refused("BODY_TOO_SLOW", sentence) from error
    return bytes(body)


class _Parsed(Protocol):
    @property
    def batch(self) -> Batch:
        """Lines for the store."""
        ...


P = TypeVar("P", bound=_Parsed)


async def stored(
    ingest: Ingest, call: Call, writer: Writer, parse: Callable[[Sent], P]
) -> tuple[P, Kept]:
    """What a request was parsed to, in the thread for it, and what became of its lines.

    Room for the body is held until they are durable.

    Raises:
        Crowded: there is no room now.
        Refused: `BODY_TOO_LARGE`, `BODY_TOO_SLOW`, whatever `parse` refuses.
        TemporaryError: nothing was stored.
    """
    with ingest.flight.load() as load:
        sent = sent_by(call, writer, await read_body(call.body, ingest, load))
        parsed = await ingest.parse(lambda: parse(sent))
        return parsed, await ingest.keep(parsed.batch)


def request_name(call: Call, writer: Writer, body: bytes, *, channel: str = "") -> bytes:
    """What the same request has again when it is sent again: its sender, its target, its body.

    The sender is the channel that the request names, or else the address that it comes from.
    """
    request: Request = call.body
    address = request.client.host if request.client else ""
    parts = (call.target, writer.name, channel or f"from {address}")
    digest = blake2b(msgspec.json.encode(parts), digest_size=16)
    digest.update(body)
    return digest.digest()


def _check_size(size: int) -> None:
    if size > INGEST_BODY_BYTES_MAX:
        sentence = f"The body may have at most {INGEST_BODY_BYTES_MAX} bytes."
        raise Refused("BODY_TOO_LARGE", sentence)


class LinesAnswer(msgspec.Struct, frozen=True):
    """What became of JSON lines; what is accepted is durable."""

    accepted: int
    """Stored now, or before where they are duplicates."""
    duplicates: int
    rejected: int
    errors: tuple[LineError, ...]
    """What is wrong with rejected lines; the first hundred of them."""


async def lines(services: Services, call: Call) -> Response:
    """Store JSON lines; one that cannot be stored does not keep the others out."""
    ingest = services.ingest
    writer = bearer(services, call.headers.get("authorization"))
    received_ns = services.clock.now_ns()

    def parse(sent: Sent) -> JsonLines:
        repeats = ingest.settings.drop_repeats
        return parse_lines(
            sent.unpacked(), received_ns=received_ns, writer=writer,
            request=request_name(call, writer, sent.body) if repeats else None,
        )  # fmt: skip

    parsed, kept = await stored(ingest, call, writer, parse)
    ingest.note_refused(len(parsed.errors))
    accepted = kept.lines + kept.duplicates
    rejected = len(parsed.errors) + kept.unstorable
    answer = LinesAnswer(accepted, kept.duplicates, rejected, parsed.errors[:_ERRORS_MAX])
    status = 422 if rejected and not accepted else 200
    return Response(msgspec.json.encode(answer), status, media_type=JSON)


OPERATIONS = (
    Operation(
        "POST", "/v1/logs/lines", "Store log lines: one JSON object a line.",
        lines, LinesAnswer, scope="ingest", body=bytes, raw=True, tag="logs",
        refusals=("BAD_ENCODING", "BAD_GZIP", "BODY_TOO_SLOW", "CROWDED"), own_refusals=(422,),
    ),
)  # fmt: skip
