"""`tallystick logs`: search and follow the log in a terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tallystick.errors import Misconfigured
from tallystick.wiring.commands import CONTEXT, connected, refusals_told, server_options

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.watch.collect.search import Format, LogAnswer, Question
    from tallystick.wiring.log_client import Logs

EXIT_INTERRUPTED = 130
LIMIT_DEFAULT = 100
FOLLOWED_FIRST = 10
"""Lines that are shown before new ones are waited for."""
AROUND_DEFAULT = 10
PATTERNS_DEFAULT = 30
BUCKETS = 60
Shape = Literal["screen", "json", "csv"]
SUFFIXES: dict[str, "Format"] = {
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson", ".csv": "csv",
    ".parquet": "parquet",
}  # fmt: skip
"""What `--export` writes into a file of which name."""


@dataclass(frozen=True)
class _Wish:
    """The options of the command."""

    limit: int | None
    shape: Shape
    fields: tuple[str, ...]
    around: int | None
    patterns: bool
    export: Path | None
    follow: bool


@click.command(context_settings=CONTEXT)
@click.argument("query", nargs=-1)
@click.option("--follow", "-f", is_flag=True, help="Go on with new lines as they come.")
@click.option("--earliest", "-e", help="From when on: -1h, -1d@d, 2026-11-22T14:00:00Z.")
@click.option("--latest", help="Until when.")
@click.option("--limit", "-n", type=click.IntRange(1, 1_000), help="Most lines, rows, patterns.")
@click.option("--json", "as_json", is_flag=True, help="Lines as JSON, one a line.")
@click.option("--csv", "as_csv", is_flag=True, help="Lines or a table as CSV.")
@click.option(
    "--format", "form", type=click.Choice(["screen", "json", "csv"]), help="The same as an option."
)
@click.option("--fields", help="Only these fields, with commas between them.")
@click.option("--around", type=click.IntRange(1), metavar="SEQ", help="What is around this line.")
@click.option("--patterns", is_flag=True, help="Kinds of messages instead of lines.")
@click.option(
    "--export", "export_to", type=click.Path(dir_okay=False, path_type=Path),
    help="Write all that fits to a file: .ndjson, .csv or .parquet.",
)  # fmt: skip
@server_options()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Read this data folder itself; no server may be using it.",
)  # fmt: skip
def logs(  # noqa: PLR0913  as many as there are options
    *,
    query: tuple[str, ...],
    follow: bool,
    earliest: str | None,
    latest: str | None,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
    form: Shape | None,
    fields: str | None,
    around: int | None,
    patterns: bool,
    export_to: Path | None,
    url: str | None,
    token: str | None,
    data: Path | None,
) -> None:
    """Search the log with QUERY and show it, the newest last.

    A query is words, field=value, and commands behind pipes; see docs/guides/log-queries.md. In a
    terminal lines are coloured by severity, and their volume over the range stands below them.
    Times are UTC. Quote what the shell would eat: pipes, stars, < and >.

    Exit code: 0 shown (also when nothing was found), 1 refused, 2 cannot tell (no server).

    \b
    Examples:
      tallystick logs
      tallystick logs --earliest -1h 'status>=500'
      tallystick logs -f severity=ERROR
      tallystick logs -e -1d '* | stats count p99(duration_us) by route'
      tallystick logs --around 4711
      tallystick logs --patterns severity=WARN
      tallystick logs -e -7d 'route="/v1/orders"' --export orders.parquet
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.watch.collect.search import Question  # noqa: PLC0415  help is shown faster

    shape: Shape = form or ("json" if as_json else "csv" if as_csv else "screen")
    named = tuple(name for name in map(str.strip, (fields or "").split(",")) if name)
    wish = _Wish(limit, shape, named, around, patterns, export_to, follow)
    question = Question(" ".join(query), earliest, latest)
    with _quiet(follow=follow), _opened(url, token, data) as source:
        _show(source, question, wish)


def _show(source: "Logs", question: "Question", wish: _Wish) -> None:
    from tallystick.wiring.log_screen import Screen  # noqa: PLC0415  help is shown faster

    console = Screen(highlight=False, soft_wrap=True)
    if wish.export is not None:
        _export(source, question, wish.export, wish.fields)
    elif wish.around is not None:
        _around(console, source, question, wish)
    elif wish.patterns:
        _patterns(console, source, question, wish)
    elif wish.follow:
        _follow(console, source, question, wish)
    else:
        _search(console, source, question, wish)


def _search(console: "Console", source: "Logs", question: "Question", wish: _Wish) -> None:
    from tallystick.wiring.log_screen import show_lines, show_table, show_volume  # noqa: PLC0415

    if wish.shape == "csv":
        if wish.limit is not None:
            question = replace(question, query=f"{question.query} | head {wish.limit}")
        _write(source.export(question, "csv", wish.fields))
        return
    answer = source.page(question, wish.limit or LIMIT_DEFAULT)
    if wish.shape == "json":
        _write(_json_lines(answer))
    elif answer.fields:
        show_table(console, answer)
    else:
        show_lines(console, map(bytes, reversed(answer.logs)), wish.fields)
        if console.is_terminal:
            show_volume(console, source.histogram(question, BUCKETS))
    _say_left_out(answer)


