"""The figures of the log store's benchmarks as values, and how they are told."""

from collections.abc import Iterator
from statistics import median

import msgspec

from measure import Disk, Machine

INGEST_RATIO_MIN = 0.3
EVENT_BYTES_MAX = 60
QUERY_SECONDS_MAX = 1.0
RESIDENT_MIB_MAX = 1_024


class IngestRound(msgspec.Struct, frozen=True):
    """The same events into the store and into DuckDB's own file, one after the other; seconds.

    `acknowledged` until the last append returned, `sealed` until all of them were in parts too;
    `peer` is VictoriaLogs, where its binary was found.
    """

    events: int
    event_bytes: int
    acknowledged: float
    sealed: float
    bulk: float
    peer: float | None = None


class QueryTimes(msgspec.Struct, frozen=True):
    """One query, again and again: milliseconds, and what it gave."""

    what: str
    query: str
    rows: int
    milliseconds: list[float]

    @property
    def p50(self) -> float:
        """The median."""
        return median(self.milliseconds)


class Queries(msgspec.Struct, frozen=True):
    """A store of the shipped mix: what it took to fill, what it keeps, what it answers."""

    events: int
    parts: int
    fill_seconds: float
    disk_bytes: int
    resident_mib: int
    times: list[QueryTimes]

    @property
    def event_bytes(self) -> float:
        """Bytes of an event on disk."""
        return self.disk_bytes / self.events


class Figures(msgspec.Struct):
    """Everything that one run found."""

    at: str
    load: float
    machine: Machine
    disk: Disk
    ingest: list[IngestRound]
    queries: Queries


def markdown(figures: Figures) -> str:
    """The figures as people read them, aims first."""
    return "\n".join((*_aims(figures), "", *_table(figures), "", _small_print(figures), ""))


def _aims(figures: Figures) -> Iterator[str]:
    ratios = {
        "acknowledged": median(each.bulk / each.acknowledged for each in figures.ingest),
        "acknowledged and sealed": median(each.bulk / each.sealed for each in figures.ingest),
    }
    for what, ratio in ratios.items():
        yield _aim(
            f"events/s, durable, {what} / DuckDB's own bulk insert = {ratio:.2f}",
            f">= {INGEST_RATIO_MIN}",
            reached=ratio >= INGEST_RATIO_MIN,
        )
    if peers := [each.peer / each.sealed for each in figures.ingest if each.peer]:
        yield f"- **events/s, durable and sealed / VictoriaLogs, flushed = {median(peers):.2f}**"
    queries = figures.queries
    size = queries.event_bytes
    said = f"bytes on disk an event = {size:.1f}"
    yield _aim(said, f"<= {EVENT_BYTES_MAX}", reached=size <= EVENT_BYTES_MAX)
    resident = queries.resident_mib
    said = f"resident memory at most = {resident} MiB"
    yield _aim(said, f"<= {RESIDENT_MIB_MAX}", reached=resident <= RESIDENT_MIB_MAX)
    slowest = {
        what: max(each.p50 for each in queries.times if each.what == what)
        for what in dict.fromkeys(each.what for each in queries.times)
    }
    for what, ms in slowest.items():
        said = f"{queries.events:,} events, {what}: p50 = {ms / 1e3:.2f} s"
        yield _aim(said, f"< {QUERY_SECONDS_MAX} s", reached=ms < QUERY_SECONDS_MAX * 1e3)


def _aim(said: str, aim: str, *, reached: bool) -> str:
    return f"- **{said}, aim {aim}: {'reached' if reached else 'NOT reached'}**"


def _table(figures: Figures) -> Iterator[str]:
    yield "| query | rows | p50 ms | slowest |"
    yield "| --- | ---: | ---: | ---: |"
    for each in figures.queries.times:
        cell = each.query.replace("|", "\\|")
        yield f"| `{cell}` | {each.rows:,} | {each.p50:,.0f} | {max(each.milliseconds):,.0f} |"


def _small_print(figures: Figures) -> str:
    first, queries, machine = figures.ingest[0], figures.queries, figures.machine
    rate = median(each.events / each.sealed for each in figures.ingest)
    bulk = median(each.events / each.bulk for each in figures.ingest)
    return (
        f"Ingest: medians of {len(figures.ingest)} rounds of {first.events:,} events of"
        f" {first.event_bytes} bytes, 1,000 an append; {rate:,.0f} events/s against {bulk:,.0f}."
        f" Queries: {queries.parts} parts, filled in {queries.fill_seconds:.0f} s with what makes"
        f" the events; times of the first 100 lines, or of the whole table."
        f" {figures.at}, load {figures.load} before; {machine.cpu}, {machine.cores} cores,"
        f" {machine.system}, {machine.python}, {machine.filesystem}; `fdatasync` of 4 KiB"
        f" {figures.disk.fdatasync_ms_p50} ms (p99 {figures.disk.fdatasync_ms_p99})."
    )
