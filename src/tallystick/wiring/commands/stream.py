"""`tallystick stream`: look into the stream, move its consumers, and deal with dead letters.

It works on the settings and the data folder of the server, beside it or without it.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from tallystick.errors import Misconfigured, TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from tallystick.stream import Event, Streams
    from tallystick.stream.dead import DeadLetter
    from tallystick.stream.operate import GroupLag
    from tallystick.wiring.settings import Settings

TAIL_SECONDS = 60
"""How far back `tail` begins by itself."""
_COLUMNS = "{:<20} {:<24} {:>12} {:>12} {:>10}"


@click.group(context_settings=CONTEXT)
def stream() -> None:
    """Look into the stream, move its consumers, and deal with dead letters.

    The stream is where TALLYSTICK_STREAM says: in the data folder, in Kafka, or in Kinesis.
    """


@stream.command()
@click.argument("groups", nargs=-1)
@JSON
def lag(groups: tuple[str, ...], *, as_json: bool) -> None:
    """Say how far consumers are behind: all of this server's, or the GROUPS that are named.

    Exit code: 0 told, 2 it cannot be told.

    \b
    Examples:
      tallystick stream lag
      tallystick stream lag risk-desk --json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.stream.operate import lags  # noqa: PLC0415  other commands start faster

    async def work(streams: "Streams") -> None:
        _show_lags(await lags(streams, groups), as_json=as_json)

    _run(work)


@stream.command()
@click.option("--from", "since", help="begin, end or an RFC 3339 time; by default a minute ago.")
@click.option("-f", "--follow", is_flag=True, help="Go on for ever.")
@click.option("--logs", is_flag=True, help="The log lines' stream, of a remote one.")
@JSON
def tail(*, since: str | None, follow: bool, logs: bool, as_json: bool) -> None:
    """Print the stream's CloudEvents, one a line; --json prints them whole.

    Nobody's place is moved. Exit code: 0 printed, 2 it cannot be read.

    \b
    Examples:
      tallystick stream tail --from begin
      tallystick stream tail --follow --json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import NS_PER_SECOND, SystemClock  # noqa: PLC0415
    from tallystick.stream import operate  # noqa: PLC0415
    from tallystick.stream.message import log_envelope  # noqa: PLC0415
    from tallystick.stream.stream import At  # noqa: PLC0415

    async def work(streams: "Streams") -> None:
        a_while_ago = At(SystemClock().now_ns() - TAIL_SECONDS * NS_PER_SECOND)
        where = a_while_ago if since is None else operate.parse_where(since)
        if isinstance(where, int):
            raise Misconfigured("--from is begin, end or an RFC 3339 time.")
        chosen = streams.logs if logs else streams.entries
        if chosen is None:
            raise Misconfigured("Log lines are on a stream only where that is a remote one.")
        envelope = log_envelope(streams.origin) if logs else streams.envelope
        async for event in operate.tail(chosen, envelope, where, follow=follow):
            _show_event(event, as_json=as_json)

    _run(work)


@stream.command()
@click.argument("group")
@click.argument("where", metavar="POSITION|TIME")
@JSON
def seek(group: str, where: str, *, as_json: bool) -> None:
    """Move the consumer GROUP: it goes on at a ledger position, a time, `begin` or `end`.

    One of this server's own goes on there at once. A group of Kafka moves only while nobody reads
    it. Exit code: 0 moved, 2 not.

    \b
    Examples:
      tallystick stream seek rules 1200
      tallystick stream seek risk-desk 2026-11-22T04:00:00Z
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import SystemClock  # noqa: PLC0415  other commands start faster
    from tallystick.stream import operate  # noqa: PLC0415
    from tallystick.wiring.ledger import open_ledger  # noqa: PLC0415

    async def work(streams: "Streams") -> None:
        with open_ledger(_settings(), SystemClock(), alone=False) as opened:
            await operate.move(streams, opened.ledger, group, operate.parse_where(where))

    _run(work)
    click.echo(json.dumps({"group": group, "moved_to": where}) if as_json else f"{group}: moved.")


