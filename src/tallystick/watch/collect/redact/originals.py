"""What was taken out of log lines, sealed: read again only by whoever may, and then on record.

Originals are sealed under data keys of the `keys` room (AES-256-GCM), one a month, in a folder of
their own. To destroy a month's key is to destroy all that was sealed in it, wherever copies are.
"""

import base64
import hmac
import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from tallystick.clock import Clock, parse_rfc3339, rfc3339
from tallystick.errors import Corrupt, Refused
from tallystick.keys.file import make_private
from tallystick.keys.subjects import KeyDestroyed, SubjectKeys, new_blind
from tallystick.watch.collect.redact.outcome import SEALED_FIELD

_FORM = "v1"
_MONTH = slice(0, 7)
_SUBJECT = "log-originals/"
_JOINING = "log-pseudonyms"
_JOINING_FILE = "pseudonyms.sealed"
_KEY_BYTES = 32
_DIGEST_CHARACTERS = 12
"""Of a pseudonym, 48 bits: two addresses in a million share one by a chance of one to 500."""


class _Identity(msgspec.Struct):
    """What a line is known by; it stays the same wherever the line is kept."""

    timestamp: object = None
    event_name: object = None


class _Sealed(msgspec.Struct):
    seals: object = msgspec.field(default=None, name=SEALED_FIELD)


class Originals:
    """Seals and opens what was taken out; from any thread, one at a time."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Open or make the keys in `folder`.

        Raises:
            Misconfigured, Corrupt, PermanentError: they cannot be used.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._keys = SubjectKeys(folder)
        self._joining = self._joining_key(folder / _JOINING_FILE)

    def pseudonym(self, text: str) -> str:
        """`email:` and a keyed digest (HMAC-SHA-256, cut): equal texts have equal ones."""
        digest = hmac.digest(self._joining, text.encode("utf-8", "surrogatepass"), "sha256")
        return f"email:{digest.hex()[:_DIGEST_CHARACTERS]}"

    def seal(self, identity: bytes, originals: Mapping[str, object]) -> str:
        """The originals, by JSON pointer, as the text of `log.sealed` of the line known by this.

        Raises:
            TemporaryError: the key cannot be kept right now.
            KeyDestroyed: this month's was destroyed already.
        """
        month = rfc3339(self._clock.now_ns())[_MONTH]
        plain = json.dumps(originals, separators=(",", ":")).encode()
        with self._lock:
            [sealed] = self._keys.seal(_SUBJECT + month, [(plain, identity)])
        return f"{_FORM}.{month}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def open(self, line: bytes) -> dict[str, object]:
        """What was taken out of a line, by JSON pointer; of a name, with `#` behind it.

        Raises:
            Refused: `NOT_SEALED`, nothing is kept of the line; `ORIGINALS_DESTROYED`, its key is no
                more.
            Corrupt: the line or what is sealed in it was changed, or another key sealed it.
        """
        seals = _seals(line)
        if not seals:
            raise Refused("NOT_SEALED", "Nothing that was taken out of this line is kept.")
        opened: dict[str, object] = {}
        known = identity(line)
        for seal in seals:
            month, data = _parts(seal)
            opened |= json.loads(self._open(month, data, known))
        return opened

    def destroy(self, month: str) -> None:
        """Nobody can read again what was sealed in a month (`2026-11`); for ever.

        Raises:
            TemporaryError: nothing was done.
        """
        with self._lock:
            self._keys.destroy([_SUBJECT + month], self._keys.position)

    def close(self) -> None:
        """Let go of the keys; nothing may be called afterwards."""
        with self._lock:
            self._keys.close()

    def _open(self, month: str, data: bytes, known: bytes) -> bytes:
        try:
            with self._lock:
                [plain] = self._keys.open(_SUBJECT + month, [(data, known)])
        except KeyDestroyed as error:
            sentence = f"What was sealed in {month} was destroyed for ever."
            raise Refused("ORIGINALS_DESTROYED", sentence) from error
        return plain

    def _joining_key(self, path: Path) -> bytes:
        """The key of pseudonyms: made once, and sealed like the originals."""
        place = path.name.encode()
        if not path.exists():
            [sealed] = self._keys.seal(_JOINING, [(new_blind(_KEY_BYTES), place)])
            make_private(path, base64.b64encode(sealed).decode() + "\n")
        try:
            sealed = base64.b64decode(path.read_text("ascii").strip(), validate=True)
        except ValueError as error:
            raise Corrupt(f"{path} holds no sealed key.") from error
        [key] = self._keys.open(_JOINING, [(sealed, place)])
        return key


def identity(line: bytes) -> bytes:
    """What a seal is bound to: the line's time, to the microsecond, and its event's name."""
    try:
        known = msgspec.json.decode(line, type=_Identity)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        known = _Identity()
    at: object = known.timestamp
    if isinstance(at, str):
        with suppress(ValueError):  # then the text itself
            at = parse_rfc3339(at)
    said = at if isinstance(at, str | int) else None
    name = known.event_name if isinstance(known.event_name, str) else None
    return b"tallystick log originals v1\n" + json.dumps([said, name]).encode()


def is_sealed(line: bytes) -> bool:
    """Whether something that was taken out of the line is kept in it."""
    return bool(_seals(line))


def _seals(line: bytes) -> list[str]:
    try:
        seals = msgspec.json.decode(line, type=_Sealed).seals
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    return seals.split(" ") if isinstance(seals, str) and seals else []


def _parts(seal: str) -> tuple[str, bytes]:
    form, _, rest = seal.partition(".")
    month, _, data = rest.partition(".")
    try:
        if form != _FORM:
            raise Corrupt("What is sealed in this line has a form that is not known.")
        return month, base64.b64decode(data + "=" * (-len(data) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise Corrupt("What is sealed in this line was changed.") from error
