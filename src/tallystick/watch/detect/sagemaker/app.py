"""The server that SageMaker asks of a container: `GET /ping` and `POST /invocations`.

Rows are scored in threads that give up the interpreter, a few hundred at once, so that a ping is
answered while many are being scored.
"""

import asyncio
import os

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.watch.detect.sagemaker.answers import form_of, written, written_verbose
from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.model import Array, HostedModel, Verdict
from tallystick.watch.detect.sagemaker.rows import CSV, read_rows

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024
"""Largest request: what batch transform sends by default; a serverless endpoint lets 4 MiB in."""
ANSWER_SECONDS_MAX = 55.0
"""SageMaker waits 60 seconds for an answer; a request that takes longer is told before."""
CHUNK_ROWS = 256
"""Rows that are scored at once."""
CHUNK_ROWS_VERBOSE = 16
THREADS_MAX = max(1, os.cpu_count() or 1)
"""Requests that are scored at once; further ones wait, within their time."""


class _Limits(msgspec.Struct):
    """What batch transform asks before it begins."""

    concurrency: int = msgspec.field(name="MaxConcurrentTransforms", default=THREADS_MAX)
    strategy: str = msgspec.field(name="BatchStrategy", default="MULTI_RECORD")
    payload: int = msgspec.field(name="MaxPayloadInMB", default=PAYLOAD_BYTES_MAX // 1024**2)


class Container:
    """Answers for one model."""

    def __init__(
        self, model: HostedModel, clock: Clock, seconds_max: float = ANSWER_SECONDS_MAX
    ) -> None:
        self._model = model
        self._clock = clock
        self._seconds_max = seconds_max
        self._threads = asyncio.Semaphore(THREADS_MAX)

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/ping", self.ping, methods=["GET"]),
            Route("/execution-parameters", self.parameters, methods=["GET"]),
            Route("/invocations", self.invoke, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={ClientError: _told})

    async def ping(self, _request: Request) -> Response:
        """It can answer: the model was loaded before the server listened."""
        return Response(b"", 200)

    async def parameters(self, _request: Request) -> Response:
        """What batch transform may send."""
        return Response(msgspec.json.encode(_Limits()), media_type="application/json")

    async def invoke(self, request: Request) -> Response:
        """Score the rows of the body."""
        headers = request.headers
        content_type = headers.get("content-type", CSV)
        form = form_of(headers.get("accept", ""), content_type)
        deadline = self._clock.monotonic_ns() + round(self._seconds_max * NS_PER_SECOND)
        body = await _whole(request)
        async with self._threads:
            rows = await asyncio.to_thread(read_rows, content_type, body, self._model.dimensions)
            if form.verbose:
                verdicts = await self._verdicts(rows, deadline)
                answer = written_verbose(form, verdicts, self._model)
            else:
                answer = written(form, await self._scores(rows, deadline))
        headers_out = {"X-Model-Version": self._model.version}
        return Response(answer, 200, headers_out, form.media_type)

    async def _scores(self, rows: Array, deadline: int) -> Array:
        chunks = []
        for start in range(0, len(rows), CHUNK_ROWS):
            self._require_time(deadline, start, len(rows))
            some = rows[start : start + CHUNK_ROWS]
            chunks.append(await asyncio.to_thread(self._model.scores, some))
        return np.concatenate(chunks)

    async def _verdicts(self, rows: Array, deadline: int) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for start in range(0, len(rows), CHUNK_ROWS_VERBOSE):
            self._require_time(deadline, start, len(rows))
            some = rows[start : start + CHUNK_ROWS_VERBOSE]
            verdicts += await asyncio.to_thread(self._model.verdicts, some)
        return verdicts

    def _require_time(self, deadline: int, done: int, rows: int) -> None:
        if self._clock.monotonic_ns() > deadline:
            sentence = f"Only {done:,} of {rows:,} rows could be scored in time; send fewer."
            raise ClientError(sentence, 503)


async def _whole(request: Request) -> bytes:
    """The body, never more of it in memory than may be.

    Raises:
        ClientError: 413.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > PAYLOAD_BYTES_MAX:
            raise ClientError(f"A request may have at most {PAYLOAD_BYTES_MAX:,} bytes.", 413)
        chunks.append(chunk)
    return b"".join(chunks)


async def _told(_request: Request, error: Exception) -> Response:
    """A refusal as SageMaker passes it on: its text becomes the OriginalMessage of a ModelError."""
    status = error.status if isinstance(error, ClientError) else 500
    return Response(f"{type(error).__name__}: {error}\n", status, media_type="text/plain")


def warm_up(model: HostedModel) -> None:
    """Compile what a request needs, before anybody waits for it."""
    model.verdicts(np.zeros((1, model.dimensions)))
