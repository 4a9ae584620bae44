"""The tuned peer's door: FastAPI for routes and wiring, msgspec for bodies, asyncpg underneath.

TUNED_DSN=postgresql://... TUNED_TOKEN=... uvicorn --app-dir benchmarks tuned.app:app
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships none
import msgspec
from fastapi import FastAPI, Request, Response

from naive.market import QUOTES
from tuned.orders import Asked, Problem, RefusedError, decide, found_again, recorded

POOL_SIZE = int(os.environ.get("TUNED_POOL", "2"))
"""Connections to PostgreSQL. Two are best by far: all orders want the row of the chain, so one
commits while the next is prepared, and more get into each other's way."""
SETUP_LOCK = 7_310
UNKNOWN = RefusedError(401, "UNAUTHENTICATED", "This token is not known.")
VERIFY = (
    "SELECT count(*), count(*) FILTER (WHERE hash <> sha256(previous_hash || payload)"
    " OR previous_hash <> before) FROM (SELECT *, lag(hash, 1, previous_hash)"
    " OVER (ORDER BY position) AS before FROM journal) AS rows"
)
SCHEMA = Path(__file__).with_name("schema.sql").read_text()
_DECODE = msgspec.json.Decoder(Asked).decode
_ENCODE = msgspec.json.Encoder().encode
_CURRENCIES = sorted({currency for pair in QUOTES for currency in pair.split("/")})


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the pool, makes the tables and the demo account, and closes the pool."""
    pool = await asyncpg.create_pool(
        os.environ["TUNED_DSN"], min_size=POOL_SIZE, max_size=POOL_SIZE
    )
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({SETUP_LOCK})")
        await connection.execute(SCHEMA)
        await connection.executemany(
            "INSERT INTO positions VALUES ('demo', $1, 0) ON CONFLICT DO NOTHING",
            [(currency,) for currency in _CURRENCIES],
        )
    app.state.pool = pool
    app.state.token = f"Bearer {os.environ['TUNED_TOKEN']}".encode()
    yield
    await pool.close()


app = FastAPI(title="The tuned peer", lifespan=lifespan)


@app.post("/v1/orders", status_code=201)
async def place(request: Request) -> Response:
    """Places an order; the same client_order_id gives the first answer again."""
    if not _is_known(request):
        return _problem(UNKNOWN)
    body = await request.body()
    try:
        asked = _DECODE(body)
        decided = decide(asked, datetime.now(UTC))
    except msgspec.DecodeError as error:
        return _problem(RefusedError(422, "BAD_JSON", str(error)))
    except RefusedError as error:
        return _problem(error)
    async with request.app.state.pool.acquire() as connection:
        try:
            answer = await recorded(connection, asked, decided)
        except asyncpg.UniqueViolationError:
            try:
                answer = await found_again(connection, asked)
            except RefusedError as error:
                return _problem(error)
    return Response(answer, 201, media_type="application/json")


@app.get("/v1/journal/verify")
async def verify(request: Request) -> Response:
    """Recomputes the hash chain, in the database."""
    if not _is_known(request):
        return _problem(UNKNOWN)
    async with request.app.state.pool.acquire() as connection:
        length, broken = await connection.fetchrow(VERIFY)
    return Response(_ENCODE({"length": length, "broken": broken}), media_type="application/json")


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is up."""
    return {"status": "ok"}


def _is_known(request: Request) -> bool:
    given = request.headers.get("authorization", "").encode()
    return secrets.compare_digest(given, request.app.state.token)


def _problem(error: RefusedError) -> Response:
    """RFC 9457 problem+json."""
    problem = Problem("Refused", error.status, str(error), error.code)
    return Response(_ENCODE(problem), error.status, media_type="application/problem+json")
