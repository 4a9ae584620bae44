"""`tallystick verify`: the verifier with a progress bar and a sentence at the end."""

import sys
from contextlib import closing
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.errors import TallystickError
from tallystick.ledger.checkpoint import VerifierKey, parse_checkpoint
from tallystick.ledger.tiles import CHECKPOINT_PATH
from tallystick.ledger.verify import Report, Source, open_source, verify_ledger, verify_receipt

RECEIPT_BYTES_MAX = 4 * 1024 * 1024
"""A receipt is a few KiB; whatever is larger is none."""
PUBLISH_SECONDS_MAX = 3
"""How long a ledger may take until its published files hold a checkpoint that it signed."""
LOOK_SECONDS = 0.25
_COLOUR = {"clean": "green", "tampered": "bold red", "cannot_tell": "yellow"}


def run_verify(
    what: str, *, vkey: str | None, since: Path | None, token: str | None, quiet: bool
) -> Report:
    """Verify a receipt or a ledger and, unless `quiet`, print what was found."""
    console = Console(quiet=quiet, highlight=False, soft_wrap=True)
    try:
        key = None if vkey is None else _key(vkey)
        report = _verify(what, key, since, token, console)
    except (OSError, UnicodeError, TallystickError) as error:
        report = Report(verdict="cannot_tell", reason=str(error))
    colour = _COLOUR[report.verdict]
    console.print(f"[{colour}]{report.verdict.replace('_', ' ')}[/]  ", end="")
    console.print(report.reason, markup=False)
    if report.entries and report.seconds > 0:
        rate = report.entries / report.seconds
        console.print(
            f"checked {report.entries:,} entries, {report.bytes_hashed:,} bytes,"
            f" in {report.seconds:.2f} s ({rate:,.0f} entries/s)"
        )
    if report.root:
        console.print(f"checkpoint of {report.size:,} entries, root {report.root}")
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    return report


def _verify(
    what: str, key: VerifierKey | None, since: Path | None, token: str | None, console: Console
) -> Report:
    clock = SystemClock()
    is_url = what.startswith(("http://", "https://"))
    if what == "-":
        data = sys.stdin.buffer.read(RECEIPT_BYTES_MAX)
        return verify_receipt(data, key, clock=clock)
    if not is_url and Path(what).is_file():
        with Path(what).open("rb") as file:
            return verify_receipt(file.read(RECEIPT_BYTES_MAX), key, clock=clock)
    if not is_url and not Path(what).is_dir():
        return Report(verdict="cannot_tell", reason=f"There is no file or folder {what}.")
    columns = (
        TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("verifying", total=None)

        def advance(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        older = None if since is None else since.read_text()
        with closing(open_source(what, token=token or _demo_token(what))) as source:
            if older is not None:
                _wait_for(parse_checkpoint(older).size, source, clock)
            return verify_ledger(source, key, advance, older, canonical_json=True, clock=clock)


def _wait_for(size: int, source: Source, clock: SystemClock) -> None:
    """Give a live ledger the moment it needs to publish what it has just signed."""
    give_up = clock.monotonic_ns() + PUBLISH_SECONDS_MAX * NS_PER_SECOND
    while clock.monotonic_ns() < give_up:
        data = source.fetch(CHECKPOINT_PATH)
        if data is None or parse_checkpoint(data).size >= size:
            return
        clock.pause(LOOK_SECONDS)


def _key(text: str) -> VerifierKey:
    if text.startswith("@"):
        text = Path(text[1:]).read_text()
    return VerifierKey.parse(text.strip())


def _demo_token(what: str) -> str | None:
    """The token of the demo that runs at this URL from this folder, if one does."""
    path = Path(".tallystick/demo.json")
    try:
        facts = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return None
    return facts.get("token") if facts.get("url") == what.rstrip("/") else None
