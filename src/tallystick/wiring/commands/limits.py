"""`tallystick limits`: what an approver does to override a limit, and an auditor to check it.

Nothing here speaks to a server: the note is signed where the key is, and carried to whoever
submits it.
"""

import binascii
import json
import sys
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

import click
import msgspec

from tallystick.errors import Misconfigured, Refused, TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from tallystick.execution.approval import Approved
    from tallystick.execution.entries import Scope
    from tallystick.ledger.vkey import VerifierKey

EXIT_BAD = 1
"""The note is not what it says: nobody who may signed it, or it was changed."""
NOTE_BYTES_MAX = 65_536
"""Largest file with a note or an entry."""
SCOPES = ("all", "desk", "account", "pair")
_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


class _Entry(msgspec.Struct):
    """A receipt: `entry` is base64."""

    entry: str | None = None


class _Around(msgspec.Struct):
    """What an entry or a note comes in; an entry itself has a `kind`."""

    kind: str | None = None
    note: str | None = None
    entry: str | None = None
    receipt: _Entry | None = None


@click.group(context_settings=CONTEXT)
def limits() -> None:
    """Override a trading limit for a while: make a key, sign an override, verify one.

    An approver makes a key and gives its verifier key to whoever runs the server, for the file
    that TALLYSTICK_APPROVERS names. A signed override goes to POST /v1/limits/overrides.
    """


@limits.command()
@click.argument("new_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="Whose key it is, such as alice; no spaces, no +.")
@JSON
def key(new_file: Path, name: str, as_json: bool) -> None:
    """Make an approver's key in NEW_FILE, readable by its owner only; print its verifier key.

    \b
    Example:
      tallystick limits key alice.key --name alice
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.keys import FileKeyring  # noqa: PLC0415  other commands start faster
    from tallystick.ledger.vkey import is_key_name  # noqa: PLC0415

    try:
        if not is_key_name(name):
            raise Misconfigured(f"A key's name is not empty and has no space or +: {name!r}.")
        if new_file.exists():
            raise Misconfigured(f"{new_file} is there already; a key is never written over.")
        vkey = FileKeyring.open(new_file, default_name=name).vkey
    except (OSError, TallystickError) as error:
        fail(str(error))
    click.echo(json.dumps({"name": name, "vkey": vkey}) if as_json else vkey)


@limits.command()
@click.option("--scope", required=True, type=click.Choice(SCOPES), help="Whose limit.")
@click.option("--id", "name", help="Which desk, account or pair; none for all.")
@click.option("--limit", required=True, help="Which limit, such as order_quantity_max.")
@click.option("--value", required=True, help="What it is for the while.")
@click.option("--until", required=True, help="Its end, RFC 3339; at most 24 hours from now.")
@click.option("--reason", required=True, help="Why; it is written into the ledger.")
@click.option("--ledger", help="Name of the only ledger that it is good for.")
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The approver's private key.",
)
@JSON
def override(  # noqa: PLR0913  as many as there are options
    *,
    scope: str,
    name: str | None,
    limit: str,
    value: str,
    until: str,
    reason: str,
    ledger: str | None,
    key_file: Path,
    as_json: bool,
) -> None:
    """Sign an override of one limit and print the note.

    The scope's limit is then the value until the end; limits of other scopes still hold, and the
    tightest counts. Exit code: 0 signed, 2 it cannot be signed.

    \b
    Example:
      tallystick limits override --scope account --id demo --limit order_quantity_max \\
        --value 20000000 --until 2026-11-24T18:00:00Z --reason "quarter-end hedge" \\
        --key alice.key > override.note
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import SystemClock, parse_rfc3339, rfc3339  # noqa: PLC0415
    from tallystick.execution.approval import Approval, sign_approval  # noqa: PLC0415
    from tallystick.execution.book.limits import bound_text, parse_bound  # noqa: PLC0415
    from tallystick.keys import FileKeyring  # noqa: PLC0415

    try:
        try:
            end = rfc3339(parse_rfc3339(until))
        except ValueError as error:
            raise Misconfigured(f"--until: {error}.") from error
        approval = Approval(
            cast("Scope", scope),
            name,
            limit,
            bound_text(limit, parse_bound(limit, value)),
            rfc3339(SystemClock().now_ns()),
            end,
            reason,
            ledger,
        )
        note = sign_approval(approval, FileKeyring.open(key_file, default_name=""))
    except (OSError, TallystickError) as error:
        fail(str(error))
    click.echo(json.dumps({"note": note}) if as_json else note, nl=as_json)


@limits.command()
@click.argument("what", type=_FILE)
@click.option("--vkey", "vkeys", multiple=True, help="Verifier key of somebody who may approve.")
@click.option(
    "--approvers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of such keys, one a line.",
)
@JSON
def verify(what: Path, vkeys: tuple[str, ...], approvers: Path | None, as_json: bool) -> None:
    """Verify a note, or an entry of the ledger that holds one; - reads standard input.

    The entry may be by itself or in the answer of /v1/ledger/entries/N, the note as it was printed.
    Of an entry it is checked too that it says what was signed, and that the override was in force
    at its time. Exit code: 0 somebody who may approve signed it, 1 not, 2 it cannot be told.

    \b
    Examples:
      tallystick limits verify override.note --vkey "$(cat alice.vkey)"
      tallystick limits verify entry.json --approvers approvers.txt
    """  # noqa: D301  the mark keeps click from wrapping
    try:
        keys = _keys(vkeys, approvers)
        text = _read(what)
    except (OSError, UnicodeError, TallystickError) as error:
        fail(str(error))
    try:
        approved = _approved(text, keys)
    except Refused as refusal:
        _tell_bad(refusal, as_json=as_json)
    approval = approved.approval
    if as_json:
        facts = {"verdict": "clean", "approver": approved.approver}
        click.echo(json.dumps(facts | msgspec.to_builtins(approval), ensure_ascii=False))
        return
    whose = approval.scope if approval.id is None else f"{approval.scope} {approval.id}"
    click.echo(
        f"{approved.approver} approved: {approval.limit} of {whose} is {approval.value}"
        f" from {approval.at} until {approval.until}.\nReason: {approval.reason}"
    )


def read_approvers_file(path: Path) -> tuple["VerifierKey", ...]:
    """The keys in the file that the setting TALLYSTICK_APPROVERS names.

    Raises:
        Misconfigured: it cannot be read, or a line of it is no such key.
    """
    from tallystick.execution.approval import read_approvers  # noqa: PLC0415

    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeError) as error:
        raise Misconfigured(f"The file of approvers cannot be read: {error}.") from error
    return read_approvers(lines, str(path))


