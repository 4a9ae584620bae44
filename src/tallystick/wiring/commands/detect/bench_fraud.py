"""`tallystick detect bench fraud`: the payment classifier on labelled card payments."""

import resource
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.watch.detect.supervised.fraud_bench import Report

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(context_settings=CONTEXT)
@click.argument("file", type=_FILE)
@click.option(
    "--weeks",
    type=click.IntRange(min=1),
    help="Test so many weeks at the end; by default the last third, at least four.",
)
@click.option("--seed", default=1, show_default=True, help="Of the trees and of the bootstrap.")
@JSON
def fraud(file: Path, *, weeks: int | None, seed: int, as_json: bool) -> None:
    """Learn from labelled card payments week by week, and test on the week that follows.

    FILE is a NumPy archive with the arrays t (seconds from a midnight), customer, terminal, amount
    and fraud (0 or 1). Labels are known seven days late: neither a feature nor the training uses a
    younger one, and cards that are known as compromised are not tested. Printed are the means over
    the test weeks of the area under the ROC curve (auc), of average precision (ap) and of card
    precision at 100 cards a day (cp100), with bootstrap intervals over the weeks. Exit code: 0
    tested, 2 the file cannot be used.

    \b
    Examples:
      tallystick detect bench fraud transactions.npz
      tallystick detect bench fraud transactions.npz --weeks 8 --json | jq .ap
    """  # noqa: D301  the mark keeps click from wrapping
    import numpy as np  # noqa: PLC0415  help and completion start faster
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    from tallystick.watch.detect.supervised.features import describe  # noqa: PLC0415
    from tallystick.watch.detect.supervised.fraud_bench import FITTING, run  # noqa: PLC0415
    from tallystick.watch.detect.supervised.payments import read_payments  # noqa: PLC0415

    told = Console(stderr=True)
    clock = SystemClock()
    began = clock.monotonic_ns()
    try:
        payments = read_payments(file)
        with Progress(console=told, transient=True) as progress:
            task = progress.add_task("Learning and testing", total=1.0)
            report = run(
                payments,
                weeks=weeks,
                fitting=msgspec.structs.replace(FITTING, seed=seed),
                chance=np.random.default_rng(seed),
                told=lambda share: progress.update(task, completed=share),
            )
    except TallystickError as error:
        fail(str(error))
    seconds = {"wall": (clock.monotonic_ns() - began) / NS_PER_SECOND, "cpu": _cpu_seconds()}
    before = _cpu_seconds()
    describe(payments)
    speed = len(payments) / max(_cpu_seconds() - before, 1e-6)
    if as_json:
        facts = msgspec.to_builtins(report)
        facts |= {"seconds": seconds, "features_rows_per_cpu_second": speed}
        click.echo(msgspec.json.encode(facts).decode())
    else:
        _show(report, seconds["wall"], speed, Console())


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _show(report: "Report", seconds: float, speed: float, to: "Console") -> None:
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=f"{len(report.weeks)} weeks, labels {report.label_delay_days} days late")
    for name in ("week from day", "payments", "frauds", "AUC", "AP", "CP@100", "perfect CP@100"):
        table.add_column(name, justify="right")
    for week in report.weeks:
        table.add_row(
            str(week.first_day),
            f"{week.payments:,}",
            f"{week.frauds:,}",
            *(f"{figure:.3f}" for figure in (week.auc, week.ap, week.cp100, week.cp100_best)),
        )
    table.add_section()
    means = (report.auc, report.ap, report.cp100, report.cp100_best)
    table.add_row("mean", "", "", *(f"{figure:.3f}" for figure in means))
    to.print(table)
    for name, interval in report.intervals.items():
        to.print(f"{name}: 95 % interval over weeks {interval.low:.3f} to {interval.high:.3f}")
    to.print(
        f"{report.configurations_tried} configurations were compared on other weeks; "
        f"{seconds:.0f} s, one core; features of {speed:,.0f} payments per CPU second."
    )
