"""`tallystick detect bench nab`: the shipped metric detector on a NAB-format folder."""

import resource
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.watch.detect.bench.nab import NabReport, Run
    from tallystick.watch.detect.bench.nab_files import NabFolder
    from tallystick.watch.detect.bench.nab_score import ProfileScore

EXIT_LEAK = 1
"""A score depends on a later row."""
KIB = 1_024
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(context_settings=CONTEXT)
@click.argument("folder", type=_FOLDER)
@click.option("--results", type=_FILE, help="Score these per-record scores (.npz) instead.")
@click.option("--threshold", type=float, help="Theirs, fixed beforehand; else the best is taken.")
@click.option("--check", is_flag=True, help="Prove of every file that no score sees a later row.")
@click.option("--seed", default=7, show_default=True, help="Of the bootstrap and random scores.")
@JSON
def nab(
    folder: Path,
    *,
    results: Path | None,
    threshold: float | None,
    check: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Run the shipped metric detector over a folder in the form of NAB, and score it as NAB does.

    FOLDER has data/**/*.csv and labels/combined_windows.json (or combined_labels.json), and may
    have config/profiles.json. One fixed configuration serves all files, every file is new to the
    detector and shown row by row, and the thresholds were fixed beforehand; what NAB's protocol
    gives, which chooses the threshold on the scored files, is shown beside it. Exit code: 0 scored,
    1 a score depends on a later row (--check), 2 the folder cannot be read.

    \b
    Examples:
      tallystick detect bench nab NAB
      tallystick detect bench nab NAB --json | jq .standard
      tallystick detect bench nab NAB --results NAB/results/numenta.npz
    """  # noqa: D301  the mark keeps click from wrapping
    from rich.console import Console  # noqa: PLC0415  help and completion start faster

    told = Console(stderr=True)
    try:
        if results is None:
            report = _shipped(folder, seed, told, check=check)
        else:
            report = _published(folder, results, threshold, seed)
    except TallystickError as error:
        fail(str(error))
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        _show(report, Console())


def _shipped(folder: Path, seed: int, told: "Console", *, check: bool) -> "NabReport":
    import numpy as np  # noqa: PLC0415

    from tallystick.watch.detect.bench.nab import judge  # noqa: PLC0415
    from tallystick.watch.detect.bench.nab_files import read_folder  # noqa: PLC0415
    from tallystick.watch.detect.metric import DEFAULT, version  # noqa: PLC0415

    read = read_folder(folder)
    if check:
        _prove(read, told)
    return judge(
        read,
        _run(read, told),
        detector="metric",
        model=version(DEFAULT),
        thresholds=DEFAULT.thresholds,
        chance=np.random.default_rng(seed),
        peak_memory_bytes=_peak_bytes(),
    )


def _published(folder: Path, results: Path, threshold: float | None, seed: int) -> "NabReport":
    import numpy as np  # noqa: PLC0415

    from tallystick.watch.detect.bench.nab import Run, judge  # noqa: PLC0415
    from tallystick.watch.detect.bench.nab_files import read_folder, read_scores  # noqa: PLC0415

    read = read_folder(folder)
    return judge(
        read,
        Run(read_scores(results, read.series), 0.0),
        detector=results.stem,
        model="",
        thresholds=None if threshold is None else {"standard": threshold},
        chance=np.random.default_rng(seed),
    )


def _run(folder: "NabFolder", told: "Console") -> "Run":
    from tallystick.watch.detect.bench.nab import run  # noqa: PLC0415
    from tallystick.watch.detect.metric import MetricStreams  # noqa: PLC0415
    from tallystick.wiring.progress import bar_on  # noqa: PLC0415

    with bar_on(told, "Scoring") as advance:
        return run(folder.series, lambda: MetricStreams(streams_max=1), _cpu_seconds, advance)


def _prove(folder: "NabFolder", told: "Console") -> None:
    from tallystick.watch.detect.bench.causality import first_leak  # noqa: PLC0415
    from tallystick.watch.detect.metric import MetricStreams  # noqa: PLC0415
    from tallystick.wiring.progress import bar_on  # noqa: PLC0415

    with bar_on(told, "Looking for a score that sees the future") as advance:
        for done, series in enumerate(folder.series):
            name = series.labelled.name
            row = first_leak(
                lambda at, values, name=name: (  # type: ignore[misc]
                    MetricStreams(streams_max=1).observe_many(name, at, values)
                ),
                series.at_seconds,
                series.values,
            )
            if row is not None:
                fail(f"the score of row {row} of {name} depends on a later row", EXIT_LEAK)
            advance(done + 1, len(folder.series))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def _show(report: "NabReport", console: "Console") -> None:
    from rich.table import Table  # noqa: PLC0415

    files = Table(box=None, header_style="bold")
    files.add_column("file", overflow="fold")
    for head in ("rows", "windows", "hit", "false alarms", "rows to first alert"):
        files.add_column(head, justify="right")
    for each in report.files:
        delays = " ".join("-" if delay is None else f"{delay:,}" for delay in each.delays)
        cells = (f"{each.rows:,}", str(each.windows), str(each.hits), str(each.false_alarms))
        files.add_row(each.name, *cells, delays)
    console.print(files)

    scores = Table("", box=None, header_style="bold")
    for name in report.profiles:
        scores.add_column(name, justify="right")
    at = "best threshold on these files (in-sample)"
    if report.thresholds_chosen == "beforehand":
        scores.add_row(
            f"{report.detector} {report.model}".strip(), *_figures(report.profiles.values())
        )
        spans = (f"{each.low:.1f} to {each.high:.1f}" for each in report.bootstrap.values())
        scores.add_row("  90 % bootstrap interval over files", *spans)
        scores.add_row("  threshold, fixed beforehand", *_numbers(report.thresholds.values()))
    else:
        at = f"{report.detector}, {at}"
    scores.add_row(at, *_figures(report.best.values()))
    scores.add_row("  threshold", *_numbers(each.threshold for each in report.best.values()))
    for name, figures in report.baselines.items():
        label = f"blind: {name.replace('_', ' ')}"
        scores.add_row(label, *(f"{figures[each]:.2f}" for each in report.profiles))
    console.print(scores)
    console.print(
        f"{report.hits} of {report.windows} windows, {report.false_alarms} false alarms"
        f" ({report.false_alarms_per_1000:.2f} in 1,000 of {report.points:,} records)."
    )
    if report.points_per_cpu_second is not None and report.peak_memory_bytes is not None:
        console.print(
            f"{report.points_per_cpu_second:,.0f} points a CPU second on one core;"
            f" the process took {report.peak_memory_bytes / KIB**2:,.0f} MiB at most."
        )


def _figures(scores: "Iterable[ProfileScore]") -> list[str]:
    return [f"{each.score:.2f}" for each in scores]


def _numbers(thresholds: "Iterable[float]") -> list[str]:
    return [f"{each:.6g}" for each in thresholds]
