"""What is raced against the bare journals of `journals`: the ledger through its own interface."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ledger_entries import opening
from tallystick.clock import SystemClock
from tallystick.ledger import Ledger, Sealable
from tallystick.wal import fold_wal
from tallystick.wiring.ledger import OpenLedger, open_parts
from tallystick.wiring.settings import Settings, read_settings

Backend = Literal["sqlite", "postgres"]
DATABASE = "ledger.db"


class LedgerTrack:
    """The product's ledger, opened as the product opens it: store, key file and guard file."""

    def __init__(self, parts: OpenLedger) -> None:
        self.parts = parts
        self.ledger: Ledger = parts.ledger

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.parts.settings.folder

    @property
    def settings(self) -> Settings:
        """What opened it."""
        return self.parts.settings

    async def append(self, entries: Sequence[Sealable]) -> None:
        """Append; the answer holds every entry's proof."""
        await self.ledger.append(self.ledger.size, entries)

    def fold(self) -> None:
        """Fold the SQLite log, where there is one."""
        fold_wal(self.folder / DATABASE)


@contextmanager
def open_track(folder: Path, dsn: str | None = None) -> Iterator[LedgerTrack]:
    """The ledger of a data folder, made where there is none; with an account to trade for."""
    named = {"TALLYSTICK_DATA": str(folder), "TALLYSTICK_ALERTS_TERMINAL": "false"}
    settings = read_settings(named | ({"TALLYSTICK_LEDGER": dsn} if dsn else {}))
    parts = open_parts(settings, SystemClock())
    try:
        if not parts.ledger.size:
            asyncio.run(_begin(parts.ledger))
        yield LedgerTrack(parts)
    finally:
        parts.close()


async def _begin(ledger: Ledger) -> None:
    await ledger.append(0, [opening()])
