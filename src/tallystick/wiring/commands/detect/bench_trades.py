"""`tallystick detect bench trades`: the shipped detectors on a simulated trading desk."""

import random
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.watch.detect.trades.bench import BenchPlan
    from tallystick.watch.detect.trades.crowd import CrowdResult
    from tallystick.watch.detect.trades.days import TickDays
    from tallystick.watch.detect.trades.outcome import Report
    from tallystick.watch.detect.watcher import Watcher

KIB = 1_024
STATUS = Path("/proc/self/status")
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(context_settings=CONTEXT)
@click.option("--seed", default=7, show_default=True, help="Of everything that is simulated.")
@click.option(
    "--events", default=1_000_000, show_default=True, help="Clean events, at least; 0 for none."
)
@click.option("--kind", "kinds", multiple=True, help="Plant this kind alone; may be repeated.")
@click.option(
    "--level", default="moderate", show_default=True,
    type=click.Choice(["obvious", "moderate", "subtle"]), help="How hard it is to see.",
)  # fmt: skip
@click.option("--instances", default=20, show_default=True, help="Planted of each kind, at least.")
@click.option("--quick", is_flag=True, help="Short streams, to see that everything works.")
@click.option("--ticks", type=_FOLDER, help="Also replay the real ticks below this folder.")
@click.option("--entities", type=int, help="Instead: the memory that so many accounts take.")
@JSON
def trades(  # noqa: PLR0913  as many as there are options
    *,
    seed: int,
    events: int,
    kinds: tuple[str, ...],
    level: str,
    instances: int,
    quick: bool,
    ticks: Path | None,
    entities: int | None,
    as_json: bool,
) -> None:
    """Run the shipped detectors over a simulated trading desk with planted, declared anomalies.

    Prints recall and delay by kind, which detector spoke of what, false alerts per 100,000 clean
    events, precision at the alert budget, and the speed. All of it follows from the seed; what is
    simulated and planted is described in docs/guides/detection-bench.md. Exit code: 0 measured, 2
    it cannot be.

    \b
    Examples:
      tallystick detect bench trades
      tallystick detect bench trades --kind layering --kind wash_trades --events 0
      tallystick detect bench trades --ticks ../shared/data/fx/lean --json | jq .clean
      tallystick detect bench trades --entities 100000
    """  # noqa: D301  the mark keeps click from wrapping
    from rich.console import Console  # noqa: PLC0415  help and completion start faster

    from tallystick.watch.detect.trades.bench import BenchPlan  # noqa: PLC0415
    from tallystick.watch.detect.trades.kinds import KINDS  # noqa: PLC0415

    unknown = [name for name in kinds if name not in KINDS]
    if unknown:
        fail(f"{unknown[0]!r} is no kind; there are {', '.join(KINDS)}.")
    told = Console(stderr=True, quiet=as_json)
    if entities is not None:
        crowd = _crowd(entities, seed, told)
        if as_json:
            click.echo(msgspec.json.encode(crowd).decode())
        else:
            _say_crowd(crowd)
        return
    if ticks is not None and not ticks.is_dir():
        told.print(f"There is no folder {ticks}: the days of real ticks are left out.")
        ticks = None
    bench = msgspec.convert(
        {
            "seed": seed, "events": events, "kinds": kinds or tuple(KINDS), "level": level,
            "instances": instances, "quick": quick,
        },
        BenchPlan,
    )  # fmt: skip
    try:
        report = _bench(bench, told)
        days = None if ticks is None else _days(ticks, seed, told)
    except TallystickError as error:
        fail(str(error))
    if as_json:
        facts = msgspec.to_builtins(report)
        click.echo(msgspec.json.encode(facts | {"ticks": msgspec.to_builtins(days)}).decode())
        return
    _say(report, Console())
    if days is not None:
        _say_days(days)


def _bench(bench: "BenchPlan", told: "Console") -> "Report":
    from tallystick.watch.detect.trades.bench import run, streams  # noqa: PLC0415

    total = sum(one.events for one in streams(bench))
    with _telling(told, "Simulated events", total) as tell:
        report, _streams = run(bench, _watcher, _cpu_seconds, _chance, tell)
    return report


def _days(folder: Path, seed: int, told: "Console") -> "TickDays":
    from tallystick.watch.detect.trades.days import replay  # noqa: PLC0415

    with _telling(told, "Real ticks and ordinary clients", None) as tell:
        return replay(folder, _chance(seed), _watcher(), _cpu_seconds, tell)


