"""Data keys of natural persons: one a subject, wrapped, and destroyed when the subject is erased.

What is recorded about a subject is sealed under a data key of its own (AES-256-GCM, NIST SP
800-38D). The data keys lie in `subjects.db`, each wrapped under the key-encryption key in
`subjects.key`. Destroying the data key erases all that was sealed under it, wherever its
ciphertext was copied to.

So that destroyed means destroyed, the file is handled with care:

- A wrapped key is overwritten in place, and its row stays as a tombstone: a subject that was erased
  never gets another key. Rows are only ever added at the end and keep their size, so SQLite never
  moves one and leaves no copy in the slack of a page; `secure_delete` is on besides.
- The journal is deleted with each transaction, and its folder flushed (`synchronous=EXTRA`): a
  power cut does not bring a destroyed key back. No write-ahead log keeps old pages.
- `VACUUM` is never run: it would only write the living keys once more, into a temporary file.

What is out of our hands: blocks that the file system or the disk has freed and not yet reused, and
backups of this folder. Both hold at most wrapped keys, which are nothing without `subjects.key`.
"""

import base64
import secrets
from pathlib import Path
from typing import cast

import apsw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tallystick.durable import transaction
from tallystick.errors import Corrupt, Misconfigured, PermanentError, TemporaryError
from tallystick.keys.file import make_private

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
BUSY_MS_MAX = 5_000
"""How long to wait for another process that uses the same keys."""

_KEK_PREFIX = "TALLYSTICK+SUBJECT+KEK+"
_VERSION = 1
_SCHEMA = Path(__file__).with_name("subjects.sql")
_WRAPPED = "SELECT number, wrapped FROM subject_keys WHERE subject = ?"
_ADD = "INSERT INTO subject_keys (subject, wrapped) VALUES (?, ?)"
_DESTROY = "UPDATE subject_keys SET wrapped = zeroblob(length(wrapped)) WHERE subject = ?"
_BURY = "INSERT INTO subject_keys (subject, wrapped) VALUES (?, zeroblob(?))"
_PROGRESS = "SELECT position FROM progress"
_ADVANCE = "UPDATE progress SET position = ?"
_TOMBSTONE = bytes(WRAPPED_BYTES)


class KeyDestroyed(PermanentError):  # noqa: N818  a name says what happened
    """The subject was erased: its data key does not exist any more, and never will again."""


