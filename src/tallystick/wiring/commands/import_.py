"""`tallystick import`: takes over the history of another ledger, after checking its proofs."""

import json
import os
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import msgspec

from tallystick.errors import Refused, TallystickError
from tallystick.wiring.commands import CONTEXT, EXIT_CANNOT, JSON, fail

if TYPE_CHECKING:
    from tallystick.wiring.qldb import Imported

EXIT_CONTRADICTED = 1
_CONTRADICTIONS = frozenset({"QLDB_CONTRADICTION", "QLDB_DIGEST"})
_DIGEST_BYTES = 32


@click.group("import", context_settings=CONTEXT)
def import_() -> None:
    """Take over the history of another ledger."""


def _digest(_: click.Context, __: click.Parameter, text: str | None) -> bytes | None:
    """A digest in base64, as QLDB gave it, or in hexadecimal."""
    if text is None:
        return None
    for decode in (bytes.fromhex, lambda each: b64decode(each, validate=True)):
        try:
            data = decode(text)
        except ValueError:
            continue
        if len(data) == _DIGEST_BYTES:
            return data
    raise click.BadParameter("a digest is 32 bytes in base64 or hexadecimal")


@import_.command()
@click.argument("place", type=click.Path(exists=True, path_type=Path))
@click.option("--check-only", is_flag=True, help="Check the export and append nothing.")
@click.option("--digest", callback=_digest, help="A digest saved from QLDB; it anchors trust.")
@click.option(
    "--digest-tip",
    type=click.IntRange(min=0),
    help="The sequenceNo of the digest's tip; by default the export's last block.",
)
@click.option("--hash-only", is_flag=True, help="Keep hashes of the documents, not their data.")
@click.option(
    "--allow-unproved",
    is_flag=True,
    help="Also take what no hash proves, marked so: JSON exports lose types.",
)
@JSON
def qldb(
    place: Path,
    check_only: bool,
    digest: bytes | None,
    digest_tip: int | None,
    hash_only: bool,
    allow_unproved: bool,
    as_json: bool,
) -> None:
    """Import an Amazon QLDB journal export from PLACE: a folder, or its completed manifest.

    Everything is checked before anything is appended. Each revision becomes one entry that keeps
    its block address and hashes; what an interrupted import appended is not appended again.
    Exit code: 0 done, 1 the export contradicts its hashes or the digest, 2 it cannot be imported.

    \b
    Examples:
      tallystick import qldb export --check-only
      tallystick import qldb export --digest 6m6BMXobbJKpMhahwVthAEsN6awgnHK62Qq5McGP1Gk=
      tallystick import qldb export/8UyXulxccYLAsbN1aon7e4.completed.manifest --json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import SystemClock  # noqa: PLC0415  other commands start faster
    from tallystick.wiring.qldb import Wishes, check_qldb, import_qldb  # noqa: PLC0415

    wishes = Wishes(
        place=place,
        digest=digest,
        digest_tip=digest_tip,
        hash_only=hash_only,
        allow_unproved=allow_unproved,
        quiet=as_json,
    )
    try:
        found = check_qldb(wishes) if check_only else import_qldb(wishes, os.environ, SystemClock())
    except TallystickError as error:
        _fail(error, as_json=as_json)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
        return
    for line in _lines(found):
        click.echo(line)


def _lines(found: "Imported") -> Iterator[str]:
    yield (
        f"blocks {found.first_sequence_no} to {found.last_sequence_no} of strand"
        f" {found.strand_id}: the hash chain holds"
    )
    yield (
        f"{found.revisions:,} revisions, {found.redacted:,} of them redacted,"
        f" {found.deleted:,} deletions"
    )
    yield f"last block hash {found.last_block_hash}"
    if found.digest_held:
        yield "the digest that you gave holds"
    elif found.digest is not None:
        yield f"their QLDB digest is {found.digest}; compare it with one that you saved"
    for example in found.unproved_examples:
        yield f"not proved: {example}"
    if found.unproved > len(found.unproved_examples):
        yield f"not proved: {found.unproved - len(found.unproved_examples):,} more"
    if found.appended is not None:
        yield (
            f"appended {found.appended:,} entries, {found.present:,} were there already;"
            f" the ledger holds {found.ledger_size:,}"
        )


def _fail(error: TallystickError, *, as_json: bool) -> NoReturn:
    code = error.code if isinstance(error, Refused) else "MISCONFIGURED"
    exit_code = EXIT_CONTRADICTED if code in _CONTRADICTIONS else EXIT_CANNOT
    if not as_json:
        fail(str(error), exit_code)
    facts = {"exit_code": exit_code, "code": code, "reason": str(error)}
    click.echo(json.dumps(facts, indent=2))
    sys.exit(exit_code)
