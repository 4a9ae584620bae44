"""`tallystick scan`: looks for secrets and personal data in stored log lines, and in any files."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from tallystick.watch.collect.redact import RedactionPolicy
    from tallystick.watch.collect.scan import Bounds, Memory, Report, Source

EXIT_FOUND = 1
ROWS_MAX = 50
"""Most findings in the table for people."""
_PATH = click.Path(exists=True, path_type=Path)


@click.command(context_settings=CONTEXT)
@click.argument("paths", nargs=-1, type=_PATH)
@click.option("--index", "indexes", multiple=True, help="Only lines of this index; repeatable.")
@click.option("--earliest", help="Only lines from this time on: -7d, -1h@h, RFC 3339.")
@click.option("--latest", help="Only lines before this time.")
@click.option(
    "--policy", type=_PATH, help="Redaction policy (TOML); by default that of TALLYSTICK_REDACTION."
)
@click.option("--again", is_flag=True, help="Scan sealed parts again that were scanned before.")
@click.option("--ocsf", is_flag=True, help="Print findings as OCSF 2006 events, one JSON a line.")
@JSON
def scan(
    *,
    paths: tuple[Path, ...],
    indexes: tuple[str, ...],
    earliest: str | None,
    latest: str | None,
    policy: Path | None,
    again: bool,
    ocsf: bool,
    as_json: bool,
) -> None:
    """Scan the log store of the data folder, or the files and folders in PATHS.

    Looks for what redaction takes out: card and account numbers, e-mail addresses, tokens, keys,
    passwords. Values are never shown. It changes nothing and may run beside the server; what was
    sealed and scanned once is remembered, so that a scan that was stopped goes on where it was. An
    archive in a folder, and any other files, are scanned when PATHS names them.

    Exit code: 0 nothing found, 1 something found, 2 something could not be read.

    \b
    Examples:
      tallystick scan
      tallystick scan --earliest -7d --index main --ocsf > findings.ndjson
      tallystick scan /var/log/app exports/
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import SystemClock  # noqa: PLC0415  help is shown faster

    now_ns = SystemClock().now_ns()
    try:
        chosen = _policy(policy)
        bounds = _bounds(indexes, earliest, latest, now_ns)
        memory = None if again or paths else _memory(chosen)
        report = _scanned(chosen, bounds, memory, lambda: _sources(paths))
    except (OSError, TallystickError) as error:
        fail(str(error))
    if ocsf:
        _print_ocsf(report, now_ns)
    elif as_json:
        _print_json(report)
    else:
        _print_table(report)
    for sentence in report.unreadable:
        click.echo(f"tallystick: not read: {sentence}", err=True)
    sys.exit(EXIT_FOUND if report.findings else 2 if report.unreadable else 0)


def _policy(given: Path | None) -> "RedactionPolicy":
    from tallystick.watch.collect.redact import RedactionPolicy, read_policy  # noqa: PLC0415

    named = given or os.environ.get("TALLYSTICK_REDACTION")
    return read_policy(Path(named)) if named else RedactionPolicy()


def _logs() -> Path:
    """The folder of the log store."""
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    folder = read_settings(os.environ).folder / "logs"
    if not folder.is_dir():
        fail(f"There is no log store in {folder.parent}; name files, or set TALLYSTICK_DATA.")
    return folder


def _memory(policy: "RedactionPolicy") -> "Memory":
    from tallystick.watch.collect.scan import Memory  # noqa: PLC0415

    return Memory(_logs().parent / "scanned.jsonl", policy)


def _sources(paths: tuple[Path, ...]) -> "list[Source]":
    from tallystick.watch.collect.scan import files_below, store_sources  # noqa: PLC0415

    return files_below(paths) if paths else store_sources(_logs())


def _bounds(
    indexes: tuple[str, ...], earliest: str | None, latest: str | None, now_ns: int
) -> "Bounds":
    from tallystick.watch.collect.scan import Bounds  # noqa: PLC0415

    if earliest is None and latest is None:
        return Bounds(frozenset(indexes) or None)
    from tallystick.watch.collect.query import parse_time  # noqa: PLC0415

    first = None if earliest is None else parse_time(earliest, now_ns)
    return Bounds(
        frozenset(indexes) or None, first, None if latest is None else parse_time(latest, now_ns)
    )


def _scanned(
    policy: "RedactionPolicy",
    bounds: "Bounds",
    memory: "Memory | None",
    sources: "Callable[[], list[Source]]",
) -> "Report":
    from rich.console import Console  # noqa: PLC0415

    from tallystick.watch.collect.redact import Redactor  # noqa: PLC0415
    from tallystick.watch.collect.scan import Scanner  # noqa: PLC0415
    from tallystick.wiring.progress import bar_on  # noqa: PLC0415

    with bar_on(Console(stderr=True), "bytes scanned") as advance:
        return Scanner(Redactor(policy), bounds, memory).scan(sources, advance)


def _print_ocsf(report: "Report", now_ns: int) -> None:
    from tallystick.watch.collect.scan import ocsf_finding  # noqa: PLC0415

    for finding in report.findings:
        click.echo(json.dumps(ocsf_finding(finding, now_ns)))


def _print_json(report: "Report") -> None:
    facts = {
        "sources": report.sources,
        "remembered": report.remembered,
        "lines": report.lines,
        "count": report.count,
        "kinds": {kind: count for kind, _, count in report.by_kind()},
        "findings": msgspec.to_builtins(report.findings),
        "unreadable": report.unreadable,
    }
    click.echo(json.dumps(facts, indent=2))


def _print_table(report: "Report") -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    known = f", {report.remembered} of them before" if report.remembered else ""
    click.echo(f"{report.lines:,} lines in {report.sources:,} files scanned{known}.")
    if not report.findings:
        click.echo("Nothing was found.")
        return
    table = Table("kind", "severity", "count", "field", "index", "file", "first line")
    for finding in report.findings[:ROWS_MAX]:
        cells = (finding.kind, finding.severity, f"{finding.count:,}", finding.field or "(text)")
        table.add_row(*cells, finding.index, finding.source, str(finding.sample))
    Console().print(table)
    if len(report.findings) > ROWS_MAX:
        click.echo(f"and {len(report.findings) - ROWS_MAX} more places; see --json.")
