"""`tallystick detect bench sets`: the multivariate detector on labelled sets of rows."""

import resource
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.watch.detect.bench.sets import Figures, SetReport

KIB = 1_024
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(context_settings=CONTEXT)
@click.argument("folder", type=_FOLDER)
@click.option("--rows", default=200_000, show_default=True, help="Of a set, at most.")
@click.option("--peers/--no-peers", default=True, help="Also measure a batch isolation forest.")
@click.option("--seed", default=7, show_default=True, help="Of the order of unordered rows.")
@JSON
def sets(folder: Path, *, rows: int, peers: bool, seed: int, as_json: bool) -> None:
    """Run the shipped multivariate detector over labelled sets of rows.

    Below FOLDER are read: files as SKAB's (semicolons, `datetime`, sensors, `anomaly`), in order of
    time, each new to the detector; and files as ADBench's (npz with X and y), in random order. Rows
    are shown in micro-batches, nothing ahead. A row is called anomalous at p <= 0.01 on every set:
    that was fixed beforehand. Beside it stand what calling every row anomalous would give, and a
    batch isolation forest whose threshold is fixed alike. Exit code: 0 measured, 2 it cannot be.

    \b
    Examples:
      tallystick detect bench sets SETS
      tallystick detect bench sets SETS --json | jq '.sets[] | {name, f1: .detector.f1}'
    """  # noqa: D301  the mark keeps click from wrapping
    import numpy as np  # noqa: PLC0415  help and completion start faster
    from rich.console import Console  # noqa: PLC0415

    from tallystick.watch.detect.bench.sets import THRESHOLD_P, judge_sets  # noqa: PLC0415
    from tallystick.watch.detect.bench.sets_files import read_sets  # noqa: PLC0415
    from tallystick.watch.detect.vector import EVENTS, SENSORS, version  # noqa: PLC0415
    from tallystick.wiring.progress import bar_on  # noqa: PLC0415

    try:
        found = read_sets(folder)
    except TallystickError as error:
        fail(str(error))
    with bar_on(Console(stderr=True), "Judging") as advance:
        reports = judge_sets(
            found,
            _cpu_seconds,
            np.random.default_rng(seed),
            rows_max=max(rows, 1),
            peers=peers,
            advance=advance,
        )
    if as_json:
        facts = {
            "threshold_p": THRESHOLD_P,
            "model": version(EVENTS, SENSORS),
            "sets": reports,
            "left_out": found.left_out,
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB,
        }
        click.echo(msgspec.json.encode(facts).decode())
    else:
        _show(reports, found.left_out, THRESHOLD_P, Console())


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _show(
    reports: "list[SetReport]", left_out: dict[str, str], threshold: float, console: "Console"
) -> None:
    from rich.table import Table  # noqa: PLC0415

    for report in reports:
        console.print(
            f"{report.name}: {report.scored:,} rows scored, {report.anomalies:,} anomalous;"
            f" order: {report.order}",
            highlight=False,
        )
        table = Table(box=None, header_style="bold")
        table.add_column("")
        for head in ("AUC", "AUC-PR", "F1", "precision", "recall", "false alarms", "delay"):
            table.add_column(head, justify="right")
        table.add_row(f"tallystick, p <= {threshold:g}", *_cells(report.detector))
        for name, figures in report.peers.items():
            table.add_row(name, *_cells(figures))
        if report.f1_all_positive is not None:
            table.add_row(
                "every row", "-", "-", f"{report.f1_all_positive:.3f}", "-", "1.000", "100%"
            )
        console.print(table)
        console.print(f"{report.points_per_cpu_second:,.0f} rows a CPU second.\n", highlight=False)
    for name, why in left_out.items():
        console.print(f"left out: {name}: {why}", highlight=False)


def _cells(figures: "Figures") -> list[str]:
    shares = (figures.auc, figures.auc_pr, figures.f1, figures.precision, figures.recall)
    cells = ["-" if each is None else f"{each:.3f}" for each in shares]
    alarms = figures.false_alarm_rate
    cells.append("-" if alarms is None else f"{alarms:.2%}")
    delay = "" if figures.delay_rows is None else f"{figures.delay_rows:g} rows"
    return [*cells, f"{delay}, {figures.runs_missed} of {figures.runs} missed" if delay else "-"]
