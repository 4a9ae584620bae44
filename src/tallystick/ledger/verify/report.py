"""What the verifier answers: clean, tampered, or that it cannot tell, and why."""

import base64
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock, SystemClock, rfc3339
from tallystick.errors import Corrupt, PermanentError
from tallystick.ledger.checkpoint import (
    Checkpoint,
    NoteError,
    SignatureLine,
    SignatureType,
    parse_body,
    split_note,
    verify_note,
)
from tallystick.ledger.verify.trust import Trust
from tallystick.ledger.witness.policy import Policy

Verdict = Literal["clean", "tampered", "cannot_tell"]

_UNPINNED = (
    "Everything agrees with itself, but no key is pinned, and anybody can make such a thing with a"
    " key of their own. Pin the ledger's key, from a source you trust: --vkey 'NAME+ID+KEY'."
)
_YEAR_10000_SECONDS = 253_402_300_800
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
        self._raw = 0
        self.checkpoint: Checkpoint | None = None
        self.notes: list[str] = []

    def add_entries(self, entries: Sequence[bytes]) -> None:
        """Count entries that were hashed again."""
        self.entries += len(entries)
        self.bytes_hashed += sum(map(len, entries))
        self._raw += sum(map(is_raw, entries))

    def all_notes(self) -> tuple[str, ...]:
        """The notes, and how many of the entries are not Tallystick's."""
        if not self._raw:
            return tuple(self.notes)
        raw = f"{self._raw} of the entries are raw bytes: only the bytes are proved."
        return (*self.notes, raw)

    def open_checkpoint(self, text: str | bytes, trust: Trust) -> Checkpoint:
        """Keep the checkpoint in this note, where it is one that `trust` accepts.

        With no key at all, whatever is a checkpoint is accepted. With some, one of them must have
        signed it for its own log, and none of their signatures may fail.

        Raises:
            NoteError: it is no signed checkpoint, or no pinned key signed it.
            CannotTell: too few of the witnesses that are demanded signed it.
        """
        checkpoint, strangers = _open(text, trust)
        if trust.witnesses is not None:
            strangers = self._require_witnesses(text, trust.witnesses, strangers)
        self.notes += [f"The signature of {line} was not checked." for line in strangers]
        self.checkpoint = checkpoint
        return checkpoint

    def _require_witnesses(
        self, text: str | bytes, policy: Policy, strangers: Sequence[SignatureLine]
    ) -> Sequence[SignatureLine]:
        """See that the quorum cosigned; the signatures that nobody checked even so."""
        standing = policy.satisfied(text)
        if not standing.quorum:
            missing = ", ".join(standing.missing)
            raise CannotTell(f"Too few witnesses cosigned the checkpoint: missing are {missing}.")
        for name, time in zip(standing.witnesses, standing.times, strict=True):
            self.notes.append(f"The witness {name} cosigned the checkpoint at {_when(time)}.")
        known = {(each.key.name, each.key.key_id) for each in policy.witnesses}
        return [line for line in strangers if (line.name, line.key_id) not in known]

    def open_older(self, text: str | bytes | None, trust: Trust) -> Checkpoint | None:
        """An older checkpoint that the user kept, if he did.

        Raises:
            CannotTell: it is none that a pinned key signed.
        """
        if text is None:
            return None
        try:
            return _open(text, trust)[0]
        except NoteError as error:
            raise CannotTell(f"The older checkpoint proves nothing. {error}") from error


def _open(text: str | bytes, trust: Trust) -> tuple[Checkpoint, Sequence[SignatureLine]]:
    """The checkpoint, and the signatures that nobody checked."""
    if not trust:
        return parse_body(split_note(text)[0]), ()
    note = verify_note(text, trust.keys)
    checkpoint = parse_body(note.text)
    logs = [key.name for key in note.keys if key.signature_type is SignatureType.ED25519]
    if checkpoint.origin not in logs:
        signers = ", ".join(logs) or "a log"
        raise NoteError(f"It is of the log {checkpoint.origin}, not of {signers}.")
    return checkpoint, note.unknown


def _when(unix_seconds: int) -> str:
    """A witness's time for a person; what no calendar holds stays a number."""
    far = unix_seconds >= _YEAR_10000_SECONDS
    return f"second {unix_seconds}" if far else rfc3339(unix_seconds * NS_PER_SECOND)


def is_raw(entry: bytes) -> bool:
    """Whether these bytes cannot be an entry of ours, all of which are JSON objects.

    A load test puts such bytes into a ledger; another program's log may be full of them.
    """
    return not entry.startswith(b"{")


def judge(check: Callable[[Findings], str], trust: Trust, clock: Clock | None) -> Report:
    """Run a check and say how it ended.

    `check` gathers findings and returns the sentence for a clean outcome, or raises `Tampered` or
    `CannotTell`. Where nobody is trusted the best outcome is that it cannot be told.
    """
    clock = clock or SystemClock()
    started_ns = clock.monotonic_ns()
    findings = Findings()
    verdict: Verdict = "clean"
    try:
        reason = check(findings)
        if not trust:
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
        notes=findings.all_notes(),
    )
