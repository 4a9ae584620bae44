"""What an order costs: `make bench-orders`; ratios in one run, everything synced to disk.

Sections can be measured one by one; each run replaces its own in `results/orders.json` and leaves
the others, and the README's block is written from the whole file.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import measure
import orders_report
import orders_sections as sections
import stages
from orders_figures import Aim, Figures, Part, Race, Stages, Start
from orders_race import RaceError, Say
from orders_seed import SeedError
from postgres import PostgresError, PostgresMissingError
from targets import TargetError

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "orders.json"
README = HERE / "README.md"
PARTS: tuple[Part, ...] = get_args(Part)
RACES: dict[Part, tuple[Callable[[sections.Options, Path, Say], sections.Found], list[Aim]]] = {
    "sqlite": (sections.sqlite, sections.SQLITE_AIMS),
    "postgres": (sections.on_postgres, sections.POSTGRES_AIMS),
    "flat": (sections.flat, sections.FLAT_AIMS),
}


def measured(part: Part, options: sections.Options, work: Path, say: Say, figures: Figures) -> None:
    """Measure one section into the figures.

    Raises:
        PostgresError, RaceError, SeedError, TargetError: a figure would have been wrong.
    """
    facts: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": round(os.getloadavg()[0], 2),
        "machine": measure.machine(work),
        "disk": measure.probe_disk(work),
    }
    if part in RACES:
        run, aims = RACES[part]
        rounds, notes = run(options, work, say)
        race = Race(
            **facts, seconds=options.seconds, pinned=options.pin, aims=aims, rounds=rounds,
            notes=notes,
        )  # fmt: skip
        setattr(figures, part, race)
    elif part == "start":
        took = sections.start(options, work, say)
        figures.start = Start(**facts, entries=options.entries, seconds=took)
    else:
        found = stages.measured(work, lambda share: say("steps", share))
        http_us, server_us = sections.in_server(options, work, say)
        figures.stages = Stages(**facts, **found, http_us=http_us, server_us=server_us)


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="These sections alone.")
@click.option("--contender", multiple=True, help="These rows alone (single, parse ...); no file.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option("--seconds", default=4.0, show_default=True, help="Length of one load.")
@click.option("--accounts", default=100_000, show_default=True, help="Accounts of section flat.")
@click.option("--resting", default=1_000_000, show_default=True, help="Its resting orders.")
@click.option("--entries", default=1_000_000, show_default=True, help="Entries of section start.")
@click.option("--pin", is_flag=True, help="Server on core 0, load on core 1.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=tempfile.gettempdir(),
    help="Where the data is while it runs; a real disk.",
)
@click.option("--dry", is_flag=True, help="Print the figures, write no file.")
def main(
    *, only: tuple[Part, ...], contender: tuple[str, ...], folder: Path, dry: bool, **rest: Any
) -> None:
    """Measures, prints the figures, writes results/orders.json and the README's block."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench-orders: ended"))  # and its servers
    if measure.filesystem(folder) in measure.VOLATILE:
        sys.exit(f"bench-orders: {folder} is in memory; fsync costs nothing there: --folder")
    options = sections.Options(only=contender, **rest)
    console = Console()
    dry = dry or bool(contender)
    figures = Figures() if dry else orders_report.read(RESULTS)
    for part in only or PARTS:
        try:
            _run(part, options, folder, figures, console)
        except PostgresMissingError as error:
            console.print(f"{part}: skipped. {error}")
        except (PostgresError, RaceError, SeedError, TargetError) as error:
            sys.exit(f"bench-orders: {part}: {error}")
        if not dry:
            orders_report.write(figures, RESULTS, README)
    console.print(Markdown(orders_report.markdown(figures)))


def _run(
    part: Part, options: sections.Options, folder: Path, figures: Figures, console: Console
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        work = Path(tempfile.mkdtemp(prefix="tallystick-bench-", dir=folder))
        stack.callback(shutil.rmtree, work)
        work.chmod(0o755)  # PostgreSQL's user must be able to pass
        progress = stack.enter_context(Progress(*columns, console=console, transient=True))
        task = progress.add_task(part, total=1.0)

        def say(what: str, share: float) -> None:
            progress.update(task, description=f"{part}: {what}", completed=share)

        measured(part, options, work, say, figures)


if __name__ == "__main__":
    main()
