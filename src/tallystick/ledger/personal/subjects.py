"""Natural persons in the ledger: recorded as commitments, kept sealed, erased for good.

An entry shows who (a pseudonym), which fields, and 32 bytes of commitment each. The values lie
sealed in the vault, their keys in `keys/`. An erasure is one entry; whatever is destroyed is
destroyed by folding it. So what stops an erasure half way, the next fold ends it; and a backup of
keys or vault that is put back is erased again, since each says itself up to which position it has
followed the ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import structlog

from tallystick.clock import Clock, parse_rfc3339
from tallystick.errors import Corrupt, Overloaded, Refused, TemporaryError
from tallystick.keys.subjects import KeyDestroyed, SubjectKeys, new_blind
from tallystick.ledger.ledger import Ledger
from tallystick.ledger.notices import Notice, SubjectErased, SubjectRecorded, erasure_key
from tallystick.ledger.personal.commitment import BLIND_BYTES, Opened
from tallystick.ledger.personal.folding import Folding, decode_subject
from tallystick.ledger.personal.names import (
    require_fields,
    require_impersonal,
    require_reason,
    require_subject,
)
from tallystick.ledger.personal.retention import Known, Retention, latest
from tallystick.ledger.personal.sealing import Sealing
from tallystick.ledger.personal.vault import Held, Vault
from tallystick.limits import (
    SUBJECT_CALLS_WAITING_MAX,
    SUBJECT_FIELD_NAMES_MAX,
    SUBJECT_RECORDINGS_MAX,
)

T = TypeVar("T")
FOLD_SECONDS = 1.0
"""How often `run` looks for what other processes recorded and erased."""

Append = Callable[[Callable[[str], Notice], str | None], Awaitable[int]]
"""Appends an entry, which is made when its time (RFC 3339) is known, and gives its position.

