"""`tallystick archive`: what lies in the log archive, restores, holds, locks, and its proof."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from tallystick.errors import TallystickError
from tallystick.wiring.archive_words import (
    many,
    tell_done,
    tell_json,
    tell_report,
    tell_restore,
    tell_status,
    tell_verification,
    verified,
    wait_for,
)
from tallystick.wiring.commands import (
    CONTEXT,
    EXIT_CANNOT,
    JSON,
    REASON,
    fail,
    refusals_told,
    server_options,
)

if TYPE_CHECKING:
    from tallystick.wiring.archive_client import ArchiveClient, Range

EXIT_CODES = {"clean": 0, "tampered": 1, "cannot_tell": 2}
F = TypeVar("F", bound=Callable[..., None])


def _range(command: F) -> F:
    """The options that name a range of parts."""
    index = click.option("--index", help="Only parts of this index.")
    earliest = click.option("--earliest", help="From here on: RFC 3339, a date, or -90d@d.")
    latest = click.option("--latest", help="Up to here, exclusive.")
    return index(earliest(latest(command)))


@click.group(context_settings=CONTEXT)
def archive() -> None:
    """The log archive: old parts, locked for years, and the published ledger.

    Parts are moved by the server as they grow old (TALLYSTICK_ARCHIVE). Those in cold storage are
    named by a search and readable after a restore.
    """


@archive.command()
@server_options()
@JSON
def status(url: str | None, token: str | None, as_json: bool) -> None:
    """How the archive is: rules, parts by state, restores, holds, the archived ledger.

    \b
    Example:
      tallystick archive status
    """  # noqa: D301  the mark keeps click from wrapping
    with _connected(url, token) as client:
        found = client.status()
    if as_json:
        tell_json(found)
        return
    tell_status(found)


@archive.command(name="list")
@_range
@server_options()
@JSON
def list_parts(
    index: str | None, earliest: str | None, latest: str | None, url: str | None,
    token: str | None, as_json: bool,
) -> None:  # fmt: skip
    """List the archived parts of a range, with state and lock.

    \b
    Examples:
      tallystick archive list --index main --earliest 2026-01-01 --latest 2026-02-01
      tallystick archive list --json
    """  # noqa: D301  the mark keeps click from wrapping
    with _connected(url, token) as client:
        found = client.parts(_within(index, earliest, latest))
    if as_json:
        tell_json(found)
        return
    for part in found.parts:
        lock = "no lock" if part.locked_until is None else f"{part.mode} {part.locked_until[:10]}"
        held = " + legal hold" if part.legal_hold else ""
        click.echo(f"{part.state:<10} {part.size:>14,}  {lock}{held}  {part.part}")
    click.echo(many(len(found.parts), "part"), err=True)


@archive.command()
@_range
@click.option("--tier", type=click.Choice(("expedited", "standard", "bulk")), default="standard",
              show_default=True, help="How soon: minutes, hours, half a day.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True,
              help="How long the copy stays readable.")  # fmt: skip
@REASON
@click.option("--wait", is_flag=True, help="Stay until all of it is readable.")
@server_options()
@JSON
def restore(  # noqa: PLR0913  as many as there are options
    *, index: str | None, earliest: str | None, latest: str | None, tier: str, days: int,
    reason: str, wait: bool, url: str | None, token: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Make cold parts of a range readable for some days; the ledger says who asked, and why.

    Exit code: 0 asked for, 1 refused (nothing is cold, no such tier), 2 no answer.

    \b
    Examples:
      tallystick archive restore --index main --earliest 2026-01-01 --latest 2026-02-01 \\
        --tier bulk --days 14 --reason "request of the regulator"
      tallystick archive restore --earliest -400d@d --latest -399d@d --reason audit --wait
    """  # noqa: D301  the mark keeps click from wrapping
    with _connected(url, token) as client:
        found = client.restore(_within(index, earliest, latest), tier, days, reason)
        if wait:
            found = wait_for(client, found)
    tell_restore(found, as_json=as_json)


