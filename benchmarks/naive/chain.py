"""The hash chain: each journal row's hash covers the row before it."""

import hashlib
import json
from collections.abc import Mapping

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from naive.models import JournalRow

CHAIN_LOCK = 7_301
"""The advisory lock that lets one transaction at a time extend the chain."""
GENESIS = "0" * 64


class ChainError(Exception):
    """A row of the journal does not hash to what it says."""


def link(previous_hash: str, payload: str) -> str:
    """SHA-256 over the previous hash's bytes and the payload, lower-case hex."""
    return hashlib.sha256(bytes.fromhex(previous_hash) + payload.encode()).hexdigest()


async def append(session: AsyncSession, order_id: int, payload: Mapping[str, object]) -> JournalRow:
    """Adds one row to the chain; the lock is held until the transaction ends."""
    await session.execute(text(f"SELECT pg_advisory_xact_lock({CHAIN_LOCK})"))
    last = await session.scalar(select(JournalRow).order_by(JournalRow.position.desc()).limit(1))
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    previous = last.hash if last else GENESIS
    row = JournalRow(
        position=last.position + 1 if last else 0,
        order_id=order_id,
        payload=canonical,
        previous_hash=previous,
        hash=link(previous, canonical),
    )
    session.add(row)
    await session.flush()
    return row


async def verify(session: AsyncSession) -> int:
    """The length of the chain, when every row of it is right.

    Raises:
        ChainError: a row is missing, or does not hash to what it says.
    """
    rows = await session.stream_scalars(select(JournalRow).order_by(JournalRow.position))
    previous, length = GENESIS, 0
    async for row in rows:
        right = link(previous, row.payload)
        if (row.position, row.previous_hash, row.hash) != (length, previous, right):
            raise ChainError(f"journal row {row.position} is not what was written")
        previous, length = row.hash, length + 1
    return length