What the idempotency key settled already is not appended again; its position is given.
"""
LastActivity = Callable[[str], int | None]
"""When an account traded last, in nanoseconds since the epoch; None if it never did."""

_log = structlog.get_logger("ledger")


class Field(msgspec.Struct, frozen=True):
    """A value, its commitment (lower-case hex), and the blind that proves that they belong."""

    value: str
    blind: bytes
    commitment: str


class Recording(msgspec.Struct, frozen=True):
    """What the entry at `position` records of a subject; `positions` are all its recordings."""

    subject: str
    account: str | None
    position: int
    at: str
    by: str
    fields: dict[str, Field]
    positions: tuple[int, ...]


class Erasure(msgspec.Struct, frozen=True):
    """What the entry at `position` erased: the values that those at `positions` commit to."""

    subject: str
    position: int
    at: str
    positions: tuple[int, ...]
    fields: tuple[str, ...]
    reason: str
    legal_basis: str | None
    by: str


class Subjects:
    """Records, reads and erases subjects. Keys and vault are used from one thread, its own."""

    def __init__(
        self,
        ledger: Ledger,
        append: Append,
        keys: SubjectKeys,
        vault: Vault,
        clock: Clock,
        *,
        retention: Retention | None = None,
        last_activity: LastActivity = lambda _account: None,
    ) -> None:
        """Nothing is read yet; the first call ends every erasure that stands in the ledger."""
        self._ledger = ledger
        self._append = append
        self._keys = keys
        self._vault = vault
        self._clock = clock
        self._retention = retention or Retention()
        self._last_activity = last_activity
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="subjects")
        self._folding = Folding(ledger, keys, vault, clock, self._in_thread)
        self._sealing = Sealing(keys, vault, ledger.origin)
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def start(self) -> None:
        """End every erasure that stands in the ledger: what was interrupted, or came back.

        Whatever is called first does so; here a failure is told at start.
        """
        async with self._turn():
            await self._folding.follow()

    async def run(self) -> None:
        """Follow the ledger for ever, a second behind."""
        while True:
            try:
                async with self._turn():
                    await self._folding.follow()
            except TemporaryError as error:
                _log.warning("ledger.subjects_behind", body=str(error))
            await self._clock.sleep(FOLD_SECONDS)

    async def record(
        self, subject: str, fields: Mapping[str, str], *, account: str | None, by: str
    ) -> Recording:
        """Record a subject's fields, in the place of those recorded last.

        Where just these are recorded already nothing is appended, and that recording is given.

        Raises:
            Refused: `VALUE_NOT_ALLOWED`, a name or a value cannot be used; `PERSONAL_DATA`, the
                subject's name gives a value away; `SUBJECT_TOO_LARGE`; `SUBJECT_ERASED`, its name
                is used up for ever.
            TemporaryError: nothing was recorded; try again.
        """
        require_subject(subject)
        require_fields(fields)
        require_impersonal(subject, fields, where="The subject's name")
        async with self._turn():
            held = await self._held(subject)
            older = [self._recorded(subject, position) for position in held.positions]
            if older and older[-1].account == account:
                known = await self._readable(older[-1])
                if {name: each.value for name, each in known.items()} == fields:
                    return _recording(held, held.positions[-1], older[-1], known)
            _require_room(older, fields)
            position = await self._add(subject, fields, account, by)
            return await self._opened(subject, await self._held(subject), position)

    async def read(self, subject: str, position: int | None = None) -> Recording:
        """What was recorded of a subject last, or at `position`.

        Raises:
            Refused: `UNKNOWN_SUBJECT`, also where it was not recorded at `position`;
                `SUBJECT_ERASED`, with the position of the erasure.
            Corrupt: what the vault holds is not what the entry committed to.
        """
        require_subject(subject)
        async with self._turn():
            held = await self._held(subject)
            if not held.positions or (position is not None and position not in held.positions):
                raise _unknown(subject)
            wanted = held.positions[-1] if position is None else position
            return await self._opened(subject, held, wanted)

    async def erase(
        self, subject: str, *, reason: str, legal_basis: str | None, by: str
    ) -> Erasure:
        """Destroy what was recorded of a subject, and say so in the ledger; durable on return.

        Where it is erased already, the erasure that stands is given.

        Raises:
            Refused: `UNKNOWN_SUBJECT`; `ERASURE_FORBIDDEN`, a duty to keep records has not ended;
                `VALUE_NOT_ALLOWED`, the reason is missing or too long; `PERSONAL_DATA`, it repeats
                a value that is to be erased.
            TemporaryError: try again; what was begun is ended then, or by the next start.
        """
        require_subject(subject)
        require_reason(reason, legal_basis)
        async with self._turn():
            await self._folding.follow()
            held = await self._in_thread(self._vault.find, subject)
            position = held.erased
            if position is None:
                notice = await self._notice(subject, held, reason, legal_basis)
                position = await self._append(
                    lambda at: SubjectErased(at, *notice, by), erasure_key(subject)
                )
                await self._folding.follow()
        return self._erasure(subject, position)

    def close(self) -> None:
        """Wait for what is under way and let go of keys and vault."""
        self._thread.submit(self._keys.close).result()
        self._thread.submit(self._vault.close).result()
        self._thread.shutdown()

    async def _add(
        self, subject: str, fields: Mapping[str, str], account: str | None, by: str
    ) -> int:
        """Seal and keep, then append: an entry never stands without its values."""
        opened = {name: Opened(value, new_blind(BLIND_BYTES)) for name, value in fields.items()}
        try:
            commitments = await self._in_thread(
                self._sealing.keep, subject, opened, self._clock.now_ns()
            )
        except KeyDestroyed as error:  # by another process, whose entry is not folded here yet
            raise _erased(subject) from error
        return await self._append(
            lambda at: SubjectRecorded(at, subject, account, commitments, by), None
        )

    async def _notice(
        self, subject: str, held: Held, reason: str, legal_basis: str | None
    ) -> tuple[str, tuple[int, ...], tuple[str, ...], str, str | None]:
        """What an erasure is to say, once nothing forbids it: members of `SubjectErased`."""
        if not held.positions:
            raise _unknown(subject)
        entries = [self._recorded(subject, position) for position in held.positions]
        self._retention.require_end(self._known(subject, entries), self._clock.now_ns())
        for entry in entries:
            opened = await self._readable(entry)
            values = {name: each.value for name, each in opened.items()}
            require_impersonal(reason, values, where="The reason")
            require_impersonal(legal_basis or "", values, where="The legal basis")
        fields = sorted({name for entry in entries for name in entry.fields})
        return subject, held.positions, tuple(fields), reason, legal_basis

    async def _held(self, subject: str) -> Held:
        """What the ledger says of a subject by now.

        Raises:
            Refused: `SUBJECT_ERASED`.
        """
        await self._folding.follow()
        held = await self._in_thread(self._vault.find, subject)
        if held.erased is not None:
            raise _erased(subject, held.erased)
        return held

    async def _opened(self, subject: str, held: Held, position: int) -> Recording:
        entry = self._recorded(subject, position)
        try:
            opened = await self._in_thread(self._sealing.open, entry)
        except KeyDestroyed as error:
            raise _erased(subject) from error
        if opened.keys() != entry.fields.keys():
            raise Corrupt(f"The vault lacks values that entry {position} committed to.")
        return _recording(held, position, entry, opened)

    async def _readable(self, entry: SubjectRecorded) -> dict[str, Opened]:
        """The values that can still be read; damage must not keep anybody from being erased."""
        try:
            return await self._in_thread(self._sealing.open, entry)
        except (Corrupt, KeyDestroyed) as error:
            _log.warning("ledger.subject_unreadable", subject=entry.subject, body=str(error))
            return {}

    def _recorded(self, subject: str, position: int) -> SubjectRecorded:
        entry = decode_subject(self._ledger.rows(position, 1)[0].entry)
        if not isinstance(entry, SubjectRecorded) or entry.subject != subject:
            raise Corrupt(f"Entry {position} does not record subject {subject}; the vault says so.")
        return entry

    def _erasure(self, subject: str, position: int) -> Erasure:
        entry = decode_subject(self._ledger.rows(position, 1)[0].entry)
        if not isinstance(entry, SubjectErased) or entry.subject != subject:
            raise Corrupt(f"Entry {position} does not erase subject {subject}; the vault says so.")
        return Erasure(
            subject, position, entry.at, entry.positions, entry.fields, entry.reason,
            entry.legal_basis, entry.by,
        )  # fmt: skip

    def _known(self, subject: str, entries: Sequence[SubjectRecorded]) -> Known:
        accounts = sorted({entry.account for entry in entries if entry.account is not None})
        return Known(
            subject,
            frozenset(name for entry in entries for name in entry.fields),
            max(parse_rfc3339(entry.at) for entry in entries),
            latest(self._last_activity(account) for account in accounts),
        )

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One call at a time: a person is recorded or erased now and then, not by the thousand."""
        if self._waiting >= SUBJECT_CALLS_WAITING_MAX:
            raise Overloaded
        self._waiting += 1
        try:
            async with self._lock:
                yield
        finally:
            self._waiting -= 1