@archive.command()
@click.argument("number", required=False)
@server_options()
@JSON
def restores(number: str | None, url: str | None, token: str | None, as_json: bool) -> None:
    """List restores, newest first, or show the one called NUMBER.

    \b
    Example:
      tallystick archive restores
    """  # noqa: D301  the mark keeps click from wrapping
    with _connected(url, token) as client:
        if number is not None:
            tell_restore(client.find_restore(number), as_json=as_json)
            return
        found = client.restores()
    if as_json:
        tell_json(found)
        return
    for each in found.restores:
        tell_restore(each, as_json=False)


@archive.command()
@_range
@REASON
@server_options()
@JSON
def hold(
    index: str | None, earliest: str | None, latest: str | None, reason: str, url: str | None,
    token: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Put a range under legal hold: nobody deletes anything of it until it is released.

    It covers what is archived, what is not yet, and what comes later.

    \b
    Example:
      tallystick archive hold --index main --earliest 2026-03-01 --latest 2026-04-01 \\
        --reason "case 2026-117"
    """  # noqa: D301  the mark keeps click from wrapping
    with _connected(url, token) as client:
        found = client.hold(_within(index, earliest, latest), reason)
    if as_json:
        tell_json(found)
    else:
        click.echo(f"{found.id} is set; entry {found.position} of the ledger says so.")


@archive.command()
@server_options()
@JSON
def holds(url: str | None, token: str | None, as_json: bool) -> None:
    """List legal holds, newest first, released ones too.

    \b
    Example:
      tallystick archive holds
    """  # noqa: D301  the mark keeps click from wrapping
    with _connected(url, token) as client:
        found = client.holds()
    if as_json:
        tell_json(found)
        return
    for each in found.holds:
        what = each.index or "every index"
        ends = f"from {each.earliest or 'the beginning'} to {each.latest or 'the end'}"
        state = "active" if each.active else f"released by {each.released_by}"
        click.echo(f"{each.id}  {state}  {what} {ends}; {each.by}: {each.reason}")


@archive.command()
@click.argument("number")
@REASON
@server_options()
@JSON
def release(number: str, reason: str, url: str | None, token: str | None, as_json: bool) -> None:
    """End the legal hold called NUMBER; the retention of its parts counts again.

    \b
    Example:
      tallystick archive release H-2f1c... --reason "case 2026-117 is closed"
    """  # noqa: D301  the mark keeps click from wrapping
    with _connected(url, token) as client:
        found = client.release(number, reason)
    if as_json:
        tell_json(found)
    else:
        click.echo(f"{found.id} is released; entry {found.released_position} says so.")


@archive.command()
@_range
@click.option("--mode", type=click.Choice(("governance", "compliance")), required=True)
@click.option("--until", required=True, help="The date until which it is locked, RFC 3339.")
@click.option("--bypass", is_flag=True, help="Shorten: wants a token with the scope bypass.")
@REASON
@server_options()
@JSON
def retain(  # noqa: PLR0913  as many as there are options
    *, index: str | None, earliest: str | None, latest: str | None, mode: str, until: str,
    bypass: bool, reason: str, url: str | None, token: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Lock archived parts until another date; all of the range or nothing.

    Compliance mode can only be extended, by nobody shortened.

    \b
    Example:
      tallystick archive retain --index audit --mode compliance --until 2040-01-01T00:00:00Z \\
        --reason "new rule"
    """  # noqa: D301  the mark keeps click from wrapping
    within = _within(index, earliest, latest)
    with _connected(url, token) as client:
        found = client.retain(within, mode, until, reason, bypass=bypass)
    if as_json:
        tell_json(found)
    else:
        tell_done(found, "locked")


@archive.command()
@_range
@click.option("--bypass", is_flag=True, help="Locked ones too: wants the scope bypass.")
@click.option("--yes", is_flag=True, help="Do not ask: it cannot be undone.")
@REASON
@server_options()
@JSON
def delete(  # noqa: PLR0913  as many as there are options
    *, index: str | None, earliest: str | None, latest: str | None, bypass: bool, yes: bool,
    reason: str, url: str | None, token: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Delete archived parts for good; all of the range or, where a lock keeps one, nothing.

    \b
    Example:
      tallystick archive delete --index debug --latest -365d@d --reason "not needed" --yes
    """  # noqa: D301  the mark keeps click from wrapping
    if not yes and sys.stdin.isatty():
        click.confirm("Delete these archived parts for ever?", abort=True)
    with _connected(url, token) as client:
        found = client.delete(_within(index, earliest, latest), reason, bypass=bypass)
    if as_json:
        tell_json(found)
    else:
        tell_done(found, "deleted")


@archive.command()
@click.option("--ledger", "address", metavar="ADDRESS",
              help="Verify the ledger in this archive by itself, without any server.")  # fmt: skip
@click.option("--vkey", "vkeys", multiple=True, help="Verifier key, or @ and a file of them.")
@click.option("--into", type=click.Path(path_type=Path), help="Keep the unpacked ledger here.")
@server_options()
@JSON
def verify(
    *, address: str | None, vkeys: tuple[str, ...], into: Path | None, url: str | None,
    token: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Hash every archived part again, look at every lock, verify the archived ledger.

    With --ledger nothing is asked of a server: the volumes in the archive are unpacked and the
    independent verifier judges them by the keys that you bring.

    Exit code: 0 all of it is as it was put, 1 something is not, 2 it cannot be told.

    \b
    Examples:
      tallystick archive verify
      tallystick archive verify --ledger s3://bucket/prefix --vkey @ledger.vkey --into published
    """  # noqa: D301  the mark keeps click from wrapping
    if address is not None:
        _verify_ledger(address, vkeys, into, as_json=as_json)
    with _connected(url, token) as client:
        found = verified(client)
    verdict = found.verdict or "cannot_tell"
    if as_json:
        tell_json(found)
    else:
        tell_verification(found)
    sys.exit(EXIT_CODES[verdict])


@archive.command()
@click.argument("address")
@click.option("--create", is_flag=True, help="Make the bucket where there is none.")
@click.option("--intelligent-days", type=int, default=0, show_default=True,
              help="Days until Intelligent-Tiering; negative: never.")  # fmt: skip
@click.option("--glacier-days", type=int, default=90, show_default=True,
              help="Days until Glacier; negative: never.")  # fmt: skip
@click.option("--deep-days", type=int, default=365, show_default=True,
              help="Days until Deep Archive; negative: never.")  # fmt: skip
@JSON
def prepare(
    address: str, create: bool, intelligent_days: int, glacier_days: int, deep_days: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a bucket fit to be an archive: versions, Object Lock, lifecycle rules.

    ADDRESS is what TALLYSTICK_ARCHIVE will be. Rules of others in the bucket stay. May be repeated,
    for instance with other days.

    \b
    Examples:
      tallystick archive prepare "s3://acme-logs/tallystick?region=eu-central-1" --create
      tallystick archive prepare s3://acme-logs --glacier-days 30 --deep-days -1
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.watch.collect.archive.s3_place import parse_s3  # noqa: PLC0415  the extra
    from tallystick.watch.collect.archive.s3_prepare import (  # noqa: PLC0415
        Lifecycle,
        prepare_bucket,
    )

    days = [None if n < 0 else n for n in (intelligent_days, glacier_days, deep_days)]
    try:
        done = prepare_bucket(parse_s3(address), Lifecycle(*days), create=create)
    except TallystickError as error:
        fail(str(error))
    if as_json:
        tell_json(done)
        return
    for each in done:
        click.echo(f"{each.step:<12} {each.done}")


@contextmanager
def _connected(url: str | None, token: str | None) -> Iterator["ArchiveClient"]:
    """A client of the server; whatever it refuses ends the program with its sentence."""
    from tallystick.wiring.archive_client import ArchiveClient  # noqa: PLC0415  fast help
    from tallystick.wiring.server_client import place_of  # noqa: PLC0415

    with refusals_told(), closing(ArchiveClient(*place_of(url, token))) as client:
        yield client


def _within(index: str | None, earliest: str | None, latest: str | None) -> "Range":
    given = {"index": index, "earliest": earliest, "latest": latest}
    return {name: value for name, value in given.items() if value is not None}


def _verify_ledger(
    address: str, vkeys: tuple[str, ...], into: Path | None, *, as_json: bool
) -> NoReturn:
    """Judge the volumes in an archive by themselves."""
    from tallystick.wiring.archive_ledger import verify_volumes  # noqa: PLC0415  help is faster

    try:
        report = verify_volumes(address, vkeys, into)
    except (OSError, UnicodeError, TallystickError) as error:
        fail(str(error), EXIT_CANNOT)
    tell_report(report, as_json=as_json)
    sys.exit(report.exit_code)
