"""What `make bench-orders` finds: the content of `results/orders.json`."""

from collections.abc import Iterable
from statistics import median
from typing import Literal

import msgspec

from measure import Disk, Machine

Part = Literal["sqlite", "postgres", "flat", "start", "stages"]


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One load on one contender. CPU is microseconds an order; latencies are of whole requests."""

    number: int
    name: str
    orders_per_second: float
    latency_ms_p50: float
    latency_ms_p99: float
    latency_ms_max: float
    server_cpu_us: float
    database_cpu_us: float
    load_cpu_us: float
    request_bytes: float
    answer_bytes: float


class Span(msgspec.Struct, frozen=True):
    """A median and its range."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Span":
        """Of at least one value."""
        own = [round(value, 4) for value in values]
        return cls(round(float(median(own)), 4), min(own), max(own))


class Aim(msgspec.Struct, frozen=True):
    """What one contender's figure is to be of another's, in the same round."""

    over: str
    under: str
    figure: Literal["orders_per_second", "latency_ms_p99"]
    bound: float
    at_least: bool = True


class Race(msgspec.Struct, frozen=True, kw_only=True):
    """A section of loads: who was measured how, and what came of it."""

    at: str
    load_before: float
    machine: Machine
    disk: Disk
    seconds: float
    pinned: bool
    aims: list[Aim]
    rounds: list[Round]
    notes: list[str] = []

    @property
    def names(self) -> list[str]:
        """The contenders, by name."""
        return sorted({one.name for one in self.rounds})

    def of(self, name: str) -> list[Round]:
        """One contender's rounds."""
        return [one for one in self.rounds if one.name == name]

    def ratio(self, aim: Aim) -> Span | None:
        """The aim's ratio round by round, so that a slow moment hits both; None: not measured."""
        values = {(one.name, one.number): float(getattr(one, aim.figure)) for one in self.rounds}
        each = [
            value / values[aim.under, number]
            for (name, number), value in values.items()
            if name == aim.over and (aim.under, number) in values
        ]
        return Span.of(each) if each else None


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from a new process to its first answer on /readyz; filled orders, a snapshot kept."""

    at: str
    load_before: float
    machine: Machine
    disk: Disk
    entries: int
    seconds: list[float]


class Stage(msgspec.Struct, frozen=True):
    """Microseconds of CPU an order at one step of its way, warm, without the others."""

    name: str
    us: float


class Stages(msgspec.Struct, frozen=True, kw_only=True):
    """Where each microsecond goes."""

    at: str
    load_before: float
    machine: Machine
    disk: Disk
    batch: int
    ledger_size: int
    entry_bytes: int
    answer_bytes: int
    stages: list[Stage]
    rules: list[Stage]
    http_us: float
    """A request in the server that is not even looked at, answered as long as an order."""
    server_us: float
    """An order in the server, with all that watches it."""


class Figures(msgspec.Struct):
    """Every section that was measured, each with its own date."""

    sqlite: Race | None = None
    postgres: Race | None = None
    flat: Race | None = None
    start: Start | None = None
    stages: Stages | None = None