def _keys(vkeys: tuple[str, ...], approvers: Path | None) -> tuple["VerifierKey", ...]:
    from tallystick.execution.approval import read_approvers  # noqa: PLC0415

    keys = read_approvers(vkeys, "--vkey")
    if approvers is not None:
        keys += read_approvers_file(approvers)
    if not keys:
        raise Misconfigured("Say who may approve, with --vkey or --approvers.")
    return keys


def _read(what: Path) -> str:
    data = sys.stdin.buffer.read(NOTE_BYTES_MAX + 1) if str(what) == "-" else what.read_bytes()
    if len(data) > NOTE_BYTES_MAX:
        raise Misconfigured(f"{what} is larger than {NOTE_BYTES_MAX} bytes.")
    return data.decode()


def _approved(text: str, keys: tuple["VerifierKey", ...]) -> "Approved":
    from tallystick.execution import decode  # noqa: PLC0415
    from tallystick.execution.approval import check_entry, read_note  # noqa: PLC0415
    from tallystick.execution.entries import LimitOverridden  # noqa: PLC0415

    if not text.startswith("{"):
        return read_note(text, keys)
    try:
        inside = _inside(text)
        if isinstance(inside, str):
            return read_note(inside, keys)
        entry = decode(inside)
    except (msgspec.DecodeError, binascii.Error) as error:
        raise Refused("BAD_OVERRIDE", f"This is no entry of a ledger: {error}.") from error
    if not isinstance(entry, LimitOverridden):
        raise Refused("BAD_OVERRIDE", "This entry overrides no limit.")
    return check_entry(entry, keys)


def _inside(text: str) -> bytes | str:
    """The entry in a server's answer, or the note that was signed with --json; or the entry."""
    around = msgspec.json.decode(text, type=_Around)
    if around.kind is not None:
        return text.strip().encode()
    receipt = around.receipt or around
    if receipt.entry is not None:
        return b64decode(receipt.entry, validate=True)
    return around.note or text.encode()


def _tell_bad(refusal: Refused, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"verdict": "bad", "code": refusal.code, "reason": str(refusal)}))
    else:
        click.echo(str(refusal))
    sys.exit(EXIT_BAD)
