"""`tallystick detect backtest`: what versions of detection find in any period of the past."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import Misconfigured
from tallystick.wiring.commands import CONTEXT, JSON, refusals_told

if TYPE_CHECKING:
    from tallystick.stream.message import Message
    from tallystick.watch.detect.models import Comparison, Model, Registry
    from tallystick.watch.detect.models.backtest import Period
    from tallystick.watch.detect.models.report import Backtest, Outcome
    from tallystick.watch.detect.score import Anomaly
    from tallystick.wiring.past import Entries

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
EXAMPLES_SHOWN = 10
"""Anomalies of only one version that are shown as text; the report has more."""
STEP = 1_000
"""Entries between two looks at the progress bar."""
NOTE = "The log store is in use by a server: only entries are replayed. Give lines with --lines."


class Asked(msgspec.Struct, frozen=True):
    """Where the past comes from; the data folder of the settings where nothing is named."""

    data: Path | None
    export: Path | None
    archive: str | None
    lines: Path | None
    warm_up: int | None


@click.command(context_settings=CONTEXT)
@click.option("--from", "from_", help="First position, or a time (RFC 3339); default: beginning.")
@click.option("--to", help="Position or time behind the last; default: the end.")
@click.option(
    "--version",
    "versions",
    multiple=True,
    help="A version, `champion` or `shipped`; twice to compare. One is compared with the champion.",
)
@click.option("--data", type=_FOLDER, help="A data folder, or published files of a ledger.")
@click.option("--export", type=_FOLDER, help="A folder that `tallystick export` wrote.")
@click.option("--archive", help="The audit archive: its address, as in TALLYSTICK_ARCHIVE.")
@click.option("--models", "models_folder", type=_FOLDER, help="Where versions are kept.")
@click.option("--lines", type=_FILE, help="Log lines of that time, as JSON Lines.")
@click.option(
    "--warm-up", type=click.IntRange(0), help="Entries that are learnt before; default: all."
)
@click.option("--out", type=_NEW_FILE, help="Write the report there, for `detect promote`.")
@click.option("--findings", type=_NEW_FILE, help="Write every anomaly there, as JSON Lines.")
@JSON
def backtest(  # noqa: PLR0913  as many as there are options
    *,
    from_: str | None,
    to: str | None,
    versions: tuple[str, ...],
    data: Path | None,
    export: Path | None,
    archive: str | None,
    models_folder: Path | None,
    lines: Path | None,
    warm_up: int | None,
    out: Path | None,
    findings: Path | None,
    as_json: bool,
) -> None:
    """Replay a period of the past with one or two versions of detection, and compare them.

    Entries are read from published files, an export or the archive; a server may run meanwhile.
    API calls and log lines are replayed too where there are any: from the data folder's log store
    while no server uses it, or from --lines. What a version finds is what it would have found live,
    under the same ids. The report says how many anomalies there are, which of them people confirmed
    or dismissed, and what only one version found.

    \b
    Examples:
      tallystick detect backtest
      tallystick detect backtest --from 2026-11-01T00:00:00Z --version 0123456789ab --out new.json
      tallystick detect backtest --export november --version shipped --version 0123456789ab
      tallystick logs -e -7d 'event_name="api.request_answered"' --export calls.jsonl
      tallystick detect backtest --from 100000 --lines calls.jsonl
    """  # noqa: D301  the mark keeps click from wrapping
    asked = Asked(data, export, archive, lines, warm_up)
    with refusals_told(), ExitStack() as stack:
        period = period_of(from_, to)
        folder, entries = _past(asked, period, stack)
        registry = _registry(models_folder, folder)
        models = _models(versions, registry, entries)
        report = _replayed(models, period, entries(), _lines(asked, folder), findings)
        if out is not None:
            _write(out, report.canonical)
    if as_json:
        click.echo(report.canonical)
    else:
        click.echo(text_of(report))


def period_of(from_: str | None, to: str | None) -> "Period":
    """The period from two positions or times.

    Raises:
        Misconfigured: one is neither.
    """
    from tallystick.watch.detect.models.backtest import Period  # noqa: PLC0415  fast help

    first, since = _place("--from", from_)
    last, until = _place("--to", to)
    return Period(first, last, since, until)


def _place(option: str, text: str | None) -> tuple[int | None, float | None]:
    from tallystick.clock import NS_PER_SECOND, parse_rfc3339  # noqa: PLC0415  fast help

    if text is None:
        return None, None
    if text.isascii() and text.isdigit():
        return int(text), None
    try:
        return None, parse_rfc3339(text) / NS_PER_SECOND
    except ValueError as error:
        raise Misconfigured(f"{option}: {error}.") from error


def _past(asked: Asked, period: "Period", stack: ExitStack) -> tuple[Path, Callable[[], "Entries"]]:
    """The data folder, and what reads the entries from their beginning, as often as needed."""
    from tallystick.wiring.past import exported, published  # noqa: PLC0415  fast help

    if sum(each is not None for each in (asked.data, asked.export, asked.archive)) > 1:
        raise Misconfigured("Only one of --data, --export and --archive can be the past.")
    folder = asked.data or _settings_folder()
    if asked.export is not None:
        export = asked.export
        return folder, lambda: exported(export)
    start = 0
    if asked.warm_up is not None and period.first is not None:
        start = max(0, period.first - asked.warm_up)
    place = asked.data or folder
    if asked.archive is not None:
        place = _unpacked(asked.archive, stack)
    return folder, lambda: published(place, start)


def _settings_folder() -> Path:
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415  fast help

    return read_settings(os.environ).folder


def _unpacked(address: str, stack: ExitStack) -> Path:
    """The archive's ledger, unpacked for as long as this runs."""
    from contextlib import closing  # noqa: PLC0415  only here
    from tempfile import TemporaryDirectory  # noqa: PLC0415  only here

    from tallystick.clock import SystemClock  # noqa: PLC0415  fast help
    from tallystick.ledger.tiles import CHECKPOINT_PATH  # noqa: PLC0415
    from tallystick.watch.collect.archive import open_vault, unpack_ledger  # noqa: PLC0415

    place = Path(stack.enter_context(TemporaryDirectory())) / "ledger"
    place.mkdir()
    with closing(open_vault(address, SystemClock())) as vault:
        unpack_ledger(vault, place)
    if not (place / CHECKPOINT_PATH).exists():
        raise Misconfigured(f"The archive {address} holds no published ledger.")
    return place


