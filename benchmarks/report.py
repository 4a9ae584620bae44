"""What a run found: as JSON, as a table in the terminal, and as the README's block of figures."""

from collections.abc import Iterable
from pathlib import Path
from statistics import median

import msgspec
from rich.box import SIMPLE
from rich.table import Table

from load import Result
from measure import Disk, Machine
from targets import TargetName

BEGIN = "<!-- figures: written by benchmarks/run.py -->"
END = "<!-- end of figures -->"
LABELS: dict[TargetName, str] = {
    "ceiling": "ceiling",
    "durable": "Tallystick",
    "naive": "naive peer",
}
COLUMNS = ("server", "orders/s", "p50 ms", "p90", "p99", "max", "CPU µs", "DB µs", "bytes")
"""CPU of a request in the server and in its database, bytes of its answer's body."""


class Round(msgspec.Struct, frozen=True):
    """One load on one server; CPU is microseconds a request."""

    number: int
    target: TargetName
    load: Result
    server_cpu_us: float
    database_cpu_us: float


class Figures(msgspec.Struct, frozen=True):
    """Medians over the rounds of one server."""

    requests_per_second: float
    latency_ms_p50: float
    latency_ms_p90: float
    latency_ms_p99: float
    latency_ms_max: float
    server_cpu_us: float
    database_cpu_us: float
    request_bytes: float
    answer_bytes: float


class Ratio(msgspec.Struct, frozen=True):
    """One server's orders/s over another's: the median of the rounds' ratios, and their range."""

    over: TargetName
    under: TargetName
    aim: float
    median: float
    lowest: float
    highest: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one run."""

    at: str
    machine: Machine
    disk_before: Disk
    disk_after: Disk
    connections: int
    seconds: float
    pinned: bool
    naive_workers: int
    load_cpu_us: float
    rounds: list[Round]
    figures: dict[TargetName, Figures]
    ratios: list[Ratio]


AIMS: tuple[tuple[TargetName, TargetName, float], ...] = (
    ("durable", "ceiling", 0.4),
    ("durable", "naive", 25.0),
)
"""What the product is held to: over, under, at least."""


def figures(rounds: Iterable[Round]) -> Figures:
    """The medians of one server's rounds."""
    own = list(rounds)

    def middle(name: str) -> float:
        return round(float(median(getattr(one.load, name) for one in own)), 3)

    return Figures(
        requests_per_second=middle("requests_per_second"),
        latency_ms_p50=middle("latency_ms_p50"),
        latency_ms_p90=middle("latency_ms_p90"),
        latency_ms_p99=middle("latency_ms_p99"),
        latency_ms_max=middle("latency_ms_max"),
        server_cpu_us=round(median(one.server_cpu_us for one in own), 1),
        database_cpu_us=round(median(one.database_cpu_us for one in own), 1),
        request_bytes=middle("request_bytes"),
        answer_bytes=middle("answer_bytes"),
    )


def ratios(rounds: list[Round]) -> list[Ratio]:
    """Each aim's ratio, taken round by round so that a slow phase of the machine hits both."""
    rate = {(one.target, one.number): one.load.requests_per_second for one in rounds}
    found = []
    for over, under, aim in AIMS:
        each = [
            rate[over, number] / rate[under, number]
            for target, number in rate
            if target == over and (under, number) in rate
        ]
        if each:
            values = [round(value, 3) for value in (median(each), min(each), max(each))]
            found.append(Ratio(over, under, aim, *values))
    return found


def table(report: Report) -> Table:
    """The figures for a terminal."""
    made = Table(
        title=f"POST one order, {report.connections} connections",
        title_justify="left",
        box=SIMPLE,
        pad_edge=False,
        padding=0,
    )
    for number, column in enumerate(COLUMNS):
        made.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in _rows(report):
        made.add_row(*row)
    return made


def verdicts(report: Report) -> list[str]:
    """One sentence a ratio."""
    return [
        f"{ratio.over} / {ratio.under} = {ratio.median:.4g} "
        f"({ratio.lowest:.4g} to {ratio.highest:.4g}), aim >= {ratio.aim:g}: "
        + ("reached" if ratio.median >= ratio.aim else "NOT reached")
        for ratio in report.ratios
    ]


def write(report: Report, results: Path, readme: Path) -> None:
    """Writes `results` (JSON) and the block between the markers of `readme`.

    Raises:
        ValueError: the README has no markers.
    """
    results.parent.mkdir(exist_ok=True)
    results.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} has lost the markers {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n{markdown(report)}\n{END}{after}")


def markdown(report: Report) -> str:
    """The README's block."""
    rows = [COLUMNS, ("---", *["---:"] * (len(COLUMNS) - 1)), *_rows(report)]
    return "\n".join(
        [
            *(f"- **{sentence}**" for sentence in verdicts(report)),
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            _how(report),
            "",
            _where(report),
        ]
    )


def _how(report: Report) -> str:
    """What was done, as one paragraph."""
    request_bytes = next(iter(report.figures.values())).request_bytes
    workers = f"{report.naive_workers} worker process" + "es" * (report.naive_workers > 1)
    return (
        f"{report.at[:10]}: medians of {max(one.number for one in report.rounds)} rounds of "
        f"{report.seconds:g} s each, {report.connections} keep-alive connections, one order a "
        f"request, {request_bytes:.0f} bytes a request (head included). CPU is a request's share "
        f"of all that server (CPU) and database (DB) did meanwhile; the load generator took "
        f"{report.load_cpu_us:.0f} µs. Bytes: the answer's body. "
        f"Naive peer: {workers}."
    )


def _where(report: Report) -> str:
    """The machine, as one paragraph."""
    where, before, after = report.machine, report.disk_before, report.disk_after
    return (
        f"Machine: {where.cpu}, {where.cores} cores, {where.system}, {where.python}; "
        + ("server pinned to one core, load to another. " if report.pinned else "not pinned. ")
        + f"Data on {where.filesystem}; fsync: yes (SQLite synchronous=FULL, PostgreSQL's "
        "defaults). Writing 4 KiB there with `fdatasync` took "
        f"{before.fdatasync_ms_p50:g} ms before and {after.fdatasync_ms_p50:g} ms after the run "
        f"(medians; p99 {before.fdatasync_ms_p99:g} and {after.fdatasync_ms_p99:g} ms)."
    )


def _rows(report: Report) -> list[tuple[str, ...]]:
    return [
        (
            LABELS[name],
            f"{one.requests_per_second:,.0f}",
            f"{one.latency_ms_p50:.1f}",
            f"{one.latency_ms_p90:.1f}",
            f"{one.latency_ms_p99:.1f}",
            f"{one.latency_ms_max:.1f}",
            f"{one.server_cpu_us:,.0f}",
            f"{one.database_cpu_us:,.0f}" if name == "naive" else "-",
            f"{one.answer_bytes:,.0f}",
        )
        for name, one in report.figures.items()
    ]
