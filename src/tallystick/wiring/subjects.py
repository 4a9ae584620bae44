"""Builds what records, reads and erases natural persons: keys, vault, retention policy."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from tallystick.clock import Clock, parse_rfc3339
from tallystick.execution import Desk, History
from tallystick.keys.subjects import SubjectKeys
from tallystick.ledger import Ledger
from tallystick.ledger.notices import Notice
from tallystick.ledger.personal import Retention, SqliteVault, Subjects, Vault, read_retention
from tallystick.wiring.settings import Settings


def append_by(desk: Desk) -> Callable[[Callable[[str], Notice], str | None], Awaitable[int]]:
    """Appends what is about the ledger itself, through the desk; gives its position."""

    async def append(make: Callable[[str], Notice], key: str | None) -> int:
        return (await desk.record(make, key)).receipt.position

    return append


def subjects_of(
    settings: Settings, ledger: Ledger, desk: Desk, history: History, clock: Clock
) -> Subjects:
    """Subjects of the ledger; keys lie in `keys/`, sealed values beside the ledger.

    Raises:
        Misconfigured: the policy, or the key-encryption key, cannot be used.
    """

    def last_trade(account: str) -> int | None:
        newest = history.trades(account, pair=None, limit=1, before=None)
        return parse_rfc3339(newest[0].at) if newest else None

    path = settings.retention
    retention = Retention() if path is None else read_retention(Path(path))
    keys = SubjectKeys(settings.folder / "keys")
    return Subjects(
        ledger, append_by(desk), keys, _vault(settings), clock,
        retention=retention, last_activity=last_trade,
    )  # fmt: skip


def _vault(settings: Settings) -> Vault:
    if settings.ledger_on_postgres:
        from tallystick.ledger.personal.postgres import PostgresVault  # noqa: PLC0415  asyncpg

        return PostgresVault(settings.ledger)
    return SqliteVault(settings.folder / "personal.db")