def _registry(models_folder: Path | None, folder: Path) -> "Registry":
    from tallystick.watch.detect.models import Registry  # noqa: PLC0415  fast help

    return Registry(models_folder or folder / "detect" / "models")


def _models(
    named: tuple[str, ...], registry: "Registry", entries: Callable[[], "Entries"]
) -> list["Model"]:
    """The versions that are asked for; one is the challenger of the champion."""
    from tallystick.watch.detect.models import Champion, shipped  # noqa: PLC0415  fast help

    default = shipped().version
    wanted = list(named)
    if len(wanted) < 2:
        wanted.insert(0, "champion")
    if "champion" in wanted:
        champion = Champion()
        for message in entries().messages:
            champion.learn(message.position, message.body)
        wanted = [champion.version or default if each == "champion" else each for each in wanted]
    wanted = list(dict.fromkeys(default if each == "shipped" else each for each in wanted))
    if len(wanted) > 2:
        raise Misconfigured("At most two versions can be compared.")
    return [shipped() if each == default else registry.load(each) for each in wanted]


def _lines(asked: Asked, folder: Path) -> Iterator[bytes]:
    """Log lines of the past; none where a server uses the store."""
    from tallystick.clock import SystemClock  # noqa: PLC0415  fast help
    from tallystick.wiring.collecting import LOGS  # noqa: PLC0415
    from tallystick.wiring.past import lines_in, stored_lines  # noqa: PLC0415

    if asked.lines is not None:
        yield from lines_in(asked.lines)
        return
    own = asked.export is None and asked.archive is None
    if not own or not (folder / LOGS).is_dir():
        return
    try:
        yield from stored_lines(folder / LOGS, SystemClock())
    except Misconfigured:
        click.echo(NOTE, err=True)


