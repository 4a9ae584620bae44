"""What the ledger costs: `make bench-ledger`; ratios in one run, everything synced to disk.

Sections can be measured one by one; each run replaces its own in `results/ledger.json` and leaves
the others, and the README's block is written from the whole file.
"""

import gc
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import click
import msgspec
import structlog
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import ledger_peer
import ledger_proofs
import ledger_race
import ledger_report
import ledger_scale
import ledger_waiting
import measure
import postgres
from ledger_entries import KeyForm, Orders
from ledger_figures import Appends, Figures, Peer, Proofs, Scale, Waiting
from ledger_peer import PeerError
from ledger_race import Databases, scratch
from postgres import PostgresError, PostgresMissingError
from tallystick.wiring.single import GC_GENERATION_0, SWITCH_SECONDS

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "ledger.json"
README = HERE / "README.md"
Part = Literal["appends", "peer", "waiting", "proofs", "scale"]
PARTS: tuple[Part, ...] = get_args(Part)
KEY_FORMS: tuple[KeyForm, ...] = get_args(KeyForm)
SIZES = "10000,1000000,10000000"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    only: tuple[Part, ...]
    rounds: int
    share: float
    seconds: float
    entries: int
    sizes: tuple[int, ...]
    keys: tuple[KeyForm, ...]
    folder: Path
    keep: bool
    postgres: bool
    dry: bool


class Session:
    """One run: its folder, its bar, its servers."""

    def __init__(self, options: Options, work: Path, stack: ExitStack, progress: Progress) -> None:
        self._options = options
        self._work = work
        self._stack = stack
        self._progress = progress
        self._task = progress.add_task("", total=None)
        self._orders = Orders("sequential", "bench")

    def measure(self, part: Part, figures: Figures) -> None:
        """Measure one section into the figures.

        Raises:
            PeerError, PostgresError: a peer or server does not do its part.
        """
        facts: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "load": round(os.getloadavg()[0], 2),
            "machine": measure.machine(self._work),
            "disk": measure.probe_disk(self._work),
            "entry_bytes": self._orders.entry_bytes,
        }
        match part:
            case "appends":
                figures.appends = self._appends(facts)
            case "peer":
                figures.peer = self._peer(facts) or figures.peer
            case "waiting":
                figures.waiting = self._waiting(facts)
            case "proofs":
                figures.proofs = self._proofs(facts)
            case "scale":
                figures.scale = self._scale(facts, figures.scale)

    def _appends(self, facts: dict[str, Any]) -> Appends:
        options = self._options
        rounds = ledger_race.race(
            self._databases(), self._orders, self._work, options.rounds, options.share, self._say
        )
        return Appends(**facts, rounds=rounds)

    def _peer(self, facts: dict[str, Any]) -> Peer | None:
        self._say("building the peer")
        tessera = ledger_peer.build(self._work)
        if tessera is None:
            self._progress.console.print("peer: skipped, there is no Go toolchain on the PATH.")
            return None
        options = self._options
        rounds = ledger_race.race_peer(
            tessera, self._orders, self._work, options.rounds, options.share, self._say
        )
        return Peer(
            **facts,
            adders=tessera.adders,
            batch_size=tessera.batch_size,
            batch_age_ms=tessera.batch_age_ms,
            checkpoint_ms=tessera.checkpoint_ms,
            version=tessera.version,
            rounds=rounds,
        )

    def _waiting(self, facts: dict[str, Any]) -> Waiting:
        with scratch(self._work) as place:
            loads = ledger_waiting.waiting(self._orders, place, self._options.seconds, self._say)
        return Waiting(**facts, loads=loads)

    def _proofs(self, facts: dict[str, Any]) -> Proofs:
        size = self._options.entries
        with scratch(self._work) as place:
            works, footprints = ledger_proofs.measure(self._orders, place, size, self._say)
        return Proofs(**facts, size=size, works=works, footprints=footprints)

    def _scale(self, facts: dict[str, Any], before: Scale | None) -> Scale:
        """What was found with the other form of keys stays: its ledgers take long to grow."""
        options = self._options
        folder = options.folder / "ledger-scale" if options.keep else self._work / "scale"
        folder.mkdir(exist_ok=True)
        plan = ledger_scale.Plan(
            sizes=options.sizes,
            keys=options.keys,
            rounds=options.rounds,
            folder=folder,
            share=options.share,
        )
        rounds = ledger_scale.scale(plan, self._grown, self._say)
        facts["entry_bytes"] = plan.orders(options.keys[0]).entry_bytes
        others = [one for one in before.rounds if one.keys not in options.keys] if before else []
        return Scale(**facts, batch=ledger_scale.BATCH, rounds=others + rounds)

    def _databases(self) -> Databases:
        """SQLite always; PostgreSQL where there is one."""
        found: Databases = {"sqlite": lambda: None}
        if self._options.postgres:
            try:
                server, _ = self._stack.enter_context(postgres.server_dsn(self._work))
            except PostgresMissingError as error:
                self._progress.console.print(f"PostgreSQL: skipped. {error}")
            else:
                found["postgres"] = lambda: self._stack.enter_context(postgres.database(server))
        return found

    def _say(self, what: str) -> None:
        self._progress.update(self._task, description=what, total=None)

    def _grown(self, what: str, done: int, total: int) -> None:
        self._progress.update(self._task, description=what, completed=done, total=total)


