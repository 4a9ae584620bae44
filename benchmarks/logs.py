"""What the log store costs: `make bench-logs`; ingest against DuckDB's own, bytes, queries."""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import block
import logs_queries
import logs_race
import measure
from logs_figures import Figures, markdown

RESULTS = Path(__file__).resolve().parent / "results" / "logs.json"


@click.command(help=__doc__)
@click.option("--events", default=10_000_000, show_default=True, type=click.IntRange(1_000))
@click.option("--ingest", default=400_000, show_default=True, type=click.IntRange(1_000))
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=tempfile.gettempdir(),
    help="Where the data is while it runs; a real disk with 1 GiB free.",
)
@click.option("--dry", is_flag=True, help="Print the figures, write no file.")
def main(events: int, ingest: int, rounds: int, repeats: int, folder: Path, *, dry: bool) -> None:
    """Measures, prints the figures, writes results/logs.json and the README's block."""
    if measure.filesystem(folder) in measure.VOLATILE:
        sys.exit(f"bench-logs: {folder} is in memory; fsync costs nothing there: --folder")
    console = Console()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(dir=folder) as work,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        task = progress.add_task("", total=None)
        place = Path(work)

        def say(what: str) -> None:
            progress.update(task, description=what)

        figures = Figures(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            load=round(os.getloadavg()[0], 2),
            machine=measure.machine(place),
            disk=measure.probe_disk(place),
            queries=logs_queries.measure(place / "queries", events, repeats, say),
            ingest=logs_race.race(place, ingest, rounds, say),
        )
    console.print(Markdown(markdown(figures)))
    if not dry:
        RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(figures)) + b"\n")
        block.put("log", markdown(figures))


if __name__ == "__main__":
    main()
