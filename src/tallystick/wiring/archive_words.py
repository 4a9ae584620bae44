"""What `tallystick archive` says: in words, or as JSON; and how it waits."""

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tallystick.ledger.verify import Report
    from tallystick.watch.collect.archive import ArchiveStatus, Done, Restore, Verification
    from tallystick.wiring.archive_client import ArchiveClient

POLL_SECONDS = 2.0
"""How often a verification or a restore that is waited for is asked about."""


def many(count: int, word: str) -> str:
    """`1 part`, `1,024 parts`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def wait_for(client: "ArchiveClient", found: "Restore") -> "Restore":
    """Stay until a restore is readable, or failed."""
    from rich.console import Console  # noqa: PLC0415  help is shown faster

    from tallystick.clock import SystemClock  # noqa: PLC0415
    from tallystick.wiring.progress import bar_on  # noqa: PLC0415

    clock = SystemClock()
    with bar_on(Console(stderr=True), f"restoring, by {found.eta[:16]}") as advance:
        while found.state in {"asked", "running"}:
            advance(found.parts_readable, found.parts)
            clock.pause(POLL_SECONDS)
            found = client.find_restore(found.id)
    return found


def verified(client: "ArchiveClient") -> "Verification":
    """Have the archive verified, and stay until that has ended."""
    from rich.console import Console  # noqa: PLC0415  help is shown faster

    from tallystick.clock import SystemClock  # noqa: PLC0415
    from tallystick.wiring.progress import bar_on  # noqa: PLC0415

    clock = SystemClock()
    found = client.begin_verification()
    with bar_on(Console(stderr=True), "verifying the archive") as advance:
        while found.verdict is None and found.problem is None:
            advance(found.checked, found.parts)
            clock.pause(min(POLL_SECONDS, 0.2 + found.checked / 100))
            found = client.verification()
    return found


def tell_report(report: "Report", *, as_json: bool) -> None:
    """The verdict of the independent verifier."""
    if as_json:
        tell_json(report)
    else:
        click.echo(f"{report.verdict.replace('_', ' ')}: {report.reason}")


def tell_verification(found: "Verification") -> None:
    """The verdict, what was checked, and each problem."""
    click.echo(
        f"{(found.verdict or 'cannot_tell').replace('_', ' ')}: {found.checked:,} of"
        f" {many(found.parts, 'part')} checked, {found.bytes_hashed:,} bytes hashed,"
        f" {found.cold:,} cold, {found.unread:,} out of reach"
    )
    for each in found.problems:
        click.echo(f"{each.part}: {each.problem}")
    if found.problems_total > len(found.problems):
        click.echo(f"... and {found.problems_total - len(found.problems):,} more")
    if found.ledger is not None:
        click.echo(f"ledger: {found.ledger}")
    if found.problem is not None:
        click.echo(f"stopped: {found.problem}")


def tell_restore(found: "Restore", *, as_json: bool) -> None:
    """One line a restore."""
    if as_json:
        tell_json(found)
        return
    when = f"by {found.eta}"
    if found.expires_at is not None:
        when = f"until {found.expires_at}"
    parts = many(found.parts, "part")
    click.echo(
        f"{found.id}  {found.state}  {found.parts_readable} of {parts} readable,"
        f" {found.size:,} bytes, {found.tier}, {when}; {found.by}: {found.reason}"
    )


def tell_json(found: object) -> None:
    """A value of the API."""
    import msgspec  # noqa: PLC0415  help is shown faster

    click.echo(json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False))


def tell_status(found: "ArchiveStatus") -> None:
    """In a few lines."""
    click.echo(
        f"{found.address}: after {found.after_days} days, locked in {found.mode} mode for"
        f" {found.years:g} years"
    )
    for state, amount in sorted(found.states.items()):
        click.echo(f"{state:<10} {amount.parts:>8,} parts {amount.size:>18,} bytes")
    if found.due.parts:
        click.echo(f"{many(found.due.parts, 'part')} due to be archived")
    holds = many(found.holds_active, "legal hold")
    click.echo(f"{many(found.restores_running, 'restore')} under way, {holds}")
    if found.ledger is not None and found.ledger.entries is not None:
        ledger = found.ledger
        volumes = many(ledger.volumes, "volume")
        click.echo(f"ledger: {ledger.entries:,} entries in {volumes}")
    if found.problem:
        click.echo(f"the last round could not do everything: {found.problem}")


def tell_done(found: "Done", what: str) -> None:
    """How many parts it was, and where the ledger says so."""
    are = "is" if found.parts == 1 else "are"
    click.echo(
        f"{many(found.parts, 'part')} {are} {what}; entry {found.position} of the ledger says so."
    )
