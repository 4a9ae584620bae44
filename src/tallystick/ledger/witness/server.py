"""The witness's HTTP side: `POST /add-checkpoint`, and a page that says who watches what.

Statuses and content types are those of C2SP tlog-witness; the disk is waited for in a thread.
"""

import asyncio
from concurrent.futures import Executor
from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tallystick.clock import Clock
from tallystick.errors import TallystickError, TemporaryError
from tallystick.ledger.witness.core import Answer, Witness
from tallystick.ledger.witness.protocol import PATH, REQUEST_BYTES_MAX, TEXT_TYPE

_log = structlog.get_logger("ledger")


def witness_app(witness: Witness, thread: Executor, clock: Clock) -> Starlette:
    """The application; whoever runs it closes the thread and the witness's memory afterwards."""

    async def add_checkpoint(request: Request) -> Response:
        started_ns = clock.monotonic_ns()
        body = await _body(request)
        if body is None:
            reason = f"A request has at most {REQUEST_BYTES_MAX} bytes."
            return _response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{reason}\n")
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(thread, witness.add_checkpoint, body)
        except TallystickError as error:
            return _failed(error)
        _say(answer, (clock.monotonic_ns() - started_ns) // 1_000)
        return _response(answer.status, answer.body, answer.content_type)

    async def front(_request: Request) -> Response:
        loop = asyncio.get_running_loop()
        try:
            sizes = await loop.run_in_executor(thread, witness.sizes)
        except TallystickError as error:
            return _failed(error)
        return _response(HTTPStatus.OK, page(witness, sizes))

    return Starlette(
        routes=[Route(PATH, add_checkpoint, methods=["POST"]), Route("/", front, methods=["GET"])]
    )


def page(witness: Witness, sizes: dict[str, int]) -> str:
    """Who this is and what it has seen, for people."""
    watched = "".join(f"  {size:>12}  {origin}\n" for origin, size in sorted(sizes.items()))
    return (
        f"{witness.key.name} is a witness of transparency logs (C2SP tlog-witness).\n\n"
        f"Verifier key  {witness.key}\n\n"
        f"Logs watched, and the newest size cosigned for each:\n\n{watched}"
    )


async def _body(request: Request) -> bytes | None:
    """The request's body; none when it is too large, and then the rest is not read."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > REQUEST_BYTES_MAX:
                return None
    except ClientDisconnect:
        return b""  # nobody is there to read what becomes of it
    return body


def _say(answer: Answer, duration_us: int) -> None:
    """One line for each request; a checkpoint that contradicts an earlier one is evidence."""
    line: dict[str, object] = {"http.status": int(answer.status), "duration_us": duration_us}
    if answer.submission is not None:
        checkpoint = answer.submission.checkpoint
        line |= {"ledger.origin": checkpoint.origin, "ledger.size": checkpoint.size}
    if answer.status is HTTPStatus.OK:
        _log.info("ledger.checkpoint_cosigned", **line)
        return
    line["body"] = answer.reason
    if answer.status is HTTPStatus.UNPROCESSABLE_ENTITY and answer.submission and answer.known:
        line |= {"note": answer.submission.note, "known_note": answer.known.note}
        _log.warning("ledger.cosigning_refused", **line)
    else:
        _log.info("ledger.cosigning_refused", **line)


def _failed(error: TallystickError) -> Response:
    _log.error("ledger.witness_memory_failed", body=str(error))
    if isinstance(error, TemporaryError):
        response = _response(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n")
        response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "The witness cannot sign.\n")


def _response(status: HTTPStatus, body: str, content_type: str = TEXT_TYPE) -> Response:
    # The framework would add a charset to every text type, which tlog-witness does not know.
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    return Response(body, status, headers)
