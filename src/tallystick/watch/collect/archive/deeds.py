"""What people do with the archive, told to the ledger: written down first, said, then followed.

A deed is kept in the archive's database before its entry is appended, and its entry has a key of
its own; so whatever stops in between, the next round ends it, and it is said once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec
from msgspec.structs import replace

from tallystick.clock import Clock, rfc3339
from tallystick.ledger.notices import ArchiveNotice, Notice, archive_id, key_of
from tallystick.watch.collect.archive.database import Database

Append = Callable[[Callable[[str], Notice], str | None], Awaitable[int]]
"""Appends an entry, which is made when its time (RFC 3339) is known, and gives its position.

What the key settled already is not appended again; its position is given.
"""

_UNSAID = "SELECT number, notice FROM deeds WHERE position IS NULL ORDER BY number LIMIT 100"
_SAY = "UPDATE deeds SET position = :position, at = :at WHERE number = :number"
_WRITE = "INSERT INTO deeds (id, notice) VALUES (:id, :notice)"
_FIND = "SELECT notice, position, at FROM deeds WHERE id = :id"
_decode: Callable[[bytes], ArchiveNotice] = msgspec.json.Decoder(ArchiveNotice).decode


class Deed(msgspec.Struct, frozen=True):
    """What somebody did; `position` is None while the ledger does not say it yet."""

    notice: ArchiveNotice
    position: int | None


class Deeds:
    """The notices of the archive, said or about to be."""

    def __init__(self, database: Database, append: Append, clock: Clock) -> None:
        self._database = database
        self._append = append
        self._clock = clock

    def write(self, notice: ArchiveNotice) -> None:
        """Keep it, inside the transaction that keeps what belongs to it.

        Its time is now until the ledger says another.
        """
        data = msgspec.json.encode(replace(notice, at=rfc3339(self._clock.now_ns())))
        self._database.do(_WRITE, id=archive_id(notice), notice=data)

    def find(self, number: str) -> Deed | None:
        """The deed of this id."""
        found = self._database.rows(_FIND, id=number)
        if not found:
            return None
        data, position, at = found[0]
        notice = _decode(cast("bytes", data))
        return Deed(replace(notice, at=at or notice.at), cast("int | None", position))

    async def settle(self) -> None:
        """Say all that is not said yet, oldest first.

        Raises:
            TemporaryError: the ledger cannot be written; nothing is forgotten.
        """
        while unsaid := await asyncio.to_thread(self._database.rows, _UNSAID):
            for number, data in unsaid:
                notice = _decode(cast("bytes", data))
                said: list[str] = []
                position = await self._append(_at(notice, said), key_of(notice))
                at = said[-1] if said else notice.at  # a kill came after it was said
                await asyncio.to_thread(
                    self._database.do, _SAY, position=position, at=at, number=number
                )


def _at(notice: ArchiveNotice, said: list[str]) -> Callable[[str], Notice]:
    """Makes the entry when its time is known, and remembers the time."""

    def make(at: str) -> Notice:
        said.append(at)
        return replace(notice, at=at)

    return make
