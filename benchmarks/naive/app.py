"""The naive peer's door: FastAPI, one bearer token, one route that trades and one that audits."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, status
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from naive import chain, service
from naive.market import QUOTES
from naive.models import Account, Base, Position
from naive.schemas import OrderIn, PlacedOut

POOL_SIZE, POOL_OVERFLOW = 20, 10
"""PostgreSQL connections held, and how many more under load."""
POOL_SECONDS_MAX = 30
"""How long a request waits for a connection."""
SETUP_LOCK = 7_300
POSITION_MAX = Decimal(1_000_000_000)


def engine(dsn: str) -> AsyncEngine:
    """The pool of connections to the database at `dsn` (postgresql://...)."""
    return create_async_engine(
        make_url(dsn).set(drivername="postgresql+asyncpg"),
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_SECONDS_MAX,
    )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the pool, makes the tables and the demo account, and closes the pool."""
    made = engine(os.environ["NAIVE_DSN"])
    async with made.begin() as connection:
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({SETUP_LOCK})"))
        await connection.run_sync(Base.metadata.create_all)
        account = {"id": "demo", "position_max": POSITION_MAX}
        await connection.execute(insert(Account).values(account).on_conflict_do_nothing())
        opened = [
            {"account": "demo", "currency": currency, "amount": Decimal(0)}
            for currency in sorted({currency for pair in QUOTES for currency in pair.split("/")})
        ]
        await connection.execute(insert(Position).values(opened).on_conflict_do_nothing())
    app.state.sessions = async_sessionmaker(made, expire_on_commit=False)
    app.state.token = os.environ["NAIVE_TOKEN"]
    yield
    await made.dispose()


app = FastAPI(title="The naive peer", lifespan=lifespan)
bearer = HTTPBearer()


async def sessions_of(request: Request) -> async_sessionmaker[AsyncSession]:
    """Where sessions come from."""
    sessions: async_sessionmaker[AsyncSession] = request.app.state.sessions
    return sessions


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]
) -> None:
    """Lets the one token in."""
    given, right = credentials.credentials.encode(), request.app.state.token.encode()
    if not secrets.compare_digest(given, right):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "This token is not known.")


Sessions = Annotated[async_sessionmaker[AsyncSession], Depends(sessions_of)]


@app.exception_handler(service.RefusedError)
async def refused(_: Request, error: service.RefusedError) -> JSONResponse:
    """RFC 9457 problem+json."""
    body = {"title": "Refused", "status": error.status, "detail": str(error), "code": error.code}
    return JSONResponse(body, error.status, media_type="application/problem+json")


@app.post("/v1/orders", status_code=201, dependencies=[Depends(authenticated)])
async def place(asked: OrderIn, sessions: Sessions) -> PlacedOut:
    """Places an order."""
    return await service.place(sessions, asked)


@app.get("/v1/journal/verify", dependencies=[Depends(authenticated)])
async def verify(sessions: Sessions) -> dict[str, int]:
    """Recomputes the hash chain."""
    async with sessions() as session:
        return {"length": await chain.verify(session)}


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is up."""
    return {"status": "ok"}
