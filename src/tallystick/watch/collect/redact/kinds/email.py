"""E-mail addresses: a keyed digest in their place, so that equal ones can still be joined.

The domain does not stay: where somebody has a domain of their own, it names them.
"""

import re
from collections.abc import Iterator

from tallystick.watch.collect.redact.finder import Finder, Hit, Pseudonym

_LOCAL_CHARACTERS_MAX = 64
"""RFC 5321, section 4.5.3.1.1."""
_AT = re.compile(r"(?:@|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,63}(?![\w@-])")
_LOCAL = re.compile(r"[\w.+%'-]+\Z")
_CANDIDATE = r"[\w.+%'\x80-\xff-](?:@|%40)(?:[\w\\\x80-\xff-]+\.)+[A-Za-z\\\x80-\xff]{2}"


def _find(text: str, pseudonym: Pseudonym) -> Iterator[Hit]:
    for match in _AT.finditer(text):
        before = text[max(0, match.start() - _LOCAL_CHARACTERS_MAX) : match.start()]
        local = _LOCAL.search(before)
        name = local[0].lstrip("'.%-") if local else ""
        if name:
            start = match.start() - len(name)
            address = text[start : match.end()].replace("%40", "@").lower()
            yield Hit(start, match.end(), pseudonym(address))


EMAIL = Finder("EMAIL", "medium", _CANDIDATE, _find)
