"""`tallystick verify`: the verifier with a progress bar and a sentence at the end."""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
from rich.console import Console

from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.errors import Misconfigured, TallystickError
from tallystick.ledger.checkpoint import VerifierKey, parse_checkpoint
from tallystick.ledger.tiles import CHECKPOINT_PATH
from tallystick.ledger.verify import (
    CannotTell,
    Report,
    Source,
    Trust,
    is_export,
    open_source,
    verify_evidence,
    verify_export,
    verify_ledger,
)
from tallystick.ledger.witness.policy import Policy
from tallystick.limits import ENTRY_BYTES_MAX
from tallystick.wiring.facts import facts_of
from tallystick.wiring.progress import bar_on

RECEIPT_BYTES_MAX = 4 * 1024 * 1024
"""A receipt is a few KiB; whatever is larger is none."""
PUBLISH_SECONDS_MAX = 3
"""How long a ledger may take until its published files hold a checkpoint that it signed."""
LOOK_SECONDS = 0.25
_COLOUR = {"clean": "green", "tampered": "bold red", "cannot_tell": "yellow"}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be verified, and what its user brings along."""

    what: str
    """A receipt, proof or export, a folder of published files, a URL, or - for standard input."""
    vkeys: Sequence[str] = ()
    """Verifier key lines, or @ and a file of them."""
    entry: Path | None = None
    """The entry's bytes, where a proof does not hold them."""
    policy: Path | None = None
    """A policy file (C2SP tlog-policy): whose logs, and a quorum of which witnesses."""
    since: Path | None = None
    """An earlier checkpoint."""
    token: str | None = None


def run_verify(question: Question, *, quiet: bool) -> Report:
    """Verify and, unless `quiet`, print what was found."""
    console = Console(quiet=quiet, highlight=False, soft_wrap=True)
    try:
        report = _verify(question, console)
    except (OSError, UnicodeError, TallystickError) as error:
        report = Report(verdict="cannot_tell", reason=str(error))
    _show(report, console)
    return report


def _show(report: Report, console: Console) -> None:
    colour = _COLOUR[report.verdict]
    console.print(f"[{colour}]{report.verdict.replace('_', ' ')}[/]  ", end="")
    console.print(report.reason, markup=False)
    if report.entries and report.seconds > 0:
        rate = report.entries / report.seconds
        entries = "entry" if report.entries == 1 else "entries"
        console.print(
            f"checked {report.entries:,} {entries}, {report.bytes_hashed:,} bytes,"
            f" in {report.seconds:.2f} s ({rate:,.0f} entries/s)"
        )
    if report.root:
        console.print(f"checkpoint of {report.size:,} entries, root {report.root}")
    for note in report.notes:
        console.print(f"note: {note}", markup=False)


def _verify(question: Question, console: Console) -> Report:
    what, since = question.what, None if question.since is None else question.since.read_bytes()
    trust = _trust(question)
    clock = SystemClock()
    is_url = what.startswith(("http://", "https://"))
    if what == "-" or (not is_url and Path(what).is_file()):
        entry = None if question.entry is None else _read(question.entry, ENTRY_BYTES_MAX + 1)
        data = _read(None if what == "-" else Path(what), RECEIPT_BYTES_MAX)
        return verify_evidence(data, trust, entry=entry, since=since, clock=clock)
    if question.entry is not None:
        raise CannotTell("--entry belongs to a proof of one entry, not to a folder or a URL.")
    if not is_url and not Path(what).is_dir():
        raise CannotTell(f"There is no file or folder {what}.")
    with bar_on(console, "verifying") as advance:
        if not is_url and is_export(Path(what)):
            return verify_export(
                Path(what), trust, advance, since, canonical_json=True, clock=clock
            )
        with closing(open_source(what, token=question.token or _demo_token(what))) as source:
            if since is not None:
                _wait_for(parse_checkpoint(since).size, source, clock)
            return verify_ledger(source, trust, advance, since, canonical_json=True, clock=clock)


def _trust(question: Question) -> Trust:
    keys = read_keys(question.vkeys)
    if question.policy is None:
        return Trust(keys)
    return Trust.under(Policy.parse(question.policy.read_bytes()), keys)


def _read(path: Path | None, bytes_max: int) -> bytes:
    """The beginning of a file, or of standard input."""
    if path is None:
        return sys.stdin.buffer.read(bytes_max)
    with path.open("rb") as file:
        return file.read(bytes_max)


def _wait_for(size: int, source: Source, clock: SystemClock) -> None:
    """Give a live ledger the moment it needs to publish what it has just signed."""
    give_up = clock.monotonic_ns() + PUBLISH_SECONDS_MAX * NS_PER_SECOND
    while clock.monotonic_ns() < give_up:
        data = source.fetch(CHECKPOINT_PATH)
        if data is None or parse_checkpoint(data).size >= size:
            return
        clock.pause(LOOK_SECONDS)


def read_keys(texts: Sequence[str]) -> tuple[VerifierKey, ...]:
    """The verifier keys in these lines, or in the files that are named by @ and a path."""
    lines: list[str] = []
    for text in texts:
        lines += Path(text[1:]).read_text().splitlines() if text.startswith("@") else [text]
    return tuple(dict.fromkeys(VerifierKey.parse(line) for line in lines if line.strip()))


def _demo_token(what: str) -> str | None:
    """The token of the demo that runs at this URL from this folder, if one does."""
    try:
        facts = facts_of(Path(".tallystick"))
    except Misconfigured:  # whoever verifies need not have a server
        return None
    return facts.token if facts and facts.url == what.rstrip("/") else None
