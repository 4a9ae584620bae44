"""Bearer tokens (RFC 6750): a file of their SHA-256 hashes, never the tokens themselves.

The tokens are 192 random bits, so a plain hash is enough: there is nothing to guess. Whoever
issues or revokes one does it in the file; a running server sees the changed file.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from tallystick.access.principal import Principal, Scope
from tallystick.clock import Clock
from tallystick.durable import replace_file
from tallystick.errors import Misconfigured, Refused
from tallystick.ids import new_secret

TOKEN_PREFIX = "tally"  # noqa: S105  recognisable in a leak, no secret
_SCHEME = "bearer "
_CHARACTERS_MAX = 200

HEADERS_KEPT_MAX = 10_000
"""Headers that were found valid, kept in memory: a hash each request would be felt."""
LOOK_NS = 100_000_000
"""How long a revoked token may still be taken: nanoseconds between looks at the file."""
ID_CHARACTERS = 12
"""Characters of a token's hash that name it in lists: 48 bits."""


class TokenRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One token as the file keeps it; files of before, without the later members, stay readable."""

    sha256: str
    name: str
    account: str
    scopes: tuple[Scope, ...]
    indexes: tuple[str, ...] | None = None
    """The only indexes of log lines that it may write to and read from, the one for lines that
    name none first; None: any."""
    disabled: bool = False
    """Whether it is nobody's for the time being; a revoked one is gone."""

    @property
    def id(self) -> str:
        """What names the token without showing it: the beginning of its hash."""
        return self.sha256[:ID_CHARACTERS]

    @property
    def principal(self) -> Principal:
        """Who shows this token."""
        indexes = None if self.indexes is None else frozenset(self.indexes)
        return Principal(self.name, self.account, frozenset(self.scopes), indexes, self.id)


class Tokens:
    """Knows who a token belongs to; one JSON file, readable by its owner only."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        """With a `clock` the file is not looked at for every request, only each `LOOK_NS`.

        Raises:
            Misconfigured: the file cannot be read as tokens.
        """
        self._path = path
        self._clock = clock
        self._look_ns = 0
        """When it is time for the next look."""
        self._records: dict[str, TokenRecord] = {}
        self._principals: dict[str, Principal] = {}
        self._headers: dict[str | None, Principal] = {}
        self._seen: tuple[int, int, int] | None = None
        """What told the file apart when it was last read: every save makes a new one."""
        self._refresh()

    def issue(
        self,
        name: str,
        account: str,
        scopes: tuple[Scope, ...],
        indexes: tuple[str, ...] | None = None,
    ) -> str:
        """A new token; only its hash is kept, so this is the only time it can be read."""
        token = new_secret(TOKEN_PREFIX)
        record = TokenRecord(_hash(token), name, account, scopes, indexes)
        with self._changing():
            self._save([*self._records.values(), record])
        return token

    def records(self) -> list[TokenRecord]:
        """Every token that was not revoked, disabled ones too, oldest first."""
        self._refresh()
        return list(self._records.values())

    def revoke(self, named: str) -> TokenRecord:
        """Make a token invalid, named by its id or by itself; what it was.

        Raises:
            Refused: `UNKNOWN_TOKEN`.
        """
        with self._changing():
            record = self._named(named)
            self._save([each for each in self._records.values() if each != record])
        return record

    def switch(self, named: str, *, disabled: bool) -> TokenRecord:
        """Make a token invalid for the time being, or valid again; what it is now.

        Raises:
            Refused: `UNKNOWN_TOKEN`.
        """
        with self._changing():
            record = self._named(named)
            changed = msgspec.structs.replace(record, disabled=disabled)
            records = self._records.values()
            self._save([changed if each == record else each for each in records])
        return changed

    def knows(self, token: str) -> bool:
        """Whether this token is valid."""
        self._refresh()
        return _hash(token) in self._principals

    def find(self, token: str) -> TokenRecord | None:
        """What is kept of a token, disabled or not; None for one that is nobody's.

        Raises:
            Misconfigured: somebody damaged the file.
        """
        if self._is_due():
            self._refresh()
        found = self._records.get(_hash(token))
        if found is None and self._clock is not None:
            self._refresh()  # it may have been issued a moment ago
            found = self._records.get(_hash(token))
        return found

    def principal(self, authorization: str | None) -> Principal:
        """Whoever the `Authorization` header belongs to.

        Raises:
            Refused: `UNAUTHENTICATED`.
            Misconfigured: somebody damaged the file; nobody is known until it is mended.
        """
        known = self._headers.get(authorization)
        if known is not None and not self._is_due():
            return known
        self._refresh()
        known = self._headers.get(authorization)
        if known is not None:
            return known
        if authorization is None:
            raise Refused("UNAUTHENTICATED", "Send your token: Authorization: Bearer <token>.")
        scheme, token = authorization[: len(_SCHEME)], authorization[len(_SCHEME) :].strip()
        if scheme.lower() != _SCHEME or not token or len(token) > _CHARACTERS_MAX:
            raise Refused("UNAUTHENTICATED", "Send your token: Authorization: Bearer <token>.")
        found = self._principals.get(_hash(token))
        if found is None and _hash(token) in self._records:
            raise Refused("UNAUTHENTICATED", "This token is disabled.")
        if found is None:
            raise Refused("UNAUTHENTICATED", "This token is not known; it may have been replaced.")
        if len(self._headers) < HEADERS_KEPT_MAX:
            self._headers[authorization] = found
        return found

    def _named(self, named: str) -> TokenRecord:
        hashed = _hash(named)
        for record in self._records.values():
            if record.sha256 == hashed or record.id == named:
                return record
        raise Refused("UNKNOWN_TOKEN", "There is no such token; it may have been revoked before.")

    def _is_due(self) -> bool:
        """Whether it is time to look at the file again."""
        if self._clock is None:
            return True
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._look_ns:
            return False
        self._look_ns = now_ns + LOOK_NS
        return True

    def _refresh(self) -> None:
        """Read the file again where it is another than before; one `stat` where it is not."""
        try:
            stat = os.stat(self._path)  # noqa: PTH116  requests wait for it: twice as fast
            now = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except FileNotFoundError:
            now = None
        if now != self._seen:
            self._read()
            self._seen = now

    def _read(self) -> None:
        self._records.clear()
        self._principals.clear()
        self._headers.clear()
        try:
            records = msgspec.json.decode(self._path.read_bytes(), type=list[TokenRecord])
        except FileNotFoundError:
            return
        except msgspec.DecodeError as error:
            raise Misconfigured(f"{self._path} does not hold tokens: {error}") from error
        for record in records:
            self._records[record.sha256] = record
            if not record.disabled:
                self._principals[record.sha256] = record.principal

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time, by whichever process, on the newest file."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            self._refresh()
            yield
            self._refresh()
        finally:
            os.close(folder)  # and with it the lock

    def _save(self, records: list[TokenRecord]) -> None:
        replace_file(self._path, msgspec.json.format(msgspec.json.encode(records)))


def token_id(token: str) -> str:
    """The id of a token: the beginning of its hash."""
    return _hash(token)[:ID_CHARACTERS]


def _hash(token: str) -> str:
    # A header may hold anything; what is no text is simply nobody's token.
    return sha256(token.encode(errors="surrogatepass")).hexdigest()