@stream.command()
@click.argument("group", required=False)
@JSON
def dead(group: str | None, *, as_json: bool) -> None:
    """List dead letters: what a consumer (GROUP, or any) could not deal with, and why.

    Exit code: 0 listed, 2 they cannot be read.

    \b
    Example:
      tallystick stream dead rules
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.stream.dead import dead_letters  # noqa: PLC0415  other commands start faster

    async def work(streams: "Streams") -> None:
        for letter in await dead_letters(streams.dead, group):
            _show_letter(letter, as_json=as_json)

    _run(work)


@stream.command()
@click.argument("numbers", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@click.option("--group", help="With --all: of this consumer only.")
@JSON
def replay(numbers: tuple[str, ...], *, everything: bool, group: str | None, as_json: bool) -> None:
    """Send dead letters again, each to the consumer that could not deal with it.

    NUMBERS are those of `tallystick stream dead`. Exit code: 0 sent, 2 not.

    \b
    Examples:
      tallystick stream replay 0-17
      tallystick stream replay --all --group rules
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.stream.dead import dead_letters, replay_numbers  # noqa: PLC0415

    if bool(numbers) == everything:
        fail("say which dead letters by their numbers, or --all.")
    sent: list[str] = []

    async def work(streams: "Streams") -> None:
        wanted = list(numbers)
        if everything:
            wanted = [letter.number for letter in await dead_letters(streams.dead, group)]
        sent.extend(letter.number for letter in await replay_numbers(streams.dead, wanted))

    _run(work)
    click.echo(json.dumps({"sent": sent}) if as_json else f"{len(sent)} sent again.")


def _run(work: "Callable[[Streams], Awaitable[None]]") -> None:
    """With the streams of the settings; errors become sentences."""

    async def run() -> None:
        async with _opened() as streams:
            await work(streams)

    try:
        asyncio.run(run())
    except TallystickError as error:
        fail(str(error))
    except KeyboardInterrupt:
        return  # of somebody who followed


@asynccontextmanager
async def _opened() -> "AsyncIterator[Streams]":
    from tallystick.clock import SystemClock  # noqa: PLC0415  other commands start faster
    from tallystick.ids import new_ledger_name  # noqa: PLC0415
    from tallystick.keys import KeyRing  # noqa: PLC0415
    from tallystick.stream import open_stream  # noqa: PLC0415

    settings = _settings()
    if not (settings.folder / "keys" / "ledger.key").exists():
        raise Misconfigured(f"There is no ledger in {settings.folder}; see TALLYSTICK_DATA.")
    origin = KeyRing(settings.folder / "keys", default_name=new_ledger_name()).name
    streams = open_stream(settings.stream, settings.folder, SystemClock(), origin)
    try:
        yield streams
    finally:
        await streams.close()


def _settings() -> "Settings":
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415  other commands start faster

    return read_settings(os.environ)


def _show_lags(found: "list[GroupLag]", *, as_json: bool) -> None:
    import msgspec  # noqa: PLC0415  other commands start faster

    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(_COLUMNS.format("group", "partition", "place", "messages", "age ms"))
    for one in found:
        place = one.committed if one.place is None else one.place
        said = [_figure(place), _figure(one.messages), _figure(one.behind_ms)]
        click.echo(_COLUMNS.format(one.group, one.partition or "ledger", *said))


def _figure(number: int | None) -> str:
    text = "-" if number is None else str(number)
    return text if len(text) <= 12 else f"…{text[-11:]}"


def _show_event(event: "Event", *, as_json: bool) -> None:
    from tallystick.stream.event import to_json  # noqa: PLC0415  other commands start faster

    if as_json:
        click.echo(to_json(event))
    else:
        click.echo(f"{event.time or '-':<28} {event.id:>10}  {event.type}  {event.subject or ''}")


def _show_letter(letter: "DeadLetter", *, as_json: bool) -> None:
    from tallystick.stream.event import to_json  # noqa: PLC0415  other commands start faster

    if as_json:
        whole = {"number": letter.number, "event": json.loads(to_json(letter.event))}
        click.echo(json.dumps(whole, ensure_ascii=False))
        return
    click.echo(
        f"{letter.number}  {letter.at}  {letter.group}  {letter.event.type} {letter.event.id}"
        f"  after {letter.attempts} attempts: {letter.reason}"
    )
