"""The witness itself: never signs two checkpoints of one log that do not extend each other.

`admit` and `decide` are pure. `Witness` puts them together with a signer, a clock and a memory
behind the port `Heads`; it knows no HTTP. The statuses are those of C2SP tlog-witness.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Refused
from tallystick.ledger.checkpoint import (
    Checkpoint,
    NoteError,
    VerifierKey,
    parse_body,
    signed_text,
    verify_note,
)
from tallystick.ledger.checkpoint import body as text_of
from tallystick.ledger.merkle import EMPTY_ROOT, ProofError, verify_consistency
from tallystick.ledger.vkey import SignatureType
from tallystick.ledger.witness.cosignature import cosign, witness_key
from tallystick.ledger.witness.protocol import (
    SIZE_TYPE,
    TEXT_TYPE,
    encode_cosignatures,
    encode_size,
    parse_request,
)

if TYPE_CHECKING:
    from tallystick.keys import Signer

Logs = Mapping[str, Sequence[VerifierKey]]
"""The keys that are trusted for each origin; a log that changes its key has several."""


class Head(msgspec.Struct, frozen=True):
    """The newest checkpoint that was cosigned for a log; `note` is kept as evidence."""

    size: int
    root: bytes
    note: str = ""


class Submission(msgspec.Struct, frozen=True):
    """A request whose log is known and whose log signature held."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: str


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of a submission; `size` is what a stale client is told."""

    status: HTTPStatus
    reason: str
    size: int = 0


class Answer(msgspec.Struct, frozen=True):
    """What the client gets; the rest is for the witness's own log.

    `reason` is a sentence for a person. `submission` is there once the log's signature held, and
    `known` is the head that it was compared with.
    """

    status: HTTPStatus
    body: str
    reason: str
    content_type: str = TEXT_TYPE
    submission: Submission | None = None
    known: Head | None = None


class Slot:
    """The place of one log's head while nobody else may look at it or change it."""

    def __init__(self, head: Head | None) -> None:
        self.head = head


class Heads(Protocol):
    """The witness's memory: losing or rolling back any of it makes the witness worthless."""

    def locked(self, origin: str) -> AbstractContextManager[Slot]:
        """Keep everybody else off this log's head, in any process, until the block ends.

        A head that was put into the slot is durable when the block has ended. When the block or
        its end raises, nothing was stored, or it cannot be known; then nothing may be signed.

        Raises:
            TemporaryError: the memory cannot be used right now.
            Corrupt: it is damaged.
        """
        ...

    def sizes(self) -> dict[str, int]:
        """The size of the head of each log that has one, by origin."""
        ...


class MemoryHeads:
    """Heads that end with the process: for simulations and tests, never for a real witness."""

    def __init__(self) -> None:
        self.heads: dict[str, Head] = {}
        self._lock = threading.Lock()

    @contextmanager
    def locked(self, origin: str) -> Iterator[Slot]:
        """One thread at a time."""
        with self._lock:
            slot = Slot(self.heads.get(origin))
            yield slot
            if slot.head is not None:
                self.heads[origin] = slot.head

    def sizes(self) -> dict[str, int]:
        """The size of each head."""
        return {origin: head.size for origin, head in self.heads.items()}


def logs_of(keys: Sequence[VerifierKey]) -> Logs:
    """The logs that these keys sign for: a log key's name is the log's origin.

    Raises:
        Refused: `BAD_VKEY`, one of them is no log's key, or two cannot be told apart.
    """
    logs: dict[str, list[VerifierKey]] = {}
    for key in dict.fromkeys(keys):
        if key.signature_type is not SignatureType.ED25519:
            raise Refused("BAD_VKEY", f"{key} is the key of a witness, not of a log.")
        if key.key_id in (other.key_id for other in logs.get(key.name, ())):
            raise Refused("BAD_VKEY", f"Two keys of {key.name} have the id {key.key_id.hex()}.")
        logs.setdefault(key.name, []).append(key)
    return logs


