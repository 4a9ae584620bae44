"""What the verifier answers: clean, tampered, or that it cannot tell, and why."""

import base64
from collections.abc import Callable
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock, SystemClock
from tallystick.errors import Corrupt, PermanentError
from tallystick.ledger.checkpoint import (
    Checkpoint,
    NoteError,
    VerifierKey,
    parse_body,
    split_note,
    verify_note,
)

Verdict = Literal["clean", "tampered", "cannot_tell"]

_UNPINNED = (
    "Everything agrees with itself, but no key is pinned, and anybody can make such a thing with a"
    " key of their own. Pin the ledger's key, from a source you trust: --vkey 'NAME+ID+KEY'."
)
_EXIT_CODES: dict[Verdict, int] = {"clean": 0, "tampered": 1, "cannot_tell": 2}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One verification's outcome.

    `reason` is a sentence for a person. `position` names the entry where a contradiction shows,
    where one can be named. `entries` were re-hashed, `bytes_hashed` is their payload. `size` and
    `root` (base64) are the checkpoint's. `notes` are facts that change no verdict.
    """

    verdict: Verdict
    reason: str
    position: int | None = None
    entries: int = 0
    bytes_hashed: int = 0
    seconds: float = 0.0
    size: int | None = None
    root: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 clean, 1 tampered, 2 cannot tell."""
        return _EXIT_CODES[self.verdict]


class Tampered(Corrupt):
    """Something contradicts what was signed; `position` is the entry where it shows."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class CannotTell(PermanentError):  # noqa: N818  the name of the verdict
    """Something is missing or unreadable, so neither can be said."""


class Findings:
    """What one verification gathers until it is judged; grows in place."""

    def __init__(self) -> None:
        self.position: int | None = None
        self.entries = 0
        self.bytes_hashed = 0
        self.checkpoint: Checkpoint | None = None
        self.notes: list[str] = []

    def open_checkpoint(self, text: str | bytes, key: VerifierKey | None) -> Checkpoint:
        """Keep the checkpoint in this note; with a key, only one that it signed for its own log.

        Raises:
            NoteError: it is no signed checkpoint, or `key` did not sign it.
        """
        if key is None:
            signed, strangers = split_note(text)
        else:
            note = verify_note(text, [key])
            signed, strangers = note.text, list(note.unknown)
            self.notes += [f"The signature of {line} was not checked." for line in strangers]
        checkpoint = parse_body(signed)
        if key is not None and checkpoint.origin != key.name:
            raise NoteError(f"It is of the log {checkpoint.origin}, not of {key.name}.")
        self.checkpoint = checkpoint
        return checkpoint


def judge(check: Callable[[Findings], str], key: VerifierKey | None, clock: Clock | None) -> Report:
    """Run a check and say how it ended.

    `check` gathers findings and returns the sentence for a clean outcome, or raises `Tampered` or
    `CannotTell`. Without a pinned key the best outcome is that it cannot be told.
    """
    clock = clock or SystemClock()
    started_ns = clock.monotonic_ns()
    findings = Findings()
    verdict: Verdict = "clean"
    try:
        reason = check(findings)
        if key is None:
            verdict, reason = "cannot_tell", _UNPINNED
    except Tampered as error:
        verdict, reason, findings.position = "tampered", str(error), error.position
    except CannotTell as error:
        verdict, reason = "cannot_tell", str(error)
    head = findings.checkpoint
    return Report(
        verdict=verdict,
        reason=reason,
        position=findings.position,
        entries=findings.entries,
        bytes_hashed=findings.bytes_hashed,
        seconds=(clock.monotonic_ns() - started_ns) / NS_PER_SECOND,
        size=head.size if head else None,
        root=base64.b64encode(head.root).decode() if head else None,
        notes=tuple(findings.notes),
    )