def _replayed(
    models: list["Model"],
    period: "Period",
    entries: "Entries",
    lines: Iterator[bytes],
    findings: Path | None,
) -> "Backtest":
    from rich.console import Console  # noqa: PLC0415  fast help

    from tallystick.watch.detect.detectors import build  # noqa: PLC0415
    from tallystick.watch.detect.models.backtest import Replay  # noqa: PLC0415
    from tallystick.wiring.past import heard, together  # noqa: PLC0415
    from tallystick.wiring.progress import bar_on  # noqa: PLC0415

    with ExitStack() as stack:
        advance = stack.enter_context(bar_on(Console(stderr=True), "replaying"))

        def watched() -> Iterator["Message"]:
            for message in entries.messages:
                if message.position % STEP == 0:
                    advance(message.position, entries.end)
                yield message

        on_found = _teller(findings, stack)
        replay = Replay(models, build, period, on_found)
        replay.take(together(watched(), heard(lines)))
        report = replay.report()
    for version, note in replay.noted():
        click.echo(f"{version}: {note}", err=True)
    return report


def _teller(findings: Path | None, stack: ExitStack) -> Callable[[str, "Anomaly"], None]:
    if findings is None:
        return lambda _version, _anomaly: None
    try:
        file = stack.enter_context(findings.open("wb"))
    except OSError as error:
        raise Misconfigured(f"{findings} cannot be written: {error}.") from error

    def tell(_version: str, anomaly: "Anomaly") -> None:
        file.write(msgspec.json.encode(anomaly) + b"\n")

    return tell


def _write(out: Path, report: bytes) -> None:
    from tallystick.durable import replace_file  # noqa: PLC0415  fast help

    try:
        replace_file(out, report, 0o644)
    except OSError as error:
        raise Misconfigured(f"{out} cannot be written: {error}.") from error


def text_of(report: "Backtest") -> str:
    """The report for a person."""
    span = f"entries {report.from_:,} to {report.to:,} (not included)"
    seen = f"{report.entries:,} entries and {report.lines:,} other events"
    learnt = f"{report.observed:,} observations; {report.warm_up:,} entries learnt before"
    lines = [f"{span}, {report.since} to {report.until}", f"{seen}, {learnt}", ""]
    for outcome in report.versions:
        lines += _outcome_text(outcome)
    if report.comparison is not None:
        lines += _comparison_text(report.comparison)
    return "\n".join([*lines, f"digest {report.digest}"])


def _outcome_text(outcome: "Outcome") -> list[str]:
    rate = f"{outcome.found_per_100k} in 100,000 observations"
    judged = f"{outcome.confirmed} confirmed, {outcome.dismissed} dismissed"
    missed = f"{outcome.unjudged} not judged; {outcome.missed} confirmed ones missed"
    false = f"{outcome.false_per_100k} to {outcome.false_per_100k_max} in 100,000 observations"
    lines = [
        f"version {outcome.version}: {outcome.found} anomalies ({rate}), {outcome.held} held back",
        f"  judged: {judged}, {missed}",
        f"  false: {false}",
    ]
    shares = [("precision", outcome.precision), ("recall", outcome.recall)]
    told = ", ".join(f"{name} {share:.1%}" for name, share in shares if share is not None)
    if told:
        lines.append(f"  {told}")
    if outcome.delay_seconds is not None:
        lines.append(f"  from the first entry of a case: {outcome.delay_seconds} s (median)")
    lines += [f"  {count:6,}  {name}" for name, count in outcome.detectors.items()]
    return [*lines, ""]


def _comparison_text(comparison: "Comparison") -> list[str]:
    cases = f"{comparison.all.both} cases of both, {comparison.missed} missed"
    more = f"{comparison.extra} extra (agreement {comparison.agreement:.0%})"
    lines = [f"{comparison.challenger} beside {comparison.champion}: {cases}, {more}"]
    if comparison.earlier_seconds is not None:
        word = "earlier" if comparison.earlier_seconds >= 0 else "later"
        lines.append(f"  in the middle {abs(comparison.earlier_seconds)} s {word}")
    some = comparison.examples[:EXAMPLES_SHOWN]
    return lines + [f"  only {each.side}: {each.at} {each.sentence}" for each in some]
