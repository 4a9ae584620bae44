"""What proves who asks, as it stands in a header: `Authorization: Basic ...`, `Bearer ...`.

Sentences that say how to write one, with `<token>` in its place, stay as they are.
"""

import re
from collections.abc import Iterator

from tallystick.watch.collect.redact.finder import ESCAPE, SPACE, Finder, Hit, Pseudonym

_SCHEMES = "basic|bearer|digest|negotiate|splunk|token|apikey|aws4-hmac-sha256"
_CHARACTER = r"[^\s\"'\\,;<>\[\]]"
_IN_HEADER = re.compile(
    rf"(?ai:authorization)[\"'\\]{{0,2}}\s{{0,3}}[:=]\s{{0,3}}[\"'\\]{{0,2}}"
    rf"((?ai:{_SCHEMES})\s{{1,3}}{_CHARACTER}+|(?=[^\s\d]*\d){_CHARACTER}{{8,}})"
)
_ALONE = re.compile(r"(?<![A-Za-z])((?ai:bearer)\s{1,3}(?=[^\s\d]*\d)[A-Za-z0-9._~+/=-]{16,})")
_MASK = "[CREDENTIALS]"
_BETWEEN = rf"(?:[\"'\\]|{SPACE})*"
_CANDIDATE = (
    rf"(?i:authorization){_BETWEEN}[:=]{_BETWEEN}"
    rf"(?:(?i:{_SCHEMES}){SPACE}+[^\s\"',;<>\[\]]|[^\s\"',;<>\[\]]{{8}})"
    rf"|(?:^|[^A-Za-z]|{ESCAPE})(?i:bearer){SPACE}+(?:[A-Za-z0-9._~+=-]|\\?/){{16}}"
)


def _find(text: str, _pseudonym: Pseudonym) -> Iterator[Hit]:
    for pattern in (_IN_HEADER, _ALONE):
        for match in pattern.finditer(text):
            yield Hit(*match.span(1), _MASK)


AUTHORIZATION = Finder("AUTHORIZATION", "critical", _CANDIDATE, _find, credential=True)