class SubjectKeys:
    """Seals and opens under the keys of subjects; used from one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Open or make `subjects.key` and `subjects.db` in `folder`, which becomes 0700 if new.

        Raises:
            Misconfigured: the key-encryption key is not the one that the data keys were wrapped
                under, others can read it, or it is missing while there are data keys.
            PermanentError: a newer Tallystick wrote the file.
            Corrupt: the file is damaged.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / "subjects.db"
        self._kek = AESGCM(_open_kek(folder / "subjects.key", used=path.exists()))
        try:
            self._connection = _connect(path)
            self._prepare()
        except apsw.Error as error:
            raise _explained(error) from error

    def seal(self, subject: str, plaintexts: list[tuple[bytes, bytes]]) -> list[bytes]:
        """Each (plaintext, associated data) sealed under the subject's key: nonce and ciphertext.

        The first call for a subject makes its key, which is durable before anything is sealed.

        Raises:
            KeyDestroyed: it had a key once.
            TemporaryError: the key cannot be kept right now.
        """
        key = AESGCM(self._key(subject) or self._new_key(subject))
        nonces = [secrets.token_bytes(NONCE_BYTES) for _ in plaintexts]
        return [
            nonce + key.encrypt(nonce, plain, associated)
            for nonce, (plain, associated) in zip(nonces, plaintexts, strict=True)
        ]

    def open(self, subject: str, sealed: list[tuple[bytes, bytes]]) -> list[bytes]:
        """What each (sealed bytes, associated data) was made of.

        Raises:
            KeyDestroyed: the key was destroyed.
            Corrupt: there is no such key, or it did not seal these bytes for this place.
        """
        key = self._key(subject)
        if key is None:
            raise Corrupt(f"There is no data key of subject {subject}.")
        cipher = AESGCM(key)
        try:
            return [
                cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], associated)
                for data, associated in sealed
            ]
        except (InvalidTag, ValueError) as error:
            raise Corrupt(f"What is kept of subject {subject} was changed or moved.") from error

    def destroy(self, subjects: list[str], upto: int) -> None:
        """Destroy these subjects' keys for ever: on return no crash brings them back.

        `upto`: all erasures before this position of the ledger are carried out with these. To
        destroy again what is destroyed changes nothing.

        Raises:
            TemporaryError: nothing was done.
        """
        try:
            with transaction(self._connection):
                for subject in subjects:
                    self._connection.execute(_DESTROY, (subject,))
                    if not self._connection.changes():
                        self._connection.execute(_BURY, (subject, WRAPPED_BYTES))
                self._connection.execute(_ADVANCE, (upto,))
        except apsw.Error as error:
            raise _explained(error) from error

    @property
    def position(self) -> int:
        """Erasures before this position of the ledger are carried out here.

        It lies in the same file as the keys: a backup that is put back says itself how old it is.
        """
        try:
            return int(self._connection.execute(_PROGRESS).get)
        except apsw.Error as error:
            raise _explained(error) from error

    def close(self) -> None:
        """Let go of the file; nothing may be called afterwards."""
        self._connection.close()

    def _key(self, subject: str) -> bytes | None:
        try:
            row = self._connection.execute(_WRAPPED, (subject,)).fetchone()
        except apsw.Error as error:
            raise _explained(error) from error
        if row is None:
            return None
        wrapped = cast("bytes", row[1])
        if wrapped == _TOMBSTONE:
            raise KeyDestroyed
        try:
            return self._unwrap(wrapped, subject)
        except InvalidTag as error:
            raise Corrupt(f"The data key of subject {subject} is damaged.") from error

    def _new_key(self, subject: str) -> bytes:
        key = AESGCM.generate_key(KEY_BYTES * 8)
        try:
            with transaction(self._connection):
                self._connection.execute(_ADD, (subject, self._wrap(key, subject)))
        except apsw.ConstraintError:  # another process was first: its key is the one
            return self._key(subject) or self._new_key(subject)
        except apsw.Error as error:
            raise _explained(error) from error
        return key

    def _wrap(self, key: bytes, subject: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._kek.encrypt(nonce, key, _associated(subject))

    def _unwrap(self, wrapped: bytes, subject: str) -> bytes:
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        return self._kek.decrypt(nonce, sealed, _associated(subject))

    def _prepare(self) -> None:
        """The schema, and proof that this is the key-encryption key the data keys belong to."""
        with transaction(self._connection):
            version = int(self._connection.execute("PRAGMA user_version").get)
            if version > _VERSION:
                raise PermanentError("The keys of subjects were written by a newer Tallystick.")
            if version == 0:
                self._connection.execute(_SCHEMA.read_text())
                self._connection.execute(
                    "INSERT INTO progress (position, proof) VALUES (0, ?)",
                    (self._wrap(bytes(KEY_BYTES), ""),),
                )
                self._connection.execute(f"PRAGMA user_version={_VERSION}")
        proof = cast("bytes", self._connection.execute("SELECT proof FROM progress").get)
        try:
            self._unwrap(proof, "")
        except InvalidTag as error:
            raise Misconfigured(
                "keys/subjects.key is not the key that keys/subjects.db was made with; put the"
                " right one back. Without it what was recorded of subjects cannot be read."
            ) from error


def new_blind(size: int) -> bytes:
    """Random bytes to hide a value behind."""
    return secrets.token_bytes(size)


def _associated(subject: str) -> bytes:
    return b"tallystick subject key v1\n" + subject.encode()


def _open_kek(path: Path, *, used: bool) -> bytes:
    if not path.exists():
        if used:
            raise Misconfigured(
                f"{path} is missing; put it back. Without it what was recorded of subjects cannot"
                " be read."
            )
        key = base64.b64encode(AESGCM.generate_key(KEY_BYTES * 8)).decode()
        make_private(path, f"{_KEK_PREFIX}{key}\n")
    if path.stat().st_mode & 0o077:
        raise Misconfigured(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        line = path.read_bytes().decode("ascii").strip()
        key_bytes = base64.b64decode(line.removeprefix(_KEK_PREFIX), validate=True)
    except ValueError as error:
        raise Misconfigured(f"{path} does not hold a key-encryption key.") from error
    if not line.startswith(_KEK_PREFIX) or len(key_bytes) != KEY_BYTES:
        raise Misconfigured(f"{path} does not hold a key-encryption key.")
    return key_bytes


def _connect(path: Path) -> apsw.Connection:
    path.touch(mode=0o600)
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_MS_MAX)
    connection.execute(
        "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; PRAGMA secure_delete=ON;"
        "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
    ).fetchall()
    return connection


def _explained(error: apsw.Error) -> TemporaryError | PermanentError:
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Corrupt(f"The keys of subjects are damaged: {error}.")
    return TemporaryError(f"The keys of subjects cannot be used right now: {error}.")
