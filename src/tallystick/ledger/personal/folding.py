"""Follows the ledger for the vault and the keys: what is recorded, and what is to be destroyed.

Entries are looked at once, in memory. Vault and keys are told when there is something to tell, and
now and then besides, so that a start has little to look at again. Keys are destroyed before the
vault folds the step: a crash between the two leaves the step to be folded again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import PermanentError
from tallystick.keys.subjects import SubjectKeys
from tallystick.ledger.ledger import Ledger
from tallystick.ledger.notices import SubjectErased, SubjectRecorded
from tallystick.ledger.personal.vault import ErasedAt, RecordedAt, Step, Vault

FOLD_ROWS = 1_024
"""Entries read at once."""
STEP_NOTICES_MAX = 1_024
"""Most recordings and erasures in one step."""
STEP_ENTRIES_MAX = 65_536
"""Entries after which vault and keys are told that there was nothing."""
PENDING_SECONDS_MAX = 600
"""After this long a value whose entry never came is dropped; an append takes seconds at most."""

SubjectEntry = SubjectRecorded | SubjectErased
_KIND = "subject_"
_MARK = b'"kind":"subject_'
_VERSION = 1


class _Brief(msgspec.Struct):
    kind: str


_BRIEF = msgspec.json.Decoder(_Brief)
_DECODER: msgspec.json.Decoder[SubjectEntry] = msgspec.json.Decoder(SubjectEntry)

InThread = Callable[..., Awaitable[Any]]


def decode_subject(data: bytes) -> SubjectEntry | None:
    """The entry about a subject in these bytes, None for any other.

    Almost every entry is told apart by the mark, which others have in nested objects at most.

    Raises:
        PermanentError: it is of a kind or version that is not known: a newer Tallystick wrote it.
    """
    if not data.startswith(b"{") or _MARK not in data:
        return None
    if not _BRIEF.decode(data).kind.startswith(_KIND):
        return None
    try:
        entry = _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise PermanentError("An entry about a subject was written by a newer version.") from error
    if entry.v != _VERSION:
        raise PermanentError("An entry about a subject was written by a newer version.")
    return entry


class Folding:
    """How far the ledger was read, and what is still to be told; one call at a time."""

    def __init__(
        self, ledger: Ledger, keys: SubjectKeys, vault: Vault, clock: Clock, in_thread: InThread
    ) -> None:
        """`in_thread` carries out blocking calls of keys and vault, one after another."""
        self._ledger = ledger
        self._keys = keys
        self._vault = vault
        self._clock = clock
        self._in_thread = in_thread
        self._read = self._told = 0
        """Entries before these positions were looked at; keys and vault know of them both."""
        self._told_ns = clock.monotonic_ns()
        self._recorded: list[RecordedAt] = []
        self._erased: list[ErasedAt] = []
        self._anew = False
        self._begun = False

    async def _begin(self) -> None:
        """Begin where vault and keys are; whichever is behind, both are told again."""
        vault, keys = await self._in_thread(lambda: (self._vault.position(), self._keys.position))
        # Positions that the ledger does not have were of one that was put back since.
        self._anew = max(vault, keys) > self._ledger.size
        self._read = 0 if self._anew else min(vault, keys)
        self._begun = True
        await self._look()
        await self._tell()

    async def follow(self) -> None:
        """Up to the newest durable entry; what it says of subjects is carried out on return.

        Raises:
            TemporaryError: keys or vault cannot be written; the next call goes on.
        """
        if not self._begun:
            await self._begin()
        await self._look()
        waited_ns = self._clock.monotonic_ns() - self._told_ns
        long_ago = waited_ns > PENDING_SECONDS_MAX * NS_PER_SECOND
        far_away = self._read - self._told >= STEP_ENTRIES_MAX
        if self._erased or self._anew or long_ago or far_away:
            await self._tell()
        elif self._recorded:
            await self._tell(keys=False)

    async def _look(self) -> None:
        """Look at every entry that was not looked at yet."""
        while self._read < self._ledger.size:
            rows = self._ledger.rows(self._read, FOLD_ROWS)
            for position, row in enumerate(rows, start=self._read):
                self._take(position, decode_subject(row.entry))
            self._read += len(rows)
            if max(len(self._recorded), len(self._erased)) >= STEP_NOTICES_MAX:
                await self._tell()
            await asyncio.sleep(0)

    def _take(self, position: int, entry: SubjectEntry | None) -> None:
        if isinstance(entry, SubjectRecorded):
            commitments = tuple(map(bytes.fromhex, entry.fields.values()))
            self._recorded.append(RecordedAt(position, entry.subject, commitments))
        elif isinstance(entry, SubjectErased):
            self._erased.append(ErasedAt(position, entry.subject))

    async def _tell(self, *, keys: bool = True) -> None:
        """Tell the vault, and the keys unless there is nothing for them to destroy."""
        step = Step(self._read, self._recorded, self._erased, self._anew)
        await self._in_thread(self._carry_out, step, keys)
        self._recorded, self._erased, self._anew = [], [], False
        if keys:
            self._told, self._told_ns = self._read, self._clock.monotonic_ns()

    def _carry_out(self, step: Step, keys: bool) -> None:
        if keys:
            self._keys.destroy([erased.subject for erased in step.erased], step.upto)
        pending_before_ns = self._clock.now_ns() - PENDING_SECONDS_MAX * NS_PER_SECOND
        self._vault.settle(step, pending_before_ns)
