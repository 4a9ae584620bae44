"""The figures of the ledger's benchmarks as values: what a run measures and `ledger.json` keeps."""

from collections.abc import Iterable
from statistics import median

import msgspec

from ledger_entries import KeyForm
from ledger_tracks import Backend
from measure import Disk, Machine


class Spread(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Spread":
        """The spread of these durations; at least one."""
        each = sorted(seconds)
        at = (each[len(each) // 2], each[min(len(each) - 1, int(len(each) * 0.99))], each[-1])
        return cls(*(round(one * 1e3, 3) for one in at))


class Span(msgspec.Struct, frozen=True):
    """The median of some rounds' values, and their range."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Span":
        """The span of these values; at least one."""
        each = list(values)
        return cls(median(each), min(each), max(each))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lowest:.2f} to {self.highest:.2f})"


class AppendRound(msgspec.Struct, frozen=True):
    """The same batches into ledger and bare journal, one after the other; seconds.

    Folding the write-ahead log stands apart: the product does it in a thread beside.
    """

    backend: Backend
    batch: int
    number: int
    entries: int
    seconds: float
    fold_seconds: float
    bare_seconds: float
    bare_fold_seconds: float

    @property
    def ratio(self) -> float:
        """The ledger's entries/s over the bare journal's."""
        return self.bare_seconds / self.seconds

    @property
    def ratio_folded(self) -> float:
        """The same with the folding counted on both sides."""
        return (self.bare_seconds + self.bare_fold_seconds) / (self.seconds + self.fold_seconds)


class PeerFigures(msgspec.Struct, frozen=True):
    """What the peer reports (`peers/tessera/main.go`): seconds for all, latencies of each."""

    entries: int
    durable_seconds: float
    integrated_seconds: float
    published_seconds: float
    index: Spread
    published: Spread
    pushbacks: int


class PeerRound(msgspec.Struct, frozen=True):
    """The peer, then the ledger, over the same entries, so many of them on their way at once."""

    antispam: bool
    number: int
    peer: PeerFigures
    seconds: float
    acknowledged: Spread

    @property
    def ratio(self) -> float:
        """The ledger's provable entries/s over the peer's integrated ones."""
        return self.peer.integrated_seconds / self.seconds


class Latency(msgspec.Struct, frozen=True):
    """What an entry waits for under a load; proof and checkpoint count from its acknowledgement.

    A load that is not `paced` leaves the publisher as little as it can.
    """

    load: str
    paced: bool
    entries_per_second: float
    batches: int
    acknowledged: Spread
    proof: Spread
    checkpoint: Spread


class Work(msgspec.Struct, frozen=True):
    """Something done so many times a second, beside the bare hashing that it consists of."""

    name: str
    per_second: float
    bare_per_second: float
    megabytes_per_second: float | None = None

    @property
    def ratio(self) -> float:
        """Its rate over that of its bare hashes."""
        return self.per_second / self.bare_per_second


class Footprint(msgspec.Struct, frozen=True):
    """Bytes an entry on disk; `database` holds entry, leaf hash, keys, tiles and checkpoints."""

    backend: Backend
    batch: int
    entries: int
    entry_bytes: float
    database: float
    tiles: float


class ScaleRound(msgspec.Struct, frozen=True):
    """A ledger that was of this size: opening it and appending to it.

    `bare_seconds` is an empty bare journal at the same moment, so that a slow phase of the machine
    can be told from a slow ledger.
    """

    backend: Backend
    keys: KeyForm
    size: int
    number: int
    entries: int
    seconds: float
    fold_seconds: float
    bare_seconds: float
    open_seconds: float
    product_seconds: float | None

    @property
    def ratio(self) -> float:
        """Its entries/s over the bare journal's."""
        return self.bare_seconds / self.seconds


class Section(msgspec.Struct, kw_only=True):
    """One part, measured in one run; `load` is the machine's 1-minute load average before it."""

    at: str
    load: float
    machine: Machine
    disk: Disk
    entry_bytes: int


class Appends(Section, kw_only=True):
    """Entries/s through the ledger's own interface, against a bare journal."""

    rounds: list[AppendRound]


class Peer(Section, kw_only=True):
    """Entries/s against Tessera POSIX."""

    adders: int
    batch_size: int
    batch_age_ms: int
    checkpoint_ms: int
    version: str
    rounds: list[PeerRound]


class Waiting(Section, kw_only=True):
    """From acknowledgement to proof and checkpoint."""

    loads: list[Latency]


class Proofs(Section, kw_only=True):
    """Proofs, verification, audits, bytes."""

    size: int
    works: list[Work]
    footprints: list[Footprint]


class Scale(Section, kw_only=True):
    """Cost at growing sizes."""

    batch: int
    rounds: list[ScaleRound]


class Figures(msgspec.Struct):
    """Everything; a section that was not measured yet is missing, others stay from earlier runs."""

    appends: Appends | None = None
    peer: Peer | None = None
    waiting: Waiting | None = None
    proofs: Proofs | None = None
    scale: Scale | None = None
