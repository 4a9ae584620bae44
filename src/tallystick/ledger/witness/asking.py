"""One witness of a policy, asked over HTTP: what it says is bounded, verified, and not believed.

Between two questions only that is kept which may be forgotten: how far the witness is, and whether
it fails. One that fails is left alone for a while, longer each time; each change of its state is
one log line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
import structlog

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Refused, TallystickError
from tallystick.ledger.checkpoint import Checkpoint, NoteError, signature_line
from tallystick.ledger.vkey import time_of
from tallystick.ledger.witness.policy import WitnessLine
from tallystick.ledger.witness.protocol import (
    ANSWER_BYTES_MAX,
    PATH,
    SIZE_TYPE,
    TEXT_TYPE,
    AddCheckpoint,
    encode_request,
    parse_cosignatures,
    parse_size,
)

BACKOFF_SECONDS = 1.0
"""How long a witness is left alone after its first failure; doubled with each further one."""
BACKOFF_SECONDS_MAX = 60.0
_DOUBLINGS_MAX = 6
_EXCERPT_BYTES = 200

ConsistencyProof = Callable[[int, int], Sequence[bytes]]
"""(old size, new size) -> the hashes of RFC 6962 section 2.1.2; asked for 0 < old <= new only."""

_log = structlog.get_logger("ledger")


class NotCosigned(Exception):  # noqa: N818  caught by the cosigner, never seen by others
    """The witness did not cosign; the message is the reason."""


@dataclass(frozen=True)
class Question:
    """The checkpoint that is to be cosigned: its note, the text in it, and what proves it."""

    note: str
    text: str
    checkpoint: Checkpoint
    consistency_proof: ConsistencyProof


class Asked:
    """A witness that has an address, and what is known of it."""

    def __init__(self, witness: WitnessLine) -> None:
        """Nothing is known yet.

        Raises:
            Refused: `BAD_POLICY`, its address is not one of HTTP.
        """
        self.name = witness.name
        self.reason: str | None = None
        """Why it did not cosign last time."""
        self.rest_until_ns = 0
        """Not to be asked before, of the clock that never goes back."""
        self._key = witness.key
        self._url = _address(witness)
        self._size = 0
        """The size that it cosigned last, as far as is known."""
        self._failures = 0
        """In a row."""
        self._met = False
        """Whether anything was ever said of it."""

    def cosigned(self, size: int, *, timely: bool) -> None:
        """It did; what came too late is no reason yet to call it well."""
        self._size, self._failures = size, 0
        if not timely:
            return
        if self.reason is not None or not self._met:
            facts = {"witness.name": self.name, "ledger.size": size}
            _log.info("ledger.witness_cosigned", **facts)
        self.reason, self._met = None, True

    def failed(self, reason: str, now_ns: int) -> None:
        """It did not: leave it alone for a while."""
        seconds = BACKOFF_SECONDS * 2 ** min(self._failures, _DOUBLINGS_MAX)
        self.rest_until_ns = now_ns + round(min(seconds, BACKOFF_SECONDS_MAX) * NS_PER_SECOND)
        self._failures += 1
        self.missed(reason)

    def missed(self, reason: str) -> None:
        """It did not, which may not be its fault."""
        if reason != self.reason:
            _log.warning("ledger.witness_failed", **{"witness.name": self.name}, body=reason)
        self.reason, self._met = reason, True

    async def ask(self, client: httpx.AsyncClient, question: Question) -> str:
        """Its signature line, seen to verify.

        Raises:
            NotCosigned: there is none; the message says why.
        """
        size = question.checkpoint.size
        try:
            status, kind, answer = await self._post(client, question, min(self._size, size))
            if status == httpx.codes.CONFLICT and kind == SIZE_TYPE:
                self._size = _size_told(answer, size)
                status, _, answer = await self._post(client, question, self._size)
            if status != httpx.codes.OK:
                raise NotCosigned(f"It answered {status}: {_excerpt(answer)}.")
            return self._line_in(answer, question.text)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise NotCosigned(f"It could not be reached: {why}.") from error
        except NoteError as error:
            raise NotCosigned(f"Its answer cannot be read: {error}") from error

    async def _post(
        self, client: httpx.AsyncClient, question: Question, old: int
    ) -> tuple[int, str, bytes]:
        """Status, content type and body of its answer."""
        request = AddCheckpoint(old, _proof(question, old), question.note)
        async with client.stream(
            "POST",
            self._url,
            content=encode_request(request),
            headers={"Content-Type": TEXT_TYPE},
        ) as response:
            answer = b""
            # Raw: nothing is unpacked, so a small answer cannot become a large one.
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > ANSWER_BYTES_MAX:
                    raise NotCosigned(f"Its answer is longer than {ANSWER_BYTES_MAX} bytes.")
            return response.status_code, response.headers.get("content-type", ""), answer

    def _line_in(self, answer: bytes, text: str) -> str:
        """The line that is its own; lines of other keys are nothing."""
        for found in parse_cosignatures(answer):
            if (found.name, found.key_id) == (self._key.name, self._key.key_id):
                if time_of(found.signature) and self._key.verify(text.encode(), found.signature):
                    return signature_line(found.name, found.key_id, found.signature)
                raise NotCosigned("Its signature does not verify.")
        raise NotCosigned("Its answer has no signature of its key.")


def _proof(question: Question, old: int) -> tuple[bytes, ...]:
    if old == 0:
        return ()
    try:
        return tuple(question.consistency_proof(old, question.checkpoint.size))
    except TallystickError as error:
        raise NotCosigned(f"We have no proof for it: {error}") from error


def _size_told(answer: bytes, size: int) -> int:
    known = parse_size(answer)
    if known > size:
        raise NotCosigned(
            f"It has cosigned {known} entries of this ledger already, and these are {size}. Unless"
            " somebody else publishes it too, entries were lost or the key is used twice."
        )
    return known


def _address(witness: WitnessLine) -> str:
    """Where the witness takes checkpoints."""
    try:
        url = httpx.URL(witness.url or "")
    except httpx.InvalidURL as error:
        raise Refused("BAD_POLICY", f"The address of {witness.name!r} is none: {error}.") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused("BAD_POLICY", f"The address of {witness.name!r} is not http:// or https://.")
    return f"{str(url).rstrip('/')}{PATH}"


def _excerpt(answer: bytes) -> str:
    """The beginning of what a stranger said, fit for a log line."""
    return ascii(answer[:_EXCERPT_BYTES].decode("utf-8", "replace").strip())
