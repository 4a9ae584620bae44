"""Bearer tokens (RFC 6750): a file of their SHA-256 hashes, never the tokens themselves.

The tokens are 192 random bits, so a plain hash is enough: there is nothing to guess.
"""

import os
from hashlib import sha256
from pathlib import Path

import msgspec

from tallystick.access.principal import Principal, Scope
from tallystick.errors import Misconfigured, Refused
from tallystick.ids import new_secret

TOKEN_PREFIX = "tally"  # noqa: S105  recognisable in a leak, no secret
_SCHEME = "bearer "
_CHARACTERS_MAX = 200

HEADERS_KEPT_MAX = 10_000
"""Headers that were found valid, kept in memory: a hash each request would be felt."""


class TokenRecord(msgspec.Struct, frozen=True):
    """One token as the file keeps it."""

    sha256: str
    name: str
    account: str
    scopes: tuple[Scope, ...]


class Tokens:
    """Knows who a token belongs to; one JSON file, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        """Raises `Misconfigured` where the file cannot be read as tokens."""
        self._path = path
        self._records: dict[str, TokenRecord] = {}
        self._principals: dict[str, Principal] = {}
        self._headers: dict[str | None, Principal] = {}
        if path.exists():
            try:
                records = msgspec.json.decode(path.read_bytes(), type=list[TokenRecord])
            except msgspec.DecodeError as error:
                raise Misconfigured(f"{path} does not hold tokens: {error}") from error
            for record in records:
                self._add(record)

    def issue(self, name: str, account: str, scopes: tuple[Scope, ...]) -> str:
        """A new token; only its hash is kept, so this is the only time it can be read."""
        token = new_secret(TOKEN_PREFIX)
        self._add(TokenRecord(_hash(token), name, account, scopes))
        self._save()
        return token

    def knows(self, token: str) -> bool:
        """Whether this token is valid."""
        return _hash(token) in self._principals

    def principal(self, authorization: str | None) -> Principal:
        """Whoever the `Authorization` header belongs to.

        Raises:
            Refused: `UNAUTHENTICATED`.
        """
        known = self._headers.get(authorization)
        if known is not None:
            return known
        if authorization is None:
            raise Refused("UNAUTHENTICATED", "Send your token: Authorization: Bearer <token>.")
        scheme, token = authorization[: len(_SCHEME)], authorization[len(_SCHEME) :].strip()
        if scheme.lower() != _SCHEME or not token or len(token) > _CHARACTERS_MAX:
            raise Refused("UNAUTHENTICATED", "Send your token: Authorization: Bearer <token>.")
        found = self._principals.get(_hash(token))
        if found is None:
            raise Refused("UNAUTHENTICATED", "This token is not known; it may have been replaced.")
        if len(self._headers) < HEADERS_KEPT_MAX:
            self._headers[authorization] = found
        return found

    def _add(self, record: TokenRecord) -> None:
        self._records[record.sha256] = record
        self._principals[record.sha256] = Principal(
            record.name, record.account, frozenset(record.scopes)
        )

    def _save(self) -> None:
        data = msgspec.json.format(msgspec.json.encode(list(self._records.values())))
        aside = self._path.with_suffix(".new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(self._path)


def _hash(token: str) -> str:
    # A header may hold anything; what is no text is simply nobody's token.
    return sha256(token.encode(errors="surrogatepass")).hexdigest()
