"""Members that are named like secrets: what they hold is taken out whatever it looks like."""

import re

from tallystick.watch.collect.redact.finder import SPACE
from tallystick.watch.collect.redact.sieve import spelled

_LAST_WORDS = frozenset(
    {"authorization", "cookie", "passphrase", "passwd", "password", "secret", "token"}
)
_LAST_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("secret", "key")})
_WORDS = re.compile(r"[._\s-]+|(?<=[a-z0-9])(?=[A-Z])")
_ENDINGS = (
    *sorted(_LAST_WORDS),
    *(rf"{before}(?:[._-]|{SPACE})*{last}" for before, last in sorted(_LAST_PAIRS)),
)

SECRET_NAME = rf"(?i:{'|'.join(_ENDINGS)})\"\s*:"
"""Every JSON line with such a member matches; see `finder.Finder.candidate`."""


def member(name: str) -> str:
    """A pattern that every JSON line with a member of this name matches."""
    return rf'"{spelled(name)}"\s*:'


def is_secret_name(name: str) -> bool:
    """Whether a member of this name is a secret: the last word counts.

    `http.request.header.authorization`, `hec_token`, `clientSecret` and `x-api-key` are;
    `token.count`, `tokens` and `partition_key` are not.
    """
    words = _WORDS.split(name)
    if not words[-1].isascii():
        return False
    last = words[-1].lower()
    return last in _LAST_WORDS or (len(words) > 1 and (words[-2].lower(), last) in _LAST_PAIRS)