def admit(logs: Logs, request: bytes) -> Submission | Verdict:
    """The submission in a request's body, once its log is known and has signed it.

    Needs no memory: 400, 404 and 403 are said here. A signature line that cannot be read is a
    signature that does not verify: 403.
    """
    try:
        parsed = parse_request(request)
        checkpoint = parse_body(signed_text(parsed.note))
    except NoteError as error:
        return Verdict(HTTPStatus.BAD_REQUEST, str(error))
    if checkpoint.origin not in logs:
        return Verdict(HTTPStatus.NOT_FOUND, "This log is not watched here.")
    try:
        verify_note(parsed.note, logs[checkpoint.origin])
    except NoteError as error:
        return Verdict(HTTPStatus.FORBIDDEN, str(error))
    if parsed.old > checkpoint.size:
        return Verdict(
            HTTPStatus.BAD_REQUEST,
            f"The old size {parsed.old} is larger than the checkpoint's, {checkpoint.size}.",
        )
    return Submission(parsed.old, parsed.proof, checkpoint, parsed.note)


def decide(head: Head | None, submission: Submission) -> tuple[Verdict, Head | None]:
    """Whether the checkpoint may be cosigned, and what is to be remembered from then on.

    `head` is what was cosigned last for this log. The head that is given back must be durable
    before anything is signed.
    """
    checkpoint = submission.checkpoint
    known = head.size if head else 0
    if submission.old != known:
        reason = f"The newest checkpoint cosigned here is of size {known}, not {submission.old}."
        return Verdict(HTTPStatus.CONFLICT, reason, known), head
    try:
        _require_extension(head, submission)
    except ProofError as error:
        return Verdict(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)), head
    verdict = Verdict(HTTPStatus.OK, "The checkpoint extends the one before.", checkpoint.size)
    if head and head.size == checkpoint.size:
        return verdict, head
    return verdict, Head(checkpoint.size, checkpoint.root, submission.note)


def _require_extension(head: Head | None, submission: Submission) -> None:
    """The submitted tree begins with the known one; the empty tree is the beginning of all."""
    size, root = submission.checkpoint.size, submission.checkpoint.root
    if size == 0 and root != EMPTY_ROOT:
        raise ProofError("The tree of size 0 has another root.")
    if submission.old == 0:
        if submission.proof:
            raise ProofError("A proof from the empty tree is empty.")
        return
    assert head is not None, "an old size above 0 is that of a head"  # noqa: S101
    verify_consistency(
        size1=head.size, size2=size, proof=submission.proof, root1=head.root, root2=root
    )


class Witness:
    """Answers requests to cosign; may be called from several threads at once."""

    def __init__(self, signer: "Signer", logs: Logs, heads: Heads, clock: Clock) -> None:
        """Watch these logs.

        Raises:
            Refused: `BAD_VKEY`, the signer's name cannot be used.
        """
        self.key = witness_key(signer)
        self.logs = logs
        self._signer = signer
        self._heads = heads
        self._clock = clock

    def add_checkpoint(self, request: bytes) -> Answer:
        """The answer to the body of `POST /add-checkpoint`; waits for the disk.

        Raises:
            TemporaryError, Corrupt: the memory failed; nothing was signed.
        """
        submission = admit(self.logs, request)
        if isinstance(submission, Verdict):
            return _refusal(submission)
        checkpoint = submission.checkpoint
        with self._heads.locked(checkpoint.origin) as slot:
            known = slot.head
            # The time belongs to this moment: later another request may have brought more.
            time = self._clock.now_ns() // NS_PER_SECOND
            verdict, slot.head = decide(known, submission)
        if verdict.status is not HTTPStatus.OK:
            return _refusal(verdict, submission, known)
        # What was understood is signed, not what was sent: they are the same, or the line is void.
        lines = encode_cosignatures([cosign(self._signer, text_of(checkpoint), time)])
        return Answer(verdict.status, lines, verdict.reason, submission=submission, known=known)

    def sizes(self) -> dict[str, int]:
        """The newest size cosigned for each watched log; 0 where there is none."""
        known = self._heads.sizes()
        return {origin: known.get(origin, 0) for origin in self.logs}


def _refusal(
    verdict: Verdict, submission: Submission | None = None, known: Head | None = None
) -> Answer:
    body, content_type = f"{verdict.reason}\n", TEXT_TYPE
    if verdict.status is HTTPStatus.CONFLICT:
        body, content_type = encode_size(verdict.size), SIZE_TYPE
    return Answer(verdict.status, body, verdict.reason, content_type, submission, known)