def _crowd(entities: int, seed: int, told: "Console") -> "CrowdResult":
    from tallystick.watch.detect.trades.crowd import ROUNDS, measure  # noqa: PLC0415

    with _telling(told, "Accounts", entities * (2 * ROUNDS + 1)) as tell:
        measure(
            100, _chance(seed), _watcher, _cpu_seconds, _rss_bytes
        )  # compiles, and loads what is lazy
        return measure(entities, _chance(seed), _watcher, _cpu_seconds, _rss_bytes, tell)


@contextmanager
def _telling(told: "Console", doing: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from tallystick.wiring.progress import bar_on  # noqa: PLC0415

    done = 0
    with bar_on(told, doing) as advance:

        def tell(more: int) -> None:
            nonlocal done
            done += more
            advance(done, max(done, total or 0))

        yield tell


def _watcher() -> "Watcher":
    from tallystick.watch.detect.config import SHIPPED  # noqa: PLC0415
    from tallystick.watch.detect.detectors import build  # noqa: PLC0415
    from tallystick.watch.detect.watcher import Watcher  # noqa: PLC0415

    return Watcher(build(SHIPPED))


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  a simulation


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _rss_bytes() -> int:
    """Resident memory now; its peak where the system does not say."""
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def _say(report: "Report", console: "Console") -> None:
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("planted", no_wrap=True)
    for head in ("found", "recall", "delay p50", "p95", "own events", "p95"):
        table.add_column(head, justify="right", no_wrap=True)
    spoke = Table(box=None, header_style="bold", pad_edge=False)
    spoke.add_column("planted", no_wrap=True)
    spoke.add_column("who spoke of how many")
    for name, kind in report.kinds.items():
        seconds, events = kind.delay_seconds, kind.delay_events
        table.add_row(
            name,
            f"{kind.found}/{kind.planted}",
            f"{kind.recall:.2f}",
            _span(seconds.p50) if seconds else "-",
            _span(seconds.p95) if seconds else "-",
            f"{events.p50:,.0f}" if events else "-",
            f"{events.p95:,.0f}" if events else "-",
        )
        spoke.add_row(name, ", ".join(f"{who} {count}" for who, count in kind.fired.items()))
    console.print(f"Seed {report.seed}, level {report.level}.")
    console.print(table)
    console.print()
    console.print(spoke)
    console.print()
    for words, clean in (
        ("clean streams", report.clean),
        ("  five weeks of 60 accounts", report.clean_weeks),
        ("  a day at the pace of life", report.clean_day),
        ("beside what was planted", report.beside),
    ):
        if clean.events:
            who = ", ".join(f"{name} {rate:g}" for name, rate in clean.by_detector.items())
            console.print(
                f"{words}: {clean.alerts} false alerts in {clean.events:,} events,"
                f" {clean.per_100k:g} per 100,000"
                f" ({clean.per_100k_acts:g} per 100,000 entries and calls)"
                + (f": {who}" if who else "")
            )
    if report.precision_at_budget is not None:
        console.print(f"precision at 10 alerts per 100,000: {report.precision_at_budget:.2f}")
    console.print(
        f"{report.events:,} events in {report.cpu_seconds:,.1f} CPU seconds of detection:"
        f" {report.events_per_cpu_second:,.0f} events, {report.rows_per_cpu_second:,.0f} rows a"
        " CPU second"
    )


def _say_days(days: "TickDays") -> None:
    for day in days.days:
        click.echo(
            f"real ticks {day.date}: {day.quotes:,} quotes, a minute moved up to"
            f" {day.moved_bps:g} bps, spread up to {day.widest_bps:g} bps:"
            f" {len(day.alerts)} alerts"
        )
        for alert in day.alerts:
            click.echo(f"  {alert}")


def _say_crowd(crowd: "CrowdResult") -> None:
    mib = 1_048_576
    click.echo(
        f"{crowd.entities:,} accounts, {crowd.events:,} events:"
        f" {crowd.rss_before / mib:,.0f} MiB before, {crowd.rss_after / mib:,.0f} MiB after,"
        f" snapshot {crowd.snapshot_bytes / mib:,.0f} MiB,"
        f" {crowd.events_per_cpu_second:,.0f} events a CPU second"
    )


def _span(seconds: float) -> str:
    """`41 s`, `12 min`, `3.2 h`, `9.0 d`."""
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