def _recording(
    held: Held, position: int, entry: SubjectRecorded, opened: Mapping[str, Opened]
) -> Recording:
    fields = {
        name: Field(each.value, each.blind, entry.fields[name]) for name, each in opened.items()
    }
    return Recording(
        entry.subject, entry.account, position, entry.at, entry.by, fields, held.positions
    )


def _require_room(older: Sequence[SubjectRecorded], fields: Mapping[str, str]) -> None:
    """An erasure names every recording and every field, and has to fit into one entry."""
    names = {name for entry in older for name in entry.fields} | fields.keys()
    if len(older) >= SUBJECT_RECORDINGS_MAX or len(names) > SUBJECT_FIELD_NAMES_MAX:
        raise Refused(
            "SUBJECT_TOO_LARGE",
            f"A subject may have {SUBJECT_RECORDINGS_MAX} recordings of"
            f" {SUBJECT_FIELD_NAMES_MAX} different fields.",
        )


def _unknown(subject: str) -> Refused:
    return Refused("UNKNOWN_SUBJECT", f"There is no such recording of subject {subject}.")


def _erased(subject: str, position: int | None = None) -> Refused:
    where = "" if position is None else f" at position {position} of the ledger"
    return Refused("SUBJECT_ERASED", f"Subject {subject} was erased{where}.")
