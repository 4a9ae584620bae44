"""A writer's turn: the head held before anything is decided, so that no other writer can move it.

Who appends needs no turn: the head is compared when it appends, and whoever was second tries
again. But with many writers that are no faster than the others, most work is then done in vain,
and an unlucky one may lose for ever. Waiting for the lock on the head's row is a line, and
PostgreSQL keeps it in order. A turn ends with the next append, whatever its outcome, or when it is
left; a process that is gone or stands still loses it with its session (`STALLED_MS_MAX`).
"""

from tallystick.ledger.storage.postgres.faults import FAILURES, explained
from tallystick.ledger.storage.postgres.session import Line

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
LOCK = "SELECT size FROM ledger_head FOR UPDATE"


async def take(line: Line) -> None:
    """Wait for the turn, at most `LOCK_MS_MAX`; nothing to do for who has it.

    Raises:
        TemporaryError: it is not our turn in time, or the server is away.
    """
    async with line.lock:
        connection = await line.connection()
        if line.in_turn:
            return
        try:
            await connection.execute(BEGIN)
            await connection.fetchval(LOCK)
        except BaseException as error:
            await line.roll_back()
            if isinstance(error, FAILURES):
                raise explained(error) from error
            raise
        line.in_turn = True


async def leave(line: Line) -> None:
    """Let the next one have its turn; nothing to do for who has none."""
    async with line.lock:
        if line.in_turn:
            await line.roll_back()