def _follow(console: "Console", source: "Logs", question: "Question", wish: _Wish) -> None:
    from tallystick.wiring.log_screen import show_lines  # noqa: PLC0415  help is shown faster

    answer = source.page(question, wish.limit or FOLLOWED_FIRST)
    shown = [bytes(line) for line in reversed(answer.logs)]
    after = max((_seq(line) for line in shown), default=None)
    as_json = wish.shape == "json"
    if as_json:
        _write(line + b"\n" for line in shown)
    else:
        show_lines(console, shown, wish.fields)
    for told in source.follow(question, after):
        if told.line is None:
            click.echo(f"tallystick: {told.missed:,} lines were missed.", err=True)
        elif as_json:
            _write([told.line + b"\n"])
        else:
            show_lines(console, [told.line], wish.fields)


def _around(console: "Console", source: "Logs", question: "Question", wish: _Wish) -> None:
    from tallystick.wiring.log_screen import line_text  # noqa: PLC0415  help is shown faster

    found = source.around(wish.around or 0, question, min(wish.limit or AROUND_DEFAULT, 200))
    if wish.shape == "json":
        _write(bytes(line) + b"\n" for line in found.logs)
        return
    for number, line in enumerate(found.logs):
        console.print(line_text(bytes(line), wish.fields, marked=number == found.at))


def _patterns(console: "Console", source: "Logs", question: "Question", wish: _Wish) -> None:
    import msgspec  # noqa: PLC0415  help is shown faster

    from tallystick.wiring.log_screen import show_patterns  # noqa: PLC0415

    found = source.patterns(question, min(wish.limit or PATTERNS_DEFAULT, 500))
    if wish.shape == "json":
        _write([msgspec.json.encode(each) + b"\n" for each in found.patterns])
    else:
        show_patterns(console, found)


def _export(source: "Logs", question: "Question", path: Path, fields: tuple[str, ...]) -> None:
    """Write the file under another name first: it is whole, or not there.

    Raises:
        Misconfigured: the name's ending says no format.
        Refused: by the server.
    """
    from rich.console import Console  # noqa: PLC0415  help is shown faster

    from tallystick.wiring.progress import progress_on  # noqa: PLC0415

    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        known = ", ".join(SUFFIXES)
        raise Misconfigured(f"The name of {path} has to end with one of {known}.")
    unfinished = path.with_name(f"{path.name}.part")
    size = 0
    try:
        with unfinished.open("wb") as file, progress_on(Console(stderr=True)) as progress:
            bar = progress.add_task("exporting", total=None)
            for piece in source.export(question, form, fields):
                size += file.write(piece)
                progress.update(bar, completed=size)
        unfinished.replace(path)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(f"{path}: {size:,} bytes.", err=True)


def _json_lines(answer: "LogAnswer") -> Iterator[bytes]:
    import msgspec  # noqa: PLC0415  help is shown faster

    for line in reversed(answer.logs):
        yield bytes(line) + b"\n"
    for row in answer.rows:
        yield msgspec.json.encode(dict(zip(answer.fields, row, strict=True))) + b"\n"


def _seq(line: bytes) -> int:
    from tallystick.watch.collect.lines import decode_line  # noqa: PLC0415  help is shown faster

    return int(str(decode_line(line)["log.seq"]))


def _say_left_out(answer: "LogAnswer") -> None:
    if answer.skipped:
        lost = [part for part in answer.skipped if part.state == "unreadable"]
        cold = len(answer.skipped) - len(lost)
        if cold:
            events = sum(part.events for part in answer.skipped if part.state != "unreadable")
            sentence = f"{cold} archived parts with {events:,} events are cold and were left out"
            click.echo(f"tallystick: {sentence}; restore them to see them.", err=True)
        for part in lost:
            sentence = f"{part.path} is missing from the archive, or damaged, and was left out"
            click.echo(f"tallystick: {sentence}; see `tallystick archive verify`.", err=True)


def _write(pieces: Iterator[bytes] | list[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@contextmanager
def _quiet(*, follow: bool) -> Iterator[None]:
    """End without a word when the reader of our output leaves, or at Ctrl-C."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(0 if follow else EXIT_INTERRUPTED)


@contextmanager
def _opened(url: str | None, token: str | None, data: Path | None) -> Iterator["Logs"]:
    """The server that was named, the one that runs on the data folder, or a folder itself."""
    from tallystick.wiring.log_client import RemoteLogs, local_logs  # noqa: PLC0415

    if data is not None:
        with refusals_told(), local_logs(data) as logs:
            yield logs
        return
    with connected(url, token) as server:
        yield RemoteLogs(server)
