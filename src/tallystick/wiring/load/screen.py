"""How a run is shown in a terminal: a bar while it goes on, then what it found."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tallystick.wiring.load import run
from tallystick.wiring.load.plan import Plan
from tallystick.wiring.load.result import Result

SHAPE_WIDTH = 40


@contextmanager
def watching(console: Console, plan: Plan) -> Iterator[run.Watch]:
    """A bar that moves with the run, gone afterwards."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
    )
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("connecting", total=plan.warm_up_seconds + plan.seconds, said="")

        def watch(now: run.Progress) -> None:
            what = "warming up" if now.seconds < plan.warm_up_seconds else "measuring"
            if now.seconds > now.seconds_all:
                what = "waiting for the last answers"
            said = f"{now.orders:,} orders answered, {now.in_flight:,} requests on their way"
            done = min(now.seconds, now.seconds_all)
            progress.update(task, description=what, completed=done, said=said, refresh=True)

        yield watch


def draw(plan: Plan, result: Result) -> Iterable[Table | str]:
    """What there is to say, from the top down."""
    yield _summary(plan, result)
    yield _shape(result)
    if result.check is not None:
        yield (
            f"The ledger holds {result.check.orders:,} orders of this run:"
            f" {result.check.twice:,} twice, {result.check.lost:,} acknowledged but not there."
        )


def _summary(plan: Plan, result: Result) -> Table:
    paced = "as fast as answers come" if plan.rate is None else f"{plan.rate:,.0f} requests/s"
    if plan.rate is not None:
        paced += f" ({plan.arrivals} arrivals)"
    title = f"{plan.url}: {plan.connections} connections, {paced}"
    table = Table(title=title, title_justify="left", box=SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=False)
    rate = f"{result.requests_per_second:,.0f} requests/s"
    if plan.batch > 1:
        rate += f", {result.orders_per_second:,.0f} orders/s"
    table.add_row("answered", f"{result.requests:,} in {result.seconds:.1f} s: {rate}")
    latency = (
        ("p50", result.latency_ms_p50), ("p90", result.latency_ms_p90),
        ("p99", result.latency_ms_p99), ("p99.9", result.latency_ms_p999),
        ("max", result.latency_ms_max),
    )  # fmt: skip
    shown = "  ".join(f"{name} {value:.1f}" for name, value in latency)
    since = "sending" if plan.rate is None else "the intended beginning"
    table.add_row("latency, ms", f"{shown}  (from {since})")
    if plan.rate is not None:
        table.add_row("sent late, ms", f"p99 {result.sent_late_ms_p99:.1f}")
    table.add_row("orders", _counts(result))
    table.add_row("statuses", _listed(result.statuses))
    if result.codes:
        table.add_row("codes", _listed(result.codes))
    if result.dropped or result.retried:
        table.add_row("dropped", f"{result.dropped:,} on purpose, {result.retried:,} tried again")
    table.add_row("this process", f"{result.cpu_us:.0f} µs of CPU a request")
    return table


def _counts(result: Result) -> str:
    counts = {
        "good": result.good, "rejected": result.rejected, "pushed back": result.pushed_back,
        "wrong": result.wrong, "missing requests": result.missing, "never sent": result.unsent,
    }  # fmt: skip
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "none"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())


def _shape(result: Result) -> Table:
    """Latencies in rows that double in width, with the share of answers in each."""
    rows: dict[int, int] = {}
    for top, count in result.latency_us_counts.items():
        row = max(0, top - 1).bit_length()
        rows[row] = rows.get(row, 0) + count
    table = Table("up to ms", box=SIMPLE, pad_edge=False)
    table.add_column("requests", justify="right")
    table.add_column("")
    most = max(rows.values(), default=1)
    for row in sorted(rows):
        bar = "█" * max(1, round(rows[row] / most * SHAPE_WIDTH))
        table.add_row(f"{(1 << row) / 1e3:.3g}", f"{rows[row]:,}", bar)
    return table