def _numbers(_context: object, _option: object, value: str) -> tuple[int, ...]:
    """Sizes from `10000,1000000`."""
    try:
        sizes = tuple(int(text) for text in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not of the form 10000,1000000") from error
    if min(sizes) < 1:
        raise click.BadParameter("a size is at least 1")
    return sizes


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="These sections alone.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option("--share", default=1.0, show_default=True, help="Shortens rounds: 0.1 is a tenth.")
@click.option("--seconds", default=10.0, show_default=True, help="Length of one waiting load.")
@click.option("--entries", default=200_000, show_default=True, help="Ledger of the proofs.")
@click.option("--sizes", default=SIZES, show_default=True, callback=_numbers)
@click.option("--keys", multiple=True, type=click.Choice(KEY_FORMS), default=KEY_FORMS)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False),
    default=tempfile.gettempdir(),
    help="Where the data is while it runs; a real disk.",
)
@click.option(
    "--keep", is_flag=True, help="Keep the large ledgers of `scale`, and go on with them."
)
@click.option("--postgres/--no-postgres", default=True, help="PostgreSQL too, where there is one.")
@click.option("--dry", is_flag=True, help="Print the figures, write no file.")
def main(**options: object) -> None:
    """Measures, prints the figures, writes results/ledger.json and the README's block."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench-ledger: ended"))
    asked = msgspec.convert(options, Options, dec_hook=_path)
    if measure.filesystem(asked.folder) in measure.VOLATILE:
        sys.exit(f"bench-ledger: {asked.folder} is in memory; fsync costs nothing there: --folder")
    _be_the_product()
    console = Console()
    figures = Figures() if asked.dry else ledger_report.read(RESULTS)
    try:
        _run(asked, figures, console, lambda: _keep(asked, figures))
    except (PeerError, PostgresError) as error:
        sys.exit(f"bench-ledger: {error}")
    console.print(Markdown(ledger_report.markdown(figures)))


def _run(asked: Options, figures: Figures, console: Console, keep: Callable[[], None]) -> None:
    """Every wanted section; what was measured is kept at once."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        for part in PARTS:
            if asked.only and part not in asked.only:
                continue
            with ExitStack() as stack:
                work = stack.enter_context(scratch(asked.folder))
                Session(asked, work, stack, progress).measure(part, figures)
            keep()


def _keep(asked: Options, figures: Figures) -> None:
    if not asked.dry:
        ledger_report.write(figures, RESULTS, README)


def _be_the_product() -> None:
    """Garbage collector and thread switching as `tallystick serve` sets them, for both sides."""
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_GENERATION_0, 50, 50)


def _path(kind: type, value: object) -> object:
    """The one type of `Options` that msgspec does not know."""
    return kind(value)


if __name__ == "__main__":
    main()
