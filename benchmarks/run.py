"""`make bench`: durable orders against a ceiling and a naive peer, as ratios of one session.

All servers are up the whole time; the load goes to one after another, round by round, each round
in another order, so that a slow phase of the machine hits everybody.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import measure
import report as reports
import targets
from load import ANSWER_SECONDS_MAX, Result
from postgres import PostgresError
from report import Report, Round
from targets import HERE, Target, TargetError, TargetName

NAMES: tuple[TargetName, ...] = ("durable", "ceiling", "naive")
WARM_UP_SECONDS = 2.0
"""Load on each server before the first round."""
SETTLE_SECONDS = 1.0
"""Rest between two loads, so that one server's afterwork is not the next one's burden."""
GOOD_SHARE_MIN = 0.99
"""Share of the answers that must be filled orders for a figure to count."""
NAIVE_REQUESTS_MAX = 100_000
"""Requests made ahead for the naive peer: more than it can answer in a minute."""


class BenchError(Exception):
    """A figure would have been wrong."""


class Bench:
    """The rounds, and what is shown while they run."""

    def __init__(self, progress: Progress, connections: int, *, pin: bool) -> None:
        self._progress = progress
        self._connections = connections
        self._pin = pin

    def round(self, number: int, target: Target, seconds: float) -> Round:
        """One load on one server.

        Raises:
            BenchError: the answers were not filled orders.
        """
        time.sleep(SETTLE_SECONDS)
        pids = (target.pid, target.database_pid)
        before = [measure.cpu_seconds(pid) for pid in pids]
        load = self._load(number, target, seconds)
        used = [measure.cpu_seconds(pid) - at for pid, at in zip(pids, before, strict=True)]
        if load.unanswered or load.expected < load.requests * GOOD_SHARE_MIN or not load.requests:
            raise BenchError(
                f"{target.name}: only {load.expected} of {load.requests} answers were filled "
                f"orders, {load.unanswered} never came; statuses {load.statuses}"
            )
        server, database = (round(seconds * 1e6 / load.requests, 1) for seconds in used)
        return Round(number, target.name, load, server, database)

    def _load(self, number: int, target: Target, seconds: float) -> Result:
        """Runs the load generator in its own process, with a moving bar."""
        command = [
            *targets.pinned(targets.LOAD_CORE, pin=self._pin),
            sys.executable, str(HERE / "load.py"),
            f"--url={target.url}", f"--path={target.path}", f"--token={target.token}",
            f"--account={target.account}", f"--connections={self._connections}",
            f"--seconds={seconds}",
        ]  # fmt: skip
        if target.name == "naive":
            command.append(f"--requests={NAIVE_REQUESTS_MAX}")
        what = f"round {number}" if number else "warm-up"
        task = self._progress.add_task(f"{what}: {target.name}", total=seconds, rate="")
        start = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            while process.poll() is None:
                self._progress.update(task, completed=min(seconds, time.monotonic() - start))
                if time.monotonic() - start > seconds + 2 * ANSWER_SECONDS_MAX:
                    process.kill()
                time.sleep(0.1)
            output, errors = process.communicate()
        if process.returncode:
            raise BenchError(f"{target.name}: {errors.decode().strip() or 'the load was killed'}")
        result = msgspec.json.decode(output, type=Result)
        rate = f"{result.requests_per_second:,.0f} orders/s"
        self._progress.update(task, completed=seconds, rate=rate)
        return result


def run_rounds(bench: Bench, measured: list[Target], rounds: int, seconds: float) -> list[Round]:
    """Warms every server up, then measures them in rotating order.

    The ceiling's canned answer is as long as the product's answers were in its warm-up.
    """
    answer_bytes = 0.0
    for place, target in enumerate(measured):
        if target.name == "ceiling" and answer_bytes:
            path = f"{target.path}?bytes={answer_bytes:.0f}"
            measured[place] = msgspec.structs.replace(target, path=path)
        warm = bench.round(0, measured[place], WARM_UP_SECONDS)
        if target.name == "durable":
            answer_bytes = warm.load.answer_bytes
    turns = [(number, number % len(measured)) for number in range(1, rounds + 1)]
    return [
        bench.round(number, target, seconds)
        for number, turn in turns
        for target in measured[turn:] + measured[:turn]
    ]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    rounds: int
    seconds: float
    connections: int
    only: tuple[TargetName, ...]
    pin: bool
    naive_workers: int
    folder: Path
    dry: bool


def run(options: Options, work: Path, stack: ExitStack, console: Console) -> Report:
    """The whole session, with its data in `work`; the stack ends the servers."""
    console.print("starting the servers")
    measured = start(options, work, stack)
    columns = (
        TextColumn("{task.description:18}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    disk = measure.probe_disk(work)
    with Progress(*columns, console=console) as progress:
        bench = Bench(progress, options.connections, pin=options.pin)
        done = run_rounds(bench, measured, options.rounds, options.seconds)
    return Report(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=measure.machine(work),
        disk_before=disk,
        disk_after=measure.probe_disk(work),
        connections=options.connections,
        seconds=options.seconds,
        pinned=options.pin,
        naive_workers=options.naive_workers,
        load_cpu_us=_load_cpu_us(done),
        rounds=done,
        figures={
            target.name: reports.figures(one for one in done if one.target == target.name)
            for target in measured
        },
        ratios=reports.ratios(done),
    )


def start(options: Options, work: Path, stack: ExitStack) -> list[Target]:
    """Starts the servers of the wanted targets; the stack ends them."""
    names, up = options.only or NAMES, dict[TargetName, Target]()
    if "durable" in names or "ceiling" in names:
        product = targets.product(work, pin=options.pin)
        up["ceiling"], up["durable"] = stack.enter_context(product)
    if "naive" in names:
        naive = targets.naive(work, pin=options.pin, workers=options.naive_workers)
        up["naive"] = stack.enter_context(naive)
    return [up[name] for name in NAMES if name in names]


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option("--seconds", default=6.0, show_default=True, help="Length of one load.")
@click.option("--connections", default=64, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="These alone; no file.")
@click.option("--pin", is_flag=True, help="Server on core 0, load on core 1.")
@click.option("--naive-workers", default=1, show_default=True, help="Processes of the naive peer.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False),
    default=tempfile.gettempdir(),
    help="Where the data is while it runs; a real disk.",
)
@click.option("--dry", is_flag=True, help="Print the figures, write no file.")
def main(**options: object) -> None:
    """Measures, prints a table, writes results/latest.json and the README's figures."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))  # and its servers with it
    asked = msgspec.convert(options, Options, dec_hook=_path)
    if measure.filesystem(asked.folder) in measure.VOLATILE:
        sys.exit(f"bench: {asked.folder} is in memory, so fsync costs nothing there; give --folder")
    console = Console()
    with ExitStack() as stack:
        work = Path(tempfile.mkdtemp(prefix="tallystick-bench-", dir=asked.folder))
        stack.callback(shutil.rmtree, work)
        work.chmod(0o755)  # PostgreSQL's user must be able to pass
        try:
            found = run(asked, work, stack, console)
        except (BenchError, PostgresError, TargetError) as error:
            sys.exit(f"bench: {error}")
    console.print(reports.table(found))
    for sentence in reports.verdicts(found):
        console.print(sentence)
    if not (asked.dry or asked.only):
        reports.write(found, HERE / "results" / "latest.json", HERE / "README.md")


def _path(kind: type, value: object) -> object:
    """The one type of `Options` that msgspec does not know."""
    return kind(value)


def _load_cpu_us(rounds: list[Round]) -> float:
    """The load generator's CPU a request, where it was busiest."""
    busiest = max(rounds, key=lambda one: one.load.requests_per_second).target
    own = [one.load for one in rounds if one.target == busiest]
    return round(median(load.cpu_seconds * 1e6 / load.requests for load in own), 1)


if __name__ == "__main__":
    main()
