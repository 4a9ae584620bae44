"""The manifest: which parts the store has, as a journal whose records are chained by their hashes.

One record is one change, durable as a whole: a seal with all its parts, a compaction with what it
makes and what it replaces, a part that moves to an archive. Its newest hash vouches for all of it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Literal, Protocol

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Corrupt, TemporaryError
from tallystick.watch.collect.store.parts import Part

Op = Literal["seal", "compact", "take", "move", "mark", "lock", "remove"]

GENESIS = "0" * 64
"""What the first record names as the hash before it."""
SNAPSHOT_RECORDS = 256
"""Between two snapshots, which spare reading the whole journal at start."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change. `sealed_to` is the first sequence number that no part holds yet."""

    n: int
    prev: str
    op: Op
    at: str
    sealed_to: int
    add: tuple[Part, ...] = ()
    remove: tuple[str, ...] = ()


class Snapshot(msgspec.Struct, frozen=True):
    """All parts after record `n`, whose hash is `hash`."""

    n: int
    hash: str
    sealed_to: int
    parts: tuple[Part, ...]


class Journal(Protocol):
    """Where records lie. A record is durable when `append` returns; nothing takes one back."""

    def records(self, after: int) -> Iterator[bytes]:
        """The records with numbers above `after`, in order."""
        ...

    def append(self, n: int, record: bytes) -> None:
        """Add record `n`.

        Raises:
            Forked: somebody else added it; this process must not go on.
            TemporaryError: the disk or the network refused; whether it is there is not known
                after a network's refusal, and `append` with the same bytes may be tried again.
        """
        ...

    def snapshot(self) -> bytes | None:
        """The newest snapshot that was put."""
        ...

    def put_snapshot(self, n: int, snapshot: bytes) -> None:
        """Keep a snapshot; it may be lost."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Record).decode
_decode_snapshot = msgspec.json.Decoder(Snapshot).decode


class Manifest:
    """The parts there are: `state`, replaced whole. Its owner serialises `commit`."""

    def __init__(self, journal: Journal) -> None:
        """Read the journal.

        Raises:
            Corrupt: a record does not follow from the one before.
        """
        self._journal = journal
        stored = journal.snapshot()
        state = _decode_snapshot(stored) if stored else Snapshot(0, GENESIS, 1, ())
        parts = {part.path: part for part in state.parts}
        for line in journal.records(state.n):
            state = _applied(_checked(line, state.n, state.hash), line, parts)
        self._parts = parts
        self._doubtful: bytes | None = None
        self.state = msgspec.structs.replace(state, parts=tuple(parts.values()))

    def commit(
        self,
        op: Op,
        at_ns: int,
        *,
        add: Iterable[Part] = (),
        remove: Iterable[str] = (),
        sealed_to: int | None = None,
    ) -> None:
        """Make one change; it is durable and visible when this returns."""
        self.settle()
        n, prev = self.state.n + 1, self.state.hash
        sealed = self.state.sealed_to if sealed_to is None else sealed_to
        record = Record(n, prev, op, rfc3339(at_ns), sealed, tuple(add), tuple(remove))
        line = _encode(record)
        self._doubtful = line
        self._journal.append(n, line)
        self._apply(record, line)
        if n % SNAPSHOT_RECORDS == 0:
            with suppress(OSError, TemporaryError):  # the journal is enough; another one follows
                self._journal.put_snapshot(n, _encode(self.state))

    def settle(self) -> None:
        """Find out whether a record arrived whose `append` failed; to be said before new work.

        Raises:
            TemporaryError: it cannot be found out now.
        """
        if self._doubtful is None:
            return
        if self._doubtful == next(self._journal.records(self.state.n), None):
            self._apply(_decode(self._doubtful), self._doubtful)
        self._doubtful = None

    def broken(self) -> str | None:
        """What is wrong with the journal from its first record on, if something is."""
        expected = (self.state.n, self.state.hash)
        head = (0, GENESIS)
        try:
            for line in self._journal.records(0):
                if head[0] == expected[0]:
                    break  # a commit beside this check may have added more
                record = _checked(line, *head)
                head = (record.n, _hash(line))
        except Corrupt as error:
            return str(error)
        return None if head == expected else "The journal does not end where it was left."

    def _apply(self, record: Record, line: bytes) -> None:
        state = _applied(record, line, self._parts)
        self.state = msgspec.structs.replace(state, parts=tuple(self._parts.values()))
        self._doubtful = None


def _applied(record: Record, line: bytes, parts: dict[str, Part]) -> Snapshot:
    """Change `parts` as the record says; the state after it, which does not list them."""
    for path in record.remove:
        parts.pop(path, None)
    parts.update((part.path, part) for part in record.add)
    return Snapshot(record.n, _hash(line), record.sealed_to, ())


def _checked(line: bytes, n: int, hashed: str) -> Record:
    try:
        record = _decode(line)
    except msgspec.DecodeError as error:
        raise Corrupt(f"Record {n + 1} of the log manifest cannot be read: {error}") from error
    if record.n != n + 1 or record.prev != hashed:
        raise Corrupt(f"Record {n + 1} of the log manifest does not follow from the one before.")
    return record


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
